//! Every file under deploy/ does what it says: settings are accepted by the program, units name commands that it has.

use std::fs;
use std::path::PathBuf;

use impasto_tests::{Process, Project, workspace};

fn deploy() -> PathBuf {
    workspace().join("deploy")
}

#[test]
fn the_settings_start_a_coordinator_and_a_worker() {
    let project = Project::empty();
    let mut command = project.impasto(&["coordinator", "--listen", "127.0.0.1:0", "--config"]);
    command.arg(deploy().join("coordinator.toml")).arg("--data-dir").arg(project.beside("coordinator"));
    let mut coordinator = Process::start(&mut command);
    let url = coordinator.until_out("its address", |line| line.starts_with("http://").then(|| line.to_owned()));
    let mut command = project.impasto(&["worker", "--name", "deployed", "--coordinator", &url, "--config"]);
    command.arg(deploy().join("worker.toml")).env("IMPASTO_WORKER__CACHE_DIR", project.beside("worker"));
    let worker = Process::start(&mut command);
    impasto_tests::eventually("the worker", || {
        let listed = project.run(&["workers", "--json", "--coordinator", &url]).expect_code(0).document();
        (listed.as_array().map(Vec::len) == Some(1)).then_some(())
    });
    worker.kill();
    coordinator.kill();
}

#[test]
fn units_name_commands_and_settings_that_exist() {
    for (unit, server) in [("impasto-coordinator", "coordinator"), ("impasto-worker", "worker")] {
        let text = fs::read_to_string(deploy().join("systemd").join(format!("{unit}.service"))).expect("the unit is there");
        let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
        assert_eq!(start, format!("/usr/local/bin/impasto {server} --config /etc/impasto/{server}.toml"));
        assert!(deploy().join(format!("{server}.toml")).is_file());
    }
}
