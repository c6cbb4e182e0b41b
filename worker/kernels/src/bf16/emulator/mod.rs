//! AMX in software, for tests on machines that lack it.
//!
//! The tile kernels are written in `asm!`, so on a CPU without AMX their first instruction raises
//! SIGILL. [`install`] puts a handler there that decodes the instruction at RIP, executes it on
//! tiles kept in memory, and steps over it: the kernel under test runs unchanged, instruction by
//! instruction. What that covers is everything but the silicon: the encodings that the assembler
//! made, the addresses and strides, the shapes in the tile configuration, which tile is multiplied
//! with which, and the arithmetic up to the order of its roundings.
//!
//! It is not a model of speed (an instruction costs a signal, some microseconds), and it is no AMX
//! for users: it is compiled for tests alone. It knows the seven instructions that the kernels use:
//! LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILELOADDT1, TILESTORED and TDPBF16PS in 64-bit
//! mode, without segment and address-size prefixes. Every other illegal instruction goes to the
//! handler that was there before, so that a real fault still kills the test. Where the manual has
//! the CPU raise #GP or #UD because an instruction does not fit the configuration, the emulator
//! says which rule was broken and aborts; a handler cannot panic.
//!
//! Everything that a handler runs is async-signal-safe: it allocates nothing and takes no lock. The
//! tiles are a constant- initialised thread local without a destructor, which on Linux is a plain
//! offset from the thread pointer.
//!
//! Where this process may use AMX nothing is emulated, and the same tests run on the real tiles.

mod decode;
mod faults;
mod tests;
mod tiles;

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use decode::{Instruction, Registers};
use tiles::{Misuse, Tiles};

/// What executes tile instructions in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Executor {
    /// The CPU itself.
    Hardware,
    /// The handler in this module.
    Emulator,
}

/// Makes tile instructions work in every thread of this process, by the CPU's means or by
/// emulation. Later calls change nothing.
pub(crate) fn install() -> Executor {
    static EXECUTOR: OnceLock<Executor> = OnceLock::new();
    *EXECUTOR.get_or_init(|| {
        if crate::permission::granted() {
            Executor::Hardware
        } else {
            catch_illegal_instructions();
            Executor::Emulator
        }
    })
}

/// How many instructions have been emulated in this process so far. Stays 0 where the CPU executes
/// them.
pub(crate) fn executed() -> u64 {
    EXECUTED.load(Ordering::Relaxed)
}

static EXECUTED: AtomicU64 = AtomicU64::new(0);

/// The action for SIGILL that was there before ours. Set before ours is installed, so that the
/// handler always finds it.
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

thread_local! {
    static TILES: UnsafeCell<Tiles> = const { UnsafeCell::new(Tiles::RELEASED) };
}

fn catch_illegal_instructions() {
    // SAFETY: `sigaction` is plain data for which zero is valid (default action, empty mask); both
    // calls get valid pointers, and the handler has the signature that SA_SIGINFO promises.
    unsafe {
        let mut previous: libc::sigaction = mem::zeroed();
        assert_eq!(libc::sigaction(libc::SIGILL, ptr::null(), &mut previous), 0);
        PREVIOUS.get_or_init(|| previous);

        let mut ours: libc::sigaction = mem::zeroed();
        ours.sa_sigaction = on_illegal_instruction as *const () as usize;
        // No SA_ONSTACK: the alternate stack that Rust gives a thread is too small for the
        // multiplication's buffers.
        ours.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGILL, &ours, ptr::null_mut()), 0);
    }
}

extern "C" fn on_illegal_instruction(
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    // SAFETY: under SA_SIGINFO the kernel hands over valid pointers, ours alone until we return.
    let (sent_by_cpu, machine) =
        unsafe { ((*info).si_code > 0, &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext) };
    let start = machine.gregs[libc::REG_RIP as usize] as u64;
    let mut code = CodeAt(start);
    let instruction = if sent_by_cpu { decode::decode(&mut code) } else { None };
    let Some(instruction) = instruction else {
        return hand_on(signal, info, context);
    };
    let CodeAt(next) = code;
    let registers = registers(machine, next);
    TILES.with(|tiles| {
        // SAFETY: the tiles are this thread's, and SIGILL is blocked while its handler runs, so
        // nobody else holds them. The memory that the instruction names is the interrupted code's
        // to name, as it would be on a CPU that has AMX.
        let outcome = unsafe { execute(&mut *tiles.get(), instruction, &registers) };
        if let Err(misuse) = outcome {
            abort(misuse);
        }
    });
    EXECUTED.fetch_add(1, Ordering::Relaxed);
    machine.gregs[libc::REG_RIP as usize] = next as i64;
}

/// # Safety
/// The memory that `instruction` names must be valid for what it does there.
unsafe fn execute(
    tiles: &mut Tiles,
    instruction: Instruction,
    registers: &Registers,
) -> Result<(), Misuse> {
    match instruction {
        Instruction::Configure(memory) => {
            let config =
                ptr::with_exposed_provenance::<[u8; 64]>(memory.address(registers) as usize);
            tiles.configure(&*config)
        }
        Instruction::Release => {
            tiles.release();
            Ok(())
        }
        Instruction::Zero(tile) => tiles.zero(tile),
        Instruction::Load(tile, rows) => tiles.load(tile, rows.rows(registers)),
        Instruction::Store(rows, tile) => tiles.store(tile, rows.rows(registers)),
        Instruction::Multiply { sum, left, right } => tiles.multiply(sum, left, right),
    }
}

/// The machine code from an address on, one byte at a time: the CPU has read exactly the bytes that
/// belong to the instruction, and what follows them may not be mapped.
struct CodeAt(u64);

impl Iterator for CodeAt {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        // SAFETY: the decoder asks for a byte only when those before it make the CPU need it as
        // well, and the CPU has just read it without a page fault.
        let byte = unsafe { *ptr::with_exposed_provenance::<u8>(self.0 as usize) };
        self.0 += 1;
        Some(byte)
    }
}

/// The sixteen registers in the order of their encoding.
fn registers(machine: &libc::mcontext_t, next: u64) -> Registers {
    use libc::{REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    use libc::{REG_RAX, REG_RBP, REG_RBX, REG_RCX, REG_RDI, REG_RDX, REG_RSI, REG_RSP};
    const ENCODED: [c_int; 16] = [
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9,
        REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
    ];
    Registers { general: ENCODED.map(|register| machine.gregs[register as usize] as u64), next }
}

/// Not ours: what would have happened without us happens.
fn hand_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(previous) = PREVIOUS.get() else { return };
    match previous.sa_sigaction {
        // Raised again under the default action: it stays pending until this handler returns, and
        // then ends the process. A CPU's SIGILL cannot be ignored, so SIG_IGN comes to the same.
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: zero is a valid `sigaction`, the default action; both calls are
            // async-signal-safe.
            unsafe {
                let default: libc::sigaction = mem::zeroed();
                libc::sigaction(signal, &default, ptr::null_mut());
                libc::raise(signal);
            }
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: the kernel held this address as a handler of exactly this signature.
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                unsafe { mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: as above; without SA_SIGINFO a handler takes the signal alone.
            let handler: extern "C" fn(c_int) = unsafe { mem::transmute(handler) };
            handler(signal);
        }
    }
}

fn abort(misuse: Misuse) -> ! {
    for part in ["emulated AMX: ", misuse.text(), "\n"] {
        // SAFETY: the pointer and the length are those of one string; `write` is async-signal-safe.
        unsafe { libc::write(libc::STDERR_FILENO, part.as_ptr().cast(), part.len()) };
    }
    // SAFETY: `abort` has no precondition and is async-signal-safe.
    unsafe { libc::abort() }
}
