//! `impasto cache remove`

use std::path::{Path, PathBuf};

use clap::Args;
use impasto_blobs::{Prefix, Removed};
use impasto_project::{Project, State};
use impasto_types::{AssetPath, Digest};
use serde_json::{Value, json};

use crate::commands::jobs::on_farm;
use crate::flags::CoordinatorFlags;
use crate::{Context, Failure};

/// What is removed, and from which cache.
#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// The digest of the action or blob; its first twelve digits are enough, except with
    /// --coordinator
    #[arg(value_name = "DIGEST", required_unless_present = "output")]
    digests: Vec<Prefix>,
    /// Remove the result that this file of a project was delivered from
    #[arg(long, value_name = "FILE")]
    output: Vec<PathBuf>,
    /// Remove results from the cache of this coordinator, such as http://farm:7421, instead
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
}

pub(super) fn run(args: &RemoveArgs, dir: &Path, context: &Context) -> Result<(), Failure> {
    let delivered: Result<Vec<Digest>, Failure> =
        args.output.iter().map(|output| action_of(output)).collect();
    let delivered = delivered?;
    if args.coordinator.is_some() {
        return remove_from_farm(args, delivered, context);
    }
    let mut found = Vec::new();
    for prefix in &args.digests {
        let digests = prefix.find(dir).map_err(Failure::here)?;
        match digests.len() {
            0 => return Err(Failure::here(format!("the cache has no result or blob {prefix}"))),
            1 => found.extend(digests),
            _ => {
                return Err(Failure::usage(format!(
                    "{prefix} matches several digests; give more digits"
                )));
            }
        }
    }
    found.extend(delivered);
    let mut documents = Vec::new();
    for digest in found {
        let removed = impasto_blobs::remove(dir, digest).map_err(Failure::here)?;
        if removed.held {
            return Err(Failure::here(format!("a running job uses the blob {digest}")));
        }
        documents.push(say(digest, removed, context));
    }
    if context.screen.is_json() {
        context.screen.json(&documents);
    }
    Ok(())
}

fn remove_from_farm(
    args: &RemoveArgs,
    delivered: Vec<Digest>,
    context: &Context,
) -> Result<(), Failure> {
    let mut actions = delivered;
    for prefix in &args.digests {
        let whole = prefix.to_string().parse::<Digest>().map_err(|_| {
            Failure::usage(format!("{prefix} is not a whole digest"))
                .hint("a coordinator is given all 64 digits, as `impasto plan --json` shows them")
        })?;
        actions.push(whole);
    }
    let at = CoordinatorFlags { coordinator: args.coordinator.clone() };
    let forgotten = on_farm(&at, context, async |client| client.forget_results(&actions).await)?;
    let mut documents = Vec::new();
    for digest in actions {
        let result = forgotten.contains(&digest);
        let removed = Removed { result, blob: false, held: false };
        documents.push(say(digest, removed, context));
    }
    if context.screen.is_json() {
        context.screen.json(&documents);
    }
    Ok(())
}

/// The action of an output, by the record of the project that it is in.
fn action_of(output: &Path) -> Result<Digest, Failure> {
    let file = std::path::absolute(output).map_err(Failure::here)?;
    let no_output =
        || Failure::usage(format!("`{}` is not an output of a project", output.display()));
    let is_project = |dir: &&Path| dir.join("impasto.toml").is_file();
    let dir = file.ancestors().skip(1).find(is_project).ok_or_else(no_output)?;
    let project = Project::open(dir).map_err(Failure::usage)?;
    let parts: Option<Vec<&str>> =
        file.strip_prefix(dir).map_err(|_| no_output())?.iter().map(|part| part.to_str()).collect();
    let path: Option<AssetPath> = parts.and_then(|parts| parts.join("/").parse().ok());
    let path = path.ok_or_else(no_output)?;
    let state = State::load(&project).map_err(Failure::here)?;
    state.get(&path).map(|record| record.action_digest).ok_or_else(|| {
        no_output().hint("only what a build has recorded can be named: see impasto.lock")
    })
}

fn say(digest: Digest, removed: Removed, context: &Context) -> Value {
    let Removed { result, blob, .. } = removed;
    if !context.screen.is_json() {
        for (what, was_removed) in [("result of action", result), ("blob", blob)] {
            if was_removed {
                context.screen.result(format_args!("removed the {what} {digest}"));
            }
        }
        if !result && !blob {
            context.screen.message(format_args!("there is no result of action {digest}"));
        }
    }
    json!({ "digest": digest, "result": result, "blob": blob })
}
