//! Checks that each dependency is used, that deny.toml allows its licence, and that it compiles
//! with the oldest Rust that Cargo.toml promises.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use impasto_tests::metadata::{cargo_metadata, list, members, text};
use impasto_tests::workspace;
use serde_json::Value;
use toml::Table;

/// Used by code that is generated while compiling.
const USED_BY_GENERATED_CODE: [(&str, &str); 2] =
    [("impasto-proto", "prost"), ("impasto-proto", "tonic-prost")];

fn toml_file(name: &str) -> Table {
    let path = workspace().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    text.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_dependency_of_the_workspace_has_a_user() {
    let metadata = cargo_metadata();
    let used: BTreeSet<&str> = members(&metadata)
        .into_iter()
        .flat_map(|package| list(&package["dependencies"]))
        .map(|dependency| text(&dependency["name"]))
        .collect();
    let manifest = toml_file("Cargo.toml");
    let declared = manifest["workspace"]["dependencies"].as_table().expect("a table");
    let unused: Vec<_> = declared.keys().filter(|name| !used.contains(name.as_str())).collect();
    assert!(unused.is_empty(), "[workspace.dependencies] has {unused:?}, which no crate uses");
}

#[test]
fn every_dependency_is_used_by_its_crate() {
    let metadata = cargo_metadata();
    let members = members(&metadata);
    let folder = |package: &Value| {
        Path::new(text(&package["manifest_path"])).parent().expect("a folder").to_owned()
    };
    let folders: BTreeSet<PathBuf> = members.iter().map(|package| folder(package)).collect();
    let mut unused = Vec::new();
    for package in members {
        let name = text(&package["name"]);
        let sources = Sources::read(&folder(package), &folders);
        for dependency in list(&package["dependencies"]) {
            let kind = dependency["kind"].as_str();
            let dependency = text(&dependency["name"]);
            let searched = if kind.is_none() { &sources.product } else { &sources.all };
            if !uses(searched, &dependency.replace('-', "_"))
                && !USED_BY_GENERATED_CODE.contains(&(name, dependency))
            {
                let kind = kind.map_or(String::new(), |kind| format!(" ({kind})"));
                unused.push(format!("{name}: {dependency}{kind}"));
            }
        }
    }
    assert!(unused.is_empty(), "not used, or by tests only:\n{}", unused.join("\n"));
}

/// A crate's code.
#[derive(Default)]
struct Sources {
    /// Without tests and benchmarks, which are at the end of a file or in files of their own.
    product: String,
    all: String,
}

impl Sources {
    /// Reads the Rust files below `folder`, but not those of crates inside it.
    fn read(folder: &Path, crates: &BTreeSet<PathBuf>) -> Self {
        let mut sources = Self::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(inner) = folders.pop() {
            for entry in fs::read_dir(&inner).expect("it can be listed") {
                let path = entry.expect("it can be listed").path();
                if path.is_dir() && !crates.contains(&path) && !path.ends_with("target") {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    sources.add(&path, path.strip_prefix(folder).expect("it is below"));
                }
            }
        }
        sources
    }

    fn add(&mut self, path: &Path, name: &Path) {
        let text = fs::read_to_string(path).expect("it is text");
        let stem = path.file_stem().expect("it has a name").to_string_lossy();
        let for_tests = stem.ends_with("tests")
            || name.starts_with("tests")
            || name.starts_with("benches")
            || name.components().any(|part| part.as_os_str() == "tests");
        if !for_tests {
            self.product.push_str(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&text));
        }
        self.all.push_str(&text);
    }
}

/// Whether code names a crate: `name::`.
fn uses(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    })
}

#[test]
fn uses_of_crates_are_found() {
    for (code, used) in [
        ("use half::bf16;", true),
        ("let a = half::f16::ONE;", true),
        ("#[derive(half::Half)]", true),
        ("use behalf::bf16;", false),
        ("let half = 1;", false),
    ] {
        assert_eq!(uses(code, "half"), used, "{code}");
    }
}

#[test]
fn licences_are_allowed() {
    let deny = toml_file("deny.toml");
    let licenses = &deny["licenses"];
    let names = |list: &toml::Value| -> Vec<String> {
        let list = list.as_array().expect("a list");
        list.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
    };
    let allowed = names(&licenses["allow"]);
    let mut refused = Vec::new();
    for package in list(&cargo_metadata()["packages"]) {
        let mut allowed = allowed.clone();
        for exception in licenses["exceptions"].as_array().expect("a list") {
            if exception["crate"].as_str() == package["name"].as_str() {
                allowed.extend(names(&exception["allow"]));
            }
        }
        let stated = package["license"].as_str().unwrap_or_default();
        // Cargo used to accept `/` for OR, and old crates still use it.
        let parsed = spdx::Expression::parse_mode(stated, spdx::ParseMode::LAX);
        if !parsed.is_ok_and(|terms| terms.evaluate(|term| allowed.contains(&term.to_string()))) {
            refused.push(format!("{}: {stated}", text(&package["name"])));
        }
    }
    assert!(refused.is_empty(), "deny.toml does not allow:\n{}", refused.join("\n"));
}

#[test]
fn the_minimum_rust_is_documented_and_sufficient() {
    let version = |text: &str| -> Vec<u32> {
        text.split('.').map(|part| part.parse().expect("a number")).collect()
    };
    let manifest = toml_file("Cargo.toml");
    let promised = manifest["workspace"]["package"]["rust-version"].as_str().expect("a version");
    let metadata = cargo_metadata();
    for package in members(&metadata) {
        assert_eq!(package["rust_version"].as_str(), Some(promised), "{}", package["name"]);
    }
    for package in list(&metadata["packages"]) {
        if let Some(needed) = package["rust_version"].as_str() {
            assert!(version(needed) <= version(promised), "{} needs {needed}", package["name"]);
        }
    }
    for page in ["README.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(workspace().join(page)).expect("it is there");
        assert!(text.contains(&format!("Rust {promised}")), "{page} says which Rust is needed");
    }
}
