//! `impasto plan --why FILE`

use std::path::{Path, PathBuf};

use impasto_build::{Survey, survey};
use impasto_planner::{PlannedTask, Staleness, Why, why};
use impasto_project::Project;
use impasto_types::AssetPath;
use serde_json::json;

use super::SurveyArgs;
use super::document::Task;
use crate::{Context, Exit, Failure};

/// Says which rule takes a file, or what else becomes of it.
pub(crate) fn run(file: &Path, args: &SurveyArgs, context: &Context) -> Result<Exit, Failure> {
    let request = args.request(context);
    let project = impasto_build::open(&request)?;
    let path = in_project(&project, file)?;
    let on_disk = project.path_of(&path);
    // A file may be explained even if there is nothing to paint.
    let found = survey(&request, None).ok();
    let tasks = || found.iter().flat_map(|survey| &survey.plan.tasks);
    let assets = tasks().map(|task| &task.asset);
    let answer = why(project.manifest(), &path, assets);
    let mut more = Vec::new();
    if let Some(is) = missing(&project, &on_disk) {
        more.push(is);
    }
    more.extend(found.iter().flat_map(|survey| problems(survey, &path)));
    let model = found.as_ref().and_then(|survey| survey.model_of(&path));
    if let Some(model) = model.filter(|model| tasks().any(|task| task.asset == **model)) {
        more.push(format!("it is painted or copied with {model}, which names it"));
    }
    let copies = found.iter().flat_map(|survey| &survey.plan.copies);
    let copies = copies.filter(|copy| copy.source == path);
    let copies: Vec<&AssetPath> = copies.map(|copy| &copy.output).collect();
    let own: Vec<&PlannedTask> = tasks().filter(|task| task.asset == path).collect();
    let is_taken = matches!(answer, Why::Painted { .. });
    if is_taken && own.is_empty() && more.is_empty() && found.is_some() {
        more.push("the scan does not find it: it lies behind a link that is not followed".into());
    }
    let is_painted = is_taken && more.is_empty();
    let screen = &context.screen;
    if screen.is_json() {
        let tasks: Vec<Task<'_>> = own.iter().copied().map(Task::from).collect();
        screen.json(&json!({
            "file": path,
            "painted": is_painted,
            "why": answer.to_string(),
            "problems": more,
            "copies": copies,
            "tasks": tasks,
        }));
        return Ok(Exit::Done);
    }
    match is_taken && !is_painted {
        true => screen.result(format_args!("{path} is not painted; by its name alone it {answer}")),
        false => screen.result(format_args!("{path} {answer}")),
    }
    for line in more {
        screen.result(format_args!("    {line}"));
    }
    for output in copies {
        screen.result(format_args!("    it passes through to {output}"));
    }
    for task in own {
        let state = match &task.state {
            Staleness::UpToDate => "up to date".to_owned(),
            Staleness::Stale(reasons) => {
                let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
                format!("stale: {}", reasons.join(", "))
            }
        };
        screen.result(format_args!("    in style {}: {} ({state})", task.style(), task.output()));
        if screen.is_verbose() {
            let recipe = &task.form.action.recipe;
            screen.result(format_args!("    method = {}", recipe.method()));
            for setting in crate::contact_sheet::parameters(recipe) {
                screen.result(format_args!("    {} = {}", setting.name, setting.value));
            }
        }
    }
    Ok(Exit::Done)
}

/// The file's path in the project: as given from the current folder, or from the project's.
fn in_project(project: &Project, file: &Path) -> Result<AssetPath, Failure> {
    let absolute = std::path::absolute(file).map_err(Failure::usage)?;
    let inside = absolute.strip_prefix(project.dir()).ok().map(Path::to_owned);
    let from_here = inside.filter(|_| file.is_absolute() || absolute.exists());
    let relative: PathBuf = from_here.unwrap_or_else(|| file.to_owned());
    let parts: Vec<_> = relative
        .components()
        .filter(|part| *part != std::path::Component::CurDir)
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/").parse().map_err(|error| {
        Failure::usage(error).hint("name a file of the project, relative to its folder")
    })
}

/// What stands in the way on the disk.
fn missing(project: &Project, file: &Path) -> Option<String> {
    if file.symlink_metadata().is_err() {
        return Some("there is no such file: this is about its name".to_owned());
    }
    if file.is_dir() {
        return Some("it is a folder: ask about a file in it".to_owned());
    }
    (!project.holds(file).unwrap_or(false)).then(|| {
        "it is a link out of the project, or leads through one, or to nothing; name the folder \
         that it leads to in `links` of [project]"
            .to_owned()
    })
}

fn problems<'a>(survey: &'a Survey, path: &'a AssetPath) -> impl Iterator<Item = String> + 'a {
    let own = survey.plan.problems.iter().filter(move |problem| problem.asset == *path);
    own.map(|problem| format!("it cannot be painted: {}", problem.cause))
}
