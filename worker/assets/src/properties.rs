//! What a file's header says.

use impasto_types::{ContainerFormat, Depth, FileTraits};

/// A file's header. Width and height are those of the picture that
/// [`decode()`](crate::decode()) returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub format: ContainerFormat,
    pub width: u32,
    pub height: u32,
    pub color: Color,
    pub alpha: bool,
    pub depth: Depth,
    /// What a painted file may lack.
    pub traits: FileTraits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Color {
    Gray,
    Rgb,
}
