//! Runs of a few seeds, and bugs that are planted.

use super::*;
use crate::Plant;

fn run_all(seeds: u64, options: Options) -> Vec<Summary> {
    let run = |seed| match run(seed, options) {
        Ok(summary) => summary,
        Err(failure) => panic!("{failure}\n{}", failure.log.join("\n")),
    };
    (0..seeds).map(run).collect()
}

#[test]
fn a_few_dozen_seeds_succeed_and_cover_all_cases() {
    let summaries = run_all(48, Options { steps: 1_500, ..Options::default() });
    let counts: [fn(&Summary) -> u64; 5] =
        [|s| s.dependents, |s| s.resumed, |s| s.coordinators - 1, |s| s.succeeded, |s| s.forgotten];
    for (index, count) in counts.into_iter().enumerate() {
        assert!(summaries.iter().map(count).sum::<u64>() > 0, "count {index}");
    }
}

#[test]
fn a_single_worker_suffices() {
    run_all(24, Options { steps: 3_000, workers: 1, tasks: 60, ..Options::default() });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let options = Options { steps: 1_000, ..Options::default() };
    assert_eq!(run(7, options), run(7, options));
    assert_ne!(run(7, options), run(8, options));
}

#[test]
fn a_dependent_that_starts_before_its_input_is_durable_is_found() {
    let planted = Options { plant: Some(Plant::EffectsFirst), ..Options::default() };
    for seed in 0..8 {
        let failure = run(seed, planted).expect_err("the bug is found");
        assert!(failure.wrong.contains("is not durable"), "{failure}");
    }
}

#[test]
fn taking_a_mend_back_is_found() {
    for (plant, expected) in [
        (Plant::LostCredit, "credit granted equals credit returned or held"),
        (Plant::WallClock, "time that leases see never goes back"),
        (Plant::LostOrders, "a grant that was not sent is nobody's attempt"),
        (Plant::CoarseNeeds, "a healthy worker with room is never idle"),
        (Plant::BlamedTasks, "no task fails for good by a machine's fault"),
    ] {
        let planted = Options { plant: Some(plant), ..Options::default() };
        let found = (0..200).find_map(|seed| run(seed, planted).err());
        let failure = found.unwrap_or_else(|| panic!("{plant:?} is not found"));
        assert!(failure.wrong.contains(expected), "{plant:?}: {failure}");
    }
}
