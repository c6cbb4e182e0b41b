//! A model's surface and its maps, in the picture of its textures.

use std::collections::BTreeMap;

use impasto_types::{FileRole, Part};

use crate::Place;

/// A model's surface in the picture of its textures.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Where each texture lies, as [`GlbLayout::places`](crate::GlbLayout::places) says.
    pub places: Vec<Place>,
    /// Those that show a painted texture, and have an area.
    pub triangles: Vec<Triangle>,
    /// How many pixels of the textures a metre of the surface has, on average, by the scales of
    /// the nodes that show it; none if there is no surface.
    pub texels_per_m: Option<f64>,
    /// Places that surfaces use whose geometry cannot be read, and so the whole of each counts as
    /// used.
    pub unread: Vec<usize>,
    /// Why geometry cannot be read, and that textures in files of their own are not painted: a
    /// sentence's end that follows the model's name.
    pub warning: Option<String>,
}

/// A part of a surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Triangle {
    /// The texture that it shows, of [`Model::places`].
    pub place: usize,
    pub corners: [Corner; 3],
}

/// A corner of a triangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corner {
    /// In pixels of its place, from the place's upper left corner to the right and downwards;
    /// outside of it where the texture repeats.
    pub at: [f32; 2],
    /// In the mesh's space, in its units.
    pub position: [f32; 3],
}

/// A map of a model's surface that lies over one of its textures.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelMap {
    /// The number of its image in the file.
    pub image: usize,
    /// The texture that it lies over, of [`Model::places`](crate::Model::places).
    pub place: usize,
    /// `Part::Normal`, or `Part::Packed` with the roughness in its second channel.
    pub part: Part,
    /// For errors: the model's name and the image's, as in "crate.glb, image 2 (`bricks_n`)".
    pub name: String,
    /// Its file.
    pub bytes: Vec<u8>,
}

/// A file that a glTF model as text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// Its path from the model's folder, with `/`; above the folder it begins with `..`.
    pub path: String,
    pub role: FileRole,
    /// Whether it is a buffer; a picture otherwise.
    pub is_buffer: bool,
}

/// What has changed in a glTF model as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scattered {
    pub text: Vec<u8>,
    /// The files that have changed, by their numbers.
    pub files: BTreeMap<usize, Vec<u8>>,
}
