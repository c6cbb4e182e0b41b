//! The workspace and its dependencies, as Cargo describes them.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::binary::workspace;

/// `cargo metadata` for this machine's platform: packages of other platforms may not be downloaded,
/// and a test does not fetch them.
///
/// # Panics
/// If Cargo fails, for example because Cargo.lock is not up to date.
pub fn cargo_metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &host()])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// The packages of `cargo metadata` by their ids.
pub fn packages(metadata: &Value) -> BTreeMap<&str, &Value> {
    list(&metadata["packages"]).map(|package| (text(&package["id"]), package)).collect()
}

/// The workspace's own packages.
pub fn members(metadata: &Value) -> Vec<&Value> {
    let packages = packages(metadata);
    list(&metadata["workspace_members"]).map(|id| packages[text(id)]).collect()
}

/// The elements of a JSON list.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

/// A JSON string.
pub fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}
