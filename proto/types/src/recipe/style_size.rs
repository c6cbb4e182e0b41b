//! The sizes at which style images are looked at.

use super::{Init, Optimize};

impl Optimize {
    /// Style images of more pixels are reduced as soon as they are decoded: 192 MiB in memory.
    pub const LARGE_STYLE_PX: u64 = 1 << 24;

    /// The factor by which a style image of `style` pixels (width and height) is scaled for a
    /// picture of `picture` pixels, so that its longer side is `style_scale` times the picture's.
    ///
    /// After the first scale it is never enlarged: coarser scales have set the large forms, and its
    /// blur would be learned. At the first scale it is, up to as many pixels as the picture has,
    /// since blur is better there than strokes that are too small; but where a network has painted
    /// what the run begins with, it has set them.
    pub fn style_factor(&self, style: (u32, u32), picture: (u32, u32), first: bool) -> f64 {
        let longer = |(width, height): (u32, u32)| f64::from(width.max(height).max(1));
        let area = |(width, height): (u32, u32)| f64::from(width.max(1)) * f64::from(height.max(1));
        let enlarges = first && self.init != Init::Arbitrary;
        let most = if enlarges { (area(picture) / area(style)).sqrt().max(1.0) } else { 1.0 };
        (longer(picture) * f64::from(self.style_scale) / longer(style)).min(most)
    }

    /// By how much a style image of this size is reduced as soon as it is decoded, for a result of
    /// `picture`'s size: by 1 up to [`Self::LARGE_STYLE_PX`] pixels, beyond them so far that two
    /// pixels along each axis are left for each that is looked at.
    pub fn style_reduction(&self, style: (u32, u32), picture: (u32, u32)) -> u32 {
        let scales = self.scales(picture.0, picture.1);
        let factors = scales
            .iter()
            .enumerate()
            .map(|(at, scale)| self.style_factor(style, (scale.width, scale.height), at == 0));
        Self::reduction(style, factors.fold(0.0, f64::max))
    }

    /// The same where it is looked at scaled by `factor` at most.
    pub(super) fn reduction(style: (u32, u32), factor: f64) -> u32 {
        if u64::from(style.0) * u64::from(style.1) <= Self::LARGE_STYLE_PX {
            return 1;
        }
        // At least one pixel is left.
        (0.5 / factor).clamp(1.0, f64::from(style.0.min(style.1).max(1))) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_styles_are_reduced_and_to_twice_what_is_looked_at() {
        let check = |style: (u32, u32), result: u32, scale: f32, expected: u32| {
            let recipe = Optimize { style_scale: scale, ..Optimize::painterly() };
            let by = recipe.style_reduction(style, (result, result));
            assert_eq!(by, expected, "{style:?} for {result} at {scale}");
        };
        check((4096, 4096), 512, 1.0, 1);
        check((8192, 8192), 512, 1.0, 8);
        check((8192, 8192), 512, 2.0, 4);
        check((8192, 8192), 8192, 1.0, 1);
        check((32768, 1024), 16, 1.0, 1024);
    }
}
