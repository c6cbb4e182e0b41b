//! The modes of BC7 that are written: how each rounds the ends of its lines, and its bits.

use std::sync::LazyLock;

use super::super::line::{Bits, Ends, FOUR_BITS, Line, THREE_BITS, TWO_BITS, Texel, fit, turn};
use super::shapes::{ANCHORS, SHAPES};

/// A block, and how far it is from its texels: the sum of squared differences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub block: [u8; 16],
    pub error: f32,
}

/// The ends of a line of mode 6: seven bits a channel, and a last bit for all four.
type WithLastBit = [([i32; 4], i32); 2];

/// One line with alpha.
pub(super) fn mode6(texels: &[Texel; 16], opaque: bool) -> Packed {
    let round_one = |end: Texel| -> (([i32; 4], i32), [i32; 4]) {
        let with_last = |last: i32| {
            let fields =
                end.map(|level| (((level - last as f32) / 2.0).round() as i32).clamp(0, 127));
            (fields, fields.map(|field| field << 1 | last))
        };
        let (odd, even) = (with_last(1), with_last(0));
        // Only odd levels reach 255, which opaque alpha is.
        if opaque || distance(&odd.1, &end) < distance(&even.1, &end) {
            ((odd.0, 1), odd.1)
        } else {
            ((even.0, 0), even.1)
        }
    };
    let line: Line<WithLastBit> = fit(texels, u16::MAX, &FOUR_BITS, |ends| {
        let [first, second] = ends.map(round_one);
        Ends { fields: [first.0, second.0], values: [first.1, second.1] }
    });
    let (mut indices, mut ends) = (line.indices, line.fields);
    if turn(&mut indices, u16::MAX, 4, 0) {
        ends.reverse();
    }
    let mut bits = Bits::default();
    bits.push(1_u8 << 6, 7);
    for channel in 0..4 {
        ends.iter().for_each(|end| bits.push(end.0[channel] as u32, 7));
    }
    ends.iter().for_each(|end| bits.push(end.1 as u32, 1));
    bits.push_indices(&indices, 4, &[0]);
    Packed { block: bits.bytes(), error: line.error }
}

/// Two lines without alpha, in one of the shapes: six bits a channel, and a last bit for a line.
pub(super) fn mode1(texels: &[Texel; 16], shape: usize) -> Packed {
    let colors = texels.map(|[red, green, blue, _]| [red, green, blue, 0.0]);
    let round = |ends: [Texel; 2]| {
        let with_last = |last: i32| {
            let fields = ends.map(|end| {
                let field = |level: f32| (level * (127.0 / 255.0) - last as f32) / 2.0;
                [0, 1, 2].map(|i| (field(end[i]).round() as i32).clamp(0, 63))
            });
            let values = fields.map(|[red, green, blue]| {
                let [red, green, blue] = [red, green, blue].map(|field| widened(field << 1 | last));
                [red, green, blue, 0]
            });
            let off = distance(&values[0], &ends[0]) + distance(&values[1], &ends[1]);
            (off, Ends { fields: (fields, last), values })
        };
        let (even, odd) = (with_last(0), with_last(1));
        if odd.0 < even.0 { odd.1 } else { even.1 }
    };
    let second = SHAPES[shape];
    let members = [!second, second];
    let anchors = [0, ANCHORS[shape]];
    let mut lines = members.map(|members| fit(&colors, members, &THREE_BITS, round));
    for part in 0..2 {
        let line = &mut lines[part];
        if turn(&mut line.indices, members[part], 3, anchors[part]) {
            line.fields.0.reverse();
        }
    }
    let mut bits = Bits::default();
    bits.push(1_u8 << 1, 2);
    bits.push(shape as u32, 6);
    for channel in 0..3 {
        for end in lines.iter().flat_map(|line| &line.fields.0) {
            bits.push(end[channel] as u32, 6);
        }
    }
    lines.iter().for_each(|line| bits.push(line.fields.1 as u32, 1));
    // The texels of the other line have index 0.
    let indices = std::array::from_fn(|at| lines[0].indices[at] | lines[1].indices[at]);
    bits.push_indices(&indices, 3, &anchors);
    Packed { block: bits.bytes(), error: lines[0].error + lines[1].error }
}

/// A line of colours of seven bits, and one of alpha of eight.
pub(super) fn mode5(texels: &[Texel; 16]) -> Packed {
    let colors = texels.map(|[red, green, blue, _]| [red, green, blue, 0.0]);
    let color = fit(&colors, u16::MAX, &TWO_BITS, |ends| {
        let fields = ends.map(|end| {
            [0, 1, 2].map(|i| ((end[i] * (127.0 / 255.0)).round() as i32).clamp(0, 127))
        });
        let values = fields.map(|fields| {
            let [red, green, blue] = fields.map(widened);
            [red, green, blue, 0]
        });
        Ends { fields, values }
    });
    let alphas = texels.map(|texel| [texel[3], 0.0, 0.0, 0.0]);
    let alpha = fit(&alphas, u16::MAX, &TWO_BITS, |ends| {
        let fields = ends.map(|end| (end[0].round() as i32).clamp(0, 255));
        Ends { fields, values: fields.map(|field| [field, 0, 0, 0]) }
    });
    Packed { block: mode5_bits(color, alpha), error: color.error + alpha.error }
}

fn mode5_bits(mut color: Line<[[i32; 3]; 2]>, mut alpha: Line<[i32; 2]>) -> [u8; 16] {
    if turn(&mut color.indices, u16::MAX, 2, 0) {
        color.fields.reverse();
    }
    if turn(&mut alpha.indices, u16::MAX, 2, 0) {
        alpha.fields.reverse();
    }
    let mut bits = Bits::default();
    // Alpha is no other channel's place.
    bits.push(1_u8 << 5, 8);
    for channel in 0..3 {
        color.fields.iter().for_each(|end| bits.push(end[channel] as u32, 7));
    }
    alpha.fields.iter().for_each(|&end| bits.push(end as u32, 8));
    bits.push_indices(&color.indices, 2, &[0]);
    bits.push_indices(&alpha.indices, 2, &[0]);
    bits.bytes()
}

/// A block of one colour, exactly: mode 5 with index 1 everywhere.
pub(super) fn single(texel: &Texel) -> [u8; 16] {
    let [red, green, blue, alpha] = texel.map(|level| level as usize);
    let ends = [red, green, blue].map(|level| BETWEEN[level]);
    let fields = [0, 1].map(|end| [ends[0][end], ends[1][end], ends[2][end]]);
    let color = Line { fields, indices: [1; 16], error: 0.0 };
    let alpha = Line { fields: [alpha as i32; 2], indices: [0; 16], error: 0.0 };
    mode5_bits(color, alpha)
}

/// For each level, two ends of seven bits whose second colour of four it is.
static BETWEEN: LazyLock<[[i32; 2]; 256]> = LazyLock::new(|| {
    std::array::from_fn(|level| {
        let step = TWO_BITS[1];
        let value =
            |ends: [i32; 2]| ((64 - step) * widened(ends[0]) + step * widened(ends[1]) + 32) >> 6;
        let near = level as i32 / 2;
        let pairs = (-4..=4).flat_map(|a| (-8..=8).map(move |b| [near + a, near + b]));
        let mut valid = pairs.filter(|pair| pair.iter().all(|end| (0..128).contains(end)));
        valid.find(|&pair| value(pair) == level as i32).unwrap_or([near; 2])
    })
});

/// Seven bits as a level.
fn widened(field: i32) -> i32 {
    field << 1 | field >> 6
}

fn distance(values: &[i32; 4], texel: &Texel) -> f32 {
    let off = values.iter().zip(texel).map(|(value, level)| *value as f32 - level);
    off.map(|off| off * off).sum()
}
