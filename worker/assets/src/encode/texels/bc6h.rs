//! BC6H without a sign: floats, packed in one of the four modes that have a single line of colours.
//!
//! A decoder interpolates numbers from 0 to 65535, and 31/64 of a number are the bits of a half
//! float, so that a line is nearly logarithmic. The first end has 10 to 16 bits. The second has as
//! many in mode 11; in modes 12 to 14 it is the difference from the first. The most exact mode
//! whose differences fit is taken. Lines in two parts (modes 1 to 10) are not tried: they would
//! serve edges only.

use half::f16;

use super::line::{ALL, Bits, Channels, Ends, fit, turn, whole};

/// A mode: its number, and the bits of the ends.
struct Mode {
    number: i32,
    first_bits: u32,
    second_bits: u32,
}

/// From the most exact one.
const MODES: [Mode; 4] = [
    Mode { number: 0b01111, first_bits: 16, second_bits: 4 },
    Mode { number: 0b01011, first_bits: 12, second_bits: 8 },
    Mode { number: 0b00111, first_bits: 11, second_bits: 9 },
    Mode { number: 0b00011, first_bits: 10, second_bits: 10 },
];

/// The largest finite half float.
const LARGEST: u16 = 0x7bff;

/// Packs texels; negative samples become 0, and those that are too large the largest.
pub(super) fn pack(texels: &[[f32; 4]; 16]) -> [u8; 16] {
    let number = |sample: f32| {
        let bits = f16::from_f32(sample.max(0.0)).to_bits().min(LARGEST);
        f32::from(bits) * (64.0 / 31.0)
    };
    let numbers = std::array::from_fn(|channel| texels.map(|texel| number(texel[channel])));
    for mode in &MODES {
        if let Some(block) = mode.pack(&numbers) {
            return block;
        }
    }
    // Not reached: mode 11 stores both ends.
    [0; 16]
}

impl Mode {
    /// `None` if the ends are too far from each other.
    fn pack(&self, numbers: &Channels<3>) -> Option<[u8; 16]> {
        let line = fit(numbers, &ALL, 4, |ends| {
            let fields = ends.map(|end| end.map(|number| self.rounded(number)));
            let values = fields.map(|end| end.map(|field| self.number_of(field) as f32));
            Ends { fields, values }
        });
        let (mut indices, mut ends) = (line.indices, line.fields);
        if turn(&mut indices, &ALL, 4, 0) {
            ends.reverse();
        }
        let [first, second] = ends;
        let is_difference = self.second_bits < 10;
        let limit = 1 << (self.second_bits - 1);
        let second: [i32; 3] =
            std::array::from_fn(|i| if is_difference { second[i] - first[i] } else { second[i] });
        if is_difference && second.iter().any(|off| !(-limit..limit).contains(off)) {
            return None;
        }
        let mut bits = Bits::default();
        bits.push(self.number, 5);
        first.iter().for_each(|&field| bits.push(field & 0x3ff, 10));
        for (&first, &second) in first.iter().zip(&second) {
            bits.push(second & ((1 << self.second_bits) - 1), self.second_bits);
            // The other bits of the first end follow from the highest.
            for bit in (10..self.first_bits).rev() {
                bits.push(first >> bit & 1, 1);
            }
        }
        bits.push_indices(&indices, 4, &[0]);
        Some(bits.bytes())
    }

    /// The field that stands for the nearest number.
    fn rounded(&self, number: f32) -> i32 {
        let most = (1 << self.first_bits) - 1;
        let step = 65_536.0 / (most + 1) as f32;
        // Numbers are in the middle of their steps, but 0 and the last.
        let field = if self.first_bits == 16 { number } else { number / step - 0.5 };
        whole(field, most as f32)
    }

    /// The number that a decoder makes of a field.
    fn number_of(&self, field: i32) -> i32 {
        let most = (1 << self.first_bits) - 1;
        match field {
            _ if self.first_bits >= 15 => field,
            0 => 0,
            field if field == most => 0xffff,
            field => ((field << 16) + 0x8000) >> self.first_bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(texels: &[[f32; 4]; 16]) -> [f16; 48] {
        let mut halves = [0; 48];
        bcdec_rs::bc6h_half(&pack(texels), &mut halves, 12, false);
        halves.map(f16::from_bits)
    }

    #[test]
    fn one_colour_is_within_a_last_bit() {
        for value in [0.0, 1e-6, 0.01, 0.5, 1.0, 1.7, 300.0, 65_504.0] {
            for half in decoded(&[[value; 4]; 16]) {
                let off = i32::from(half.to_bits()) - i32::from(f16::from_f32(value).to_bits());
                assert!(off.abs() <= 1, "{value}: {half}");
            }
        }
        // What has no place becomes the nearest that has.
        assert!(decoded(&[[-3.0; 4]; 16]).iter().all(|half| half.to_f32() == 0.0));
        assert!(decoded(&[[1e9; 4]; 16]).iter().all(|half| half.to_f32() > 65_000.0));
    }

    #[test]
    fn a_line_of_any_range_is_near() {
        for most in [1.01_f32, 1.1, 2.0, 50.0] {
            // Even steps of the logarithm; the first end is the brighter one in turn.
            let place = |at: usize, up: bool| if up { at } else { 15 - at } as f32 / 15.0;
            for up in [true, false] {
                let level = |at: usize| 0.3 * most.powf(place(at, up));
                let texels = std::array::from_fn(|at| [level(at), 2.0 * level(at), 0.5, 1.0]);
                let halves = decoded(&texels);
                for (at, texel) in texels.iter().enumerate() {
                    for (channel, expected) in texel[..3].iter().enumerate() {
                        let off = halves[3 * at + channel].to_f32() / expected;
                        assert!((off - 1.0).abs() < 0.06, "{most} {up} {at}: {off}");
                    }
                }
            }
        }
    }
}
