//! `impasto`: parse, load the configuration, run, and say how it ended.

use std::process::ExitCode;

use impasto_cli::{Exit, run};

fn main() -> ExitCode {
    let exit: Exit = run(std::env::args_os());
    exit.into()
}
