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

use impasto_engine::optimize::device::{Canvas, Cpu, Plan, Task, Tiling, VggDevice, View, Work};
use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{EngineError, Image, Inputs, Interrupt, Mask, Run, Step};
use impasto_kernels::{Level, Moments, Precision};
use impasto_types::{Init, Optimize, Padding, PreserveColor, Preset, Profile, Tileable};

use self::network::{Noise, weights};

/// Memory enough for any of these pictures in one piece.
const AMPLE: u64 = 4 << 30;

/// The processor, which cuts pictures that are larger than a tile.
#[derive(Debug)]
struct Cutting(Cpu);

/// The interior of a tile. With its halo it is about 670 pixels long, and where the canvas wraps, a
/// tile may not be longer than the canvas.
const TILE: (usize, usize) = (320, 320);

impl VggDevice for Cutting {
    fn label(&self) -> String {
        self.0.label()
    }

    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn plan(&self, work: &Work<'_>, budget_bytes: u64) -> Result<Plan, EngineError> {
        let mut plan = self.0.plan(work, budget_bytes)?;
        let (width, height) = work.seen();
        if let Some(tiling) = Tiling::cut(work.view(), width, height, TILE) {
            plan.tiling = tiling;
        }
        Ok(plan)
    }

    fn moments(
        &self,
        image: &Image,
        weights: Option<&Mask>,
        view: View,
        budget_bytes: u64,
        interrupt: &Interrupt,
    ) -> Result<Vec<Moments>, EngineError> {
        self.0.moments(image, weights, view, budget_bytes, interrupt)
    }

    fn least_moments(&self, size: (usize, usize), weighted: bool, view: View) -> u64 {
        self.0.least_moments(size, weighted, view)
    }

    fn uncut_moments(&self, size: (usize, usize), weighted: bool, view: View) -> u64 {
        self.0.uncut_moments(size, weighted, view)
    }

    fn canvas(&self, task: Task<'_>) -> Result<Box<dyn Canvas>, EngineError> {
        self.0.canvas(task)
    }
}

fn engine() -> Arc<Engine> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().map(Arc::new);
    let threads = threads.expect("two threads");
    let cpu = Cpu::new(&weights(), Level::Scalar, Precision::Fp32, threads.clone());
    let device = Box::new(Cutting(cpu.expect("the weights fit together")));
    Arc::new(Engine::on(device, threads))
}

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

/// A recipe, and the size of the asset; whether it is larger than a tile.
struct Row {
    name: &'static str,
    recipe: Optimize,
    size: (u32, u32),
    tiled: bool,
    digest: &'static str,
}

impl Row {
    /// The digest that the row's picture has now.
    fn painted(&self, engine: &Arc<Engine>) -> String {
        let (width, height) = self.size;
        // A texture that is made without an asset is square.
        let content = (width != height).then(|| picture(width, height, 1));
        let mut styles = vec![(picture(40, 44, 2), 1.0).into(), (picture(56, 32, 3), 0.5).into()];
        if self.recipe.pattern > 0.0 {
            // Several have none in common.
            styles.truncate(1);
        }
        let joins = self.recipe.common.tileable.into();
        let inputs =
            Inputs { content, coverage: None, ground: None, styles, init: None, joins, mask: None };
        let mut session =
            Session::new(engine.clone(), self.recipe.clone(), inputs, AMPLE).expect("it begins");
        while session.step().expect("it runs") != Step::Done {}
        let tiled = session.plans().iter().any(|(_, plan)| !plan.tiling.is_whole());
        assert_eq!(tiled, self.tiled, "{} is cut as its row says", self.name);
        digest(&session.picture().expect("it is there"))
    }
}

/// Paints every row and compares.
fn check(method: &str, rows: &[Row]) {
    let engine = engine();
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
fn small(preset: Preset) -> Optimize {
    let recipe = Optimize { iterations: 3, ..preset.optimize() }
        .with(|common| common.profile = Profile::Exact);
    if recipe.min_scale == 0 {
        recipe
    } else {
        Optimize { coarse_iterations: 4, min_scale: 24, ..recipe }
    }
}

/// One scale that is large enough for tiles, whose halo is 160 pixels wide.
fn large(preset: Preset) -> Optimize {
    Optimize { iterations: 2, min_scale: 0, ..small(preset) }
}

#[test]
fn optimize_paints_the_same_pictures() {
    let whole = |name, recipe, digest| Row { name, recipe, size: (48, 40), tiled: false, digest };
    let tiled = |name, recipe, digest| Row { name, recipe, size: (700, 40), tiled: true, digest };
    check(
        "optimize",
        &[
            whole(
                "painterly",
                small(Preset::Painterly),
                "3f0500c294fe09cfebbe297efac06e37d7c466a210323b5e6113e7165f4956ea",
            ),
            whole(
                "painterly, wrapped",
                small(Preset::Painterly).with(|common| common.tileable = Tileable::Both),
                "82a0d11975629477cfd1a27a62907b8603f6e14164fa3b2c310e9385b11cc580",
            ),
            tiled(
                "painterly, tiled",
                large(Preset::Painterly),
                "929b718ffc62358b4d10cf1e38ed18b1345288efb527f986a2d58117e6de3185",
            ),
            tiled(
                "painterly, wrapped along x, tiled",
                large(Preset::Painterly).with(|common| common.tileable = Tileable::X),
                "6457005316486b05b73b84af7cf2f52c80fdfe2977e1ee15ff71591bae0d6953",
            ),
            whole(
                "texture",
                small(Preset::Texture),
                "87af0f79eefec3982f28fc466852ec5fb3ef35b52bee918c4ab53b85e88e0b00",
            ),
            whole(
                "texture, wrapped",
                small(Preset::Texture).with(|common| common.tileable = Tileable::Both),
                "438cc7dade0c5b881678e637125b05e2a7548c230c2edf8af81d6c49ccd3562f",
            ),
            tiled(
                "texture, tiled",
                large(Preset::Texture),
                "4484347ae36945395a655a227b93fa49db28dcfdf08a46abff970b1331d09c7c",
            ),
            whole(
                "gatys",
                small(Preset::Gatys),
                "5efd8acfccfee3428b65ef15c2a1dfc29d99c1a4dc93e7f14cd6971f62bfb772",
            ),
            tiled(
                "gatys, tiled",
                large(Preset::Gatys),
                "70c33bbae80be53b569c9800a90eb2e8c0c3f87a80f59f797253d7d90e720dd0",
            ),
            whole(
                "from noise, with total variation and mirrored borders",
                Optimize {
                    init: Init::Noise,
                    tv_weight: 0.1,
                    padding: Padding::Reflect,
                    ..small(Preset::Painterly)
                }
                .with(|common| common.seed = 7),
                "8442f25cb49bd1bb3e34a5c80bb8ca1e2fd8ad01d4cac376192be651dfc0a97b",
            ),
            whole(
                "the asset's own chroma",
                small(Preset::Painterly)
                    .with(|common| common.preserve_color = PreserveColor::Luminance),
                "02a6787e65d90897faf5f1cc06fd9d690add24bcf85e58d859e44886823629c0",
            ),
            whole(
                "the asset's own palette, enlarged",
                Optimize { padding: Padding::Replicate, ..small(Preset::Texture) }.with(|common| {
                    common.preserve_color = PreserveColor::Statistics;
                    common.size = Some(64);
                }),
                "fc7e4cab308e742d35dc7edddb3274ecbe2c0f7d5371be996ab48bf76779938c",
            ),
        ],
    );
}

#[test]
fn synthesize_paints_the_same_pictures() {
    let texture = |recipe: Optimize, side| {
        Optimize { init: Init::Noise, content_weight: 0.0, ..recipe }.with(|common| {
            common.size = Some(side);
            common.seed = 11;
        })
    };
    let row =
        |name, recipe, size, digest| Row { name, recipe, size, tiled: size != (48, 48), digest };
    check(
        "synthesize",
        &[
            row(
                "texture",
                texture(small(Preset::Texture), 48),
                (48, 48),
                "da3e5443e416597fe9a60cb7dbb36fdb1ae3cf68f9700b16762b499a78b59744",
            ),
            row(
                "texture, wrapped",
                texture(small(Preset::Texture), 48).with(|common| common.tileable = Tileable::Both),
                (48, 48),
                "c7318fc861b89251811d598200b6391e3c9ee684f5306444e5400aa49c87f30f",
            ),
            row(
                "painterly",
                texture(small(Preset::Painterly), 48),
                (48, 48),
                "fb8dc2dd281a0cb9c85c07bcb314b8dbfdbbd2a8306000697b44539fdece3e41",
            ),
            row(
                "painterly, with the pattern of its style",
                Optimize { pattern: 0.5, ..texture(small(Preset::Painterly), 48) },
                (48, 48),
                "e7d36ea6641c30ca84b05bb226400936478a9c4eaca3c10f770188b157c3d124",
            ),
            row(
                "painterly, wrapped, with the pattern of its style",
                Optimize { pattern: 1.0, ..texture(small(Preset::Painterly), 48) }
                    .with(|common| common.tileable = Tileable::Both),
                (48, 48),
                "7126f384e6ae56701aa49c7fb28042fba6c82b1fdb842c2182bedaeac176a97a",
            ),
            row(
                "texture, tiled",
                texture(large(Preset::Texture), 700),
                (40, 700),
                "434a041f5717da929a21108e8127c64338def4ec10312058b762652567bb7e2f",
            ),
        ],
    );
}
