//! Whether this process may use AMX: the processor has it, the system saves its registers, and the
//! process was permitted to use them.
//!
//! The tile registers are 8 KiB a thread, so Linux gives the room for them only to a process that
//! asks, once, for all its threads. Other systems are not asked, and have no AMX as far as this
//! crate knows.

/// Asks once; the answer stays.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) fn granted() -> bool {
    static GRANTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *GRANTED.get_or_init(|| processor_has_it() && system_saves_it() && process_may())
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
pub(crate) fn granted() -> bool {
    false
}

/// CPUID: AMX with bf16, and the vector instructions that work beside it.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn processor_has_it() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};

    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    let vectors = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bf16");
    // The bits are asked by hand: their names in the standard library are not stable.
    vectors
        && __cpuid(0).eax >= 7
        && __cpuid_count(7, 0).edx & (AMX_BF16 | AMX_TILE) == AMX_BF16 | AMX_TILE
}

/// XCR0: the system switches the tile configuration and the tile data with a thread.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn system_saves_it() -> bool {
    const TILES: u64 = 1 << 17 | 1 << 18;

    #[target_feature(enable = "xsave")]
    fn saved() -> u64 {
        // SAFETY: a processor whose AVX-512 was detected has XGETBV, and the system enabled it.
        unsafe { std::arch::x86_64::_xgetbv(0) }
    }
    // SAFETY: as above: `processor_has_it` was asked first.
    unsafe { saved() & TILES == TILES }
}

/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA)`: permission for all threads of this process.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn process_may() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XTILEDATA: u64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: a system call that takes no address; the kernel overwrites rcx and r11, and nothing
    // else.
    unsafe {
        std::arch::asm!(
            "syscall",
            inout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}
