//! The real VGG-19, downloaded once per machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::binary::impasto;
use crate::process::Finished;

/// A model store with VGG-19: the one that `IMPASTO_MODELS_DIR` names, otherwise one beside the
/// program, which the first test fills as a user's first build does. Several processes may do so at
/// once, since the store has a lock.
pub fn models_dir() -> &'static Path {
    static MODELS: OnceLock<PathBuf> = OnceLock::new();
    MODELS.get_or_init(|| {
        let dir =
            std::env::var_os("IMPASTO_MODELS_DIR").map_or_else(beside_the_program, PathBuf::from);
        let mut pull = Command::new(impasto());
        pull.args(["models", "pull", "--models-dir"]).arg(&dir);
        Finished::of(&mut pull).expect_code(0);
        dir
    })
}

fn beside_the_program() -> PathBuf {
    let profile = impasto().parent().expect("it lies in a folder");
    profile.parent().expect("the target folder").join("test-models")
}
