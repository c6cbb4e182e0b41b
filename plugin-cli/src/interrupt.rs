//! Ctrl-C and SIGTERM.
//!
//! On Unix SIGINT, SIGTERM and SIGHUP are handled alike, on Windows Ctrl-C, Ctrl-Break and the end
//! of the console or the session.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use impasto_painter::Interrupt;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// How long a clean end may take. A canceled job gets five seconds and the embedded farm four,
/// while a step of a large picture on a slow machine can take minutes; whatever is still running
/// then ends with the process. Nothing is lost by that: outputs are written atomically, and each is
/// recorded when it is delivered.
const GRACE: Duration = Duration::from_secs(12);

/// A token that the first signal cancels, for a clean end. The second one ends the program at once,
/// and so does the end of [`GRACE`].
///
/// Commands with nothing to clean up do not call this, and end at the first.
pub(crate) fn token() -> CancellationToken {
    static TOKEN: OnceLock<CancellationToken> = OnceLock::new();
    let install = || {
        let token = CancellationToken::new();
        let seen = token.clone();
        let installed = ctrlc::set_handler(move || {
            if seen.is_cancelled() {
                end();
            }
            seen.cancel();
            painting().ask();
            thread::spawn(|| {
                thread::sleep(GRACE);
                end();
            });
        });
        if let Err(error) = installed {
            // Without a handler, Ctrl-C ends the program at once; files are written atomically
            // anyway.
            tracing::debug!("cannot listen for Ctrl-C: {error}");
        }
        token
    };
    TOKEN.get_or_init(install).clone()
}

/// Lets the first signal end a step of the picture that this process paints itself.
pub(crate) fn covers(interrupt: Interrupt) {
    let mut current = painting();
    *current = interrupt;
    if token().is_cancelled() {
        current.ask();
    }
}

fn painting() -> MutexGuard<'static, Interrupt> {
    static PAINTING: OnceLock<Mutex<Interrupt>> = OnceLock::new();
    PAINTING.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

fn end() -> ! {
    // Not through the screen, whose lock a stuck thread may hold.
    let _ = writeln!(std::io::stderr(), "error: interrupted");
    std::process::exit(i32::from(Exit::Interrupted.code()));
}
