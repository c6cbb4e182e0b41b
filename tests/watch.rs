//! `impasto watch` on a folder that files are copied into.

use std::fs::File;
use std::io::Write;

use impasto_tests::{Process, Project, pictures};
use serde_json::Value;

/// Adds a complete picture to the folder and waits until it is painted: by then the watcher has
/// seen all earlier changes. Returns the events until then.
fn pass_by(project: &Project, watching: &mut Process, name: &str) -> Vec<Value> {
    let asset = format!("textures/{name}.png");
    project.write(&asset, project.read("textures/first.png"));
    let mut said = Vec::new();
    let mut delivered = false;
    watching.until_out(name, |line| {
        let event: Value = serde_json::from_str(line).expect("it is JSON");
        delivered |= event["event"] == "delivered" && event["asset"] == asset.as_str();
        let ended = event["event"] == "summary";
        said.push(event);
        (delivered && ended).then_some(())
    });
    said
}

#[test]
fn a_slowly_copied_file_is_painted_once_when_it_is_complete() {
    let project = Project::empty();
    project.save("textures/first.png", &pictures::bricks(48, 48, 1));
    project.save("slow.png", &pictures::bricks(64, 64, 2));
    let whole = project.read("slow.png");

    let mut watching = project.start(&["watch", "--json"]);
    watching.until_event("summary", |event| (event["painted"] == 1).then_some(()));

    let mut events = Vec::new();
    let mut copied = File::create(project.path("textures/slow.png")).expect("it is made");
    let third = whole.len() / 3;
    for (number, part) in
        [&whole[..third], &whole[third..2 * third], &whole[2 * third..]].into_iter().enumerate()
    {
        // The file looks settled before each further part is written.
        events.extend(pass_by(&project, &mut watching, &format!("passing_{number}")));
        assert!(!project.path("painted/textures/slow.png").exists(), "it is not complete yet");
        copied.write_all(part).and_then(|()| copied.sync_all()).expect("it is written");
    }
    drop(copied);
    watching
        .until_event("delivered", |event| (event["asset"] == "textures/slow.png").then_some(()));
    watching.until_event("summary", |_| Some(()));
    let after = pass_by(&project, &mut watching, "passing_last");

    for event in events.iter().chain(&after) {
        assert_ne!(
            event["asset"], "textures/slow.png",
            "it is reported once, when it is painted: {event}"
        );
        assert_ne!(event["event"], "failed", "{event}");
    }
    let painted = image::open(project.path("painted/textures/slow.png")).expect("it is a picture");
    assert_eq!((painted.width(), painted.height()), (64, 64));
    project.run(&["check"]).expect_code(0);
}
