//! Pictures of today's recipes, by digest. A method's version stands for its pixels in every cache
//! and every record: when a picture changes and the version does not, old results are taken for
//! new ones. These tests fail first.
//!
//! All rows paint at [`Level::Scalar`] in single precision, the arithmetic that every machine
//! shares. The network is VGG-19's topology with few channels and seeded weights, so that plain
//! loops paint a picture in a second. `tests/golden.rs` of the workspace paints with the real
//! weights.
//!
//! A digest is BLAKE3 of the picture's width and height (u32) and its RGB values (f32), all
//! little-endian.

mod network;

use std::sync::Arc;

use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{Image, Inputs, Run, Step};
use impasto_kernels::Level;
use impasto_types::{
    Init, Method, Padding, PreserveColor, Preset, Profile, Recipe, Tileable,
};

use self::network::{Noise, weights};

/// Memory enough for any of these pictures in one piece.
const AMPLE: u64 = 4 << 30;

/// Memory that cuts the large pictures into tiles.
const TIGHT: u64 = 200 << 20;

/// Bricks under noise. Integers and exact sums only: no function of a system's library is called.
fn picture(width: u32, height: u32, seed: u64) -> Image {
    let mut noise = Noise(seed);
    let rgb = (0..width * height).flat_map(|pixel| {
        let (x, y) = (pixel % width, pixel / width);
        let (row, column) = (y / 9, (x + y / 9 % 2 * 8) / 16);
        let mortar = y % 9 < 2 || (x + row % 2 * 8) % 16 < 2;
        let tone = ((row * 7 + column * 13 + seed as u32 * 29) % 40) as f32;
        let [r, g, b] =
            if mortar { [176.0, 170.0, 158.0] } else { [130.0 + tone, 70.0, 40.0 + 2.0 * tone] };
        [r, g, b].map(|level| level + 16.0 * noise.next())
    });
    let rgb = rgb.collect();
    Image { width: width as usize, height: height as usize, rgb }
}

fn digest(picture: &Image) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(picture.width as u32).to_le_bytes());
    hasher.update(&(picture.height as u32).to_le_bytes());
    picture.rgb.iter().for_each(|value| {
        hasher.update(&value.to_le_bytes());
    });
    hasher.finalize().to_hex().to_string()
}

/// A recipe, the size of the asset and the memory that it is painted in.
struct Row {
    name: &'static str,
    recipe: Recipe,
    size: (u32, u32),
    budget_bytes: u64,
    digest: &'static str,
}

impl Row {
    /// The digest that the row's picture has now.
    fn painted(&self, engine: &Arc<Engine>) -> String {
        let (width, height) = self.size;
        let content =
            (self.recipe.method != Method::Synthesize).then(|| picture(width, height, 1));
        let styles = vec![(picture(40, 44, 2), 1.0), (picture(56, 32, 3), 0.5)];
        let inputs = Inputs { content, styles, init: None, joins: self.recipe.tileable.into(), mask: None };
        let mut session =
            Session::new(engine.clone(), self.recipe.clone(), inputs, self.budget_bytes)
                .expect("it begins");
        while session.step().expect("it runs") != Step::Done {}
        let tiled = session.plans().iter().any(|(_, plan)| !plan.tiling.is_whole());
        assert_eq!(tiled, self.budget_bytes == TIGHT, "{} is cut as its row says", self.name);
        digest(&session.picture().expect("it is there"))
    }
}

/// Paints every row and compares.
fn check(method: &str, rows: &[Row]) {
    let engine = Engine::new(&weights(), 2, Some(Level::Scalar), Profile::Exact)
        .map(Arc::new)
        .expect("the weights fit together");
    let changed: Vec<_> = rows
        .iter()
        .map(|row| (row, row.painted(&engine)))
        .filter(|(row, painted)| *painted != row.digest)
        .map(|(row, painted)| format!("  {}: {painted}, not {}", row.name, row.digest))
        .collect();
    assert!(
        changed.is_empty(),
        "pictures of `{method}` have changed. If that is meant, raise the version of the method \
         `{method}` and write the new digests here; else the change is a bug.\n{}",
        changed.join("\n")
    );
}

/// Two scales of a few steps.
fn small(preset: Preset) -> Recipe {
    let recipe = Recipe { profile: Profile::Exact, iterations: 3, ..preset.recipe() };
    if recipe.min_scale == 0 {
        recipe
    } else {
        Recipe { coarse_iterations: 4, min_scale: 24, ..recipe }
    }
}

/// One scale that is large enough for tiles, whose halo is 160 pixels wide.
fn large(preset: Preset) -> Recipe {
    Recipe { iterations: 2, min_scale: 0, ..small(preset) }
}

#[test]
fn optimize_paints_the_same_pictures() {
    let whole = |name, recipe, digest| Row {
        name,
        recipe,
        size: (48, 40),
        budget_bytes: AMPLE,
        digest,
    };
    let tiled = |name, recipe, digest| Row {
        name,
        recipe,
        size: (500, 420),
        budget_bytes: TIGHT,
        digest,
    };
    check(
        "optimize",
        &[
            whole("painterly", small(Preset::Painterly), ""),
            whole(
                "painterly, wrapped",
                Recipe { tileable: Tileable::Both, ..small(Preset::Painterly) },
                "",
            ),
            tiled("painterly, tiled", large(Preset::Painterly), ""),
            tiled(
                "painterly, wrapped along x, tiled",
                Recipe { tileable: Tileable::X, ..large(Preset::Painterly) },
                "",
            ),
            whole("texture", small(Preset::Texture), ""),
            whole(
                "texture, wrapped",
                Recipe { tileable: Tileable::Both, ..small(Preset::Texture) },
                "",
            ),
            tiled("texture, tiled", large(Preset::Texture), ""),
            whole("gatys", small(Preset::Gatys), ""),
            tiled("gatys, tiled", large(Preset::Gatys), ""),
            whole(
                "from noise, with total variation and mirrored borders",
                Recipe {
                    init: Init::Noise,
                    seed: 7,
                    tv_weight: 0.1,
                    padding: Padding::Reflect,
                    ..small(Preset::Painterly)
                },
                "",
            ),
            whole(
                "the asset's own chroma",
                Recipe { preserve_color: PreserveColor::Luminance, ..small(Preset::Painterly) },
                "",
            ),
            whole(
                "the asset's own palette, enlarged",
                Recipe {
                    preserve_color: PreserveColor::Statistics,
                    padding: Padding::Replicate,
                    size: Some(64),
                    ..small(Preset::Texture)
                },
                "",
            ),
        ],
    );
}

#[test]
fn synthesize_paints_the_same_pictures() {
    let texture = |recipe: Recipe, side| Recipe {
        method: Method::Synthesize,
        init: Init::Noise,
        size: Some(side),
        seed: 11,
        ..recipe
    };
    let row = |name, recipe: Recipe, budget_bytes, digest| {
        let side = recipe.size.unwrap_or_default();
        Row { name, recipe, size: (side, side), budget_bytes, digest }
    };
    check(
        "synthesize",
        &[
            row("texture", texture(small(Preset::Texture), 48), AMPLE, ""),
            row(
                "texture, wrapped",
                Recipe { tileable: Tileable::Both, ..texture(small(Preset::Texture), 48) },
                AMPLE,
                "",
            ),
            row("painterly", texture(small(Preset::Painterly), 48), AMPLE, ""),
            row("texture, tiled", texture(large(Preset::Texture), 460), TIGHT, ""),
        ],
    );
}
