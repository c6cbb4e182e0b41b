//! The modes of BC7 that are written: how each rounds the ends of its lines, and its bits.

use std::sync::LazyLock;

use super::super::line::{ALL, Bits, Channels, Ends, Line, Members, Pair, fit, turn, whole};
use super::shapes::{ANCHORS, SHAPES};

/// A block, and how far it is from its texels: the sum of squared differences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub block: [u8; 16],
    pub error: f32,
}

/// An end of a line of mode 6: seven bits a channel, and a last bit for all four.
type WithLastBit = ([i32; 4], i32);

/// One line with alpha.
pub(super) fn mode6(texels: &Channels<4>, opaque: bool) -> Packed {
    let round_one = |end: [f32; 4]| -> (WithLastBit, [f32; 4]) {
        let with_last = |last: i32| {
            let fields = end.map(|level| whole((level - last as f32) / 2.0, 127.0));
            ((fields, last), fields.map(|field| (field << 1 | last) as f32))
        };
        let (odd, even) = (with_last(1), with_last(0));
        // Only odd levels reach 255, which opaque alpha is.
        if opaque || distance(&odd.1, &end) < distance(&even.1, &end) { odd } else { even }
    };
    let line = fit(texels, &ALL, 4, |ends| {
        let [first, second] = ends.map(round_one);
        Ends { fields: [first.0, second.0], values: [first.1, second.1] }
    });
    let (mut indices, mut ends) = (line.indices, line.fields);
    if turn(&mut indices, &ALL, 4, 0) {
        ends.reverse();
    }
    let mut bits = Bits::default();
    bits.push(1 << 6, 7);
    for channel in 0..4 {
        ends.iter().for_each(|end| bits.push(end.0[channel], 7));
    }
    ends.iter().for_each(|end| bits.push(end.1, 1));
    bits.push_indices(&indices, 4, &[0]);
    Packed { block: bits.bytes(), error: line.error }
}

/// Two lines without alpha, in one of the shapes: six bits a channel, and a last bit for a line.
pub(super) fn mode1(colors: &Channels<3>, shape: usize) -> Packed {
    let round = |ends: Pair<3>| {
        let with_last = |last: i32| {
            let field = |level: f32| whole((level * (127.0 / 255.0) - last as f32) / 2.0, 63.0);
            let fields = ends.map(|end| end.map(field));
            let values = fields.map(|end| end.map(|field| widened(field << 1 | last) as f32));
            let off = distance(&values[0], &ends[0]) + distance(&values[1], &ends[1]);
            (off, Ends { fields: (fields, last), values })
        };
        let (even, odd) = (with_last(0), with_last(1));
        if odd.0 < even.0 { odd.1 } else { even.1 }
    };
    let second = SHAPES[shape];
    let anchors = [0, ANCHORS[shape]];
    let members = [!second, second].map(members);
    let mut lines = members.map(|members| fit(colors, &members, 3, round));
    for part in 0..2 {
        let line = &mut lines[part];
        if turn(&mut line.indices, &members[part], 3, anchors[part]) {
            line.fields.0.reverse();
        }
    }
    let mut bits = Bits::default();
    bits.push(1 << 1, 2);
    bits.push(shape as i32, 6);
    for channel in 0..3 {
        for end in lines.iter().flat_map(|line| &line.fields.0) {
            bits.push(end[channel], 6);
        }
    }
    lines.iter().for_each(|line| bits.push(line.fields.1, 1));
    // The texels of the other line have index 0.
    let indices = std::array::from_fn(|at| lines[0].indices[at] | lines[1].indices[at]);
    bits.push_indices(&indices, 3, &anchors);
    Packed { block: bits.bytes(), error: lines[0].error + lines[1].error }
}

fn members(bits: u16) -> Members {
    std::array::from_fn(|at| f32::from(bits >> at & 1))
}

/// A line of colours of seven bits, and one of alpha of eight.
pub(super) fn mode5([red, green, blue, alpha]: &Channels<4>) -> Packed {
    let color = fit(&[*red, *green, *blue], &ALL, 2, |ends| {
        let fields = ends.map(|end| end.map(|level| whole(level * (127.0 / 255.0), 127.0)));
        Ends { fields, values: fields.map(|end| end.map(|field| widened(field) as f32)) }
    });
    let alpha = fit(&[*alpha], &ALL, 2, |ends| {
        let fields = ends.map(|[level]| whole(level, 255.0));
        Ends { fields, values: fields.map(|field| [field as f32]) }
    });
    Packed { block: mode5_bits(color, alpha), error: color.error + alpha.error }
}

fn mode5_bits(mut color: Line<[[i32; 3]; 2]>, mut alpha: Line<[i32; 2]>) -> [u8; 16] {
    if turn(&mut color.indices, &ALL, 2, 0) {
        color.fields.reverse();
    }
    if turn(&mut alpha.indices, &ALL, 2, 0) {
        alpha.fields.reverse();
    }
    let mut bits = Bits::default();
    // Alpha is in its own place.
    bits.push(1 << 5, 8);
    for channel in 0..3 {
        color.fields.iter().for_each(|end| bits.push(end[channel], 7));
    }
    alpha.fields.iter().for_each(|&end| bits.push(end, 8));
    bits.push_indices(&color.indices, 2, &[0]);
    bits.push_indices(&alpha.indices, 2, &[0]);
    bits.bytes()
}

/// A line of colours of five bits, and one of alpha of six: four colours and eight values of alpha,
/// or the other way round.
pub(super) fn mode4([red, green, blue, alpha]: &Channels<4>, more_colors: bool) -> Packed {
    let (color_bits, alpha_bits) = if more_colors { (3, 2) } else { (2, 3) };
    let mut color = fit(&[*red, *green, *blue], &ALL, color_bits, |ends| {
        let fields = ends.map(|end| end.map(|level| whole(level * (31.0 / 255.0), 31.0)));
        let values = fields.map(|end| end.map(|field| (field << 3 | field >> 2) as f32));
        Ends { fields, values }
    });
    let mut alpha = fit(&[*alpha], &ALL, alpha_bits, |ends| {
        let fields = ends.map(|[level]| whole(level * (63.0 / 255.0), 63.0));
        Ends { fields, values: fields.map(|field| [(field << 2 | field >> 4) as f32]) }
    });
    if turn(&mut color.indices, &ALL, color_bits, 0) {
        color.fields.reverse();
    }
    if turn(&mut alpha.indices, &ALL, alpha_bits, 0) {
        alpha.fields.reverse();
    }
    let mut bits = Bits::default();
    // Alpha is in its own place.
    bits.push(1 << 4, 7);
    bits.push(more_colors.into(), 1);
    for channel in 0..3 {
        color.fields.iter().for_each(|end| bits.push(end[channel], 5));
    }
    alpha.fields.iter().for_each(|&end| bits.push(end, 6));
    let (two, three) = if more_colors {
        (&alpha.indices, &color.indices)
    } else {
        (&color.indices, &alpha.indices)
    };
    bits.push_indices(two, 2, &[0]);
    bits.push_indices(three, 3, &[0]);
    Packed { block: bits.bytes(), error: color.error + alpha.error }
}

/// A block of one colour, exactly: mode 5 with index 1 everywhere.
pub(super) fn single([red, green, blue, alpha]: [u8; 4]) -> [u8; 16] {
    let ends = [red, green, blue].map(|level| BETWEEN[usize::from(level)]);
    let fields = [0, 1].map(|end| ends.map(|pair| pair[end]));
    let color = Line { fields, indices: [1; 16], error: 0.0 };
    let alpha = Line { fields: [alpha.into(); 2], indices: [0; 16], error: 0.0 };
    mode5_bits(color, alpha)
}

/// For each level, two ends of seven bits whose second colour of four it is.
static BETWEEN: LazyLock<[[i32; 2]; 256]> = LazyLock::new(|| {
    std::array::from_fn(|level| {
        const STEP: i32 = 21;
        let value = |[a, b]: [i32; 2]| ((64 - STEP) * widened(a) + STEP * widened(b) + 32) >> 6;
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

fn distance<const C: usize>(values: &[f32; C], end: &[f32; C]) -> f32 {
    values.iter().zip(end).map(|(value, level)| (value - level) * (value - level)).sum()
}
