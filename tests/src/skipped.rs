//! Checks that cannot run on this machine.

/// Prints that a check is skipped, and why.
#[expect(clippy::print_stderr, reason = "a check that is left out says so")]
pub fn skipped(check: &str, why: &str) {
    eprintln!("skipped: {check}: {why}");
}
