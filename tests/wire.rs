//! Bits that flip between the programs of a farm.

use impasto_tests::chaos::{Link, Way};
use impasto_tests::{Coordinator, Project, Worker, models_dir};

/// What comes before a digit of a recipe, in which a flipped bit gives another valid recipe.
const BEFORE_A_DIGIT: &[u8] = b"\"iterations\":";

/// Builds on a farm whose worker and whose command line reach the coordinator over a link each, and
/// asserts that the pictures are those of a build without a farm.
#[track_caller]
fn assert_right_although(spoil: impl FnOnce(&Link, &Link)) {
    let project = Project::small();
    let coordinator = Coordinator::start(&project);
    let address = coordinator.url.strip_prefix("http://").expect("it is a URL");
    let links = [(); 2].map(|()| Link::to(address.parse().expect("it is an address")));
    let [of_worker, of_build] = &links;
    spoil(of_worker, of_build);
    let _worker = Worker::start(&project, &of_worker.url(), "a", models_dir());
    coordinator.await_workers(&project, 1);
    let arguments = ["build", "--json", "--require-farm", "--coordinator", &of_build.url()];
    let built = project.run(&arguments).expect_code(0);
    assert!(links.iter().all(Link::has_flipped), "no bit has flipped: {built}");
    let here = Project::small();
    here.build();
    assert!(project.painted() == here.painted(), "a picture has changed: {built}");
}

#[test]
fn a_damaged_grant_changes_no_picture() {
    assert_right_although(|worker, _| worker.flip_after(Way::Down, BEFORE_A_DIGIT));
}

#[test]
fn a_damaged_submission_changes_no_picture() {
    assert_right_although(|_, build| build.flip_after(Way::Up, BEFORE_A_DIGIT));
}
