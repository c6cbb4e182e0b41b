//! Real tile instructions, as the assembler writes them, on whatever executes them here: the
//! emulator, or a CPU with AMX. The same expectations hold for both.

use std::arch::asm;
use std::sync::Barrier;

use super::{Executor, executed, install};

/// A tile's shape: rows, and bytes in a row.
type Shape = (u8, u8);

#[repr(C, align(64))]
struct Config([u8; 64]);

const fn config(shapes: [Shape; 8]) -> Config {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        (bytes[48 + tile], bytes[16 + 2 * tile]) = shapes[tile];
        tile += 1;
    }
    Config(bytes)
}

/// The tiles of this thread, configured; released when dropped.
struct Configured;

impl Configured {
    fn new(shapes: [Shape; 8]) -> Self {
        install();
        let config = config(shapes);
        // SAFETY: the pointer is to 64 readable bytes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &config, options(nostack)) };
        Self
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: touches the tiles alone, which no compiled code uses.
        unsafe { asm!("tilerelease", options(nomem, nostack)) };
    }
}

/// One instruction on the tile of that number, which the encoding wants as a constant.
macro_rules! on_tile {
    ($tile:expr, $before:literal, $after:literal $(, $($operand:tt)*)?) => {
        match $tile {
            0 => asm!(concat!($before, "tmm0", $after) $(, $($operand)*)?),
            1 => asm!(concat!($before, "tmm1", $after) $(, $($operand)*)?),
            2 => asm!(concat!($before, "tmm2", $after) $(, $($operand)*)?),
            3 => asm!(concat!($before, "tmm3", $after) $(, $($operand)*)?),
            4 => asm!(concat!($before, "tmm4", $after) $(, $($operand)*)?),
            5 => asm!(concat!($before, "tmm5", $after) $(, $($operand)*)?),
            6 => asm!(concat!($before, "tmm6", $after) $(, $($operand)*)?),
            7 => asm!(concat!($before, "tmm7", $after) $(, $($operand)*)?),
            other => unreachable!("tile {other}"),
        }
    };
}

/// # Safety
/// The tile must be configured, and its rows readable from `from` on, `stride` bytes apart.
unsafe fn load(tile: usize, from: *const u8, stride: usize) {
    on_tile!(tile, "tileloadd ", ", [{} + {}*1]", in(reg) from, in(reg) stride, options(nostack));
}

/// # Safety
/// The tile must be configured, and its rows writable from `to` on, `stride` bytes apart.
unsafe fn store(tile: usize, to: *mut u8, stride: usize) {
    on_tile!(tile, "tilestored [{} + {}*1], ", "", in(reg) to, in(reg) stride, options(nostack));
}

/// # Safety
/// The tile must be configured.
unsafe fn zero(tile: usize) {
    on_tile!(tile, "tilezero ", "", options(nomem, nostack));
}

#[test]
fn every_tile_keeps_its_own_rows() {
    const SHAPES: [Shape; 8] =
        [(16, 64), (1, 4), (3, 12), (16, 4), (1, 64), (5, 20), (11, 36), (7, 60)];
    const STRIDE: usize = 80;
    const GUARD: u8 = 0;
    let sources: Vec<Vec<u8>> = (0..8).map(|tile| noise(16 * STRIDE, tile)).collect();
    let _tiles = Configured::new(SHAPES);
    let before = executed();
    for (tile, source) in sources.iter().enumerate() {
        // SAFETY: the tile is configured, with at most 16 rows of at most 64 bytes; the source has
        // 16 rows of 80.
        unsafe { load(tile, source.as_ptr(), STRIDE) };
    }
    for (tile, ((rows, row_bytes), source)) in SHAPES.into_iter().zip(&sources).enumerate() {
        let (rows, row_bytes) = (usize::from(rows), usize::from(row_bytes));
        let mut stored = vec![GUARD; 16 * STRIDE];
        // SAFETY: as above, and the target is as large as a source.
        unsafe { store(tile, stored.as_mut_ptr(), STRIDE) };
        for (at, (&byte, &loaded)) in stored.iter().zip(source).enumerate() {
            let inside = at / STRIDE < rows && at % STRIDE < row_bytes;
            assert_eq!(
                byte,
                if inside { loaded } else { GUARD },
                "tile {tile}, row {}, byte {}",
                at / STRIDE,
                at % STRIDE
            );
        }

        // SAFETY: as above.
        unsafe {
            zero(tile);
            store(tile, stored.as_mut_ptr(), STRIDE);
        }
        assert!(stored.iter().all(|&byte| byte == 0), "tile {tile} after tilezero");
    }
    if install() == Executor::Emulator {
        // Other tests may add to the count at the same time.
        assert!(executed() - before >= 8 + 3 * 8, "the emulator did not run");
    }
}

#[test]
fn a_row_stride_may_be_negative_or_nothing() {
    let source = noise(3 * 16, 1);
    let mut stored = [0; 3 * 8];
    let _tiles = Configured::new([(3, 8); 8]);
    // SAFETY: three rows upwards from the third, of 8 bytes each, all inside the source.
    unsafe { load(0, source.as_ptr().add(32), 16_usize.wrapping_neg()) };
    // SAFETY: the target has three rows of 8 bytes.
    unsafe { store(0, stored.as_mut_ptr(), 8) };
    assert_eq!(stored, *[&source[32..40], &source[16..24], &source[..8]].concat());

    // SAFETY: without an index every row is the same 8 bytes of the source; the target is as above.
    unsafe {
        asm!("tileloaddt1 tmm0, [{}]", in(reg) source.as_ptr(), options(nostack));
        store(0, stored.as_mut_ptr(), 8);
    }
    assert_eq!(stored, *source[..8].repeat(3));
}

/// Loads two rows of 8 bytes through each form of address that the assembler knows, and expects
/// those at START, STRIDE apart.
#[test]
fn every_form_of_address_names_the_same_rows() {
    const START: usize = 0x900;
    const STRIDE: usize = 0x30;
    let source = noise(START + 2 * STRIDE, 2);
    let expected =
        [&source[START..START + 8], &source[START + STRIDE..START + STRIDE + 8]].concat();
    let _tiles = Configured::new([(2, 8); 8]);
    let mut stored = [0; 16];

    /// One row of the test: an instruction, the base less its displacement, the index before it is
    /// scaled.
    macro_rules! check {
        ($text:literal, $base:tt = $displacement:expr, $index:tt = $scale:expr) => {{
            let base = source.as_ptr().wrapping_add(START).wrapping_byte_offset(-$displacement);
            // SAFETY: base and displacement make START, index and scale make STRIDE: two rows of 8
            // bytes inside the source.
            unsafe {
                zero(0);
                asm!($text, in($base) base, in($index) STRIDE / $scale, options(nostack));
                store(0, stored.as_mut_ptr(), 8);
            }
            assert_eq!(stored, *expected, "{}", $text);
        }};
    }
    check!("tileloadd tmm0, [rax + rcx*1]", "rax" = 0, "rcx" = 1);
    check!("tileloadd tmm0, [rcx + rax*1 + 1]", "rcx" = 1, "rax" = 1);
    check!("tileloadd tmm0, [rdx + rsi*2 + 127]", "rdx" = 127, "rsi" = 2);
    check!("tileloadd tmm0, [rsi + rdx*4 + 128]", "rsi" = 128, "rdx" = 4);
    check!("tileloadd tmm0, [rdi + r8*8 - 128]", "rdi" = -128, "r8" = 8);
    check!("tileloadd tmm0, [r8 + rdi*8 - 129]", "r8" = -129, "rdi" = 8);
    check!("tileloadd tmm0, [r9 + r10*1 + 0x12345]", "r9" = 0x12345, "r10" = 1);
    check!("tileloadd tmm0, [r10 + r9*2]", "r10" = 0, "r9" = 2);
    check!("tileloadd tmm0, [r11 + r12*4]", "r11" = 0, "r12" = 4);
    check!("tileloadd tmm0, [r12 + r11*8]", "r12" = 0, "r11" = 8);
    check!("tileloadd tmm0, [r13 + r14*1]", "r13" = 0, "r14" = 1);
    check!("tileloadd tmm0, [r14 + r13*2 + 64]", "r14" = 64, "r13" = 2);
    check!("tileloaddt1 tmm0, [r15 + rax*1 - 0x12345]", "r15" = -0x12345, "rax" = 1);
    check!("tileloaddt1 tmm0, [rax + r15*4 + 4]", "rax" = 4, "r15" = 4);
    // The compiler keeps rbx and rbp for itself: lent for one instruction.
    check!("xchg rbx, rax; tileloadd tmm0, [rbx + rcx*1]; xchg rbx, rax", "rax" = 0, "rcx" = 1);
    check!("xchg rbp, rax; tileloadd tmm0, [rbp + rcx*2 + 8]; xchg rbp, rax", "rax" = 8, "rcx" = 2);
    check!("xchg rbp, rax; tileloadd tmm0, [rcx + rbp*4]; xchg rbp, rax", "rcx" = 0, "rax" = 4);
}

#[test]
fn a_configuration_may_lie_anywhere() {
    static STATIC: Config = config([(2, 8); 8]);
    install();
    let local = [config([(1, 4); 8]), config([(2, 8); 8]), config([(3, 12); 8])];
    let source = noise(2 * 8, 3);

    macro_rules! check {
        ($text:literal, $($operand:tt)*) => {{
            let mut stored = [0; 16];
            // SAFETY: each address is that of a configuration with tiles of 2 rows of 8 bytes, as
            // source and target have.
            unsafe {
                asm!($text, $($operand)*, options(nostack));
                load(6, source.as_ptr(), 8);
                store(6, stored.as_mut_ptr(), 8);
                asm!("tilerelease", options(nomem, nostack));
            }
            assert_eq!(stored, *source, "{}", $text);
        }};
    }
    check!("ldtilecfg [rip + {}]", sym STATIC);
    check!("ldtilecfg [{} + 64]", in(reg) &local);
    check!("ldtilecfg [{} + {}*8]", in(reg) &local, in(reg) 8_usize);
    check!("ldtilecfg [r13 + r12*1 + 0x1000]", in("r13") local.as_ptr()
        .wrapping_byte_sub(0x1000), in("r12") 64);
}

#[test]
fn multiplies_as_a_plain_loop_does() {
    // (rows, pairs, columns); each twice, so that the second multiplication adds to a sum that is
    // not zero.
    for (m, k, n) in
        [(16, 16, 16), (1, 1, 1), (3, 5, 7), (16, 1, 9), (7, 16, 16), (13, 11, 2), (1, 16, 1)]
    {
        check_product([0, 1, 2], m, k, n);
        check_product([7, 3, 5], m, k, n);
        check_product([4, 7, 0], m, k, n);
    }
}

fn check_product(tiles: [usize; 3], m: usize, k: usize, n: usize) {
    const PAD: usize = 20;
    let [sum, left, right] = tiles;
    let (left_stride, right_stride, sum_stride) = (4 * k + PAD, 4 * n + PAD, 4 * n + PAD);
    let lefts = bf16_noise(m * left_stride / 2, 4);
    let rights = bf16_noise(k * right_stride / 2, 5);
    let mut sums = noise(m * sum_stride, 6);
    let untouched = sums.clone();

    let mut shapes = [(0, 0); 8];
    shapes[sum] = (m as u8, 4 * n as u8);
    shapes[left] = (m as u8, 4 * k as u8);
    shapes[right] = (k as u8, 4 * n as u8);
    let configured = Configured::new(shapes);
    // SAFETY: the tiles are configured, and the buffers hold their rows at their strides.
    unsafe {
        zero(sum);
        load(left, lefts.as_ptr().cast(), left_stride);
        load(right, rights.as_ptr().cast(), right_stride);
        for _ in 0..2 {
            match tiles {
                [0, 1, 2] => asm!("tdpbf16ps tmm0, tmm1, tmm2", options(nomem, nostack)),
                [7, 3, 5] => asm!("tdpbf16ps tmm7, tmm3, tmm5", options(nomem, nostack)),
                [4, 7, 0] => asm!("tdpbf16ps tmm4, tmm7, tmm0", options(nomem, nostack)),
                other => unreachable!("no instruction for {other:?}"),
            }
        }
        store(sum, sums.as_mut_ptr(), sum_stride);
    }
    drop(configured);

    let left = |row: usize, k: usize| widen(lefts[row * left_stride / 2 + k]);
    let right =
        |k: usize, column: usize| widen(rights[k / 2 * right_stride / 2 + 2 * column + k % 2]);
    for (row, (stored, untouched)) in
        sums.chunks(sum_stride).zip(untouched.chunks(sum_stride)).enumerate()
    {
        let (stored, beyond) = stored.split_at(4 * n);
        assert_eq!(beyond, &untouched[4 * n..], "bytes beyond row {row} of {m}x{k}x{n}");
        for (column, lane) in stored.as_chunks::<4>().0.iter().enumerate() {
            let products = (0..2 * k).map(|k| left(row, k) * right(k, column));
            let (exact, magnitude) =
                products.fold((0.0, 0.0), |(sum, size), p| (sum + 2.0 * p, size + 2.0 * p.abs()));
            // Two instructions of at most 2k + 2 roundings each, in whichever order: see tiles.rs.
            let bound = 2.0 * (2 * k + 2) as f64 * (-24_f64).exp2() * magnitude;
            let actual = f64::from(f32::from_le_bytes(*lane));
            assert!(
                (actual - exact).abs() <= bound,
                "{m}x{k}x{n} at ({row}, {column}): {actual}, not {exact} +- {bound}"
            );
        }
    }
}

/// bf16 from -2 to 2, as bits.
fn bf16_noise(len: usize, seed: u64) -> Vec<u16> {
    let values = Noise(seed).map(|word| (word >> 40) as f32 / (1 << 22) as f32 - 2.0);
    values.map(|value| (value.to_bits() >> 16) as u16).take(len).collect()
}

fn widen(bf16: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bf16) << 16))
}

#[test]
fn threads_have_their_own_tiles() {
    const SHAPES: [Shape; 2] = [(4, 8), (9, 40)];
    let meet = Barrier::new(2);
    std::thread::scope(|scope| {
        for (thread, (rows, row_bytes)) in SHAPES.into_iter().enumerate() {
            let meet = &meet;
            scope.spawn(move || {
                let len = usize::from(rows) * usize::from(row_bytes);
                let source = noise(len, 7 + thread as u64);
                let mut stored = vec![0; len];
                let tiles = Configured::new([(rows, row_bytes); 8]);
                meet.wait();
                // SAFETY: the tile is configured; source and target hold exactly its rows.
                unsafe { load(3, source.as_ptr(), row_bytes.into()) };
                meet.wait();
                // SAFETY: as above.
                unsafe { store(3, stored.as_mut_ptr(), row_bytes.into()) };
                assert_eq!(stored, source, "thread {thread}");
                meet.wait();
                // The first thread to release its tiles must not take the other's.
                if thread == 0 {
                    drop(tiles);
                    meet.wait();
                } else {
                    meet.wait();
                    // SAFETY: as above.
                    unsafe { store(3, stored.as_mut_ptr(), row_bytes.into()) };
                    assert_eq!(stored, source, "after the other thread's tilerelease");
                }
            });
        }
    });
}

/// Bytes without a pattern, none of them 0.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    Noise(seed).map(|word| word as u8 | 1).take(len).collect()
}

/// SplitMix64.
struct Noise(u64);

impl Iterator for Noise {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some(mixed ^ mixed >> 31)
    }
}
