//! What a file's header says.

use impasto_types::{ContainerFormat, Depth, FileTraits};

use crate::{Color, Orientation};

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
    /// How the stored grid is turned to be looked at.
    pub orientation: Orientation,
    /// What a painted file may lack.
    pub traits: FileTraits,
}

impl Header {
    /// Width and height of the picture as it is to be looked at.
    pub fn upright_size(&self) -> (u32, u32) {
        self.orientation.upright_size((self.width, self.height))
    }
}
