//! CMake, Ninja and Make: the system's, or else CMake and Ninja from PyPI in a virtual environment
//! beside the weights, made once per machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::binary::impasto;

/// The program `name`, if this machine has it or can install it.
pub fn build_tool(name: &str) -> Option<PathBuf> {
    if runs(Path::new(name)) {
        return Some(name.into());
    }
    let installed = match name {
        "cmake" | "ninja" => environment()?.join(name),
        _ => return None,
    };
    runs(&installed).then_some(installed)
}

fn runs(program: &Path) -> bool {
    let mut version = Command::new(program);
    let status = version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The folder of programs of a virtual environment with CMake and Ninja; `None` without Python or
/// network.
fn environment() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = || {
        let profile = impasto().parent().expect("it lies in a folder");
        let folder = profile.parent().expect("the target folder").join("test-tools");
        let programs = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
        if !runs(&programs.join("ninja")) {
            let python = if cfg!(windows) { "python" } else { "python3" };
            let done =
                |command: &mut Command| command.status().is_ok_and(|status| status.success());
            let install = ["-m", "pip", "install", "--quiet", "cmake", "ninja"];
            let ready = done(Command::new(python).args(["-m", "venv"]).arg(&folder))
                && done(Command::new(programs.join("python")).args(install));
            if !ready {
                return None;
            }
        }
        Some(programs)
    };
    FOLDER.get_or_init(made).as_deref()
}
