//! Ctrl-C and SIGTERM.

use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// A token that the first Ctrl-C cancels, for a clean end; the second Ctrl-C ends the program at
/// once.
///
/// Commands with nothing to clean up do not call this, and end at the first.
pub(crate) fn token() -> CancellationToken {
    static TOKEN: OnceLock<CancellationToken> = OnceLock::new();
    let install = || {
        let token = CancellationToken::new();
        let seen = token.clone();
        let installed = ctrlc::set_handler(move || {
            if seen.is_cancelled() {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
            seen.cancel();
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
