//! Settling in virtual time, over files in memory.

use std::collections::BTreeMap;

use impasto_types::AssetPath;
use proptest::prelude::*;

use super::{Probe, SettleSettings, Settling};
use crate::picture::Completeness;
use crate::stamp::Stamp;
use crate::test_project::path;

const SETTINGS: SettleSettings =
    SettleSettings { settle_ms: 500, recheck_ms: 1_000, give_up_ms: 30_000, batch_ms: 2_000 };

/// Files are complete with this many bytes.
const WHOLE_BYTES: u64 = 4;

#[derive(Debug, Default)]
struct FakeDisk {
    /// Size, and time of the last change.
    files: BTreeMap<AssetPath, (u64, u64)>,
}

impl Probe for FakeDisk {
    fn stamp(&mut self, path: &AssetPath) -> Option<Stamp> {
        let &(size_bytes, changed_ms) = self.files.get(path)?;
        Some(Stamp { size_bytes, modified_ns: changed_ms as i64, changed_ns: 0, file_id: 0 })
    }

    fn completeness(&mut self, path: &AssetPath) -> Completeness {
        match self.files.get(path) {
            Some(&(size, _)) if size < WHOLE_BYTES => {
                Completeness::Partial("is truncated".to_owned())
            }
            _ => Completeness::Whole,
        }
    }
}

/// An event in a script.
#[derive(Debug, Clone, Copy)]
enum Happens {
    /// The file gets this size, with an event.
    Write(u64),
    /// The file gets this size, without an event.
    WriteSilently(u64),
    Remove,
    /// An event without a change.
    Event,
    /// A reconcile finds the file changed.
    Notice,
}

use Happens::{Event, Notice, Remove, Write, WriteSilently};

/// Runs `script` (times in ms, file, event) and lists what is reported when.
fn run(script: &[(u64, &str, Happens)]) -> Vec<(u64, String)> {
    let mut settling = Settling::new(SETTINGS);
    let mut disk = FakeDisk::default();
    let mut script = script.iter().peekable();
    let mut out = Vec::new();
    let mut now_ms = 0;
    loop {
        let next_step = script.peek().map(|(at_ms, ..)| *at_ms);
        let next_poll = settling.next_ms().map(|at_ms| at_ms.max(now_ms));
        match (next_step, next_poll) {
            (None, None) => return out,
            (Some(step_ms), poll) if poll.is_none_or(|poll| step_ms <= poll) => {
                now_ms = step_ms;
                if let Some(&(_, name, happens)) = script.next() {
                    apply(&mut settling, &mut disk, now_ms, path(name), happens);
                }
            }
            (_, Some(poll_ms)) => {
                now_ms = poll_ms;
                let done = settling.poll(now_ms, &mut disk);
                if !done.paths.is_empty() {
                    let names: Vec<_> = done.paths.keys().map(AssetPath::as_str).collect();
                    out.push((now_ms, names.join(" ")));
                }
                out.extend(
                    done.given_up
                        .iter()
                        .map(|(path, (_, reason))| (now_ms, format!("{path} {reason}"))),
                );
            }
            (Some(_), None) => unreachable!("a step without a poll before it was taken above"),
        }
    }
}

fn apply(
    settling: &mut Settling,
    disk: &mut FakeDisk,
    now_ms: u64,
    path: AssetPath,
    happens: Happens,
) {
    match happens {
        Write(size) | WriteSilently(size) => {
            disk.files.insert(path.clone(), (size, now_ms));
        }
        Remove => {
            disk.files.remove(&path);
        }
        Event | Notice => {}
    }
    match happens {
        Write(_) | Remove | Event => settling.touch(path),
        Notice => settling.notice(path),
        WriteSilently(_) => {}
    }
}

#[track_caller]
fn check(script: &[(u64, &str, Happens)], expected: &[(u64, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(at_ms, text)| (*at_ms, (*text).to_owned())).collect();
    assert_eq!(run(script), expected, "{script:?}");
}

#[test]
fn a_file_written_at_once_settles_once() {
    check(&[(0, "a.png", Write(4))], &[(500, "a.png")]);
    check(&[(0, "a.png", Write(4)), (1, "a.png", Event), (2, "a.png", Event)], &[(502, "a.png")]);
}

#[test]
fn a_slow_copy_settles_when_it_is_complete() {
    check(
        &[(0, "a.png", Write(1)), (400, "a.png", Write(2)), (800, "a.png", Write(4))],
        &[(1_300, "a.png")],
    );
    // The copy stalls for a long time.
    check(&[(0, "a.png", Write(1)), (9_000, "a.png", Write(4))], &[(9_500, "a.png")]);
}

#[test]
fn growth_without_an_event_is_found_by_the_stamp() {
    check(&[(0, "a.png", Write(4)), (300, "a.png", WriteSilently(5))], &[(1_000, "a.png")]);
    // While incomplete: found by the next check after a second.
    check(&[(0, "a.png", Write(2)), (700, "a.png", WriteSilently(4))], &[(2_000, "a.png")]);
}

#[test]
fn an_unfinished_file_is_given_up_once() {
    check(&[(0, "a.png", Write(2))], &[(30_500, "a.png is truncated")]);
    check(
        &[(0, "a.png", Write(2)), (40_000, "a.png", Write(4))],
        &[(30_500, "a.png is truncated"), (40_500, "a.png")],
    );
}

#[test]
fn a_removal_settles_and_a_replacement_counts_as_one() {
    check(&[(0, "a.png", Write(4)), (1_000, "a.png", Remove)], &[(500, "a.png"), (1_500, "a.png")]);
    check(
        &[(0, "a.png", Write(4)), (1_000, "a.png", Remove), (1_200, "a.png", Write(4))],
        &[(500, "a.png"), (1_700, "a.png")],
    );
}

#[test]
fn a_burst_is_one_batch() {
    check(
        &[(0, "a.png", Write(4)), (300, "b.png", Write(4)), (600, "c.png", Write(4))],
        &[(1_100, "a.png b.png c.png")],
    );
    // An incomplete file does not delay the others, and one that keeps changing delays them by two
    // seconds.
    check(
        &[(0, "a.png", Write(2)), (0, "b.png", Write(4)), (3_000, "a.png", Write(4))],
        &[(500, "b.png"), (3_500, "a.png")],
    );
    let busy: Vec<_> = (0..=12).map(|step| (step * 250, "b.png", Write(4 + step))).collect();
    let mut script = vec![(0, "a.png", Write(4))];
    script.extend(busy);
    check(&script, &[(2_500, "a.png"), (3_500, "b.png")]);
}

#[test]
fn noticing_does_not_restart_the_wait() {
    check(&[(0, "a.png", Write(4)), (400, "a.png", Notice)], &[(500, "a.png")]);
    check(&[(0, "a.png", WriteSilently(4)), (400, "a.png", Notice)], &[(900, "a.png")]);
}

/// Steps of up to 900 ms, over three files.
fn scripts() -> impl Strategy<Value = Vec<(u64, &'static str, Happens)>> {
    let happens = prop_oneof![(0..6_u64).prop_map(Write), Just(Remove), Just(Event), Just(Notice)];
    let name = prop_oneof![Just("a.png"), Just("b.png"), Just("c.png")];
    prop::collection::vec((0..900_u64, name, happens), 1..40).prop_map(|steps| {
        let mut at_ms = 0;
        let at = |(wait_ms, name, happens)| {
            at_ms += wait_ms;
            (at_ms, name, happens)
        };
        steps.into_iter().map(at).collect()
    })
}

proptest! {
    #[test]
    fn every_change_is_reported_once_it_has_settled_and_not_before(script in scripts()) {
        let out = run(&script);
        for name in ["a.png", "b.png", "c.png"] {
            let changes: Vec<_> = script.iter().filter(|(_, of, _)| *of == name).collect();
            let is_loud = |happens: &Happens| matches!(happens, Write(_) | Remove | Event);
            let last = changes.iter().rev().find(|(.., happens)| is_loud(happens));
            let Some((last_ms, ..)) = last else { continue };
            let size = changes.iter().rev().find_map(|(.., happens)| match happens {
                Write(size) => Some(Some(*size)),
                Remove => Some(None),
                Event | Notice | WriteSilently(_) => None,
            });
            let is_about = |text: &str| text.split(' ').any(|word| word == name);
            let reports: Vec<_> = out.iter().filter(|(_, text)| is_about(text)).collect();
            // No report within the settle time after an event.
            for (at_ms, text) in &reports {
                let quiet = changes
                    .iter()
                    .filter(|(at, _, happens)| at < at_ms && is_loud(happens))
                    .all(|(at, ..)| at + SETTINGS.settle_ms <= *at_ms);
                prop_assert!(quiet, "{name}: {text} at {at_ms}");
            }
            // After the last change: exactly one report, of the final content.
            let last_reports: Vec<_> =
                reports.iter().filter(|(at_ms, _)| at_ms > last_ms).collect();
            let notices_after = changes
                .iter()
                .filter(|(at, _, happens)| at >= last_ms && matches!(happens, Notice))
                .count();
            let expected = 1..=1 + notices_after;
            prop_assert!(expected.contains(&last_reports.len()), "{name}: {last_reports:?}");
            let partial = size.flatten().is_some_and(|size| size < WHOLE_BYTES);
            prop_assert_eq!(last_reports[0].1.ends_with("is truncated"), partial);
        }
    }
}
