//! `impasto`: runs the command line and returns its exit code.

use std::process::ExitCode;

use impasto_cli::{Exit, run};

fn main() -> ExitCode {
    let exit: Exit = run(std::env::args_os());
    exit.into()
}
