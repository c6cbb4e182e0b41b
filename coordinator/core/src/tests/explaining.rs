//! What waiting tasks wait for.

use impasto_types::{FailureKind, JobId, TaskIndex};

use super::farm::{Farm, GIB, capabilities, failed, lease, needs, submission};
use crate::{Needs, Submission};

fn reasons(farm: &Farm, job: JobId) -> Vec<(u32, u32, String)> {
    let explained = farm.core.explain(job).expect("a known job").into_iter();
    explained.map(|one| (one.first.0, one.tasks, one.reason)).collect()
}

#[test]
fn every_wait_has_its_reason() {
    let mut farm = Farm::new();
    let tasks = vec![
        needs("first"),
        Needs { after: vec![TaskIndex(0)], ..needs("second") },
        Needs { least_memory_bytes: 64 * GIB, ..needs("large") },
        needs("last"),
        needs("last"),
    ];
    let job = farm.submit(Submission { tasks, ..submission("one", 0) });
    let said = |reason: &str, first, tasks| (first, tasks, reason.to_owned());
    let nobody = "no worker that can run it is connected";
    assert_eq!(
        reasons(&farm, job),
        [
            said(nobody, 0, 3),
            said("waits for the results of 1 other tasks of the job", 1, 1),
            said("the same waits as an earlier task", 4, 1),
        ]
    );
    let worker = farm.worker("a", 1);
    assert_eq!(
        reasons(&farm, job)[1..],
        [
            said("no worker can run it: needs 64.0 GiB, the largest worker has 8.00 GiB", 2, 1),
            said("waits for its turn: every worker is busy", 3, 1),
            said("the same waits as an earlier task", 4, 1),
        ]
    );
    farm.report(worker, lease(1, 0, 1), failed(FailureKind::Transient));
    let first = &reasons(&farm, job)[0];
    assert!(first.2.starts_with("is tried again in ") && first.2.ends_with(" s: no luck"));
    farm.connect("b", capabilities(1, 8), &[]);
    assert_eq!(farm.core.explain(JobId(7)), None);
}
