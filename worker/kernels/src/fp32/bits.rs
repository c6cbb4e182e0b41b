//! One bit for each feature of a map: whether it gets a gradient. That takes a 32nd of the map's
//! memory.
//!
//! The bits of a pixel are whole bytes, the lowest bit of the first being its first channel.

/// Bytes of a pixel.
pub(crate) fn bytes(channels: usize) -> usize {
    channels.div_ceil(8)
}

/// The bit of a channel in the bytes of a pixel.
pub(crate) fn get(pixel: &[u8], channel: usize) -> bool {
    pixel[channel / 8] >> (channel % 8) & 1 == 1
}

/// Sets the bits of a pixel's channels where `open` says so, and clears the others.
pub(crate) fn set(pixel: &mut [u8], channels: usize, open: impl Fn(usize) -> bool) {
    pixel.fill(0);
    for channel in (0..channels).filter(|channel| open(*channel)) {
        pixel[channel / 8] |= 1 << (channel % 8);
    }
}

/// Where a gradient passes the ReLU that made a map.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gate<'a> {
    /// Where the features are positive.
    Features(&'a [f32]),
    /// Where the bits are set.
    Bits(&'a [u8]),
}

impl Gate<'_> {
    /// Whether the value of this index of a map passes.
    pub(crate) fn is_open(&self, index: usize, channels: usize) -> bool {
        match self {
            Self::Features(features) => features[index] > 0.0,
            Self::Bits(bits) => get(&bits[index / channels * bytes(channels)..], index % channels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_for_each_channel() {
        let mut map = [0xFF; 4];
        let open = |channel: usize| channel % 3 == 1;
        set(&mut map[2..], 11, open);
        for channel in 0..11 {
            assert_eq!(Gate::Bits(&map).is_open(11 + channel, 11), open(channel));
        }
    }
}
