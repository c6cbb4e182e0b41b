//! The work around the product, in AVX-512 with its conversion to bf16: the results are those of
//! `scalar.rs`, bit for bit, except for numbers below 2^-126, which the conversion flushes to zero.

use std::arch::x86_64::*;

use crate::bf16::{
    kernels::Tiles,
    line::{Bits, CHANNELS, Line, POSITIONS, Sums},
};

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) unsafe fn rectify(sums: &Sums, bias: &[f32; CHANNELS], lines: *mut Line, count: usize) {
    let zero = _mm512_setzero_ps();
    let bias = [_mm512_loadu_ps(bias.as_ptr()), _mm512_loadu_ps(bias.as_ptr().add(16))];
    let numbers = _mm512_set1_epi16(0x7FFF);
    for (position, sums) in sums.0.iter().enumerate().take(count) {
        // The maximum returns its second operand if either is a NaN.
        let lower = _mm512_max_ps(zero, _mm512_add_ps(_mm512_load_ps(sums.as_ptr()), bias[0]));
        let upper =
            _mm512_max_ps(zero, _mm512_add_ps(_mm512_load_ps(sums.as_ptr().add(16)), bias[1]));
        store(lines.add(position), _mm512_and_si512(narrow(lower, upper), numbers));
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) unsafe fn open(lines: *const Line, bits: *mut Bits, count: usize) {
    for position in 0..count {
        *bits.add(position) = positive(load(lines.add(position)));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) unsafe fn gate(sums: &Sums, bits: *const Bits, lines: *mut Line, count: usize) {
    for (position, sums) in sums.0.iter().enumerate().take(count) {
        let line = narrow(_mm512_load_ps(sums.as_ptr()), _mm512_load_ps(sums.as_ptr().add(16)));
        store(lines.add(position), _mm512_maskz_mov_epi16(*bits.add(position), line));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) unsafe fn round(sums: &Sums, lines: *mut Line, count: usize) {
    for (position, sums) in sums.0.iter().enumerate().take(count) {
        store(
            lines.add(position),
            narrow(_mm512_load_ps(sums.as_ptr()), _mm512_load_ps(sums.as_ptr().add(16))),
        );
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) unsafe fn largest(
    [upper, lower]: [*const Line; 2],
    [upper_routes, lower_routes]: [*mut Bits; 2],
    to: &mut [Line],
) {
    for (window, to) in to.iter_mut().enumerate() {
        let (first, second) = (2 * window, 2 * window + 1);
        let (a, b) = (load(upper.add(first)), load(upper.add(second)));
        let (c, d) = (load(lower.add(first)), load(lower.add(second)));
        // The first largest of each half, and of both: later ones win only where they are larger.
        let above_second = _mm512_cmpgt_epi16_mask(b, a);
        let below_second = _mm512_cmpgt_epi16_mask(d, c);
        let (above, below) = (_mm512_max_epi16(a, b), _mm512_max_epi16(c, d));
        let in_below = _mm512_cmpgt_epi16_mask(below, above);
        let largest = _mm512_max_epi16(above, below);
        let open = positive(largest);
        *lower_routes.add(first) = open & in_below & !below_second;
        *lower_routes.add(second) = open & in_below & below_second;
        *upper_routes.add(first) = open & !in_below & !above_second;
        *upper_routes.add(second) = open & !in_below & above_second;
        store(to, largest);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) unsafe fn mean(
    [upper, lower]: [*const Line; 2],
    [upper_routes, lower_routes]: [*mut Bits; 2],
    to: &mut [Line],
) {
    let half = _mm512_set1_ps(0.5);
    for (window, to) in to.iter_mut().enumerate() {
        let (first, second) = (2 * window, 2 * window + 1);
        let corners = [
            (upper.add(first), upper_routes.add(first)),
            (upper.add(second), upper_routes.add(second)),
            (lower.add(first), lower_routes.add(first)),
            (lower.add(second), lower_routes.add(second)),
        ];
        let [a, b, c, d] = corners.map(|(corner, route)| {
            let line = load(corner);
            *route = positive(line);
            widen(line)
        });
        let mean = |i: usize| {
            _mm512_mul_ps(half, _mm512_add_ps(_mm512_add_ps(a[i], b[i]), _mm512_add_ps(c[i], d[i])))
        };
        store(to, narrow(mean(0), mean(1)));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) unsafe fn spread(from: &[Line], routes: *const Bits, share: f32, to: *mut Line) {
    let factor = _mm512_set1_ps(share);
    for (window, from) in from.iter().enumerate() {
        let mut line = load(from);
        if share != 1.0 {
            let [first, second] = widen(line);
            line = narrow(_mm512_mul_ps(factor, first), _mm512_mul_ps(factor, second));
        }
        for pixel in [2 * window, 2 * window + 1] {
            store(to.add(pixel), _mm512_maskz_mov_epi16(*routes.add(pixel), line));
        }
    }
}

#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn add(sums: &mut Sums, seeds: &Sums, mean: &[f32; CHANNELS]) {
    let mean = [_mm512_loadu_ps(mean.as_ptr()), _mm512_loadu_ps(mean.as_ptr().add(16))];
    for (sums, seeds) in sums.0.iter_mut().zip(&seeds.0) {
        for (half, mean) in mean.into_iter().enumerate() {
            let (sum, seed) =
                (sums.as_mut_ptr().add(16 * half), _mm512_load_ps(seeds.as_ptr().add(16 * half)));
            _mm512_store_ps(sum, _mm512_add_ps(_mm512_load_ps(sum), _mm512_add_ps(seed, mean)));
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) unsafe fn pair(pixels: &[Line; POSITIONS], pairs: &mut Tiles) {
    let lower: [u16; 32] = std::array::from_fn(|i| (i / 2 + i % 2 * 32) as u16);
    let upper: [u16; 32] = std::array::from_fn(|i| (i / 2 + i % 2 * 32 + 16) as u16);
    let (lower, upper) =
        (_mm512_loadu_si512(lower.as_ptr().cast()), _mm512_loadu_si512(upper.as_ptr().cast()));
    for (pair, pixels) in pixels.chunks_exact(2).enumerate() {
        let (even, odd) = (load(&pixels[0]), load(&pixels[1]));
        store(&mut pairs[pair], _mm512_permutex2var_epi16(even, lower, odd));
        store(&mut pairs[16 + pair], _mm512_permutex2var_epi16(even, upper, odd));
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) unsafe fn turn(pairs: &Tiles, turned: &mut Tiles, sum: &mut [f32; CHANNELS]) {
    let odd = _mm512_set1_epi32(0xFFFF_0000_u32 as i32);
    for half in 0..2 {
        let tile: [__m512i; 16] = std::array::from_fn(|pair| load(&pairs[16 * half + pair]));
        let mut total = _mm512_loadu_ps(sum.as_ptr().add(16 * half));
        for pairs in tile {
            // The even pixel lies in the lower halves of the pairs, the odd one in the upper.
            total = _mm512_add_ps(total, _mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs)));
            total = _mm512_add_ps(total, _mm512_castsi512_ps(_mm512_and_si512(pairs, odd)));
        }
        _mm512_storeu_ps(sum.as_mut_ptr().add(16 * half), total);
        for (row, line) in transposed(tile).into_iter().zip(&mut turned[16 * half..16 * half + 16])
        {
            store(line, row);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) unsafe fn gather(rows: [*const f32; 3], to: &mut [[Line; 2]]) {
    const NINE: u16 = 0x1FF;
    // Loads that cover several stores wait for them: so the values of some positions are stored
    // before the first is loaded.
    let mut values = Sums::ZERO;
    for (block, to) in to.chunks_mut(POSITIONS).enumerate() {
        for position in 0..to.len() {
            let offset = 3 * (block * POSITIONS + position);
            let [upper, middle, lower] =
                rows.map(|row| _mm512_maskz_loadu_ps(NINE, row.add(offset)));
            let values = values.0[position].as_mut_ptr();
            _mm512_store_ps(values, upper);
            _mm512_storeu_ps(values.add(9), middle);
            _mm512_mask_storeu_ps(values.add(18), 0x3FFF, lower);
        }
        for (values, to) in values.0.iter().zip(to) {
            let (lower, upper) =
                (_mm512_load_ps(values.as_ptr()), _mm512_load_ps(values.as_ptr().add(16)));
            let first = narrow(lower, upper);
            let [taken_lower, taken_upper] = widen(first);
            store(&mut to[0], first);
            store(
                &mut to[1],
                narrow(_mm512_sub_ps(lower, taken_lower), _mm512_sub_ps(upper, taken_upper)),
            );
        }
    }
}

#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn total(sums: &Sums, totals: &mut [f64]) {
    for (sums, totals) in
        sums.0.as_flattened().as_chunks::<8>().0.iter().zip(totals.as_chunks_mut::<8>().0)
    {
        let sums = _mm512_cvtps_pd(_mm256_loadu_ps(sums.as_ptr()));
        _mm512_storeu_pd(
            totals.as_mut_ptr(),
            _mm512_add_pd(_mm512_loadu_pd(totals.as_ptr()), sums),
        );
    }
}

/// A matrix of 16 rows of 16 pairs, transposed: in pairs of rows, in fours, then in quarters of a
/// row.
#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512i; 16]) -> [__m512i; 16] {
    let mut twos = rows;
    for i in (0..16).step_by(2) {
        twos[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        twos[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    // fours[4 * g + c] holds column c of each quarter, of the rows 4 * g to 4 * g + 3.
    let mut fours = twos;
    for i in (0..16).step_by(4) {
        fours[i] = _mm512_unpacklo_epi64(twos[i], twos[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(twos[i], twos[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(twos[i + 1], twos[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(twos[i + 1], twos[i + 3]);
    }
    let mut columns = rows;
    for c in 0..4 {
        let (a, b, d, e) = (fours[c], fours[4 + c], fours[8 + c], fours[12 + c]);
        // Quarters 0 and 1, and 2 and 3, of the first and the second eight rows.
        let (low_first, high_first) = (
            _mm512_shuffle_i32x4::<0b01_00_01_00>(a, b),
            _mm512_shuffle_i32x4::<0b11_10_11_10>(a, b),
        );
        let (low_second, high_second) = (
            _mm512_shuffle_i32x4::<0b01_00_01_00>(d, e),
            _mm512_shuffle_i32x4::<0b11_10_11_10>(d, e),
        );
        columns[c] = _mm512_shuffle_i32x4::<0b10_00_10_00>(low_first, low_second);
        columns[4 + c] = _mm512_shuffle_i32x4::<0b11_01_11_01>(low_first, low_second);
        columns[8 + c] = _mm512_shuffle_i32x4::<0b10_00_10_00>(high_first, high_second);
        columns[12 + c] = _mm512_shuffle_i32x4::<0b11_01_11_01>(high_first, high_second);
    }
    columns
}

/// Where a line is positive.
#[target_feature(enable = "avx512f,avx512bw")]
fn positive(line: __m512i) -> Bits {
    _mm512_cmpgt_epi16_mask(line, _mm512_setzero_si512())
}

#[target_feature(enable = "avx512f")]
unsafe fn load(line: *const Line) -> __m512i {
    _mm512_load_si512(line.cast())
}

#[target_feature(enable = "avx512f")]
unsafe fn store(line: *mut Line, values: __m512i) {
    _mm512_store_si512(line.cast(), values);
}

/// The first 16 values and the other 16, rounded to nearest even.
#[target_feature(enable = "avx512f,avx512bf16")]
fn narrow(first: __m512, second: __m512) -> __m512i {
    // SAFETY: both types are 512 bits of plain numbers.
    unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(second, first)) }
}

#[target_feature(enable = "avx512f")]
fn widen(line: __m512i) -> [__m512; 2] {
    let half =
        |half: __m256i| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half)));
    [half(_mm512_castsi512_si256(line)), half(_mm512_extracti64x4_epi64::<1>(line))]
}
