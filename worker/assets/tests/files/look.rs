//! What pixels show in the pictures of the examples.

use std::fs;
use std::path::{Path, PathBuf};

use impasto_assets::{Limits, decode, look};

/// Every picture below a folder.
fn pictures(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it can be listed");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let found = paths.flat_map(|path| match path.is_dir() {
        true => pictures(&path),
        false => vec![path],
    });
    let is_picture = |path: &PathBuf| path.extension().is_some_and(|e| e == "png" || e == "jpg");
    found.filter(is_picture).collect()
}

#[test]
fn only_a_normal_map_and_a_framed_scan_of_the_examples_stand_out() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = 0;
    for path in ["village", "fabric"].iter().flat_map(|name| pictures(&examples.join(name))) {
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        let bytes = fs::read(&path).expect("it is read");
        let look = look(&decode(&bytes, &name, &Limits::default()).expect("it is a picture"));
        assert_eq!(look.normal_map, name == "brick_wall_n.png", "{name}");
        // A scan of a painting in a black frame of five pixels.
        assert_eq!(look.border.is_some(), name == "starry_night.jpg", "{name}");
        seen += 1;
    }
    assert!(seen >= 10, "{seen} pictures");
}
