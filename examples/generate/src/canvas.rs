//! A surface that is painted and then lit: a colour, a height and an opacity at every point.
//!
//! It has twice the picture's points along each axis; the picture is their mean, which smooths
//! every edge.

use impasto_assets::{Depth, Origin, Picture};
use impasto_types::ContainerFormat;

use crate::color::Rgb;
use crate::curve::mix;

const FINER: usize = 2;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) color: Rgb,
    /// In pixels of the picture.
    pub(crate) height: f32,
    pub(crate) alpha: f32,
}

impl Point {
    pub(crate) fn new(color: Rgb, height: f32) -> Self {
        Self { color, height, alpha: 1.0 }
    }
}

/// How a surface is lit, from the upper left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Light {
    /// How strongly slopes turn light and dark.
    pub(crate) relief: f32,
    /// How dark hollows are.
    pub(crate) hollows: f32,
    /// How far a hollow reaches, in pixels.
    pub(crate) reach: usize,
    pub(crate) gloss: f32,
}

/// A shape that is stamped on a canvas: long, tapered as its paint decides, bent as a parabola. In
/// pixels of the picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// The direction, as a vector of length 1.
    pub(crate) along: (f32, f32),
    pub(crate) length: f32,
    /// Half of its width.
    pub(crate) width: f32,
    /// How far its end is off the straight line, in lengths.
    pub(crate) bend: f32,
}

pub(crate) struct Canvas {
    width: usize,
    height: usize,
    points: Vec<Point>,
}

impl Canvas {
    /// A canvas for a picture of `width` by `height` pixels, painted by `paint` at each (u, v) of
    /// the unit square.
    pub(crate) fn new(width: usize, height: usize, paint: impl Fn(f32, f32) -> Point) -> Self {
        let (width, height) = (width * FINER, height * FINER);
        let at = |index: usize| ((index % width) as f32 + 0.5, (index / width) as f32 + 0.5);
        let points = (0..width * height)
            .map(at)
            .map(|(x, y)| paint(x / width as f32, y / height as f32))
            .collect();
        Self { width, height, points }
    }

    /// Stamps a shape, around the edges too. `paint` gets the place along it (0 to 1) and across it
    /// (-1 to 1) and what is there.
    pub(crate) fn stamp(&mut self, shape: Shape, paint: impl Fn(f32, f32, Point) -> Option<Point>) {
        let finer = FINER as f32;
        let (dx, dy) = shape.along;
        let bent = shape.length * shape.bend;
        let corners = [
            (0.0, -1.0, 0.0),
            (0.0, 1.0, 0.0),
            (0.5, -1.0, 0.25),
            (0.5, 1.0, 0.25),
            (1.0, -1.0, 1.0),
            (1.0, 1.0, 1.0),
        ];
        let corners = corners.map(|(s, t, bend)| {
            let (along, across) = (s * shape.length, t * shape.width * 1.3 + bend * bent);
            (
                (shape.x + dx * along - dy * across) * finer,
                (shape.y + dy * along + dx * across) * finer,
            )
        });
        let low =
            |values: [f32; 6]| values.into_iter().fold(f32::INFINITY, f32::min).floor() as i32 - 2;
        let high = |values: [f32; 6]| {
            values.into_iter().fold(f32::NEG_INFINITY, f32::max).ceil() as i32 + 2
        };
        let (xs, ys) = (corners.map(|corner| corner.0), corners.map(|corner| corner.1));
        for y in low(ys)..=high(ys) {
            for x in low(xs)..=high(xs) {
                let (px, py) =
                    ((x as f32 + 0.5) / finer - shape.x, (y as f32 + 0.5) / finer - shape.y);
                let s = (px * dx + py * dy) / shape.length;
                let t = (py * dx - px * dy - bent * s * s) / shape.width;
                if (0.0..=1.0).contains(&s) && t.abs() <= 1.0 {
                    let index = self.index(x, y);
                    if let Some(point) = paint(s, t, self.points[index]) {
                        self.points[index] = point;
                    }
                }
            }
        }
    }

    /// Lights the surface: its heights become shading of its colours.
    pub(crate) fn light(&mut self, light: Light) {
        let heights: Vec<_> = self.points.iter().map(|point| point.height).collect();
        let around = self.blurred(&heights, light.reach * FINER);
        let lit: Vec<_> = (0..self.points.len())
            .map(|index| {
                let normal = self.normal(&heights, index, light.relief);
                let point = self.points[index];
                Point {
                    color: shade(point.color, normal, around[index] - point.height, light),
                    ..point
                }
            })
            .collect();
        self.points = lit;
    }

    /// A normal map of the surface: x to the right, y up.
    pub(crate) fn normals(&self, relief: f32) -> Self {
        let heights: Vec<_> = self.points.iter().map(|point| point.height).collect();
        let encode = |index: usize| {
            let (x, y, z) = self.normal(&heights, index, relief);
            Point::new(Rgb(0.5 + 0.5 * x, 0.5 - 0.5 * y, 0.5 + 0.5 * z), heights[index])
        };
        Self {
            width: self.width,
            height: self.height,
            points: (0..self.points.len()).map(encode).collect(),
        }
    }

    /// The picture, opaque or not, of 8 or 16 bits a sample.
    pub(crate) fn picture(
        &self,
        name: &str,
        format: ContainerFormat,
        depth: Depth,
        has_alpha: bool,
    ) -> Picture {
        let (width, height) = (self.width / FINER, self.height / FINER);
        let mut rgb = Vec::with_capacity(width * height * 3);
        let mut alpha = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let block = (0..FINER * FINER).map(|n| {
                    self.points[(y * FINER + n / FINER) * self.width + x * FINER + n % FINER]
                });
                let share = 1.0 / (FINER * FINER) as f32;
                // Colours count by their opacity; where nothing is opaque, all count.
                let opacity: f32 = block.clone().map(|point| point.alpha).sum();
                let weight =
                    |point: &Point| if opacity > 0.0 { point.alpha / opacity } else { share };
                let level = |of: fn(Rgb) -> f32| {
                    block.clone().map(|point| of(point.color) * weight(&point)).sum::<f32>() * 255.0
                };
                rgb.extend(
                    [level(|color| color.0), level(|color| color.1), level(|color| color.2)]
                        .map(|level| level.clamp(0.0, 255.0)),
                );
                alpha.push(opacity * share);
            }
        }
        let origin = Origin { depth, ..Origin::synthetic(name, format) };
        Picture {
            width: width as u32,
            height: height as u32,
            rgb,
            alpha: has_alpha.then_some(alpha),
            extra: Vec::new(),
            origin,
        }
    }

    fn index(&self, x: i32, y: i32) -> usize {
        y.rem_euclid(self.height as i32) as usize * self.width
            + x.rem_euclid(self.width as i32) as usize
    }

    fn normal(&self, heights: &[f32], index: usize, relief: f32) -> (f32, f32, f32) {
        let (x, y) = ((index % self.width) as i32, (index / self.width) as i32);
        let slope = |a: usize, b: usize| (heights[b] - heights[a]) * relief * FINER as f32 / 2.0;
        let dx = slope(self.index(x - 1, y), self.index(x + 1, y));
        let dy = slope(self.index(x, y - 1), self.index(x, y + 1));
        let length = (dx * dx + dy * dy + 1.0).sqrt();
        (-dx / length, -dy / length, 1.0 / length)
    }

    /// The mean over a square of side `2 * reach + 1`, twice, around the edges.
    fn blurred(&self, values: &[f32], reach: usize) -> Vec<f32> {
        let reach = reach as i32;
        let mut values = values.to_vec();
        for (dx, dy) in [(1, 0), (0, 1), (1, 0), (0, 1)] {
            let mean = |index: usize| {
                let (x, y) = ((index % self.width) as i32, (index / self.width) as i32);
                let sum: f32 =
                    (-reach..=reach).map(|n| values[self.index(x + n * dx, y + n * dy)]).sum();
                sum / (2 * reach + 1) as f32
            };
            values = (0..values.len()).map(mean).collect();
        }
        values
    }
}

/// Where the light comes from: left, above, in front.
const LIGHT: (f32, f32, f32) = (-0.46, -0.58, 0.672);

fn shade(color: Rgb, (nx, ny, nz): (f32, f32, f32), depth: f32, light: Light) -> Rgb {
    let diffuse = (nx * LIGHT.0 + ny * LIGHT.1 + nz * LIGHT.2).max(0.0) / LIGHT.2;
    let open = 1.0 / (1.0 + light.hollows * depth.max(0.0));
    // A sky that is bluer than the sun: shadows are cool, lights are warm.
    let sun = 0.62 * diffuse * mix(open, 1.0, 0.4);
    let sky = 0.38 * open;
    let half = (nx * LIGHT.0 + ny * LIGHT.1 + (nz * (LIGHT.2 + 1.0))) / 1.829;
    let gleam = half.max(0.0);
    let gleam = gleam * gleam * gleam * gleam;
    let gleam = light.gloss * gleam * gleam * gleam * gleam * open;
    let channel = |value: f32, warm: f32| {
        (value * value * (sun * warm + sky * (2.0 - warm)) + gleam).clamp(0.0, 1.0).sqrt()
    };
    Rgb(channel(color.0, 1.06), channel(color.1, 1.0), channel(color.2, 0.9))
}
