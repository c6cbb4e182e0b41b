//! Checks the files under deploy/: the program accepts the settings, and units, containers and the
//! chart use commands and keys that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use impasto_tests::{Finished, Process, Project, skipped, workspace};

fn deploy() -> PathBuf {
    workspace().join("deploy")
}

#[test]
fn the_settings_start_a_coordinator_and_a_worker() {
    let project = Project::empty();
    let mut command = project.impasto(&["coordinator", "--listen", "127.0.0.1:0", "--config"]);
    command
        .arg(deploy().join("coordinator.toml"))
        .arg("--data-dir")
        .arg(project.beside("coordinator"));
    let mut coordinator = Process::start(&mut command);
    let url = coordinator
        .until_out("its address", |line| line.starts_with("http://").then(|| line.to_owned()));
    let mut command =
        project.impasto(&["worker", "--name", "deployed", "--coordinator", &url, "--config"]);
    command
        .arg(deploy().join("worker.toml"))
        .env("IMPASTO_WORKER__CACHE_DIR", project.beside("worker"));
    let worker = Process::start(&mut command);
    impasto_tests::eventually("the worker", || {
        let listed =
            project.run(&["workers", "--json", "--coordinator", &url]).expect_code(0).document();
        (listed.as_array().map(Vec::len) == Some(1)).then_some(())
    });
    worker.kill();
    coordinator.kill();
}

#[test]
fn units_use_commands_and_settings_that_exist() {
    for (unit, server) in [("impasto-coordinator", "coordinator"), ("impasto-worker", "worker")] {
        let text = fs::read_to_string(deploy().join("systemd").join(format!("{unit}.service")))
            .expect("the unit is there");
        let start = text
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="))
            .expect("it starts something");
        assert_eq!(
            start,
            format!("/usr/local/bin/impasto {server} --config /etc/impasto/{server}.toml")
        );
        assert!(deploy().join(format!("{server}.toml")).is_file());
    }
}

/// Every file under deploy/ with its contents.
fn files() -> Vec<(PathBuf, String)> {
    let mut folders = vec![deploy()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// The keys of a server's settings, from its error about an unknown one.
fn settings(server: &str) -> BTreeSet<String> {
    let project = Project::empty();
    let mut command = project.impasto(&[server]);
    command.env(format!("IMPASTO_{}__NO_SUCH_KEY", server.to_uppercase()), "1");
    let refused = Finished::of(&mut command).expect_code(2);
    let (_, listed) = refused.err.split_once("expected one of").expect("it lists the keys");
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn containers_and_the_chart_set_keys_that_exist() {
    let mut checked = 0;
    for server in ["coordinator", "worker"] {
        let keys = settings(server);
        let prefix = format!("IMPASTO_{}__", server.to_uppercase());
        for (path, text) in files() {
            for rest in text.split(&prefix).skip(1) {
                let key: String =
                    rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
                assert!(
                    keys.contains(&key.to_lowercase()),
                    "{} sets {prefix}{key}; there are {keys:?}",
                    path.display()
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 10, "only {checked} are set");
}

#[test]
fn the_chart_and_the_images_have_the_version_of_the_program() {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).expect("it is there");
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = "))
        .expect("the workspace has a version")
        .trim_matches('"');
    let chart = fs::read_to_string(deploy().join("chart/Chart.yaml")).expect("it is there");
    let values = fs::read_to_string(deploy().join("chart/values.yaml")).expect("it is there");
    for line in [format!("version: {version}"), format!("appVersion: {version}")] {
        assert!(chart.lines().any(|found| found == line), "Chart.yaml has no line {line}");
    }
    for image in ["impasto", "impasto-cuda"] {
        assert!(
            values.contains(&format!(": {image}:{version}\n")),
            "values.yaml names no {image}:{version}"
        );
    }
}

#[test]
fn scripts_are_well_formed() {
    let ours = [".ci/run", ".ci/cuda", "tests/gpu/verify"].map(|path| workspace().join(path));
    let scripts: BTreeSet<PathBuf> = files()
        .into_iter()
        .filter(|(_, text)| text.starts_with("#!"))
        .map(|(path, _)| path)
        .chain(ours)
        .collect();
    assert!(scripts.len() > 6, "{scripts:?}");
    if Command::new("bash").arg("--version").output().is_err() {
        return skipped("scripts are well-formed", "there is no bash");
    }
    for script in scripts {
        let read = Command::new("bash").arg("-n").arg(&script).output().expect("bash runs");
        assert!(
            read.status.success(),
            "{}: {}",
            script.display(),
            String::from_utf8_lossy(&read.stderr)
        );
    }
}

/// Checks the commands that tests/gpu/verify would run on a machine with a GPU.
#[test]
fn the_gpu_checks_use_options_that_exist() {
    if Command::new("bash").arg("--version").output().is_err()
        || Command::new("python3").arg("--version").output().is_err()
    {
        return skipped("the GPU checks", "they need bash and Python 3");
    }
    let project = Project::empty();
    let mut command = Command::new("bash");
    command
        .env_remove("IMPASTO_MODELS_DIR")
        .arg(workspace().join("tests/gpu/verify"))
        .args(["dist", "--dry-run", "--sizes", "64,128", "--rounds", "2"])
        .current_dir(project.dir());
    let planned = Finished::of(&mut command).expect_code(0);
    let commands: Vec<Vec<&str>> =
        planned.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let ours = commands.iter().filter(|words| words[0].ends_with("/dist/impasto"));
    let mut checked = 0;
    for words in ours {
        project.run(&[&words[1..], &["--help"]].concat()).expect_code(0);
        checked += 1;
    }
    // Two models, six pictures and a large one, and four benchmarks for each size.
    assert_eq!(checked, 2 + 7 + 2 * 2 * 2, "{planned}");
}

/// The plain program neither links a CUDA library nor loads one at run time.
#[test]
fn the_plain_program_names_no_cuda_library() {
    let program = fs::read(impasto_tests::impasto()).expect("it can be read");
    let found = |name: &[u8]| program.windows(name.len()).any(|bytes| bytes == name);
    assert!(!cfg!(target_os = "linux") || found(b"libc.so"), "library names can be found in it");
    for library in ["libcuda.so", "libcudart.so", "libcublas", "libcurand", "libcudnn", "libnvrtc"]
    {
        assert!(!found(library.as_bytes()), "the program names {library}");
    }
}
