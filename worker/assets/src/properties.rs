//! What a file's header says.

use impasto_types::{ContainerFormat, Depth, ExpectedPicture, FileTraits, Footprint};

use crate::{Color, Orientation, SheetLayout};

/// A file's header. Width and height are those of the stored grid, as
/// [`decode()`](crate::decode()) returns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub format: ContainerFormat,
    pub width: u32,
    pub height: u32,
    pub color: Color,
    pub alpha: bool,
    pub depth: Depth,
    /// Samples of each pixel that are neither colour nor alpha.
    pub extra: u32,
    /// How the stored grid is turned to be looked at.
    pub orientation: Orientation,
    /// What a painted file may lack.
    pub traits: FileTraits,
    /// The longer side of the largest texture in pixels, if the file is a model; or of each of its
    /// pictures, if it is a texture of several.
    pub largest: Option<u32>,
    /// Where these lie: the faces of a cube map, or the layers of an array.
    pub sheet: Option<SheetLayout>,
    /// Layers of a PSD that are more than its picture, and that a result has not.
    pub layers: u32,
}

impl Header {
    /// Width and height of the picture as it is to be looked at.
    pub fn upright_size(&self) -> (u32, u32) {
        self.orientation.upright_size((self.width, self.height))
    }

    /// What the picture takes in memory.
    pub fn footprint(&self) -> Footprint {
        let Self { width, height, format, depth, .. } = *self;
        let planes = self.extra.saturating_add(u32::from(self.alpha));
        Footprint { width, height, format, depth, planes }
    }

    /// What the picture is, to compare it with what an action asks for.
    pub fn picture(&self) -> ExpectedPicture {
        let Self { width, height, alpha, depth, .. } = *self;
        ExpectedPicture { width, height, alpha, depth }
    }
}
