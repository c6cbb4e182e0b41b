//! Fits texels by a line of colours between two ends, as BC6H and BC7 store them.
//!
//! The first ends are those of the texels along their principal axis. Then two steps take turns:
//! each texel gets the nearest colour of the line between the rounded ends, and the ends become
//! those that fit these choices best by least squares. Three rounds are enough: later ones change
//! less than rounding does.

/// Four channels; what a format does not have is 0 in all texels.
pub(super) type Texel = [f32; 4];

/// Ends as a format stores them, and the colours that a decoder makes of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends<F> {
    pub fields: F,
    pub values: [[i32; 4]; 2],
}

/// A line of colours, and which of them each texel has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<F> {
    pub fields: F,
    pub indices: [u8; 16],
    /// The sum of squared differences.
    pub error: f32,
}

/// How far each index is from the first end, in 64ths.
pub(super) const TWO_BITS: [i32; 4] = [0, 21, 43, 64];
pub(super) const THREE_BITS: [i32; 8] = [0, 9, 18, 27, 37, 46, 55, 64];
pub(super) const FOUR_BITS: [i32; 16] =
    [0, 4, 9, 13, 17, 21, 26, 30, 34, 38, 43, 47, 51, 55, 60, 64];

const ROUNDS: usize = 3;

/// Fits the texels whose bits are set in `members`; the others get index 0. `round` makes ends that
/// the format has.
pub(super) fn fit<F: Copy>(
    texels: &[Texel; 16],
    members: u16,
    steps: &[i32],
    round: impl Fn([Texel; 2]) -> Ends<F>,
) -> Line<F> {
    let mut ends = extent(texels, members);
    let mut best: Option<Line<F>> = None;
    for _ in 0..ROUNDS {
        let rounded = round(ends);
        let (indices, error) = nearest(texels, members, steps, &rounded.values);
        if best.as_ref().is_some_and(|best| best.error <= error) {
            break;
        }
        best = Some(Line { fields: rounded.fields, indices, error });
        match least_squares(texels, members, steps, &indices) {
            Some(better) if error > 0.0 => ends = better,
            _ => break,
        }
    }
    best.unwrap_or_else(|| {
        // Not reached: there is at least one round.
        Line { fields: round(ends).fields, indices: [0; 16], error: f32::INFINITY }
    })
}

/// The bits that are set in `members`.
fn each(members: u16) -> impl Iterator<Item = usize> {
    (0..16).filter(move |at| members >> at & 1 != 0)
}

/// The ends of the texels along their principal axis.
fn extent(texels: &[Texel; 16], members: u16) -> [Texel; 2] {
    let mut mean = [0.0; 4];
    for at in each(members) {
        (0..4).for_each(|channel| mean[channel] += texels[at][channel]);
    }
    let share = 1.0 / members.count_ones().max(1) as f32;
    mean = mean.map(|sum| sum * share);
    let mut spread = [[0.0_f32; 4]; 4];
    for at in each(members) {
        let off: Texel = std::array::from_fn(|channel| texels[at][channel] - mean[channel]);
        for row in 0..4 {
            (0..4).for_each(|column| spread[row][column] += off[row] * off[column]);
        }
    }
    let axis = principal(&spread);
    let squared: f32 = axis.iter().map(|part| part * part).sum();
    if squared == 0.0 {
        return [mean; 2];
    }
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for at in each(members) {
        let along: f32 = (0..4).map(|i| (texels[at][i] - mean[i]) * axis[i]).sum();
        (low, high) = (low.min(along), high.max(along));
    }
    [low, high].map(|along| std::array::from_fn(|i| mean[i] + axis[i] * along / squared))
}

/// The direction in which texels differ most, by repeated multiplication; 0 if they are equal.
fn principal(spread: &[[f32; 4]; 4]) -> Texel {
    let largest = (1..4).fold(0, |a, b| if spread[b][b] > spread[a][a] { b } else { a });
    let mut axis = spread[largest];
    for _ in 0..4 {
        let most = axis.iter().fold(0.0_f32, |most, part| most.max(part.abs()));
        if most == 0.0 {
            return [0.0; 4];
        }
        axis = axis.map(|part| part / most);
        axis = std::array::from_fn(|row| (0..4).map(|i| spread[row][i] * axis[i]).sum());
    }
    let most = axis.iter().fold(0.0_f32, |most, part| most.max(part.abs()));
    if most == 0.0 { [0.0; 4] } else { axis.map(|part| part / most) }
}

/// The nearest colour of a line for each texel, and the sum of squared differences.
fn nearest(
    texels: &[Texel; 16],
    members: u16,
    steps: &[i32],
    [first, second]: &[[i32; 4]; 2],
) -> ([u8; 16], f32) {
    let last = (steps.len() - 1) as f32;
    let start = first.map(|value| value as f32);
    let along: Texel = std::array::from_fn(|i| (second[i] - first[i]) as f32);
    let squared: f32 = along.iter().map(|part| part * part).sum();
    let scale = if squared > 0.0 { last / squared } else { 0.0 };
    let (mut indices, mut error) = ([0; 16], 0.0);
    for at in each(members) {
        let texel = &texels[at];
        let place: f32 = (0..4).map(|i| (texel[i] - start[i]) * along[i]).sum::<f32>() * scale;
        // A float converts to an integer with saturation; the steps are all but even.
        let index = ((place + 0.5) as usize).min(steps.len() - 1);
        indices[at] = index as u8;
        let step = steps[index];
        let squares = (0..4).map(|i| {
            let value = ((64 - step) * first[i] + step * second[i] + 32) >> 6;
            let off = texel[i] - value as f32;
            off * off
        });
        error += squares.sum::<f32>();
    }
    (indices, error)
}

/// The ends that fit these indices best; `None` if all are the same.
fn least_squares(
    texels: &[Texel; 16],
    members: u16,
    steps: &[i32],
    indices: &[u8; 16],
) -> Option<[Texel; 2]> {
    let (mut aa, mut ab, mut bb) = (0.0_f32, 0.0_f32, 0.0_f32);
    let (mut to_a, mut to_b) = ([0.0_f32; 4], [0.0_f32; 4]);
    for at in each(members) {
        let b = steps[usize::from(indices[at])] as f32 / 64.0;
        let a = 1.0 - b;
        (aa, ab, bb) = (aa + a * a, ab + a * b, bb + b * b);
        for channel in 0..4 {
            to_a[channel] += a * texels[at][channel];
            to_b[channel] += b * texels[at][channel];
        }
    }
    let determinant = aa * bb - ab * ab;
    if determinant < 1e-3 {
        return None;
    }
    Some([
        std::array::from_fn(|i| (to_a[i] * bb - to_b[i] * ab) / determinant),
        std::array::from_fn(|i| (to_b[i] * aa - to_a[i] * ab) / determinant),
    ])
}

/// The bits of a block, from the lowest.
#[derive(Debug, Default)]
pub(super) struct Bits {
    block: u128,
    count: u32,
}

impl Bits {
    pub(super) fn push(&mut self, value: impl Into<u128>, bits: u32) {
        let value = value.into();
        debug_assert!(value >> bits == 0 && self.count + bits <= 128, "{value} in {bits} bits");
        self.block |= value << self.count;
        self.count += bits;
    }

    /// Indices of so many bits; those at `anchors` have a bit less, which is 0.
    pub(super) fn push_indices(&mut self, indices: &[u8; 16], bits: u32, anchors: &[usize]) {
        for (at, &index) in indices.iter().enumerate() {
            self.push(index, bits - u32::from(anchors.contains(&at)));
        }
    }

    pub(super) fn bytes(&self) -> [u8; 16] {
        debug_assert!(self.count == 128, "{} bits", self.count);
        self.block.to_le_bytes()
    }
}

/// Turns indices round if that at the anchor has its highest bit set, which is not stored. Whether
/// they were turned: then the ends have to be, too.
pub(super) fn turn(indices: &mut [u8; 16], members: u16, bits: u32, anchor: usize) -> bool {
    let must = indices[anchor] >> (bits - 1) != 0;
    if must {
        let last = (1 << bits) - 1;
        each(members).for_each(|at| indices[at] = last - indices[at]);
    }
    must
}
