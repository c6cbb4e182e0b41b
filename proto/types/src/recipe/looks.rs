//! How the network looks at the picture of a scale: to what depth, and at which size.

use super::{Optimize, VggLayer};

/// How the network looks at the picture of a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// The deepest layer that is evaluated at full size.
    pub full_size: VggLayer,
    /// The width and the height of the reduced copy on which deeper layers are evaluated; without
    /// one, they are not.
    pub copy: Option<(u32, u32)>,
}

impl Looks {
    /// All layers at full size.
    const WHOLE: Self = Self { full_size: VggLayer::Relu5_1, copy: None };
}

impl Optimize {
    /// The shortest side of a reduced copy. Its sides are rounded to multiples of 16 pixels, so
    /// that what it shows has its proportions to an eighth at least, and mostly much better.
    const LEAST_COPY_PX: u32 = 64;

    /// How the network looks at a scale whose picture and canvas have these sizes, width and
    /// height. A picture too narrow for a copy is looked at as a whole: it has few pixels.
    pub fn looks(&self, picture: (u32, u32), canvas: (u32, u32)) -> Looks {
        let side = picture.0.max(picture.1);
        let rules = self.layers_by_scale.0.iter();
        let Some(rule) = rules.rev().find(|rule| side > rule.above_px) else { return Looks::WHOLE };
        let full_size = rule.full_size;
        let Some(divisor) = rule.deeper.divisor() else { return Looks { full_size, copy: None } };
        // To the nearest multiple: the network sees whole pixels of its deepest layer.
        let reduced = |side: u32| (side + 8 * divisor) / (16 * divisor) * 16;
        let copy = (reduced(canvas.0), reduced(canvas.1));
        if copy.0.min(copy.1) < Self::LEAST_COPY_PX {
            return Looks::WHOLE;
        }
        Looks { full_size, copy: Some(copy) }
    }

    /// The work of one step at such a scale, as the number of pixels whose way through the whole
    /// network would be as long.
    pub fn step_work_px(&self, picture: (u32, u32), canvas: (u32, u32)) -> u64 {
        let Looks { full_size, copy } = self.looks(picture, canvas);
        let px = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
        let full = px(canvas) * full_size.multiply_adds() / VggLayer::Relu5_1.multiply_adds();
        full + copy.map_or(0, px)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(rules: &str) -> Optimize {
        let layers_by_scale = rules.parse().expect("they are rules");
        Optimize { layers_by_scale, ..Optimize::painterly() }
    }

    #[test]
    fn the_largest_size_that_a_scale_exceeds_decides() {
        let recipe = recipe("256:relu3_1:half,1000:relu2_1:quarter");
        let looks = |side: u32| {
            let Looks { full_size, copy } =
                recipe.looks((side, side / 2), (side + 16, side / 2 + 16));
            (full_size, copy)
        };
        assert_eq!(looks(256), (VggLayer::Relu5_1, None));
        assert_eq!(looks(496), (VggLayer::Relu3_1, Some((256, 128))));
        // 264 and 136 lie between two multiples of 16.
        assert_eq!(looks(512), (VggLayer::Relu3_1, Some((272, 144))));
        assert_eq!(looks(1024), (VggLayer::Relu2_1, Some((256, 128))));
        // A copy would be too narrow.
        assert_eq!(looks(260), (VggLayer::Relu3_1, Some((144, 80))));
        assert_eq!(recipe.looks((4096, 64), (4112, 80)), Looks::WHOLE);
    }

    #[test]
    fn work_counts_how_deep_a_scale_is_looked_at() {
        let work = |text: &str| recipe(text).step_work_px((512, 512), (512, 512));
        let pixels = 512 * 512;
        assert_eq!(work(""), pixels);
        assert_eq!(work("512:relu3_1:half"), pixels);
        assert_eq!(work("256:relu5_1:none"), pixels);
        let shallow = pixels * 112_320 / 361_152;
        assert_eq!(work("256:relu3_1:none"), shallow);
        assert_eq!(work("256:relu3_1:half"), shallow + pixels / 4);
        assert_eq!(work("256:relu3_1:quarter"), shallow + pixels / 16);
    }
}
