//! Checks the commands, links and manifests in the documents.

use std::fs;
use std::path::{Path, PathBuf};

use impasto_tests::pictures::{bricks, swirls};
use impasto_tests::{Project, workspace};

/// The pages at the top of the repository, in docs/ and in deploy/.
fn pages() -> Vec<(PathBuf, String)> {
    let folders = ["", "docs", "deploy"].map(|folder| workspace().join(folder));
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("it can be listed"))
        .map(|entry| entry.expect("it can be listed").path());
    let mut paths: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(path).expect("it is text")))
        .collect()
}

/// The text between single backticks, and the lines of fenced blocks.
fn code(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("```") {
            let block: Vec<&str> =
                lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).collect();
            // A command may continue on the next line.
            found.extend(
                block
                    .join("\n")
                    .replace("\\\n", " ")
                    .lines()
                    .map(|line| line.trim_start_matches("$ ").to_owned()),
            );
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// The arguments of each command of a line that calls Impasto, installed or built by Cargo. Calls
/// with a placeholder in capitals instead of a command are left out.
fn commands(line: &str) -> Vec<Vec<String>> {
    let line = line.split(" #").next().unwrap_or_default();
    let calls = line.split(['|', '&', ';', '>']).map(str::trim);
    let arguments = calls.filter_map(|call| {
        let words: Vec<&str> =
            call.split_whitespace().skip_while(|word| word.contains('=')).collect();
        match words.as_slice() {
            ["impasto" | "./target/release/impasto" | "target/release/impasto", rest @ ..] => {
                Some(rest.to_vec())
            }
            ["cargo", "run", options @ ..] if call.contains("impasto-cli") => {
                options.iter().position(|word| *word == "--").map(|at| options[at + 1..].to_vec())
            }
            _ => None,
        }
    });
    let named = arguments.filter(|words| {
        words.first().is_some_and(|word| !word.starts_with(|first: char| first.is_uppercase()))
    });
    named
        .map(|words| {
            words.into_iter().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()
        })
        .collect()
}

/// A value for a placeholder such as N.
fn filled_in(word: &str) -> &str {
    match word {
        "N" => "7",
        "DIGEST" => "3d21e926e516",
        word => word,
    }
}

#[test]
fn commands_parse() {
    let project = Project::empty();
    let mut checked = 0;
    for (page, text) in pages() {
        for arguments in code(&text).iter().flat_map(|line| commands(line)) {
            let mut words: Vec<&str> = arguments.iter().map(|word| filled_in(word)).collect();
            words.push("--help");
            let shown = project.run(&words);
            assert_eq!(shown.code, Some(0), "{}: {shown}", page.display());
            checked += 1;
        }
    }
    assert!(checked > 0, "there are commands");
}

#[test]
fn commands_are_found() {
    for (line, expected) in [
        ("impasto build examples/village", vec!["build examples/village"]),
        (
            "cargo run --release -p impasto-cli -- build examples/village  # paints",
            vec!["build examples/village"],
        ),
        ("IMPASTO_THREADS=2 impasto plan | head", vec!["plan"]),
        ("impasto coordinator & impasto worker", vec!["coordinator", "worker"]),
        ("impasto COMMAND --help", vec![]),
        ("impasto", vec![]),
        ("cargo test --workspace", vec![]),
    ] {
        assert_eq!(
            commands(line).iter().map(|words| words.join(" ")).collect::<Vec<_>>(),
            expected,
            "{line}"
        );
    }
    assert_eq!(code("a `b` c `d`\n```sh\n$ e \\\n  f\ng\n```\n"), ["b", "d", "e    f", "g"]);
}

/// README.md's manifest skips normal maps in every folder, and equal names in two folders do not
/// collide.
#[test]
fn the_manifest_of_the_readme_can_be_planned() {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("it is there");
    let manifest = readme
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .find(|block| block.contains("[project]"))
        .expect("it shows a manifest");
    let project = Project::new(manifest);
    project.save("styles/starry_night.jpg", &swirls(32, 0));
    for name in ["brick.png", "brick_n.png", "old/brick.png", "old/brick_n.png"] {
        project.save(&format!("walls/{name}"), &bricks(32, 32, 0));
    }
    let plan = project.run(&["plan", "--json"]).expect_code(0).document();
    let tasks = plan["tasks"].as_array().expect("there are tasks");
    let assets: Vec<_> = tasks.iter().map(|task| &task["asset"]).collect();
    assert_eq!(assets, ["walls/brick.png", "walls/old/brick.png"], "{plan}");
    assert_eq!(plan["warnings"].as_array().map(Vec::len), Some(0), "{plan}");
}

/// The files that a page's links and pictures point to.
fn links(page: &str) -> Vec<&str> {
    let marked = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let attributes = ["src=\"", "href=\""]
        .into_iter()
        .flat_map(|name| page.split(name).skip(1).filter_map(|rest| rest.split('"').next()));
    let targets = marked.chain(attributes).filter_map(|link| link.split(['#', ' ']).next());
    targets.filter(|target| !target.is_empty() && !target.contains(':')).collect()
}

#[test]
fn links_lead_to_existing_files() {
    for (page, text) in pages() {
        for link in links(&text) {
            let target = page.parent().unwrap_or(Path::new("")).join(link);
            assert!(target.exists(), "{} links to {link}, which is not there", page.display());
        }
    }
    assert_eq!(
        links("[a](b.md#c) ![d](e.png \"f\") [g](https://h) [i](#j) <img src=\"k.png\">"),
        ["b.md", "e.png", "k.png"]
    );
}
