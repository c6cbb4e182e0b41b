//! Colour keys: one colour of a picture stands for transparency, as in sheets of sprites with a
//! magenta ground.

use impasto_assets::Picture;
use impasto_engine::resize_plane;
use impasto_types::HexColor;

/// The pixels that have the key's colour.
#[derive(Debug)]
pub(super) struct ColorKey {
    /// In levels from 0 to 255.
    color: [f32; 3],
    /// For each pixel of the asset, 0 where it is a hole, and 1 elsewhere.
    there: Vec<f32>,
}

/// Samples of 8 and 16 bits are multiples of more than this.
const SAME: f32 = 1.0 / 1024.0;

impl ColorKey {
    /// None where no pixel has the colour.
    pub(super) fn of(color: HexColor, picture: &Picture) -> Option<Self> {
        let color = color.0.map(f32::from);
        let is_hole =
            |pixel: &[f32]| pixel.iter().zip(color).all(|(level, key)| (level - key).abs() < SAME);
        let pixels = picture.rgb.chunks_exact(3);
        let there: Vec<f32> = pixels.map(|pixel| if is_hole(pixel) { 0.0 } else { 1.0 }).collect();
        there.contains(&0.0).then_some(Self { color, there })
    }

    /// How much of each pixel there is: of alpha, where that says so too.
    pub(super) fn there(&self, alpha: Option<&[f32]>) -> Vec<f32> {
        match alpha {
            Some(alpha) => alpha.iter().zip(&self.there).map(|(one, other)| one * other).collect(),
            None => self.there.clone(),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        size_of_val(&self.there[..]) as u64
    }

    /// Gives holes the key's colour, and no other pixel: one that was painted in it is moved by a
    /// level in the colours that are `moved`. The asset has the size `own`, the colours `size`.
    pub(super) fn put(
        &self,
        rgb: &mut [f32],
        own: (usize, usize),
        size: (usize, usize),
        wraps: (bool, bool),
        moved: [bool; 3],
    ) {
        let there = match own == size {
            true => self.there.clone(),
            false => resize_plane(&self.there, 1, own, size, wraps),
        };
        let away = self.color.map(|level| if level < 128.0 { level + 1.0 } else { level - 1.0 });
        for (pixel, there) in rgb.chunks_exact_mut(3).zip(there) {
            if there < 0.5 {
                pixel.copy_from_slice(&self.color);
            } else if pixel.iter().zip(self.color).all(|(level, key)| level.round() == key) {
                for at in (0..3).filter(|at| moved[*at]) {
                    pixel[at] = away[at];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use impasto_assets::Origin;
    use impasto_types::ContainerFormat;

    use super::*;

    /// Two pixels of magenta, one nearly so, and a grey one.
    fn picture() -> Picture {
        let (key, near) = ([255.0, 0.0, 255.0], [255.0, 1.0, 255.0]);
        Picture {
            width: 2,
            height: 2,
            rgb: [key, near, key, [90.0; 3]].concat(),
            alpha: None,
            extra: Vec::new(),
            origin: Origin::synthetic("sprite.png", ContainerFormat::Png),
        }
    }

    #[test]
    fn holes_are_the_pixels_of_exactly_this_colour() {
        let key = ColorKey::of(HexColor([255, 0, 255]), &picture()).expect("it has some");
        assert_eq!(key.there(None), [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(key.there(Some(&[1.0, 0.5, 0.5, 0.0])), [0.0, 0.5, 0.0, 0.0]);
        assert!(ColorKey::of(HexColor([0, 0, 255]), &picture()).is_none());
        // 16 bits: 128 is 32896 of 65535.
        let deep = Picture { rgb: [32_896.0 / 65_535.0 * 255.0; 12].to_vec(), ..picture() };
        let key = ColorKey::of(HexColor([128; 3]), &deep).expect("all of it");
        assert_eq!(key.there(None), [0.0; 4]);
    }

    #[test]
    fn holes_come_back_and_paint_makes_no_new_ones() {
        let key = ColorKey::of(HexColor([255, 0, 255]), &picture()).expect("it has some");
        let mut painted = [[10.0; 3], [254.8, 0.3, 255.0], [20.0; 3], [30.0; 3]].concat();
        let green = [false, true, false];
        key.put(&mut painted, (2, 2), (2, 2), (false, false), green);
        let expected = [[255.0, 0.0, 255.0], [254.8, 1.0, 255.0], [255.0, 0.0, 255.0], [30.0; 3]];
        assert_eq!(painted, expected.concat());
        // The left column is the hole, in any size.
        let mut large = vec![7.0; 3 * 16];
        key.put(&mut large, (2, 2), (4, 4), (false, false), [true; 3]);
        let holes: Vec<bool> = large.chunks_exact(3).map(|pixel| pixel[0] == 255.0).collect();
        assert_eq!(holes, [true, true, false, false].repeat(4));
    }
}
