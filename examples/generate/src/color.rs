//! Colours, as screens encode them, 0 to 1.

use crate::curve::mix;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rgb(pub(crate) f32, pub(crate) f32, pub(crate) f32);

impl Rgb {
    /// From `0xrrggbb`.
    pub(crate) const fn hex(hex: u32) -> Self {
        Self(
            (hex >> 16 & 255) as f32 / 255.0,
            (hex >> 8 & 255) as f32 / 255.0,
            (hex & 255) as f32 / 255.0,
        )
    }

    pub(crate) fn mix(self, other: Self, t: f32) -> Self {
        let t = t.clamp(0.0, 1.0);
        Self(mix(self.0, other.0, t), mix(self.1, other.1, t), mix(self.2, other.2, t))
    }

    pub(crate) fn times(self, factor: f32) -> Self {
        Self(self.0 * factor, self.1 * factor, self.2 * factor)
    }

    /// The colour at `t`, 0 to 1, on a way through several.
    pub(crate) fn along(way: &[Self], t: f32) -> Self {
        let place = t.clamp(0.0, 1.0) * (way.len() - 1) as f32;
        let index = (place as usize).min(way.len().saturating_sub(2));
        way[index].mix(way[(index + 1).min(way.len() - 1)], place - index as f32)
    }
}
