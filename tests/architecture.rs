//! The arrows between crates, and what each must never reach, read from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which of the workspace's crates each may depend on, directly. docs/ARCHITECTURE.md draws the
/// same.
const ARROWS: [(&str, &[&str]); 17] = [
    ("impasto-types", &[]),
    ("impasto-kernels", &[]),
    ("impasto-core", &["impasto-types"]),
    ("impasto-planner", &["impasto-types"]),
    ("impasto-sim", &["impasto-core", "impasto-types"]),
    ("impasto-proto", &["impasto-types"]),
    ("impasto-assets", &["impasto-types"]),
    ("impasto-models", &["impasto-types"]),
    ("impasto-cuda", &["impasto-kernels"]),
    (
        "impasto-engine",
        &["impasto-cuda", "impasto-kernels", "impasto-types", "impasto-assets", "impasto-models"],
    ),
    ("impasto-project", &["impasto-types", "impasto-planner", "impasto-assets"]),
    (
        "impasto-coordinator",
        &[
            "impasto-types",
            "impasto-core",
            "impasto-planner",
            "impasto-proto",
            "impasto-project",
            "impasto-assets",
            "impasto-models",
        ],
    ),
    (
        "impasto-painter",
        &["impasto-types", "impasto-kernels", "impasto-engine", "impasto-assets", "impasto-models"],
    ),
    ("impasto-worker", &["impasto-types", "impasto-proto", "impasto-painter"]),
    (
        "impasto-cli",
        &[
            "impasto-types",
            "impasto-proto",
            "impasto-planner",
            "impasto-project",
            "impasto-coordinator",
            "impasto-painter",
            "impasto-worker",
            "impasto-assets",
            "impasto-models",
        ],
    ),
    ("impasto-examples", &["impasto-types", "impasto-planner", "impasto-assets"]),
    ("impasto-tests", &["impasto-types", "impasto-proto", "impasto-models"]),
];

/// Crates that compute alone: no runtime, no wire, no database, no randomness, at any depth.
const PURE: [&str; 5] =
    ["impasto-types", "impasto-core", "impasto-planner", "impasto-kernels", "impasto-sim"];
const NEVER_IN_PURE: [&str; 9] =
    ["tokio", "tonic", "prost", "rusqlite", "sqlx", "rand", "getrandom", "notify", "chrono"];

/// These compute too, but on candle, which brings its own random numbers: an engine plug-in that
/// paints one picture links no runtime and no wire format.
const PAINTING: [&str; 2] = ["impasto-engine", "impasto-painter"];
const NEVER_IN_PAINTING: [&str; 6] = ["tokio", "tonic", "prost", "rusqlite", "sqlx", "notify"];

struct Graph {
    /// A package's dependencies that are compiled into it, by name; without those of tests and
    /// build scripts.
    normal: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    fn read() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args([
                "metadata",
                "--format-version",
                "1",
                "--locked",
                "--offline",
                "--filter-platform",
                &host(),
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value =
            serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
        let name_of: BTreeMap<&str, &str> = list(&metadata["packages"])
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let normal = list(&metadata["resolve"]["nodes"])
            .map(|node| {
                let dependencies = list(&node["deps"])
                    .filter(|dependency| {
                        list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null())
                    })
                    .map(|dependency| name_of[text(&dependency["pkg"])].to_owned())
                    .collect();
                (name_of[text(&node["id"])].to_owned(), dependencies)
            })
            .collect();
        let members =
            list(&metadata["workspace_members"]).map(|id| name_of[text(id)].to_owned()).collect();
        Self { normal, members }
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

/// This machine's platform: what other platforms need is not at hand, and not to be fetched by a
/// test.
fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("rustc names its host")
        .to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
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
fn what_computes_reaches_no_runtime_and_no_wire() {
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
