//! Limits on source files, so that two can be read side by side on a screen.

use std::fs;
use std::path::{Path, PathBuf};

use impasto_tests::workspace;

const MAX_COLUMNS: usize = 100;
const MAX_LINES: usize = 450;
/// At least half of all Rust files are shorter than this.
const MEDIAN_LINES: usize = 150;

/// Files whose lines are counted, by extension; scripts without one begin with `#!`.
const COUNTED: [&str; 11] =
    ["rs", "proto", "toml", "md", "sh", "cu", "h", "css", "js", "html", "yml"];

/// The text files of the repository, by relative path, without generated and hidden ones.
fn files() -> Vec<(PathBuf, String)> {
    let mut folders = vec![workspace().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && name != ".ci" && name != ".github";
            if path.is_dir() && !hidden && !["target", "out", "__pycache__"].contains(&&*name) {
                folders.push(path);
            } else if path.is_file()
                && let Ok(text) = fs::read_to_string(&path)
                && (counted(&path) || text.starts_with("#!"))
            {
                let relative = path.strip_prefix(workspace()).expect("it is below");
                found.push((relative.to_owned(), text));
            }
        }
    }
    found
}

fn counted(path: &Path) -> bool {
    path.extension().is_some_and(|extension| COUNTED.iter().any(|counted| extension == *counted))
}

/// The lines that are too long, with their numbers and columns. Rows of a Markdown table, links,
/// addresses, and output that a page quotes cannot be wrapped.
fn long_lines(text: &str, markdown: bool) -> Vec<(usize, usize)> {
    let mut quoting = false;
    let long = text.lines().enumerate().filter_map(|(index, line)| {
        if markdown && line.trim_start().starts_with("```") {
            quoting = !quoting && (line.ends_with("json") || line.ends_with("text"));
        }
        let columns = line.chars().count();
        let table_or_link = markdown && (line.starts_with('|') || line.contains("]("));
        let may_be_long = line.contains("://") || table_or_link || quoting;
        (columns > MAX_COLUMNS && !may_be_long).then_some((index + 1, columns))
    });
    long.collect()
}

#[test]
fn no_line_is_too_long() {
    let mut long = Vec::new();
    for (path, text) in files() {
        let markdown = path.extension().is_some_and(|extension| extension == "md");
        for (line, columns) in long_lines(&text, markdown) {
            long.push(format!("{}:{line}: {columns} columns", path.display()));
        }
    }
    assert!(long.is_empty(), "longer than {MAX_COLUMNS} columns:\n{}", long.join("\n"));
}

#[test]
fn long_lines_are_found() {
    let wide = "x".repeat(MAX_COLUMNS + 1);
    for (text, markdown, expected) in [
        (wide.clone(), true, vec![(1, MAX_COLUMNS + 1)]),
        ("é".repeat(MAX_COLUMNS), false, vec![]),
        (format!("| {wide} |"), true, vec![]),
        (format!("| {wide} |"), false, vec![(1, MAX_COLUMNS + 5)]),
        (format!("# https://a/{wide}"), false, vec![]),
        (format!("```json\n{wide}\n```\n{wide}"), true, vec![(4, MAX_COLUMNS + 1)]),
        (format!("```sh\n{wide}\n```"), true, vec![(2, MAX_COLUMNS + 1)]),
    ] {
        assert_eq!(long_lines(&text, markdown), expected, "{text}");
    }
}

#[test]
fn no_file_is_too_long() {
    let mut lines: Vec<(usize, PathBuf)> = files()
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|(path, text)| (text.lines().count(), path))
        .collect();
    lines.sort();
    let (median, _) = lines[lines.len() / 2];
    assert!(median < MEDIAN_LINES, "the median file has {median} lines");
    let long: Vec<String> = lines
        .iter()
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, path)| format!("{}: {lines}", path.display()))
        .collect();
    assert!(long.is_empty(), "longer than {MAX_LINES} lines:\n{}", long.join("\n"));
}
