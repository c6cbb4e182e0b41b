//! Fits texels by a line of colours between two ends, as BC6H and BC7 store them.
//!
//! The first ends are those of the texels along their principal axis. Then two steps take turns:
//! each texel gets the nearest colour of the line between the rounded ends, and the ends become
//! those that fit these choices best by least squares. Three rounds are enough: later ones change
//! less than rounding does.
//!
//! A channel's texels lie side by side, and those that do not belong to the line count 0 instead of
//! being left out, so that the compiler computes four at a time. Numbers are rounded by adding a
//! half and cutting off, since `round` is a call on processors without SSE4.

/// The texels of a block, channel by channel.
pub(super) type Channels<const C: usize> = [[f32; 16]; C];

/// 1 for the texels that belong to a line, 0 for the others.
pub(super) type Members = [f32; 16];

/// All texels.
pub(super) const ALL: Members = [1.0; 16];

/// The two ends of a line.
pub(super) type Pair<const C: usize> = [[f32; C]; 2];

/// Ends as a format stores them, and the colours that a decoder makes of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends<F, const C: usize> {
    pub fields: F,
    pub values: Pair<C>,
}

/// A line of colours, and which of them each texel has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<F> {
    pub fields: F,
    pub indices: [u8; 16],
    /// The sum of squared differences.
    pub error: f32,
}

const ROUNDS: usize = 3;

/// Fits the members by a line of `1 << bits` colours; other texels get index 0. `round` makes ends
/// that the format has.
pub(super) fn fit<F: Copy, const C: usize>(
    texels: &Channels<C>,
    members: &Members,
    bits: u32,
    round: impl Fn(Pair<C>) -> Ends<F, C>,
) -> Line<F> {
    let last = ((1 << bits) - 1) as f32;
    let rounded = round(extent(texels, members));
    let mut best = Choice::nearest(texels, members, last, &rounded.values);
    let mut fields = rounded.fields;
    for _ in 1..ROUNDS {
        let Some(better) = best.ends(texels, members).filter(|_| best.error > 0.0) else { break };
        let rounded = round(better);
        let choice = Choice::nearest(texels, members, last, &rounded.values);
        if choice.error >= best.error {
            break;
        }
        (best, fields) = (choice, rounded.fields);
    }
    let index = |at: usize| (best.places[at] * last * members[at] + 0.5) as u8;
    Line { fields, indices: std::array::from_fn(index), error: best.error }
}

/// The sum over texels.
fn sum(parts: impl Fn(usize) -> f32) -> f32 {
    let mut sums = [0.0_f32; 4];
    for at in 0..4 {
        (0..4).for_each(|lane| sums[lane] += parts(4 * at + lane));
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// The ends of the members along their principal axis.
fn extent<const C: usize>(texels: &Channels<C>, members: &Members) -> Pair<C> {
    let share = 1.0 / sum(|at| members[at]).max(1.0);
    let mean = texels.map(|channel| sum(|at| channel[at] * members[at]) * share);
    let off: Channels<C> = std::array::from_fn(|channel| {
        std::array::from_fn(|at| (texels[channel][at] - mean[channel]) * members[at])
    });
    let mut spread = [[0.0_f32; C]; C];
    for row in 0..C {
        for column in row..C {
            spread[row][column] = sum(|at| off[row][at] * off[column][at]);
            spread[column][row] = spread[row][column];
        }
    }
    let axis = principal(&spread);
    let squared: f32 = axis.iter().map(|part| part * part).sum();
    if squared == 0.0 {
        return [mean; 2];
    }
    // The mean is between the ends, so that texels of other lines, at 0, change nothing.
    let (mut low, mut high) = (0.0_f32, 0.0_f32);
    let mut along = [0.0_f32; 16];
    for (channel, part) in off.iter().zip(axis) {
        (0..16).for_each(|at| along[at] += channel[at] * part);
    }
    for place in along {
        (low, high) = (low.min(place), high.max(place));
    }
    [low, high].map(|along| std::array::from_fn(|i| mean[i] + axis[i] * along / squared))
}

/// The direction in which texels differ most, by repeated multiplication; 0 if they are equal.
fn principal<const C: usize>(spread: &[[f32; C]; C]) -> [f32; C] {
    let largest = (1..C).fold(0, |a, b| if spread[b][b] > spread[a][a] { b } else { a });
    let mut axis = spread[largest];
    for _ in 0..4 {
        let most = axis.iter().fold(0.0_f32, |most, part| most.max(part.abs()));
        if most == 0.0 {
            return [0.0; C];
        }
        axis = axis.map(|part| part / most);
        axis = std::array::from_fn(|row| (0..C).map(|i| spread[row][i] * axis[i]).sum());
    }
    let most = axis.iter().fold(0.0_f32, |most, part| most.max(part.abs()));
    if most == 0.0 { [0.0; C] } else { axis.map(|part| part / most) }
}

/// The colour of a line for each texel.
struct Choice {
    /// How far along the line it is, from 0 to 1, in even steps: the index over the last index.
    places: [f32; 16],
    /// How far a decoder takes it to be: a multiple of 1/64.
    shares: [f32; 16],
    error: f32,
}

impl Choice {
    /// The nearest colour for each member.
    fn nearest<const C: usize>(
        texels: &Channels<C>,
        members: &Members,
        last: f32,
        [first, second]: &Pair<C>,
    ) -> Self {
        let along: [f32; C] = std::array::from_fn(|i| second[i] - first[i]);
        let squared: f32 = along.iter().map(|part| part * part).sum();
        let scale = if squared > 0.0 { last / squared } else { 0.0 };
        let mut indices = [0.5_f32; 16];
        for i in 0..C {
            let part = along[i] * scale;
            (0..16).for_each(|at| indices[at] += (texels[i][at] - first[i]) * part);
        }
        indices = indices.map(|index| index.clamp(0.0, last) as i32 as f32);
        let (step, even) = (64.0 / last, 1.0 / last);
        let shares = indices.map(|index| (index * step + 0.5) as i32 as f32 * (1.0 / 64.0));
        let mut errors = [0.0_f32; 16];
        for i in 0..C {
            for at in 0..16 {
                // As a decoder computes it: 64ths of whole numbers, rounded, are exact here.
                let value = (first[i] + along[i] * shares[at] + 0.5) as i32 as f32;
                let off = texels[i][at] - value;
                errors[at] += off * off;
            }
        }
        let error = sum(|at| errors[at] * members[at]);
        Self { places: indices.map(|index| index * even), shares, error }
    }

    /// The ends that fit these choices best; `None` if all are the same.
    fn ends<const C: usize>(&self, texels: &Channels<C>, members: &Members) -> Option<Pair<C>> {
        let second: [f32; 16] = std::array::from_fn(|at| self.shares[at] * members[at]);
        let first: [f32; 16] = std::array::from_fn(|at| members[at] - second[at]);
        let aa = sum(|at| first[at] * first[at]);
        let ab = sum(|at| first[at] * second[at]);
        let bb = sum(|at| second[at] * second[at]);
        let determinant = aa * bb - ab * ab;
        if determinant < 1e-3 {
            return None;
        }
        let to_a = texels.map(|channel| sum(|at| first[at] * channel[at]));
        let to_b = texels.map(|channel| sum(|at| second[at] * channel[at]));
        Some([
            std::array::from_fn(|i| (to_a[i] * bb - to_b[i] * ab) / determinant),
            std::array::from_fn(|i| (to_b[i] * aa - to_a[i] * ab) / determinant),
        ])
    }
}

/// The nearest whole number from 0 to `most`.
pub(super) fn whole(value: f32, most: f32) -> i32 {
    // A float converts to an integer by cutting off.
    (value.clamp(0.0, most) + 0.5) as i32
}

/// The bits of a block, from the lowest.
#[derive(Debug, Default)]
pub(super) struct Bits {
    block: u128,
    count: u32,
}

impl Bits {
    /// Appends a number from 0, of so many bits.
    pub(super) fn push(&mut self, value: i32, bits: u32) {
        debug_assert!(value >> bits == 0 && self.count + bits <= 128, "{value} in {bits} bits");
        self.block |= (value as u128) << self.count;
        self.count += bits;
    }

    /// Appends indices of so many bits; those at `anchors` have a bit less, which is 0.
    pub(super) fn push_indices(&mut self, indices: &[u8; 16], bits: u32, anchors: &[usize]) {
        for (at, &index) in indices.iter().enumerate() {
            self.push(index.into(), bits - u32::from(anchors.contains(&at)));
        }
    }

    pub(super) fn bytes(&self) -> [u8; 16] {
        debug_assert!(self.count == 128, "{} bits", self.count);
        self.block.to_le_bytes()
    }
}

/// Turns indices round if that at the anchor has its highest bit set, which is not stored. Whether
/// they were turned: then the ends have to be, too.
pub(super) fn turn(indices: &mut [u8; 16], members: &Members, bits: u32, anchor: usize) -> bool {
    let must = indices[anchor] >> (bits - 1) != 0;
    if must {
        let last = (1 << bits) - 1;
        for (index, member) in indices.iter_mut().zip(members) {
            *index = if *member > 0.0 { last - *index } else { *index };
        }
    }
    must
}
