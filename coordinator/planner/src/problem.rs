//! Assets that cannot be painted. They count as failures and do not stop the others.

use impasto_types::{
    AssetPath, CannotWrite, ContainerFormat, MAX_SIDE, NoDensity, Part, Recipe, Shape,
};

use crate::grouping::Asset;
use crate::{ImageHeader, InputFile, ListedAsset};

/// An asset that cannot be painted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub asset: AssetPath,
    /// The rule that matches it.
    pub rule: String,
    pub cause: ProblemCause,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemCause {
    /// The scan's reason.
    #[error("{0}")]
    Unusable(String),
    #[error("its name says {named}, but it holds {held}; rename it to .{held}")]
    Mislabelled { named: ContainerFormat, held: ContainerFormat },
    #[error("its {part} {path}: {reason}")]
    Companion { part: Part, path: AssetPath, reason: String },
    /// What has to be of the asset's shape is not.
    #[error(
        "its {part} {path} has {} x {} pixels, which is not its shape, {} x {}", size.0, size.1,
        own.0, own.1
    )]
    OtherShape { part: Part, path: AssetPath, size: (u32, u32), own: (u32, u32) },
    #[error(
        "its result would be {width} x {height} pixels; painting takes at most {} on each side, so \
         give a smaller `size`",
        MAX_SIDE
    )]
    TooLarge { width: u32, height: u32 },
    /// The result of a file that a model names would be no output.
    #[error(
        "it names `{relative}`, which beside its result, {model}, would be no file that `output` \
         of [project] makes; give a folder of outputs, such as \"painted/{{dir}}/{{name}}\""
    )]
    NamedElsewhere { relative: String, model: AssetPath },
    #[error("it has no alpha, which `channels` says is to be painted")]
    NoAlpha,
    #[error(
        "its alpha cannot be painted, as `channels` says: it is a set of tiles, a model, a cube \
         map, or shown by a mesh"
    )]
    SharedAlpha,
    #[error("it {0}")]
    NoDensity(#[from] NoDensity),
    #[error("its result {0}")]
    CannotWrite(#[from] CannotWrite),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.asset, self.cause)
    }
}

/// The asset's header, if the file's format is that of its name.
pub(crate) fn usable(asset: &ListedAsset) -> Result<ImageHeader, ProblemCause> {
    let header = asset.image.clone().map_err(ProblemCause::Unusable)?;
    match ContainerFormat::from_extension(asset.path.extension()) {
        Some(named) if named != header.format => {
            Err(ProblemCause::Mislabelled { named, held: header.format })
        }
        _ => Ok(header),
    }
}

/// The asset's other files that exist, if all of them can be read.
pub(crate) fn companions(
    asset: &Asset<'_>,
) -> Result<Vec<(Part, AssetPath, InputFile)>, ProblemCause> {
    let usable = asset.companions().map(|(part, path, file)| match file {
        Ok(file) => Ok((part, path, file)),
        Err(reason) => Err(ProblemCause::Companion { part, path, reason }),
    });
    usable.collect()
}

/// The result's size in pixels, if it is not too large and `format` can hold it.
pub(crate) fn paintable(
    recipe: &Recipe,
    header: ImageHeader,
    format: ContainerFormat,
) -> Result<(u32, u32), ProblemCause> {
    let (width, height) = recipe.common().output_size(header.width, header.height);
    if width.max(height) > MAX_SIDE {
        Err(ProblemCause::TooLarge { width, height })
    } else {
        let (alpha, asset) = (header.alpha, header.format);
        let large = asset.is_large_at(header.width, header.height);
        format.can_write(Shape { width, height, alpha, asset, large })?;
        recipe.common().check_format(format)?;
        if header.is_sheet() && format != asset {
            return Err(CannotWrite::Sheet(asset).into());
        }
        Ok((width, height))
    }
}
