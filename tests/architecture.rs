//! Checks with `cargo metadata` which crates may depend on which, and what each must never reach.

use std::collections::{BTreeMap, BTreeSet};

use impasto_tests::metadata::{cargo_metadata, list, members, packages, text};
use serde_json::Value;

/// The crates of the workspace that each crate may depend on directly.
const ARROWS: [(&str, &[&str]); 22] = [
    ("impasto-types", &[]),
    ("impasto-files", &[]),
    ("impasto-kernels", &[]),
    ("impasto-blobs", &["impasto-files", "impasto-types"]),
    ("impasto-core", &["impasto-types"]),
    ("impasto-planner", &["impasto-types"]),
    ("impasto-ledger", &["impasto-types"]),
    ("impasto-sim", &["impasto-core", "impasto-ledger", "impasto-types"]),
    ("impasto-proto", &["impasto-files", "impasto-types"]),
    ("impasto-assets", &["impasto-types"]),
    ("impasto-models", &["impasto-files", "impasto-types"]),
    ("impasto-cuda", &["impasto-kernels"]),
    (
        "impasto-engine",
        &["impasto-cuda", "impasto-kernels", "impasto-types", "impasto-assets", "impasto-models"],
    ),
    (
        "impasto-project",
        &[
            "impasto-files",
            "impasto-types",
            "impasto-planner",
            "impasto-assets",
            // For the headers of a project's own networks.
            "impasto-models",
        ],
    ),
    (
        "impasto-build",
        &[
            "impasto-types",
            "impasto-planner",
            "impasto-project",
            "impasto-proto",
            "impasto-models",
            // Headers of results are looked at before they are delivered.
            "impasto-assets",
        ],
    ),
    (
        "impasto-coordinator",
        &[
            "impasto-types",
            "impasto-build",
            "impasto-blobs",
            "impasto-core",
            // For the file that says which farm a data folder belongs to.
            "impasto-files",
            "impasto-planner",
            "impasto-proto",
            "impasto-project",
            "impasto-assets",
            "impasto-models",
        ],
    ),
    (
        "impasto-painter",
        &[
            "impasto-types",
            "impasto-kernels",
            "impasto-engine",
            "impasto-assets",
            "impasto-models",
            // Training is one of its methods.
            "impasto-trainer",
        ],
    ),
    ("impasto-trainer", &["impasto-types", "impasto-kernels", "impasto-engine", "impasto-models"]),
    (
        "impasto-worker",
        &[
            "impasto-blobs",
            "impasto-files",
            "impasto-types",
            "impasto-ledger",
            "impasto-proto",
            "impasto-painter",
        ],
    ),
    (
        "impasto-cli",
        &[
            "impasto-types",
            "impasto-build",
            "impasto-blobs",
            "impasto-proto",
            "impasto-planner",
            "impasto-project",
            "impasto-coordinator",
            "impasto-painter",
            "impasto-trainer",
            // For checkpoints and networks.
            "impasto-files",
            "impasto-worker",
            "impasto-assets",
            "impasto-models",
        ],
    ),
    ("impasto-examples", &["impasto-types", "impasto-planner", "impasto-assets"]),
    ("impasto-tests", &["impasto-types", "impasto-proto", "impasto-models"]),
];

/// Pure crates: no runtime, no wire format, no database, no randomness, at any depth.
const PURE: [&str; 6] = [
    "impasto-types",
    "impasto-core",
    "impasto-planner",
    "impasto-kernels",
    "impasto-ledger",
    "impasto-sim",
];
const NEVER_IN_PURE: [&str; 9] =
    ["tokio", "tonic", "prost", "rusqlite", "sqlx", "rand", "getrandom", "notify", "chrono"];

/// These also use no runtime and no wire format, since a plug-in that paints one picture must not
/// link them; but candle, which they need, has its own random numbers.
const PAINTING: [&str; 3] = ["impasto-engine", "impasto-painter", "impasto-trainer"];
const NEVER_IN_PAINTING: [&str; 6] = ["tokio", "tonic", "prost", "rusqlite", "sqlx", "notify"];

struct Graph {
    /// A package's dependencies by name, without those of tests and build scripts.
    normal: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    fn read() -> Self {
        let metadata = cargo_metadata();
        let packages = packages(&metadata);
        let name = |id: &Value| text(&packages[text(id)]["name"]).to_owned();
        let compiled_in =
            |dependency: &&Value| list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
        let normal = list(&metadata["resolve"]["nodes"]).map(|node| {
            let dependencies = list(&node["deps"]).filter(compiled_in);
            (name(&node["id"]), dependencies.map(|dependency| name(&dependency["pkg"])).collect())
        });
        Self {
            normal: normal.collect(),
            members: members(&metadata)
                .into_iter()
                .map(|package| text(&package["name"]).to_owned())
                .collect(),
        }
    }

    fn reaches(&self, package: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut next = vec![package];
        while let Some(package) = next.pop() {
            for dependency in self.normal.get(package).into_iter().flatten() {
                if seen.insert(dependency.as_str()) {
                    next.push(dependency);
                }
            }
        }
        seen
    }
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let graph = Graph::read();
    let known: BTreeSet<String> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(graph.members, known, "every crate of the workspace has its row in ARROWS");
    for (name, allowed) in ARROWS {
        for dependency in
            graph.normal[name].iter().filter(|dependency| graph.members.contains(*dependency))
        {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn pure_and_painting_crates_reach_no_runtime_and_no_wire_format() {
    let graph = Graph::read();
    for (packages, never) in
        [(&PURE[..], &NEVER_IN_PURE[..]), (&PAINTING[..], &NEVER_IN_PAINTING[..])]
    {
        for package in packages {
            let reached = graph.reaches(package);
            let forbidden: Vec<_> = never.iter().filter(|name| reached.contains(*name)).collect();
            assert!(forbidden.is_empty(), "{package} reaches {forbidden:?}");
        }
    }
}
