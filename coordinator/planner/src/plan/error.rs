//! Why no plan can be made.

use impasto_types::{AssetPath, AssetPathError, ContainerFormat};

/// A mistake in the manifest that prevents a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("{file}: {}", empty(globs, hints))]
    Empty {
        file: String,
        globs: Vec<String>,
        /// Why globs meet nothing, as far as the folder shows it.
        hints: Vec<String>,
    },
    #[error(
        "{first} in style `{first_style}` and {second} in style `{second_style}` would both be \
         written to {output}; \
         put {{dir}}, {{name}} or {{style}} into `output`, or exclude one of them"
    )]
    Collision {
        first: AssetPath,
        first_style: String,
        second: AssetPath,
        second_style: String,
        output: AssetPath,
    },
    #[error(
        "{first} and {second} both name {texture}, which would be painted with one of them; paint \
         what several models show by a rule of its own, with one of them as `mesh`, and let a rule \
         with `skip` match the models; or set `relief` to 0 for one, if it is a map"
    )]
    SharedTexture { first: AssetPath, second: AssetPath, texture: AssetPath },
    #[error(
        "{first} and {second}, which passes through, would both be written to {output}; put \
         {{asset_ext}} into `output`, or exclude one of them"
    )]
    CopyCollision { first: AssetPath, second: AssetPath, output: AssetPath },
    #[error(
        "the output of {asset} would overwrite {input}, which is an asset or a style; change \
         `output` in [project]"
    )]
    Overwrites { asset: AssetPath, output: AssetPath, input: AssetPath },
    #[error(
        "the output of {asset} would be {output}, but rule `{rule}` writes {format}; end `output` \
         in .{{ext}}, or set `format` in the rule"
    )]
    WrongExtension { asset: AssetPath, output: AssetPath, rule: String, format: ContainerFormat },
    #[error(
        "the output of {asset} would be {output}, but a psb stays one, and no other picture \
         becomes one; end `output` in .{{ext}}"
    )]
    LargeDocument { asset: AssetPath, output: AssetPath },
    #[error("the output of {asset} would have no usable name; change `output` in [project]")]
    OutputPath { asset: AssetPath, source: AssetPathError },
    #[error("image {path} of style `{style}`: {reason}")]
    Style { path: AssetPath, style: String, reason: String },
    #[error(
        "style `{style}` is to be trained on the pictures that rules paint in it: there are \
         {pictures}, but it takes {least}, and a few hundred for a good network"
    )]
    Training { style: String, pictures: usize, least: usize },
    #[error(
        "style `{style}` is to be trained on the pictures in `{folder}`: there are {pictures} that \
         can be read, but it takes {least}, and a few hundred for a good network"
    )]
    Content { style: String, folder: AssetPath, pictures: usize, least: usize },
    #[error("network {path} of rule `{rule}`: {reason}")]
    Network { path: AssetPath, rule: String, reason: String },
    #[error("init image {path} of rule `{rule}`: {reason}")]
    Init { path: AssetPath, rule: String, reason: String },
}

/// The message of [`PlanError::Empty`]; long lists are truncated.
fn empty(globs: &[String], hints: &[String]) -> String {
    const SHOWN: usize = 6;
    const HINTS: usize = 3;
    let hints: String = hints.iter().take(HINTS).map(|hint| format!("; {hint}")).collect();
    let shown = globs.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match globs.len() {
        0 => "there is nothing to paint: every rule has `skip`".to_owned(),
        1..=SHOWN => format!("there is nothing to paint: no image matches {shown}{hints}"),
        count => format!(
            "there is nothing to paint: no image matches {shown} or any of {} more globs{hints}",
            count - SHOWN
        ),
    }
}
