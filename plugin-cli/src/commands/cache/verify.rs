//! `impasto cache verify`

use std::collections::BTreeSet;
use std::path::Path;

use impasto_assets::{Limits, check_announced, output_name, result_header, verify};
use impasto_blobs::{LocalActions, LocalBlobs, Peeked};
use impasto_models::verify_part;
use impasto_types::{Digest, Output, TaskResult, error_text};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde_json::json;

use crate::units::count;
use crate::{Context, Exit, Failure};

/// Results that take more memory to look at are looked at one after the other.
const LARGE_BYTES: u64 = 32 << 20;

/// A result that is not to be used.
struct Bad {
    action: Digest,
    reason: String,
    removed: bool,
}

/// What a look at a result found.
enum Found {
    Good,
    /// Another version of the program made it and can read it.
    OfAnotherVersion,
    Bad(String),
}

pub(super) fn run(dir: &Path, remove: bool, context: &Context) -> Result<Exit, Failure> {
    let looked = if dir.join("actions").is_dir() { look(dir, context)? } else { Vec::new() };
    let (mut bad, mut others) = (Vec::new(), 0);
    for (action, found) in &looked {
        match found {
            Found::Good => {}
            Found::OfAnotherVersion => others += 1,
            Found::Bad(reason) => {
                let removed =
                    remove && impasto_blobs::remove(dir, *action).map_err(Failure::here)?.result;
                bad.push(Bad { action: *action, reason: reason.clone(), removed });
            }
        }
    }
    say(dir, looked.len(), others, &bad, context);
    let all_removed = bad.iter().all(|bad| bad.removed);
    Ok(if all_removed { Exit::Done } else { Exit::Unfinished })
}

/// Looks at all results, on all threads.
fn look(dir: &Path, context: &Context) -> Result<Vec<(Digest, Found)>, Failure> {
    let blobs = LocalBlobs::open(dir, u64::MAX).map_err(Failure::here)?;
    let actions = LocalActions::open(blobs.clone()).map_err(Failure::here)?;
    let mut all = actions.all().map_err(Failure::here)?;
    all.sort_unstable();
    let bar = context.screen.bars().add(ProgressBar::new(all.len() as u64));
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos} of {len} results") {
        bar.set_style(style);
    }
    let stored: Vec<(Digest, Peeked)> =
        all.par_iter().map(|action| (*action, actions.peek(*action))).collect();
    let is_large = |(_, peeked): &(Digest, Peeked)| match peeked {
        Peeked::Result(result) => result.outputs.iter().any(|output| bytes(output) > LARGE_BYTES),
        Peeked::OfAnotherVersion | Peeked::Damaged | Peeked::Gone => false,
    };
    let (large, small): (Vec<_>, Vec<_>) = stored.into_iter().partition(is_large);
    let look = |(action, peeked): &(Digest, Peeked)| {
        let found = match peeked {
            Peeked::Result(result) => match look_at(&blobs, result) {
                Ok(()) => Found::Good,
                Err(reason) => Found::Bad(reason),
            },
            Peeked::OfAnotherVersion => Found::OfAnotherVersion,
            Peeked::Damaged => Found::Bad("its entry is damaged".to_owned()),
            Peeked::Gone => Found::Good,
        };
        bar.inc(1);
        (*action, found)
    };
    let mut looked: Vec<_> = small.par_iter().map(look).collect();
    looked.extend(large.iter().map(look));
    looked.sort_unstable_by_key(|(action, _)| *action);
    bar.finish_and_clear();
    Ok(looked)
}

/// The memory that a look at an output takes: the file, and its samples.
fn bytes(output: &Output) -> u64 {
    let pixels = u64::from(output.width) * u64::from(output.height);
    output.blob.size_bytes.saturating_add(pixels.saturating_mul(16))
}

/// Whether a result's files are there, with the bytes that they are named by, and whole pictures.
fn look_at(blobs: &LocalBlobs, result: &TaskResult) -> Result<(), String> {
    if result.outputs.is_empty() {
        return Err("it has no files".to_owned());
    }
    let mut parts = BTreeSet::new();
    for output in &result.outputs {
        if !parts.insert(output.part) {
            return Err(format!("it has the part {} twice", output.part));
        }
        let bytes = blobs.read(output.blob).map_err(|error| error_text(&error))?;
        if !output.is_picture() {
            verify_part(output.part, &bytes).map_err(|error| error_text(&error))?;
            continue;
        }
        let header = result_header(&bytes, output).map_err(|error| error_text(&error))?;
        check_announced(&header, output).map_err(|error| error_text(&error))?;
        verify(&bytes, &output_name(output), &Limits::default())
            .map_err(|error| error_text(&error))?;
    }
    Ok(())
}

fn say(dir: &Path, results: usize, others: usize, bad: &[Bad], context: &Context) {
    if context.screen.is_json() {
        let bad: Vec<_> = bad
            .iter()
            .map(|Bad { action, reason, removed }| {
                json!({ "action": action, "reason": reason, "removed": removed })
            })
            .collect();
        context.screen.json(&json!({
            "cache_dir": dir,
            "results": results,
            "of_other_versions": others,
            "bad": bad,
        }));
        return;
    }
    for Bad { action, reason, removed } in bad {
        let done = if *removed { "removed" } else { "bad" };
        context.screen.result(format_args!("{done} {action}: {reason}"));
    }
    let looked_at = count(results, "result");
    context.screen.result(format_args!("looked at {looked_at}, {} bad", bad.len()));
    if others > 0 {
        context.screen.message(format_args!("{} of other versions", count(others, "result")));
    }
    if bad.iter().any(|bad| !bad.removed) {
        context.screen.message("--remove removes what is bad");
    }
}
