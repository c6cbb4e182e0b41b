//! `impasto init`

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;
use impasto_planner::{InitManifest, init_manifest};
use impasto_project::{MANIFEST_NAME, Project, State, replace_file};
use impasto_types::{AssetPath, ContainerFormat};
use serde_json::json;
use walkdir::{DirEntry, WalkDir};

use crate::flags::{DryRunFlag, ProjectArgs};
use crate::units::count;
use crate::{Context, Exit, Failure};

/// Write a commented impasto.toml for the files in the folder
#[derive(Debug, Args)]
pub struct InitArgs {
    #[command(flatten)]
    project: ProjectArgs,
    /// Replace an existing impasto.toml
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    dry_run: DryRunFlag,
}

pub(crate) fn run(args: InitArgs, context: &Context) -> Result<Exit, Failure> {
    let dir = &args.project.dir;
    let file = dir.join(MANIFEST_NAME);
    let exists = file.try_exists().map_err(Failure::here)?;
    if exists && !args.force && !args.dry_run.dry_run {
        return Err(Failure::usage(format!("{} already exists", file.display()))
            .hint("replace it with `--force`, or see with `-n` what would be written"));
    }
    let mut images = list_images(dir)?;
    let outputs = recorded_outputs(dir);
    images.retain(|path| !outputs.contains(path));
    let InitManifest { text: manifest, data_maps } = init_manifest(&folder_name(dir), &images);
    if args.dry_run.dry_run {
        match context.screen.is_json() {
            true => context.screen.json(&json!({
                "manifest": manifest,
                "path": file,
                "images": images.len(),
                "data_maps": data_maps,
                "written": false,
            })),
            false => context.screen.text(&manifest),
        }
        return Ok(Exit::Done);
    }
    replace_file(&file, manifest.as_bytes()).map_err(Failure::here)?;
    if context.screen.is_json() {
        context.screen.json(&json!({
            "path": file,
            "images": images.len(),
            "data_maps": data_maps,
            "written": true,
        }));
    } else {
        context.screen.result(format_args!(
            "wrote {} for {}",
            file.display(),
            count(images.len(), "image")
        ));
        say_left_out(&data_maps, context);
        context.screen.message(
            "read it, then run `impasto plan` to see what it paints, and `impasto build` to paint",
        );
    }
    Ok(Exit::Done)
}

/// Names the images that the manifest leaves out.
fn say_left_out(data_maps: &[AssetPath], context: &Context) {
    const NAMED: usize = 20;
    if data_maps.is_empty() {
        return;
    }
    let shown = if context.screen.is_verbose() { data_maps.len() } else { NAMED };
    let names: Vec<&str> = data_maps.iter().take(shown).map(|path| path.as_str()).collect();
    let more = match data_maps.len().saturating_sub(shown) {
        0 => String::new(),
        more => format!(" and {more} more (-v names all)"),
    };
    context.screen.result(format_args!(
        "rule `data maps` leaves out {}, by name not colours: {}{more}",
        count(data_maps.len(), "image"),
        names.join(", ")
    ));
}

/// What the manifest that is to be replaced has painted; nothing if there is none, or it is
/// invalid.
fn recorded_outputs(dir: &Path) -> BTreeSet<AssetPath> {
    let state = Project::open(dir).ok().and_then(|project| State::load(&project).ok());
    state.iter().flat_map(State::outputs).cloned().collect()
}

/// The images below `dir`, without hidden folders and files.
fn list_images(dir: &Path) -> Result<Vec<AssetPath>, Failure> {
    let hidden = |entry: &DirEntry| {
        entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.')
    };
    let mut images = Vec::new();
    for entry in
        WalkDir::new(dir).sort_by_file_name().into_iter().filter_entry(|entry| !hidden(entry))
    {
        let entry = entry.map_err(Failure::usage)?;
        let Ok(relative) = entry.path().strip_prefix(dir) else { continue };
        let components: Option<Vec<_>> =
            relative.components().map(|component| component.as_os_str().to_str()).collect();
        // Names that a manifest cannot contain are left to `build`, which reports them.
        let path = components.and_then(|components| components.join("/").parse::<AssetPath>().ok());
        images.extend(path.filter(|path| {
            // Files of a store such as git-annex's are links.
            let is_file =
                entry.file_type().is_file() || entry.path_is_symlink() && entry.path().is_file();
            is_file && ContainerFormat::from_extension(path.extension()).is_some()
        }));
    }
    Ok(images)
}

/// The folder's name, even for `.`.
fn folder_name(dir: &Path) -> String {
    let named = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    named
        .file_name()
        .map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned())
}
