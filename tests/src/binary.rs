//! The program under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace")
}

/// The program `impasto`: the one that `IMPASTO_TEST_PROGRAM` names, to compare with another
/// commit's; otherwise built from the current sources in the profile of these tests. Cargo builds
/// it once per test process; if it is fresh, as after `cargo test --workspace`, that takes a
/// moment.
pub fn impasto() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| std::env::var_os("IMPASTO_TEST_PROGRAM").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // Not `build --package`: the features of libraries depend on which packages are built, and
    // other features would compile everything twice. A test of the program builds the program too.
    command.args([
        "test",
        "--workspace",
        "--no-run",
        "--test",
        "commands",
        "--message-format",
        "json-render-diagnostics",
    ]);
    command.current_dir(workspace());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "the program does not compile");
    let messages = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut programs = messages
        .filter(|message| {
            message["target"]["name"] == "impasto" && message["profile"]["test"] == false
        })
        .filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
    programs.next().expect("cargo names the program")
}
