//! One file for each command: its flags, and what it does with the libraries.

pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod coordinator;
pub(crate) mod drain;
pub(crate) mod init;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod plan;
pub(crate) mod retry;
pub(crate) mod stylize;
pub(crate) mod submit;
pub(crate) mod synth;
pub(crate) mod watch;
pub(crate) mod worker;
pub(crate) mod workers;

use crate::args::Command;
use crate::{Context, Exit, Failure};

pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Build(args) => build::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Watch(args) => watch::run(args, context),
        Command::Stylize(args) => stylize::run(args, context),
        Command::Synth(args) => synth::run(args, context),
        Command::Submit(args) => submit::run(args, context),
        Command::Jobs(args) => jobs::run(args, context),
        Command::Job(args) => job::run(args, context),
        Command::Cancel(args) => cancel::run(args, context),
        Command::Retry(args) => retry::run(args, context),
        Command::Workers(args) => workers::run(args, context),
        Command::Drain(args) => drain::run(args, context),
        Command::Coordinator(args) => coordinator::run(args, context),
        Command::Worker(args) => worker::run(args, context),
        Command::Models(args) => models::run(args, context),
        Command::Bench(args) => bench::run(args, context),
        Command::Init(args) => init::run(args, context),
        Command::Completions(args) => completions::run(args, context),
        Command::Man(args) => man::run(args, context),
    }
}
