//! `impasto cache`

mod remove;
mod verify;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, Subcommand};
use impasto_blobs::{Age, CacheLimits, Count, Expired, Expiry, Inventory};
use impasto_types::ByteSize;
use serde_json::{Value, json};

use crate::flags::{CacheFlags, DryRunFlag};
use crate::table::Table;
use crate::units::count;
use crate::{Context, Exit, Failure};

/// Show or clean up the cache of finished results
///
/// Without a command, shows where the cache is and how large. A coordinator's data folder is a
/// cache too: name it with --cache-dir.
#[derive(Debug, Args)]
pub struct CacheArgs {
    #[command(subcommand)]
    command: Option<CacheCommand>,
    /// The folder of finished results [default: in the user's cache]
    #[arg(
        long,
        env = "IMPASTO_CACHE_DIR",
        value_name = "DIR",
        hide_env_values = true,
        global = true
    )]
    cache_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// Remove what exceeds the limits, least recently used first
    ///
    /// Keeps what a running job uses.
    Prune {
        /// Keep at most this much, such as 10G [default: the configuration's, or 50G]
        #[arg(long, value_name = "SIZE")]
        max_size: Option<ByteSize>,
        /// Keep what was used within this time, such as 30d [default: the configuration's, or 90d]
        #[arg(long, value_name = "AGE")]
        max_age: Option<Age>,
        #[command(flatten)]
        dry_run: DryRunFlag,
    },
    /// Remove the result of an action, or a blob; the next build makes it again
    ///
    /// `impasto plan --json` shows the action of each output. An output that is up to date is not
    /// made again: delete it too.
    Remove(remove::RemoveArgs),
    /// Look at every result: whether its pictures are there, unchanged, and whole
    ///
    /// Ends with 1 if a bad result is left.
    Verify {
        /// Remove the bad results; the next build that needs them makes them again
        #[arg(long)]
        remove: bool,
    },
}

pub(crate) fn run(args: CacheArgs, context: &Context) -> Result<Exit, Failure> {
    let dir = context.config.cache_dir(&CacheFlags { cache_dir: args.cache_dir })?;
    match args.command {
        None => describe(&dir, context)?,
        Some(CacheCommand::Prune { max_size, max_age, dry_run }) => {
            let configured = context.config.cache;
            let limits = CacheLimits {
                max_size: max_size.or(configured.max_size),
                max_age: max_age.or(configured.max_age),
            };
            prune(&dir, Expiry { dry_run: dry_run.dry_run, ..Expiry::of(limits) }, context)?;
        }
        Some(CacheCommand::Remove(args)) => remove::run(&args, &dir, context)?,
        Some(CacheCommand::Verify { remove }) => return verify::run(&dir, remove, context),
    }
    Ok(Exit::Done)
}

fn describe(dir: &Path, context: &Context) -> Result<(), Failure> {
    let inventory = Inventory::of(dir).map_err(Failure::here)?;
    let limits = context.config.cache;
    let idle = inventory
        .oldest
        .map(|used| Age(SystemTime::now().duration_since(used).unwrap_or_default()));
    if context.screen.is_json() {
        context.screen.json(&json!({
            "cache_dir": dir,
            "bytes": inventory.total().bytes,
            "blobs": document(inventory.blobs),
            "results": document(inventory.results),
            "corrupt": document(inventory.corrupt),
            "longest_unused_s": idle.map(|age| age.0.as_secs()),
            "max_size_bytes": limits.max_size.map(|size| size.0),
            "max_age_s": limits.max_age.map(|age| age.0.as_secs()),
        }));
        return Ok(());
    }
    let mut table = Table::new(["WHAT", "FILES", "SIZE"]);
    for (what, count) in [
        ("blobs", inventory.blobs),
        ("results", inventory.results),
        ("corrupt blobs", inventory.corrupt),
        ("total", inventory.total()),
    ] {
        let size = ByteSize(count.bytes).to_string();
        table.row([what.to_owned(), count.files.to_string(), size]);
    }
    context.screen.result(dir.display());
    context.screen.result(table);
    if let Some(idle) = idle {
        context.screen.result(format_args!("least recent use: {idle} ago"));
    }
    let size = limits.max_size.map_or_else(|| "no".to_owned(), |size| size.to_string());
    let age = limits.max_age.map_or_else(|| "no".to_owned(), |age| age.to_string());
    context.screen.result(format_args!("limits: {size} size, {age} without use"));
    Ok(())
}

fn prune(dir: &Path, expiry: Expiry, context: &Context) -> Result<(), Failure> {
    let expired = expiry.run(dir).map_err(Failure::here)?;
    let Expired { before, removed, spared, .. } = expired;
    let left = ByteSize(before.total().bytes - removed.bytes);
    if context.screen.is_json() {
        context.screen.json(&json!({
            "cache_dir": dir,
            "dry_run": expiry.dry_run,
            "removed": document(removed),
            "in_use": document(spared),
            "left_bytes": left.0,
        }));
        return Ok(());
    }
    let done = if expiry.dry_run { "would remove" } else { "removed" };
    context.screen.result(format_args!("{done} {}, {left} left", files(removed)));
    if spared.files > 0 {
        context.screen.message(format_args!("{} in use", files(spared)));
    }
    Ok(())
}

fn files(found: Count) -> String {
    let number = usize::try_from(found.files).unwrap_or(usize::MAX);
    format!("{}, {}", count(number, "file"), ByteSize(found.bytes))
}

fn document(count: Count) -> Value {
    json!({ "files": count.files, "bytes": count.bytes })
}
