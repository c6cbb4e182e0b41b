//! What must still kill: each fault happens in a child process, which is this test binary again
//! with the fault's name in its environment.

use std::arch::asm;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use super::{Executor, install};

const FAULT: &str = "IMPASTO_TEST_FAULT";

#[test]
fn another_illegal_instruction_kills() {
    let died = with_fault("another_illegal_instruction_kills", || {
        install();
        // SAFETY: the instruction ends the process.
        unsafe { asm!("ud2", options(nomem, nostack)) };
    });
    if let Some(child) = died {
        assert_eq!(child.status.signal(), Some(libc::SIGILL), "{child:?}");
    }
}

#[test]
fn an_earlier_handler_gets_what_is_not_ours() {
    const EXIT: i32 = 42;
    extern "C" fn earlier(_signal: libc::c_int) {
        // SAFETY: `_exit` has no precondition and is async-signal-safe.
        unsafe { libc::_exit(EXIT) };
    }
    let died = with_fault("an_earlier_handler_gets_what_is_not_ours", || {
        // SAFETY: the handler has the signature that `signal` asks for.
        unsafe { libc::signal(libc::SIGILL, earlier as *const () as libc::sighandler_t) };
        install();
        // SAFETY: the instruction ends the process.
        unsafe { asm!("ud2", options(nomem, nostack)) };
    });
    if let Some(child) = died {
        assert_eq!(child.status.code(), Some(EXIT), "{child:?}");
    }
}

#[test]
fn a_signal_that_no_instruction_caused_kills() {
    let died = with_fault("a_signal_that_no_instruction_caused_kills", || {
        install();
        // SAFETY: `raise` has no precondition.
        unsafe { libc::raise(libc::SIGILL) };
    });
    if let Some(child) = died {
        assert_eq!(child.status.signal(), Some(libc::SIGILL), "{child:?}");
    }
}

#[test]
fn a_tile_without_configuration_kills_and_says_so() {
    let died = with_fault("a_tile_without_configuration_kills_and_says_so", || {
        install();
        // SAFETY: the instruction ends the process.
        unsafe { asm!("tilerelease", "tilezero tmm0", options(nomem, nostack)) };
    });
    let Some(child) = died else { return };
    match install() {
        Executor::Hardware => assert_eq!(child.status.signal(), Some(libc::SIGILL), "{child:?}"),
        Executor::Emulator => {
            assert_eq!(child.status.signal(), Some(libc::SIGABRT), "{child:?}");
            let message = "emulated AMX: a tile is used that is not configured in this thread\n";
            assert!(String::from_utf8_lossy(&child.stderr).contains(message), "{child:?}");
        }
    }
}

/// In the child: commits the fault, and never comes back. In the parent: runs the child and hands
/// back how it ended.
fn with_fault(test: &str, fault: fn()) -> Option<Output> {
    if std::env::var_os(FAULT).is_some_and(|name| name == test) {
        no_core_file();
        fault();
        panic!("{test}: survived its fault");
    }
    let module = module_path!().split_once("::").map_or("", |(_, module)| module);
    let binary = std::env::current_exe().ok()?;
    let child = Command::new(binary)
        .args(["--exact", "--nocapture", &format!("{module}::{test}")])
        .env(FAULT, test)
        .output();
    Some(child.unwrap_or_else(|error| panic!("could not start {test} as a child: {error}")))
}

fn no_core_file() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a valid limit for the length of the call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}
