//! Seams: edges of a model's surface at which the surface goes on elsewhere in its textures.
//!
//! Two triangles that share an edge of the surface lie on two places of the picture if the unwrap
//! was cut there. Unfolding one into the plane of the other says, for each pixel beside the cut,
//! which point of the picture shows the surface that lies there.

use std::collections::HashMap;

use impasto_assets::{Corner, Triangle};

/// Two ends of an edge that lie no further apart, in pixels, are one.
const SAME_PX: f64 = 0.05;

/// More triangles than this at an edge are no surface.
const MOST_TRIANGLES: usize = 32;

/// A point of a place, in its pixels from the upper left corner.
pub(super) type Point = [f64; 2];

/// A triangle's edge, along which its surface goes on at another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Side {
    /// The place in which this side lies.
    pub(super) place: usize,
    /// The triangle that it belongs to; a texture's own border has none.
    pub(super) triangle: Option<usize>,
    pub(super) ends: [Point; 2],
    /// The place of the other side.
    pub(super) other: usize,
    unfold: Unfold,
}

/// Where points around a side lie at the other one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Unfold {
    from: Frame,
    to: Frame,
}

/// Coordinates of the surface at an edge: along it, and away from it into the triangle, both in
/// units of length of the surface.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Frame {
    origin: Point,
    along: Point,
    into: Point,
}

impl Side {
    /// Two borders of a place at which its texture goes on at the other one; the first is on the
    /// left or at the top, `across` the direction from it to the other.
    pub(super) fn opposite(
        place: usize,
        first: [Point; 2],
        last: [Point; 2],
        across: Point,
    ) -> [Self; 2] {
        let frame = |[start, end]: [Point; 2], into: Point| {
            let edge = minus(end, start);
            let length = edge[0].hypot(edge[1]);
            Frame { origin: start, along: edge.map(|value| value / length), into }
        };
        let back = across.map(|value| -value);
        let (from, to) = (frame(first, across), frame(last, back));
        let side = |ends: [Point; 2], from: Frame, to: Frame| Self {
            place,
            triangle: None,
            ends,
            other: place,
            unfold: Unfold { from, to },
        };
        [side(first, from, to), side(last, to, from)]
    }

    /// The same side where its texture is repeated so many pixels further.
    pub(super) fn moved(mut self, by: Point) -> Self {
        let moved = |at: Point| [at[0] + by[0], at[1] + by[1]];
        self.ends = self.ends.map(moved);
        self.unfold.from.origin = moved(self.unfold.from.origin);
        self
    }

    /// The point at the other side that shows the surface at `at`, which is beyond the edge; of a
    /// point within the triangle, the one as far beyond the edge as this is within.
    pub(super) fn across(&self, at: Point) -> Point {
        let [along, into] = self.unfold.from.coordinates(at);
        self.unfold.to.point([along, into.abs()])
    }

    /// How far a point is beyond the edge, in pixels; negative within the triangle.
    pub(super) fn beyond(&self, at: Point) -> f64 {
        let [along, into] = [self.unfold.from.along, self.unfold.from.into];
        let side = cross(along, into).signum();
        let length = along[0].hypot(along[1]);
        -side * cross(along, minus(at, self.ends[0])) / length
    }

    /// The distance of a point from the edge, in pixels.
    pub(super) fn distance(&self, at: Point) -> f64 {
        let [from, to] = self.ends;
        let (edge, arm) = (minus(to, from), minus(at, from));
        let share = (dot(edge, arm) / dot(edge, edge)).clamp(0.0, 1.0);
        let foot = [from[0] + share * edge[0], from[1] + share * edge[1]];
        let [dx, dy] = minus(at, foot);
        dx.hypot(dy)
    }
}

impl Frame {
    fn point(&self, [along, into]: Point) -> Point {
        [0, 1].map(|axis| self.origin[axis] + along * self.along[axis] + into * self.into[axis])
    }

    fn coordinates(&self, at: Point) -> Point {
        let arm = minus(at, self.origin);
        let area = cross(self.along, self.into);
        [cross(arm, self.into) / area, cross(self.along, arm) / area]
    }
}

/// The islands of a model's triangles, and the seams between them.
#[derive(Debug, Default)]
pub(super) struct Seams {
    /// The island of each triangle.
    pub(super) islands: Vec<u32>,
    pub(super) sides: Vec<Side>,
}

impl Seams {
    /// Of triangles, whose corners lie at these points of their places.
    pub(super) fn of(triangles: &[Triangle], points: &[[Point; 3]]) -> Self {
        let mut islands = Islands::new(triangles.len());
        let mut sides = Vec::new();
        let edges = edges(triangles);
        let shared = edges.chunk_by(|one, other| one.key == other.key);
        for shared in shared.filter(|shared| shared.len() <= MOST_TRIANGLES) {
            let mut rest: Vec<&Edge> = shared.iter().collect();
            while let Some(edge) = rest.pop() {
                let is_flat = |other: &&Edge| goes_on(triangles, points, edge, other);
                if let Some(at) = rest.iter().position(is_flat) {
                    islands.join(edge.triangle, rest.swap_remove(at).triangle);
                } else if let Some(other) = rest.pop() {
                    let pair = [(edge, other), (other, edge)];
                    sides.extend(
                        pair.iter().filter_map(|(one, other)| side(triangles, points, one, other)),
                    );
                }
            }
        }
        let islands = (0..triangles.len()).map(|at| islands.root(at) as u32).collect();
        Self { islands, sides }
    }
}

/// A triangle's edge, between two places of the surface.
#[derive(Debug, Clone, Copy)]
struct Edge {
    /// The lower vertex, then the higher one.
    key: (u32, u32),
    triangle: usize,
    /// Which corners of the triangle they are.
    corners: [usize; 2],
}

/// The edges of all triangles, those between the same places of the surface beside each other.
fn edges(triangles: &[Triangle]) -> Vec<Edge> {
    // Exporters cut vertices apart where texture coordinates differ, and keep their positions.
    let mut vertices: HashMap<[u32; 3], u32> = HashMap::new();
    let mut edges = Vec::with_capacity(3 * triangles.len());
    for (triangle, Triangle { corners, .. }) in triangles.iter().enumerate() {
        let ids = corners.map(|Corner { position, .. }| {
            // Zero has two forms.
            let bits = position.map(|value| (value + 0.0).to_bits());
            let next = vertices.len() as u32;
            *vertices.entry(bits).or_insert(next)
        });
        for (one, other) in [(0, 1), (1, 2), (2, 0)] {
            let (low, high) = if ids[one] < ids[other] { (one, other) } else { (other, one) };
            let key = (ids[low], ids[high]);
            edges.push(Edge { key, triangle, corners: [low, high] });
        }
    }
    edges.sort_by_key(|edge| (edge.key, edge.triangle));
    edges
}

/// Whether two triangles lie beside each other in a texture as they do on the surface.
fn goes_on(triangles: &[Triangle], points: &[[Point; 3]], one: &Edge, other: &Edge) -> bool {
    let ends = |edge: &Edge| edge.corners.map(|corner| points[edge.triangle][corner]);
    let (here, there) = (ends(one), ends(other));
    let is_near = |at: usize| {
        let [dx, dy] = minus(here[at], there[at]);
        dx.hypot(dy) <= SAME_PX
    };
    let apex = |edge: &Edge| points[edge.triangle][3 - edge.corners[0] - edge.corners[1]];
    let turn = |apex: Point| cross(minus(here[1], here[0]), minus(apex, here[0]));
    // A mirrored half of the surface lies on the other half, on the same side of the edge.
    triangles[one.triangle].place == triangles[other.triangle].place
        && is_near(0)
        && is_near(1)
        && turn(apex(one)) * turn(apex(other)) < 0.0
}

/// The side of `one`; none if either triangle has no area, in the texture or as a surface.
fn side(triangles: &[Triangle], points: &[[Point; 3]], one: &Edge, other: &Edge) -> Option<Side> {
    let from = frame(&triangles[one.triangle], &points[one.triangle], one.corners)?;
    let to = frame(&triangles[other.triangle], &points[other.triangle], other.corners)?;
    Some(Side {
        place: triangles[one.triangle].place,
        triangle: Some(one.triangle),
        ends: one.corners.map(|corner| points[one.triangle][corner]),
        other: triangles[other.triangle].place,
        unfold: Unfold { from, to },
    })
}

fn frame(triangle: &Triangle, points: &[Point; 3], [start, end]: [usize; 2]) -> Option<Frame> {
    let apex = 3 - start - end;
    let position = |corner: usize| triangle.corners[corner].position.map(f64::from);
    let arm = |corner: usize| {
        let (from, to) = (position(start), position(corner));
        [to[0] - from[0], to[1] - from[1], to[2] - from[2]]
    };
    let dot = |one: [f64; 3], other: [f64; 3]| -> f64 {
        one.iter().zip(other).map(|(one, other)| one * other).sum()
    };
    let (edge, side) = (arm(end), arm(apex));
    let length = dot(edge, edge).sqrt();
    let foot = dot(edge, side) / length;
    let height = (dot(side, side) - foot * foot).max(0.0).sqrt();
    let origin = points[start];
    let along = minus(points[end], origin).map(|value| value / length);
    let reach = minus(points[apex], origin);
    let into = [0, 1].map(|axis| (reach[axis] - foot * along[axis]) / height);
    let frame = Frame { origin, along, into };
    let is_usable = cross(along, into).abs().is_normal()
        && length.is_normal()
        && [along, into].iter().flatten().all(|value| value.is_finite());
    is_usable.then_some(frame)
}

/// Sets of triangles, joined one by one.
struct Islands(Vec<u32>);

impl Islands {
    fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    fn root(&mut self, at: usize) -> usize {
        let mut root = at;
        while self.0[root] as usize != root {
            // Halves the way for the next one.
            self.0[root] = self.0[self.0[root] as usize];
            root = self.0[root] as usize;
        }
        root
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        let (low, high) = (one.min(other), one.max(other));
        self.0[high] = low as u32;
    }
}

fn minus(one: Point, other: Point) -> Point {
    [one[0] - other[0], one[1] - other[1]]
}

fn dot(one: Point, other: Point) -> f64 {
    one[0] * other[0] + one[1] * other[1]
}

fn cross(one: Point, other: Point) -> f64 {
    one[0] * other[1] - one[1] * other[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A triangle of place 0 with these points of the surface's plane, at these points of it.
    fn triangle(surface: [[f32; 2]; 3], at: [[f32; 2]; 3]) -> Triangle {
        let corner = |index: usize| Corner {
            at: at[index],
            position: [surface[index][0], surface[index][1], 0.0],
        };
        Triangle { place: 0, corners: [0, 1, 2].map(corner) }
    }

    fn seams(triangles: &[Triangle]) -> Seams {
        let points: Vec<_> = triangles
            .iter()
            .map(|triangle| triangle.corners.map(|corner| corner.at.map(f64::from)))
            .collect();
        Seams::of(triangles, &points)
    }

    #[test]
    fn triangles_that_lie_beside_each_other_are_one_island() {
        let (a, b, c, d) = ([0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]);
        let scaled = |points: [[f32; 2]; 3]| points.map(|[x, y]| [10.0 * x, 10.0 * y]);
        let quad = [triangle([a, b, c], scaled([a, b, c])), triangle([a, c, d], scaled([a, c, d]))];
        let whole = seams(&quad);
        assert_eq!((whole.islands, whole.sides.len()), (vec![0, 0], 0));
        // The second half lies on the first, mirrored.
        let folded = [quad[0], triangle([a, c, d], scaled([a, c, b]))];
        let folded = seams(&folded);
        assert_eq!((folded.islands, folded.sides.len()), (vec![0, 1], 2));
        let at = folded.sides[0].across([4.0, 6.0]);
        assert!((at[0] - 6.0).abs() < 1e-6 && (at[1] - 4.0).abs() < 1e-6, "its mirror: {at:?}");
    }

    #[test]
    fn a_point_beyond_a_cut_lies_at_the_other_side_turned_and_scaled() {
        // The same edge, from (0, 0) to (2, 0) of the surface: at ten pixels a unit, and turned by
        // a quarter at twenty.
        let one =
            triangle([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]], [[5.0, 5.0], [25.0, 5.0], [15.0, 35.0]]);
        let other = triangle(
            [[0.0, 0.0], [2.0, 0.0], [0.5, -2.0]],
            [[100.0, 50.0], [100.0, 90.0], [140.0, 60.0]],
        );
        let cut = seams(&[one, other]);
        assert_eq!((cut.islands, cut.sides.len()), (vec![0, 1], 2));
        let side = cut.sides.iter().find(|side| side.triangle == Some(0)).expect("it is cut");
        let check = |at: Point, expected: Point, beyond: f64| {
            let found = side.across(at);
            assert!(minus(found, expected).iter().all(|d| d.abs() < 1e-6), "{at:?}: {found:?}");
            assert!((side.beyond(at) - beyond).abs() < 1e-9, "{at:?}");
        };
        // Half a unit along, a tenth beyond.
        check([10.0, 4.0], [102.0, 60.0], 1.0);
        check([10.0, 6.0], [102.0, 60.0], -1.0);
        check([25.0, 5.0], [100.0, 90.0], 0.0);
        assert!((side.distance([30.0, 5.0]) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn surfaces_without_an_area_have_no_seams() {
        let flat =
            triangle([[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]], [[0.0; 2], [9.0, 0.0], [0.0, 9.0]]);
        let other =
            triangle([[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]], [[50.0; 2], [59.0, 50.0], [50.0, 59.0]]);
        assert_eq!(seams(&[flat, other]).sides, []);
    }
}
