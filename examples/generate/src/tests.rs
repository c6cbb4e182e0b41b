use super::*;
use impasto_assets::{Limits, decode};
use impasto_planner::Manifest;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Pixels are compared, not bytes: a newer encoder may pack them better.
#[test]
fn the_files_are_what_this_program_makes() {
    for example in examples() {
        let decode =
            |bytes: &[u8]| decode(bytes, example.path, &Limits::default()).expect("it decodes");
        let committed = fs::read(folder().join(example.path)).expect("it is committed");
        let made = example.file().expect("it encodes");
        let (mut committed, mut made) = (decode(&committed), decode(&made));
        // A model's picture has the whole file with it.
        (committed.origin.glb, made.origin.glb) = (None, None);
        assert!(committed == made, "{}", example.path);
    }
}

#[test]
fn the_manifests_paint_what_they_should() {
    for (project, painted, left_alone) in [
        (
            "village",
            &[
                "textures/brick_wall.png",
                "textures/grass.jpg",
                "textures/ivy.png",
                "textures/island_map_16.png",
                "textures/vase.glb",
            ][..],
            &["textures/brick_wall_n.png"][..],
        ),
        ("fabric", &["prints/florals.png", "prints/ikat.png", "prints/roundels.png"], &[]),
    ] {
        let file = folder().join(project).join("impasto.toml");
        let text = fs::read_to_string(&file).expect("it is committed");
        let manifest = Manifest::parse(&text, "impasto.toml")
            .unwrap_or_else(|error| panic!("{project}: {error}"));
        assert_eq!(manifest.name(), project);
        let is_wanted =
            |path: &&str| manifest.wanted(&path.parse().expect("it is a path")).is_some();
        assert!(painted.iter().all(is_wanted), "{project}");
        assert!(!left_alone.iter().any(is_wanted), "{project}");
        for input in manifest.inputs() {
            assert!(
                folder().join(project).join(input.to_path_buf()).is_file(),
                "{project}: {input}"
            );
        }
    }
}

/// A repeat shows no line: pixels differ over the border as they do elsewhere.
#[test]
fn repeats_have_no_seam() {
    for path in [
        "village/textures/brick_wall.png",
        "village/textures/cobblestones.png",
        "village/textures/grass.jpg",
        "village/textures/roof_tiles.png",
        "fabric/prints/florals.png",
        "fabric/prints/ikat.png",
        "fabric/prints/roundels.png",
    ] {
        let bytes = fs::read(folder().join(path)).expect("it is committed");
        let picture = decode(&bytes, path, &Limits::default()).expect("it decodes");
        let (width, height) = (picture.width as usize, picture.height as usize);
        let level = |x: usize, y: usize| picture.rgb[((y % height) * width + x % width) * 3 + 1];
        let column_step =
            |x: usize| (0..height).map(|y| (level(x + 1, y) - level(x, y)).abs()).sum::<f32>();
        let row_step =
            |y: usize| (0..width).map(|x| (level(x, y + 1) - level(x, y)).abs()).sum::<f32>();
        let largest_column = (0..width - 1).map(column_step).fold(0.0, f32::max);
        let largest_row = (0..height - 1).map(row_step).fold(0.0, f32::max);
        assert!(column_step(width - 1) <= largest_column * 1.05, "{path}: sideways");
        assert!(row_step(height - 1) <= largest_row * 1.05, "{path}: downwards");
    }
}
