//! A farm that cannot be reached never breaks a build, whatever answers at its address.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use impasto_tests::{Coordinator, Finished, Project, Stranger, Worker, models_dir, pictures};

const SSH: &[u8] = b"SSH-2.0-OpenSSH_9.6\r\n";
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
const BAD_GATEWAY: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
/// A TLS alert: fatal, protocol version.
const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 70];

/// What may answer, with a word of the reason that a user sees.
const STRANGERS: [(Stranger, &str); 11] = [
    (Stranger::Stopped, "nobody answers at"),
    (Stranger::Silent, "nobody answers at"),
    (Stranger::Closes, "no coordinator answers at"),
    (Stranger::Greets(SSH), "no coordinator answers at"),
    (Stranger::Answers(ALERT), "no coordinator answers at"),
    (Stranger::Answers(BAD_REQUEST), "no coordinator answers at"),
    (Stranger::Answers(BAD_GATEWAY), "no coordinator answers at"),
    (Stranger::Http2 { status: b"502" }, "no coordinator answers at"),
    (Stranger::Http2 { status: b"404" }, "no coordinator answers at"),
    (Stranger::OtherGrpc, "no coordinator answers at"),
    (Stranger::AnswersOnce, "no answer within"),
];

/// Addresses at which nothing can answer.
const NOWHERE: [(&str, &str); 5] = [
    // Discard: nothing listens there.
    ("http://127.0.0.1:9", "there is no coordinator at"),
    ("http://no-such-host.invalid:7421", "at http://no-such-host.invalid:7421"),
    // Reserved for documentation: no route leads there.
    ("http://192.0.2.1:7421", "at http://192.0.2.1:7421"),
    ("https://127.0.0.1:9", "asks for TLS"),
    ("gopher://127.0.0.1:9", "at gopher://127.0.0.1:9"),
];

/// A project of one asset that differs from all others, so that it has to be painted.
fn house(number: u32) -> Project {
    let project = Project::empty();
    project.save("textures/house.png", &pictures::bricks(32, 32, number));
    project
}

#[track_caller]
fn assert_painted_here(built: Finished, word: &str) {
    let built = built.expect_code(0);
    let fell_back = built.events_named("fell-back");
    assert_eq!(fell_back.len(), 1, "{word}: {built}");
    let reason = fell_back[0]["reason"].as_str().expect("it is text");
    assert!(reason.contains(word) && !reason.contains('\n'), "{word}: {built}");
    assert_eq!(built.summary()["painted"], 1, "{word}: {built}");
    let painter = built.events_named("farm").pop().expect("it says who paints");
    assert!(painter["coordinator"].is_null(), "{word}: {built}");
}

/// How many tests run at once: most of them wait, but those that paint take memory.
const AT_ONCE: usize = 6;

/// Runs a test of each, some at once.
fn at_once<T: Send>(all: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    let waiting: Mutex<VecDeque<T>> = Mutex::new(all.into_iter().collect());
    let next = || waiting.lock().expect("no test runs meanwhile").pop_front();
    thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                while let Some(one) = next() {
                    test(one);
                }
            });
        }
    });
}

#[test]
fn a_build_paints_here_whatever_answers() {
    let strangers = STRANGERS.map(|(stranger, word)| (stranger.start(), word));
    let nowhere = NOWHERE.map(|(url, word)| (url.to_owned(), word));
    let answers = (0..).zip(strangers.into_iter().chain(nowhere));
    at_once(answers, |(number, (url, word))| {
        let project = house(number);
        let built = project.run(&["build", "--json", "--coordinator", &url]);
        assert_painted_here(built, word);
    });
}

#[cfg(unix)]
#[test]
fn a_build_paints_here_beside_a_stopped_coordinator() {
    let project = house(100);
    let coordinator = Coordinator::start(&project);
    coordinator.freeze();
    let built = project.run(&["build", "--json", "--coordinator", &coordinator.url]);
    assert_painted_here(built, "nobody answers at");
}

#[test]
fn a_required_farm_ends_the_build_with_the_reason() {
    at_once(STRANGERS, |(stranger, word)| {
        let url = stranger.start();
        let refused = house(0).run(&["build", "--require-farm", "--coordinator", &url]);
        let refused = refused.expect_code(3);
        assert!(refused.err.contains(word), "{stranger:?}: {refused}");
    });
}

#[test]
fn farm_commands_end_with_the_reason() {
    let project = house(0);
    for (stranger, word) in STRANGERS {
        let url = stranger.start();
        let commands: &[&[&str]] = match stranger {
            Stranger::Silent | Stranger::OtherGrpc | Stranger::AnswersOnce => &[
                &["submit"],
                &["jobs"],
                &["job", "1"],
                &["job", "1", "--watch"],
                &["job", "1", "--explain"],
                &["workers"],
                &["cancel", "1"],
                &["retry", "1"],
                &["drain", "a"],
            ],
            _ => &[&["jobs"]],
        };
        at_once(commands, |command| {
            let ended = project.run(&[command, &["--coordinator", url.as_str()][..]].concat());
            let ended = ended.expect_code(3);
            assert!(ended.err.contains(word), "{stranger:?}: {ended}");
        });
    }
}

#[test]
fn a_watch_paints_here_and_goes_on() {
    let project = house(101);
    let url = Stranger::Silent.start();
    let mut watching = project.start(&["watch", "--json", "--coordinator", &url]);
    watching.until_event("fell-back", |_| Some(()));
    watching.until_event("summary", |event| (event["painted"] == 1).then_some(()));
    project.save("textures/house.png", &pictures::bricks(32, 32, 102));
    watching.until_event("summary", |event| (event["painted"] == 1).then_some(()));
}

#[test]
fn a_farm_that_is_lost_for_good_leaves_the_rest_to_this_machine() {
    let project = Project::empty();
    project.replace("impasto.toml", "iterations = 3", "iterations = 16");
    for number in 0..4 {
        let picture = pictures::bricks(64, 64, 200 + number);
        project.save(&format!("textures/house_{number}.png"), &picture);
    }
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    coordinator.await_workers(&project, 1);
    let mut building = project.start(&["build", "--json", "--coordinator", &coordinator.url]);
    building.until_event("delivered", |_| Some(()));
    coordinator.kill();
    building.until_event("disconnected", |_| Some(()));
    let built = building.finish().expect_code(0);
    assert_eq!(built.events_named("fell-back").len(), 1, "{built}");
    assert_eq!(built.events_named("delivered").len(), 4, "each is delivered once: {built}");
    assert_eq!(built.summary()["painted"], 4, "{built}");
}
