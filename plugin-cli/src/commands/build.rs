//! `impasto build`

use std::path::{Component, Path, PathBuf};

use clap::Args;
use impasto_build::{Event, Folders, Glance, Observer, Outcome, Survey};
use impasto_project::Project;
use impasto_types::ContainerFormat;
use serde::Serialize;
use std::time::Duration;

use super::plan::{SurveyArgs, examined, show};
use crate::build_request::BuildRequest;
use crate::clean_up::clean_up;
use crate::flags::{CacheFlags, ComputeFlags, DepfileFlag, DryRunFlag, FarmFlags};
use crate::overwrite;
use crate::run_build;
use crate::screen::{BAD, STRONG};
use crate::show::{BuildView, JsonLines, exit, line};
use crate::units::{count, time};
use crate::{Context, Exit, Failure, interrupt};

/// Paint everything that is stale
#[derive(Debug, Args)]
pub struct BuildArgs {
    #[command(flatten)]
    pub(crate) survey: SurveyArgs,
    #[command(flatten)]
    pub(crate) painting: PaintingFlags,
    #[command(flatten)]
    depfile: DepfileFlag,
    #[command(flatten)]
    dry_run: DryRunFlag,
}

/// Where a project is painted, and with which resources.
#[derive(Debug, Clone, Args)]
pub(crate) struct PaintingFlags {
    #[command(flatten)]
    farm: FarmFlags,
    #[command(flatten)]
    compute: ComputeFlags,
    #[command(flatten)]
    cache: CacheFlags,
}

impl PaintingFlags {
    pub(crate) fn request(
        &self,
        survey: &SurveyArgs,
        context: &Context,
    ) -> Result<BuildRequest, Failure> {
        let config = &context.config;
        let coordinator = config.coordinator(&self.farm.at);
        if self.farm.require_farm && coordinator.is_none() {
            return Err(Failure::usage("--require-farm is given, but no coordinator is named")
                .hint("name one with --coordinator"));
        }
        Ok(BuildRequest {
            survey: survey.request(context),
            coordinator,
            require_farm: self.farm.require_farm,
            cache_dir: config.cache_dir(&self.cache)?,
            threads: config.threads(&self.compute),
            memory_bytes: self.compute.max_memory,
            devices: self.compute.device.clone(),
        })
    }
}

pub(crate) fn run(args: BuildArgs, context: &Context) -> Result<Exit, Failure> {
    if args.dry_run.dry_run {
        show(&examined(&args.survey, context)?, context);
        return Ok(Exit::Done);
    }
    let request = args.painting.request(&args.survey, context)?;
    if let Some(depfile) = &args.depfile.depfile {
        refuse_depfile(depfile, &impasto_build::open(&request.survey)?)?;
    }
    let view = view(context);
    // A depfile needs the plan.
    let glance = match args.depfile.depfile.is_none() {
        true => Some(Glance::take(&request.survey)?),
        false => None,
    };
    let up_to_date = glance.as_ref().and_then(|glance| glance.up_to_date(view.as_ref()));
    if let Some(outcome) = up_to_date {
        drop(view);
        summarise(&outcome, context);
        return Ok(exit(&outcome));
    }
    let cancel = interrupt::token();
    let (survey, outcome) = run_build::run(&request, None, view.as_ref(), &cancel)?;
    if let Some(glance) = glance {
        glance.keep(&survey);
    }
    drop(view);
    summarise(&outcome, context);
    clean_up(&outcome, &request.cache_dir, context);
    // After a failure too: what failed is among the inputs, so mending it leads to another build.
    write_depfile(&args.depfile, project_folder(&args.survey.project.dir), &survey, context)?;
    Ok(exit(&outcome))
}

/// The observer that the flags ask for.
pub(crate) fn view(context: &Context) -> Box<dyn Observer + '_> {
    if context.screen.is_json() {
        Box::new(JsonLines { screen: &context.screen })
    } else {
        Box::new(BuildView::new(&context.screen))
    }
}

/// Prints the outcome of a build.
pub(crate) fn summarise(outcome: &Outcome, context: &Context) {
    let screen = &context.screen;
    if screen.is_json() {
        screen.json(&Summary { event: "summary", outcome });
        return;
    }
    let made = outcome.painted + outcome.trained + outcome.cached + outcome.copied;
    let made = made + outcome.failed.len() + outcome.open;
    if made == 0 {
        let took = time(Duration::from_millis(outcome.elapsed_ms));
        let are = match outcome.up_to_date {
            0 => "there is nothing to paint yet".to_owned(),
            1 => "1 asset is up to date".to_owned(),
            number => format!("all {} are up to date", count(number, "asset")),
        };
        screen.result(format_args!("{are} ({took})"));
        return;
    }
    // On a terminal the view has printed them.
    let unsaid = outcome.failed.iter().filter(|_| !screen.shows_messages_with_results());
    for failed in unsaid {
        let style = failed.style.as_ref().map_or_else(String::new, |style| format!(" in {style}"));
        screen
            .result(format_args!("{BAD}failed{BAD:#} {}{style}: {}", failed.asset, failed.message));
    }
    screen.result(format_args!("{STRONG}{}{STRONG:#}", line(outcome)));
    if let Some(sheet) = &outcome.contact_sheet {
        screen.result(format_args!("contact sheet: {}", sheet.display()));
    }
    if outcome.open > 0 {
        screen.message("run the same command again to continue");
    }
}

#[derive(Serialize)]
struct Summary<'a> {
    event: &'static str,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

/// The folder of a project that is named by its folder or by its manifest.
fn project_folder(dir: &Path) -> &Path {
    if dir.is_file() { dir.parent().unwrap_or(dir) } else { dir }
}

/// Refuses a depfile that would replace a picture, the manifest or the record.
fn refuse_depfile(depfile: &Path, project: &Project) -> Result<(), Failure> {
    let extension = depfile.extension().map(|extension| extension.to_string_lossy());
    let is_picture =
        extension.is_some_and(|extension| ContainerFormat::from_extension(&extension).is_some());
    if is_picture && depfile.exists() {
        let text = format!("writing {} would overwrite a picture", depfile.display());
        return Err(Failure::usage(text).hint("give the depfile a name such as art.d"));
    }
    let own = [project.manifest_file(), project.lockfile()];
    overwrite::refuse(depfile, own.iter().map(PathBuf::as_path)).map_err(Failure::usage)
}

/// Lists the inputs of every output, and the folders that get new ones, with paths relative to the
/// current folder.
fn write_depfile(
    flag: &DepfileFlag,
    dir: &Path,
    survey: &Survey,
    context: &Context,
) -> Result<(), Failure> {
    if flag.depfile.is_none() {
        return Ok(());
    }
    let here = |path: &Path| -> PathBuf {
        let parts = dir.components().chain(path.components());
        let plain: PathBuf = parts.filter(|part| *part != Component::CurDir).collect();
        if plain.as_os_str().is_empty() { ".".into() } else { plain }
    };
    let outputs: Vec<PathBuf> =
        survey.outputs().map(|output| here(&output.to_path_buf())).collect();
    let folders = match flag.depfile_target.is_empty() {
        true => Folders::Unwritten,
        false => Folders::All,
    };
    let manifest = survey.project.manifest_file();
    let manifest = manifest.file_name().map(|name| here(Path::new(name)));
    let sources = survey.sources().into_iter().map(|path| here(&path.to_path_buf()));
    let folders = survey.asset_folders(folders).into_iter().map(|folder| here(&folder));
    let inputs: Vec<PathBuf> = manifest.into_iter().chain(sources).chain(folders).collect();
    let (outputs, inputs) = (outputs.iter(), inputs.iter());
    flag.write(outputs.map(PathBuf::as_path), inputs.map(PathBuf::as_path), &context.screen)
}

/// Prints a warning from between two builds of `watch`.
pub(crate) fn warn(message: &str, context: &Context) {
    match context.screen.is_json() {
        true => context.screen.json(&Event::Warning { message }),
        false => context.screen.warning(message),
    }
}
