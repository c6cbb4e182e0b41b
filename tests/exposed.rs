//! A coordinator that other machines reach says what they can do.

#![cfg(unix)]

use impasto_tests::{Process, Project};

#[test]
fn a_coordinator_warns_where_others_reach_it() {
    let project = Project::empty();
    for (listen, insecure, warns) in [
        ("0.0.0.0:0", &["--insecure"][..], true),
        // By the environment instead.
        ("0.0.0.0:0", &[], true),
        ("127.0.0.1:0", &["--insecure"], false),
        ("127.0.0.1:0", &[], false),
    ] {
        let mut command = project.impasto(&["coordinator", "--listen", listen]);
        command.args(insecure).arg("--data-dir").arg(project.beside("coordinator"));
        if insecure.is_empty() {
            command.env("IMPASTO_COORDINATOR__INSECURE", "true");
        }
        let mut process = Process::start(&mut command);
        let url = process
            .until_out("its address", |line| line.starts_with("http://").then(|| line.to_owned()));
        process.terminate();
        let ended = process.finish().expect_code(0);
        let address = url.trim_start_matches("http://");
        let warning = ended.err.lines().find(|line| line.contains("without encryption"));
        let says_enough = warning.is_some_and(|warning| {
            let words = ["WARN", address, "can submit and cancel jobs", "firewall"];
            words.iter().all(|word| warning.contains(word))
        });
        assert_eq!(says_enough, warns, "{ended}");
        assert_eq!(warning.is_some(), warns, "{ended}");
    }
}
