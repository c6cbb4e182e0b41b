//! Sibling modules do not use each other in circles.

use std::fs;
use std::path::Path;

use impasto_tests::Modules;
use impasto_tests::metadata::{cargo_metadata, members, text};

#[test]
fn no_circles_of_modules() {
    let mut found = Vec::new();
    let metadata = cargo_metadata();
    for package in members(&metadata) {
        let root = Path::new(text(&package["manifest_path"])).with_file_name("src").join("lib.rs");
        if root.exists() {
            let (circles, name) = (Modules::read(&root).circles(), text(&package["name"]));
            found.extend(circles.into_iter().map(|circle| format!("{name}, {circle}")));
        }
    }
    assert!(found.is_empty(), "circles of modules:\n{}", found.join("\n"));
}

/// The circles of a crate of these files.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("it is made");
        fs::write(path, text).expect("it is written");
    }
    Modules::read(&folder.path().join("lib.rs")).circles()
}

#[test]
fn circles_are_found() {
    let root = "mod a; mod b; pub use b::B; pub struct Shared;";
    for (a, b, expected) in [
        ("use crate::b::B;", "pub struct B;", None),
        ("use crate::b::B;", "use super::a::A;", Some("in crate: a -> b -> a")),
        // A path in code, and a name that the root re-exports.
        ("fn f() { crate::b::g() }", "fn g(_: crate::a::A) {}", Some("in crate: a -> b -> a")),
        ("use crate::B;", "use crate::a;", Some("in crate: a -> b -> a")),
        ("use crate::{Shared, b::{self, B}};", "use crate::a::*;", Some("in crate: a -> b -> a")),
        // Parents and children may use each other, and tests may use everything.
        ("use crate::Shared;", "mod c { use super::B; } use c::C; pub struct B;", None),
        ("use crate::b::B;", "#[cfg(test)] mod tests { use crate::a::A; }", None),
        ("use crate::b::B;", "#[cfg(all(test, unix))] use crate::a::A;", None),
        // Inside a module.
        (
            "",
            "mod c { use super::d::D; } mod d { use super::c::C; }",
            Some("in crate::b: c -> d -> c"),
        ),
    ] {
        let circles = circles_of(&[("lib.rs", root), ("a.rs", a), ("b/mod.rs", b)]);
        assert_eq!(circles.first().map(String::as_str), expected, "{a} {b}");
    }
}
