//! The pictures of one texture in one picture: the faces of a cube map, or the layers of an array.

use crate::{Corner, Model, Place, Triangle, Wrap};

/// How a picture holds the pictures of a texture that has several: beside each other in rows, in
/// the order of their file, with a gap between them in which nothing is painted that shows. Faces
/// lie in two rows of three, and layers in rows that are about as wide as all are high.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetLayout {
    part: (u32, u32),
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cube,
    /// Of so many layers.
    Array(u32),
}

/// The faces by the axis that they look along, in the order in which all files hold them.
const FACES: [&str; 6] = ["+x", "-x", "+y", "-y", "+z", "-z"];

/// Pixels between pictures, in which the network sees what goes on beside each.
const GAP: u32 = 16;

/// How far a surface that repeats a picture goes beyond its borders, as a share of its sides.
const BEYOND: f32 = 0.25;

impl SheetLayout {
    /// Pixels around a picture that are its own: half of a gap.
    pub(crate) const MARGIN: usize = GAP as usize / 2;
    /// The most layers that Direct3D has in an array.
    pub(crate) const MOST_LAYERS: u32 = 2048;

    /// The layout of faces of so many pixels a side.
    pub(crate) fn cube(side: u32) -> Self {
        Self { part: (side, side), kind: Kind::Cube }
    }

    /// The layout of an array's layers, each of this width and height.
    pub(crate) fn array(part: (u32, u32), count: u32) -> Self {
        Self { part, kind: Kind::Array(count) }
    }

    /// Whether its pictures are the faces of a cube map.
    pub fn is_cube(self) -> bool {
        self.kind == Kind::Cube
    }

    /// How many pictures there are.
    pub fn count(self) -> u32 {
        match self.kind {
            Kind::Cube => FACES.len() as u32,
            Kind::Array(count) => count,
        }
    }

    /// Width and height of each.
    pub fn part(self) -> (u32, u32) {
        self.part
    }

    /// The longer side of each.
    pub(crate) fn longer_side(self) -> u32 {
        self.part.0.max(self.part.1)
    }

    /// Width and height of the picture of all.
    pub fn size(self) -> (u32, u32) {
        let along = |count: u32, side: u32| {
            let gaps = (count - 1) * GAP + 2 * self.margin();
            count.saturating_mul(side).saturating_add(gaps)
        };
        let columns = self.columns();
        (along(columns, self.part.0), along(self.count().div_ceil(columns), self.part.1))
    }

    /// Pixels around all: layers may repeat beyond the border of the picture, too. One alone is it.
    fn margin(self) -> u32 {
        match self.kind {
            Kind::Array(2..) => GAP / 2,
            Kind::Array(_) | Kind::Cube => 0,
        }
    }

    /// How many pictures lie in a row.
    pub fn columns(self) -> u32 {
        match self.kind {
            Kind::Cube => 3,
            Kind::Array(count) => {
                let [width, height] =
                    [self.part.0, self.part.1].map(|side| f64::from(side) + f64::from(GAP));
                let columns = (f64::from(count) * height / width).sqrt().ceil();
                (columns as u32).clamp(1, count.max(1))
            }
        }
    }

    /// Where each picture lies, in the order of the file.
    pub(crate) fn places(self) -> Vec<Place> {
        let (columns, (width, height)) = (self.columns(), self.part);
        let place = |at: u32| Place {
            x: self.margin() + at % columns * width.saturating_add(GAP),
            y: self.margin() + at / columns * height.saturating_add(GAP),
            width,
            height,
            wraps: [Wrap::Clamp; 2],
            name: match self.kind {
                Kind::Cube => FACES[at as usize].to_owned(),
                Kind::Array(_) => format!("layer {at}"),
            },
        };
        (0..self.count()).map(place).collect()
    }

    /// The layout of the pictures that a picture of this size holds, and where each lies in it.
    /// Their places may be off by a pixel of the new size.
    pub(crate) fn in_size(self, size: (u32, u32)) -> (Self, Vec<Place>) {
        let places = self.places().into_iter().map(|place| place.scaled(self.size(), size));
        let places: Vec<Place> = places.collect();
        let part = places.first().map_or((1, 1), |place| (place.width.max(1), place.height.max(1)));
        (Self { part, ..self }, places)
    }

    /// The surface that shows them, two triangles for each: a cube, seen from within, or sheets
    /// above each other.
    pub(crate) fn model(self) -> Model {
        let (width, height) = (self.part.0 as f32, self.part.1 as f32);
        let triangles = (0..self.count() as usize).flat_map(|place| {
            let corner = |[right, down]: [f32; 2]| Corner {
                at: [right * width, down * height],
                position: match self.kind {
                    Kind::Cube => direction(place, right, down),
                    Kind::Array(_) => [right, down, place as f32],
                },
            };
            let [a, b, c, d] = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].map(corner);
            [[a, b, c], [a, c, d]].map(|corners| Triangle { place, corners })
        });
        Model {
            places: self.places(),
            triangles: triangles.collect(),
            texels_per_m: None,
            unread: Vec::new(),
            warning: None,
        }
    }
}

impl Model {
    /// The same for textures that repeat across, down, or both, each of which the surface shows
    /// whole: it shows a little more of them.
    #[must_use]
    pub fn repeating(mut self, axes: [bool; 2]) -> Self {
        for axis in [0, 1].into_iter().filter(|axis| axes[*axis]) {
            self.places.iter_mut().for_each(|place| place.wraps[axis] = Wrap::Repeat);
            for Triangle { place, corners } in &mut self.triangles {
                let own = &self.places[*place];
                let beyond = BEYOND * [own.width, own.height][axis] as f32;
                for corner in corners {
                    let at = &mut corner.at[axis];
                    *at += if *at > 0.0 { beyond } else { -beyond };
                }
            }
        }
        self
    }
}

/// The point of a cube of two units a side that a face shows at a share of its width and height,
/// as Direct3D, Vulkan and OpenGL lay cube maps out.
fn direction(face: usize, right: f32, down: f32) -> [f32; 3] {
    let (u, v) = (2.0 * right - 1.0, 2.0 * down - 1.0);
    match face {
        0 => [1.0, -v, -u],
        1 => [-1.0, -v, u],
        2 => [u, 1.0, v],
        3 => [u, -1.0, -v],
        4 => [u, -v, 1.0],
        _ => [-u, -v, -1.0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(places: &[Place]) -> Vec<(u32, u32, u32)> {
        places.iter().map(|place| (place.x, place.y, place.width)).collect()
    }

    #[test]
    fn faces_lie_apart_and_scale_together() {
        let layout = SheetLayout::cube(64);
        assert_eq!(layout.size(), (224, 144));
        let expected =
            [(0, 0, 64), (80, 0, 64), (160, 0, 64), (0, 80, 64), (80, 80, 64), (160, 80, 64)];
        assert_eq!(at(&layout.places()), expected);
        let (half, places) = layout.in_size((112, 72));
        assert_eq!((half.part(), at(&places)[5]), ((32, 32), (80, 40, 32)));
        let (odd, places) = layout.in_size((101, 65));
        assert!(places.iter().all(|place| place.width == odd.part().0));
        assert_eq!(SheetLayout::cube(u32::MAX).size(), (u32::MAX, u32::MAX));
    }

    #[test]
    fn layers_fill_about_a_square() {
        let layout = SheetLayout::array((64, 32), 5);
        // Two columns of 80 pixels, and three rows of 48.
        assert_eq!(layout.size(), (160, 144));
        assert_eq!(
            at(&layout.places()),
            [(8, 8, 64), (88, 8, 64), (8, 56, 64), (88, 56, 64), (8, 104, 64)]
        );
        let (double, places) = layout.in_size((320, 288));
        assert_eq!((double.part(), double.count(), places[4].y), ((128, 64), 5, 208));
        assert_eq!(SheetLayout::array((8, 8), 1).size(), (8, 8));
        assert_eq!(SheetLayout::array((1, 500), 2048).places().len(), 2048);
        let most = SheetLayout::array((u32::MAX, 1), SheetLayout::MOST_LAYERS);
        assert_eq!(most.size().0, u32::MAX);
    }

    #[test]
    fn each_edge_of_the_cube_belongs_to_two_faces() {
        let model = SheetLayout::cube(8).model();
        let key = |corner: Corner| corner.position.map(|at| at as i32);
        let mut edges: Vec<[[i32; 3]; 2]> = Vec::new();
        for triangle in &model.triangles {
            for at in 0..3 {
                let mut ends = [key(triangle.corners[at]), key(triangle.corners[(at + 1) % 3])];
                ends.sort_unstable();
                edges.push(ends);
            }
        }
        edges.sort_unstable();
        assert!(edges.chunk_by(|one, other| one == other).all(|same| same.len() == 2));
        // Twelve of the cube, and the diagonal of each face.
        assert_eq!(edges.len(), 2 * (12 + 6));
        // Straight ahead is +z, whose right is +x, and above it +y.
        let position = |face: usize, right: f32, down: f32| direction(face, right, down);
        assert_eq!(position(4, 0.5, 0.5), [0.0, 0.0, 1.0]);
        assert_eq!(position(4, 1.0, 0.5), position(0, 0.0, 0.5));
        assert_eq!(position(4, 0.5, 0.0), position(2, 0.5, 1.0));
    }

    #[test]
    fn a_surface_that_repeats_goes_beyond_the_borders() {
        let model = SheetLayout::array((8, 4), 2).model().repeating([true, false]);
        assert_eq!(model.places[1].wraps, [Wrap::Repeat, Wrap::Clamp]);
        let corners = model.triangles.iter().flat_map(|triangle| triangle.corners);
        let across: Vec<f32> = corners.clone().map(|corner| corner.at[0]).collect();
        assert!(across.iter().all(|x| [-2.0, 10.0].contains(x)), "{across:?}");
        assert!(corners.map(|corner| corner.at[1]).all(|y| [0.0, 4.0].contains(&y)));
    }
}
