//! The six faces of a cube map in one picture.

use crate::{Corner, Model, Place, Triangle, Wrap};

/// How a picture holds the faces of a cube map: three beside each other in each of two rows, in the
/// order of their file, with a gap between them in which nothing is painted that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CubeLayout {
    side: u32,
}

/// The faces by the axis that they look along, in the order in which all files hold them.
const FACES: [&str; 6] = ["+x", "-x", "+y", "-y", "+z", "-z"];

/// Pixels between faces: more than the network sees of the next one at the finest scale.
const GAP: u32 = 16;

const COLUMNS: u32 = 3;
const ROWS: u32 = 2;

impl CubeLayout {
    /// The layout of faces of so many pixels a side.
    pub(crate) fn new(side: u32) -> Self {
        Self { side }
    }

    /// The pixels of a face's side.
    pub fn side(self) -> u32 {
        self.side
    }

    /// Width and height of the picture of all faces.
    pub fn size(self) -> (u32, u32) {
        let along = |count: u32| count.saturating_mul(self.side).saturating_add((count - 1) * GAP);
        (along(COLUMNS), along(ROWS))
    }

    /// Where each face lies, in the order of the file.
    pub(crate) fn places(self) -> [Place; 6] {
        let step = self.side.saturating_add(GAP);
        [0, 1, 2, 3, 4, 5].map(|face| Place {
            x: face % COLUMNS * step,
            y: face / COLUMNS * step,
            width: self.side,
            height: self.side,
            wraps: [Wrap::Clamp; 2],
            name: FACES[face as usize].to_owned(),
        })
    }

    /// The layout of the faces that a picture of this size holds, and where each lies in it. Their
    /// places may be off by a pixel of the new side.
    pub(crate) fn in_size(self, size: (u32, u32)) -> (Self, [Place; 6]) {
        let places = self.places().map(|place| place.scaled(self.size(), size));
        (Self { side: places[0].width.max(1) }, places)
    }

    /// The cube, seen from within: two triangles for each face.
    pub(crate) fn model(self) -> Model {
        let side = self.side as f32;
        let triangles = (0..6_usize).flat_map(|place| {
            let corner = |[right, down]: [f32; 2]| Corner {
                at: [right * side, down * side],
                position: direction(place, right, down),
            };
            let [a, b, c, d] = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].map(corner);
            [[a, b, c], [a, c, d]].map(|corners| Triangle { place, corners })
        });
        Model {
            places: self.places().to_vec(),
            triangles: triangles.collect(),
            texels_per_m: None,
            unread: Vec::new(),
            warning: None,
        }
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

    #[test]
    fn faces_lie_apart_and_scale_together() {
        let layout = CubeLayout::new(64);
        assert_eq!(layout.size(), (224, 144));
        let at = |places: [Place; 6]| places.map(|place| (place.x, place.y, place.width));
        let expected =
            [(0, 0, 64), (80, 0, 64), (160, 0, 64), (0, 80, 64), (80, 80, 64), (160, 80, 64)];
        assert_eq!(at(layout.places()), expected);
        let (half, places) = layout.in_size((112, 72));
        assert_eq!((half.side(), at(places)[5]), (32, (80, 40, 32)));
        let (odd, places) = layout.in_size((101, 65));
        assert!(places.iter().all(|place| place.width == odd.side()));
        assert_eq!(CubeLayout::new(u32::MAX).size(), (u32::MAX, u32::MAX));
    }

    #[test]
    fn each_edge_of_the_cube_belongs_to_two_faces() {
        let model = CubeLayout::new(8).model();
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
}
