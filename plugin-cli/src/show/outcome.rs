//! The outcome of a build, as an exit code and a line.

use std::time::Duration;

use impasto_build::Outcome;

use crate::Exit;
use crate::units::time;

/// The exit code of the command that built.
pub(crate) fn exit(outcome: &Outcome) -> Exit {
    match (outcome.interrupted, outcome.failed.is_empty() && outcome.open == 0) {
        (true, _) => Exit::Interrupted,
        (false, false) => Exit::Unfinished,
        (false, true) => Exit::Done,
    }
}

/// `painted 7, cached 2, up to date 3, failed 1 in 1 m 42 s`.
pub(crate) fn line(outcome: &Outcome) -> String {
    let counts = [
        ("trained", outcome.trained),
        ("painted", outcome.painted),
        ("cached", outcome.cached),
        ("copied", outcome.copied),
        ("up to date", outcome.up_to_date),
        ("failed", outcome.failed.len()),
        ("not done", outcome.open),
    ];
    let parts: Vec<_> = counts
        .into_iter()
        .filter(|(_, number)| *number > 0)
        .map(|(word, number)| format!("{word} {number}"))
        .collect();
    format!("{} in {}", parts.join(", "), time(Duration::from_millis(outcome.elapsed_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use impasto_build::Failed;

    #[test]
    fn lines_and_exit_codes() {
        let failed = vec![Failed { asset: "a".to_owned(), style: None, message: "b".to_owned() }];
        let done = Outcome {
            painted: 7,
            cached: 2,
            up_to_date: 3,
            elapsed_ms: 102_000,
            ..Outcome::default()
        };
        for (outcome, expected_line, expected_exit) in [
            (done.clone(), "painted 7, cached 2, up to date 3 in 1 m 42 s", Exit::Done),
            (
                Outcome { failed, ..done.clone() },
                "painted 7, cached 2, up to date 3, failed 1 in 1 m 42 s",
                Exit::Unfinished,
            ),
            (
                Outcome { open: 1, interrupted: true, ..done },
                "painted 7, cached 2, up to date 3, not done 1 in 1 m 42 s",
                Exit::Interrupted,
            ),
            (Outcome { open: 1, ..Outcome::default() }, "not done 1 in 0.00 s", Exit::Unfinished),
        ] {
            assert_eq!((line(&outcome).as_str(), exit(&outcome)), (expected_line, expected_exit));
        }
    }
}
