//! Where the textures of a model lie in its picture.

use std::fmt;
use std::sync::Arc;

/// A model's file, and where its textures lie in the picture of them, so that a result is the same
/// model with other textures.
#[derive(Clone, PartialEq)]
pub struct GlbLayout {
    /// The whole file: what is not painted is copied from it.
    pub(crate) file: Arc<[u8]>,
    pub(crate) size: (u32, u32),
    pub(crate) places: Vec<Place>,
}

/// Where a texture lies in the picture of all, in pixels from the upper left corner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
    /// What surfaces show beyond the texture's sides, to the right and downwards.
    pub wraps: [Wrap; 2],
    /// The name of its image in the file, or its number there.
    pub name: String,
}

/// What a surface shows beyond a side of a texture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Wrap {
    /// The pixels at the side.
    Clamp,
    /// The texture again.
    #[default]
    Repeat,
    /// The texture again, each second time mirrored.
    Mirror,
}

impl GlbLayout {
    /// Width and height of the picture of all textures, in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Where each texture lies, in the order of the file's images. Copies of a texture, the same
    /// byte for byte, lie in one place.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The longer side of the largest texture, in pixels.
    pub fn largest_side(&self) -> u32 {
        largest_side(&self.places)
    }

    /// Where each texture lies if the picture is brought to another size.
    pub fn places_in(&self, width: u32, height: u32) -> Vec<Place> {
        let to = (width, height);
        self.places.iter().map(|place| place.scaled(self.size, to)).collect()
    }
}

impl Place {
    /// Where it lies if the picture of all textures is brought from one size to another.
    #[must_use]
    pub fn scaled(&self, from: (u32, u32), to: (u32, u32)) -> Self {
        // A number converts with saturation.
        let scaled = |at: u32, length: u32, own: u32, wanted: u32| {
            let factor = f64::from(wanted) / f64::from(own.max(1));
            let at = (f64::from(at) * factor).round() as u32;
            let at = at.min(wanted.saturating_sub(1));
            let length = (f64::from(length) * factor).round() as u32;
            (at, length.clamp(1, wanted.saturating_sub(at).max(1)))
        };
        let (x, width) = scaled(self.x, self.width, from.0, to.0);
        let (y, height) = scaled(self.y, self.height, from.1, to.1);
        Self { x, y, width, height, ..self.clone() }
    }
}

/// The longest side of any place.
pub(crate) fn largest_side(places: &[Place]) -> u32 {
    places.iter().map(|place| place.width.max(place.height)).max().unwrap_or(0)
}

// Written by hand: the bytes of a whole file tell a reader nothing.
impl fmt::Debug for GlbLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GlbLayout")
            .field("file_bytes", &self.file.len())
            .field("size", &self.size)
            .field("places", &self.places)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: (u32, u32), places: &[[u32; 4]]) -> GlbLayout {
        let place = |&[x, y, width, height]: &[u32; 4]| Place {
            x,
            y,
            width,
            height,
            wraps: [Wrap::Repeat; 2],
            name: String::new(),
        };
        GlbLayout { file: Arc::from([]), size, places: places.iter().map(place).collect() }
    }

    #[test]
    fn places_scale_with_the_picture_and_stay_inside() {
        let check = |size, places: &[[u32; 4]], (width, height), expected: &[[u32; 4]]| {
            let scaled = layout(size, places).places_in(width, height);
            let found: Vec<_> = scaled.iter().map(|it| [it.x, it.y, it.width, it.height]).collect();
            assert_eq!(found, expected, "{size:?} to {width} x {height}");
        };
        check((8, 5), &[[0, 0, 8, 5]], (8, 5), &[[0, 0, 8, 5]]);
        check((100, 33), &[[0, 0, 100, 33]], (50, 17), &[[0, 0, 50, 17]]);
        check((100, 33), &[[0, 0, 100, 33]], (50, 16), &[[0, 0, 50, 16]]);
        let two = [[0, 0, 64, 64], [80, 0, 4, 4]];
        check((84, 64), &two, (168, 128), &[[0, 0, 128, 128], [160, 0, 8, 8]]);
        check((84, 64), &two, (8, 6), &[[0, 0, 6, 6], [7, 0, 1, 1]]);
        check((84, 64), &two, (1, 1), &[[0, 0, 1, 1], [0, 0, 1, 1]]);
    }

    #[test]
    fn the_largest_side_is_of_one_texture() {
        assert_eq!(layout((84, 64), &[[0, 0, 8, 64], [80, 0, 4, 4]]).largest_side(), 64);
    }
}
