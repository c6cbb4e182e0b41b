//! Checks that this machine cannot make.

/// Says that a check is left out, and why.
#[expect(clippy::print_stderr, reason = "a check that is left out says so")]
pub fn skipped(check: &str, why: &str) {
    eprintln!("skipped: {check}: {why}");
}
