//! The product by AMX: tiles of 16 rows of 64 bytes, multiplied by TDPBF16PS.
//!
//! Three tiles of positions by two tiles of weights give six tiles of sums: with a factor each, all
//! eight tile registers. A step of six multiplications (96 cycles) loads eight tiles (64 cycles,
//! where they come from the nearest cache). The nine taps of a block of channels read the same 50
//! lines of three rows, which stay in the nearest cache; the weights, up to 288 KiB for one block
//! of output channels, come in order from the second one, whose bandwidth sets the pace: by two
//! tiles of positions, a step of four multiplications would read as many weights. What is left of a
//! run is computed that way, two tiles by two.
//!
//! Tried without gain: prefetching weights into the nearest cache (a fifth slower).
//!
//! A sum is taken over the blocks of channels, in each over the taps, in each over the pairs of
//! channels, by one instruction after another: always in that order, wherever a position lies in
//! its tile. Within an instruction the even and the odd channels are summed separately, as the
//! manual specifies.
//!
//! The `asm!` blocks hold whole products, from zeroing the sums to storing them: between two blocks
//! no tile holds anything.

use std::arch::asm;

use crate::bf16::{
    avx512,
    kernels::{Kernels, Product},
    line::{CHANNELS, LONG, Line, Sums},
};

/// The kernels, for a processor on which this process may use AMX (or a test that emulates it).
pub(crate) static KERNELS: Kernels = Kernels {
    begin: configure,
    end: release,
    convolve,
    convolve_long,
    convolve_narrow,
    multiply,
    rectify: avx512::rectify,
    open: avx512::open,
    gate: avx512::gate,
    round: avx512::round,
    largest: avx512::largest,
    mean: avx512::mean,
    spread: avx512::spread,
    add: avx512::add,
    pair: avx512::pair,
    turn: avx512::turn,
    gather: avx512::gather,
    total: avx512::total,
};

/// What LDTILECFG reads: eight tiles of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

const _: () = assert!(size_of::<Configuration>() == 64 && size_of::<Line>() == 64);

static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Configures the thread's tiles.
unsafe fn configure() {
    asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly,
        preserves_flags));
}

/// Releases them, so that a context switch has nothing to save.
unsafe fn release() {
    asm!("tilerelease", options(nomem, nostack, preserves_flags));
}

/// One tap of one block: the four factors, and the four sums. The positions' tiles lie at `$first`
/// and `$second`, the weights' at these bytes.
macro_rules! step {
    ($first:literal, $second:literal, $weights:literal, $more_weights:literal) => {
        concat!(
            "tileloadd tmm4, [",
            $first,
            "]\n",
            "tileloadd tmm6, [{weights} + {line}*1 + ",
            $weights,
            "]\n",
            "tileloadd tmm7, [{weights} + {line}*1 + ",
            $more_weights,
            "]\n",
            "tdpbf16ps tmm0, tmm4, tmm6\n",
            "tileloadd tmm5, [",
            $second,
            "]\n",
            "tdpbf16ps tmm1, tmm4, tmm7\n",
            "tdpbf16ps tmm2, tmm5, tmm6\n",
            "tdpbf16ps tmm3, tmm5, tmm7\n",
        )
    };
}

/// The sums in memory: two tiles side by side, two above each other.
macro_rules! store {
    () => {
        concat!(
            "tilestored [{sums} + {pitch}*1], tmm0\n",
            "tilestored [{sums} + {pitch}*1 + 64], tmm1\n",
            "tilestored [{sums} + {pitch}*1 + 2048], tmm2\n",
            "tilestored [{sums} + {pitch}*1 + 2112], tmm3\n",
        )
    };
}

/// What the stores take for granted.
const _: () = assert!(size_of::<Sums>() == 4096 && CHANNELS * size_of::<f32>() == 128);

unsafe fn convolve(product: &Product, sums: &mut Sums) {
    debug_assert!(product.position == size_of::<Line>() && product.blocks > 0);
    asm!(
        "tilezero tmm0",
        "tilezero tmm1",
        "tilezero tmm2",
        "tilezero tmm3",
        "2:",
        step!("{upper} + {line}*1 + 0", "{upper} + {line}*1 + 1024", "0", "1024"),
        step!("{upper} + {line}*1 + 64", "{upper} + {line}*1 + 1088", "2048", "3072"),
        step!("{upper} + {line}*1 + 128", "{upper} + {line}*1 + 1152", "4096", "5120"),
        step!("{middle} + {line}*1 + 0", "{middle} + {line}*1 + 1024", "6144", "7168"),
        step!("{middle} + {line}*1 + 64", "{middle} + {line}*1 + 1088", "8192", "9216"),
        step!("{middle} + {line}*1 + 128", "{middle} + {line}*1 + 1152", "10240", "11264"),
        step!("{lower} + {line}*1 + 0", "{lower} + {line}*1 + 1024", "12288", "13312"),
        step!("{lower} + {line}*1 + 64", "{lower} + {line}*1 + 1088", "14336", "15360"),
        step!("{lower} + {line}*1 + 128", "{lower} + {line}*1 + 1152", "16384", "17408"),
        "add {upper}, {block}",
        "add {middle}, {block}",
        "add {lower}, {block}",
        "add {weights}, 18432",
        "dec {blocks}",
        "jnz 2b",
        store!(),
        upper = inout(reg) product.lines => _,
        middle = inout(reg) product.lines.byte_add(product.row) => _,
        lower = inout(reg) product.lines.byte_add(2 * product.row) => _,
        block = in(reg) product.block,
        weights = inout(reg) product.weights => _,
        blocks = inout(reg) product.blocks => _,
        line = in(reg) size_of::<Line>(),
        sums = in(reg) sums,
        pitch = in(reg) CHANNELS * size_of::<f32>(),
        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
        options(nostack),
    );
}

/// One tap of one block for 48 positions: each tile of weights meets the three tiles of positions,
/// which the second time come from the nearest cache.
macro_rules! long_step {
    ($row:literal, $first:literal, $second:literal, $third:literal, $weights:literal,
        $more_weights:literal) => {
        concat!(
            "tileloadd tmm6, [{weights} + {line}*1 + ",
            $weights,
            "]\n",
            "tileloadd tmm7, [{",
            $row,
            "} + {line}*1 + ",
            $first,
            "]\n",
            "tdpbf16ps tmm0, tmm7, tmm6\n",
            "tileloadd tmm7, [{",
            $row,
            "} + {line}*1 + ",
            $second,
            "]\n",
            "tdpbf16ps tmm1, tmm7, tmm6\n",
            "tileloadd tmm7, [{",
            $row,
            "} + {line}*1 + ",
            $third,
            "]\n",
            "tdpbf16ps tmm2, tmm7, tmm6\n",
            "tileloadd tmm6, [{weights} + {line}*1 + ",
            $more_weights,
            "]\n",
            "tdpbf16ps tmm5, tmm7, tmm6\n",
            "tileloadd tmm7, [{",
            $row,
            "} + {line}*1 + ",
            $second,
            "]\n",
            "tdpbf16ps tmm4, tmm7, tmm6\n",
            "tileloadd tmm7, [{",
            $row,
            "} + {line}*1 + ",
            $first,
            "]\n",
            "tdpbf16ps tmm3, tmm7, tmm6\n",
        )
    };
}

/// Asks for lines of the next 48 positions' lowest row, which the second cache may not hold yet:
/// the other two rows were read as lowest ones before.
macro_rules! ahead {
    ($($at:literal),+) => {
        concat!($("prefetcht1 [{lower} + ", $at, "]\n",)+)
    };
}

unsafe fn convolve_long(product: &Product, sums: &mut [Sums; LONG]) {
    debug_assert!(product.position == size_of::<Line>() && product.blocks > 0);
    let start = sums.as_mut_ptr().cast::<f32>();
    for half in 0..2 {
        let lines = product.lines.add(48 * half);
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "tilezero tmm4",
            "tilezero tmm5",
            "2:",
            long_step!("upper", "0", "1024", "2048", "0", "1024"),
            long_step!("upper", "64", "1088", "2112", "2048", "3072"),
            long_step!("upper", "128", "1152", "2176", "4096", "5120"),
            long_step!("middle", "0", "1024", "2048", "6144", "7168"),
            long_step!("middle", "64", "1088", "2112", "8192", "9216"),
            long_step!("middle", "128", "1152", "2176", "10240", "11264"),
            ahead!(
                "3136", "3200", "3264", "3328", "3392", "3456", "3520", "3584",
                "3648", "3712", "3776", "3840", "3904", "3968", "4032", "4096"
            ),
            long_step!("lower", "0", "1024", "2048", "12288", "13312"),
            ahead!(
                "4160", "4224", "4288", "4352", "4416", "4480", "4544", "4608",
                "4672", "4736", "4800", "4864", "4928", "4992", "5056", "5120"
            ),
            long_step!("lower", "64", "1088", "2112", "14336", "15360"),
            ahead!(
                "5184", "5248", "5312", "5376", "5440", "5504", "5568", "5632",
                "5696", "5760", "5824", "5888", "5952", "6016", "6080", "6144"
            ),
            long_step!("lower", "128", "1152", "2176", "16384", "17408"),
            "add {upper}, {block}",
            "add {middle}, {block}",
            "add {lower}, {block}",
            "add {weights}, 18432",
            "dec {blocks}",
            "jnz 2b",
            "tilestored [{sums} + {pitch}*1], tmm0",
            "tilestored [{sums} + {pitch}*1 + 64], tmm3",
            "tilestored [{sums} + {pitch}*1 + 2048], tmm1",
            "tilestored [{sums} + {pitch}*1 + 2112], tmm4",
            "tilestored [{sums} + {pitch}*1 + 4096], tmm2",
            "tilestored [{sums} + {pitch}*1 + 4160], tmm5",
            upper = inout(reg) lines => _,
            middle = inout(reg) lines.byte_add(product.row) => _,
            lower = inout(reg) lines.byte_add(2 * product.row) => _,
            block = in(reg) product.block,
            weights = inout(reg) product.weights => _,
            blocks = inout(reg) product.blocks => _,
            line = in(reg) size_of::<Line>(),
            sums = in(reg) start.add(48 * CHANNELS * half),
            pitch = in(reg) CHANNELS * size_of::<f32>(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// One tap of one block for 64 positions and one tile of weights. Two registers take turns as the
/// positions' tiles.
macro_rules! narrow_step {
    ($row:literal, $first:literal, $second:literal, $third:literal, $fourth:literal,
        $weights:literal) => {
        concat!(
            "tileloadd tmm6, [{weights} + {line}*1 + ",
            $weights,
            "]\n",
            "tileloadd tmm4, [{",
            $row,
            "} + {line}*1 + ",
            $first,
            "]\n",
            "tdpbf16ps tmm0, tmm4, tmm6\n",
            "tileloadd tmm5, [{",
            $row,
            "} + {line}*1 + ",
            $second,
            "]\n",
            "tdpbf16ps tmm1, tmm5, tmm6\n",
            "tileloadd tmm4, [{",
            $row,
            "} + {line}*1 + ",
            $third,
            "]\n",
            "tdpbf16ps tmm2, tmm4, tmm6\n",
            "tileloadd tmm5, [{",
            $row,
            "} + {line}*1 + ",
            $fourth,
            "]\n",
            "tdpbf16ps tmm3, tmm5, tmm6\n",
        )
    };
}

unsafe fn convolve_narrow(product: &Product, sums: &mut Sums) {
    debug_assert!(product.position == size_of::<Line>() && product.blocks > 0);
    asm!(
        "tilezero tmm0",
        "tilezero tmm1",
        "tilezero tmm2",
        "tilezero tmm3",
        "2:",
        narrow_step!("upper", "0", "1024", "2048", "3072", "0"),
        narrow_step!("upper", "64", "1088", "2112", "3136", "1024"),
        narrow_step!("upper", "128", "1152", "2176", "3200", "2048"),
        narrow_step!("middle", "0", "1024", "2048", "3072", "3072"),
        narrow_step!("middle", "64", "1088", "2112", "3136", "4096"),
        narrow_step!("middle", "128", "1152", "2176", "3200", "5120"),
        narrow_step!("lower", "0", "1024", "2048", "3072", "6144"),
        narrow_step!("lower", "64", "1088", "2112", "3136", "7168"),
        narrow_step!("lower", "128", "1152", "2176", "3200", "8192"),
        "add {upper}, {block}",
        "add {middle}, {block}",
        "add {lower}, {block}",
        "add {weights}, 9216",
        "dec {blocks}",
        "jnz 2b",
        "tilestored [{sums} + {line}*1], tmm0",
        "tilestored [{sums} + {line}*1 + 1024], tmm1",
        "tilestored [{sums} + {line}*1 + 2048], tmm2",
        "tilestored [{sums} + {line}*1 + 3072], tmm3",
        upper = inout(reg) product.lines => _,
        middle = inout(reg) product.lines.byte_add(product.row) => _,
        lower = inout(reg) product.lines.byte_add(2 * product.row) => _,
        block = in(reg) product.block,
        weights = inout(reg) product.weights => _,
        blocks = inout(reg) product.blocks => _,
        line = in(reg) size_of::<Line>(),
        sums = in(reg) sums,
        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
        options(nostack),
    );
}

unsafe fn multiply(product: &Product, sums: &mut Sums) {
    debug_assert!(product.blocks > 0);
    asm!(
        "tilezero tmm0",
        "tilezero tmm1",
        "tilezero tmm2",
        "tilezero tmm3",
        "2:",
        step!("{upper} + {position}*1", "{lower} + {position}*1", "0", "1024"),
        "add {upper}, {block}",
        "add {lower}, {block}",
        "add {weights}, 2048",
        "dec {blocks}",
        "jnz 2b",
        store!(),
        upper = inout(reg) product.lines => _,
        lower = inout(reg) product.lines.byte_add(16 * product.position) => _,
        block = in(reg) product.block,
        weights = inout(reg) product.weights => _,
        blocks = inout(reg) product.blocks => _,
        position = in(reg) product.position,
        line = in(reg) size_of::<Line>(),
        sums = in(reg) sums,
        pitch = in(reg) CHANNELS * size_of::<f32>(),
        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
        options(nostack),
    );
}
