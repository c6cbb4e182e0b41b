//! Compares the planner's estimate of a task's memory with the engine's plan. The scheduler chooses
//! a worker by the estimate, and the picture has to fit into it.

mod synthetic;

use std::sync::Arc;

use impasto_engine::one_pass::{Network, Networks, Restyler, Session};
use impasto_engine::optimize::device::{Cpu, VggDevice, Work};
use impasto_engine::optimize::{self, Engine};
use impasto_engine::{EngineError, Frame, Image, Inputs, Joins, Run};
use impasto_kernels::{Level, Precision};
use impasto_models::{ModelStore, read_tensors, read_vgg19};
use impasto_painter::bench::random_weights;
use impasto_painter::{
    Job, PaintError, PaintStep, Prepared, Registry, Source, Sources, Tools, paint,
};
use impasto_planner::estimate;
use impasto_tests::models_dir;
use impasto_types::{
    Arbitrary, AssetKind, ContainerFormat, Depth, Digest, FeedForward, Footprint, Init, ModelName,
    Optimize, Optimizer, OutputSpec, Part, PreserveColor, Preset, Profile, Recipe, Tileable,
};

/// What the engine counts for a process without network and picture.
const PROCESS_BYTES: u64 = 64 << 20;

/// What it keeps per pixel of a masked asset until the end: three values and a weight.
const MASKED_ASSET_BYTES_PER_PIXEL: u64 = 4 * 4;

const STYLE: (u32, u32) = (512, 512);

/// Square, narrow, odd, and as large as a single machine can paint.
const SIZES: [(u32, u32); 8] = [
    (16, 16),
    (100, 75),
    (512, 512),
    (1024, 333),
    (4096, 64),
    (2048, 2048),
    (4096, 4096),
    (8192, 8192),
];

/// From this size on, the picture takes most of the memory, not the network and a tile.
const LARGE_PIXELS: u64 = 16 << 20;

fn recipes() -> Vec<Optimize> {
    let mut recipes = Vec::new();
    for preset in Preset::ALL {
        let Recipe::Optimize(recipe) = preset.recipe() else { continue };
        for profile in [Profile::Fast, Profile::Exact] {
            for optimizer in [Optimizer::Lbfgs, Optimizer::Adam] {
                let mut recipe = Optimize { optimizer, ..recipe.clone() };
                recipe.common.profile = profile;
                recipes.push(recipe);
            }
        }
    }
    recipes
}

#[test]
fn a_picture_fits_into_its_task_s_memory() {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    let threads = Arc::new(threads);
    let weights = random_weights();
    for precision in [Precision::Fp32, Precision::Bf16] {
        let device = Cpu::new(&weights, Level::detect(), precision, threads.clone())
            .expect("the weights fit together");
        for recipe in recipes() {
            for size in SIZES {
                check(&device, &recipe, size, false);
                check(&device, &recipe, size, true);
            }
        }
    }
}

fn check(device: &Cpu, recipe: &Optimize, (width, height): (u32, u32), masked: bool) {
    let row = format!(
        "{}, {:?}, {:?}, {width} x {height}, masked {masked}",
        device.label(),
        recipe.common.profile,
        recipe.optimizer
    );
    let whole = Recipe::Optimize(recipe.clone());
    let (size, pixels) = ((width, height), u64::from(width) * u64::from(height));
    let mut sources = vec![size, STYLE];
    let (mut estimated, mut held) = (0, PROCESS_BYTES + device.bytes());
    if masked {
        sources.push(size);
        estimated += estimate::mask_bytes(&whole, size, size);
        held += MASKED_ASSET_BYTES_PER_PIXEL * pixels;
    }
    let estimate = estimated + estimate::memory_bytes(&whole, size, &sources, &[STYLE]);
    let joins = Joins::from(recipe.common.tileable);
    let frame = Frame::new(&joins, recipe.padding, width, height);
    let work = Work { recipe, frame, content: true, masked };
    let planned = |bytes: u64| device.plan(&work, bytes.saturating_sub(held));
    let plan = planned(estimate).unwrap_or_else(|error| panic!("{row}: {error}"));
    assert!(held + plan.bytes <= estimate, "{row}: {} of {estimate}", held + plan.bytes);
    // An estimate that is far too large keeps a task from machines that could paint it.
    if pixels >= LARGE_PIXELS {
        assert!(planned(estimate / 2).is_err(), "{row}: half of {estimate} is enough");
    }
}

#[test]
fn a_picture_in_one_pass_fits_into_its_task_s_memory() {
    let store = ModelStore::open(Some(models_dir())).expect("the store opens");
    let model = store.ensure(ModelName::Arbitrary, &mut |_| ()).expect("it is pulled");
    let tensors = model.parse(read_tensors).expect("it is read");
    let networks = Arc::new(Networks::new(&tensors, 2, None).expect("they fit together"));
    let learned = Network::of_file(&synthetic::network(Digest::of(b"style")), 2, None);
    let learned = Arc::new(learned.expect("it is a network"));
    let vgg = store.ensure(ModelName::Vgg19, &mut |_| ()).expect("it is pulled");
    let vgg = vgg.parse(read_vgg19).expect("it is read");
    let restyler = Restyler::of_file(&synthetic::any_style(), &vgg, 2, None);
    let restyler = Arc::new(restyler.expect("it is a network"));
    // Of the last one, no map of its full size is stored.
    let sizes = [(16, 16), (90, 91), (512, 512), (1024, 333), (2048, 2048), (4096, 3071)];
    let looks = [
        (Tileable::None, PreserveColor::None, 1.0),
        (Tileable::Both, PreserveColor::None, 0.5),
        (Tileable::None, PreserveColor::Luminance, 1.0),
    ];
    for (width, height) in sizes {
        for (tileable, preserve_color, strength) in looks {
            let mut any = Arbitrary::of(Preset::Texture);
            let mut own = FeedForward::of(Preset::Texture);
            own.pass.strength = strength;
            for common in [&mut any.common, &mut own.common] {
                (common.tileable, common.preserve_color) = (tileable, preserve_color);
            }
            let inputs = || Inputs {
                content: Some(filled((width, height))),
                coverage: None,
                ground: None,
                styles: vec![(filled(STYLE), 1.0).into()],
                init: None,
                joins: Joins::from(tileable),
                mask: None,
            };
            let begin_any = |bytes| {
                Session::any_style(networks.clone(), any.clone(), inputs(), bytes).map(drop)
            };
            fits(&Recipe::Arbitrary(any.clone()), (width, height), begin_any);
            let restyled = Arbitrary { own_network: true, ..any.clone() };
            let begin_restyled = |bytes| {
                let (network, recipe) = (restyler.clone(), restyled.clone());
                Session::restyled(network, recipe, inputs(), bytes).map(drop)
            };
            fits(&Recipe::Arbitrary(restyled.clone()), (width, height), begin_restyled);
            let begin_own = |bytes| {
                let (network, recipe) = (learned.clone(), own.clone());
                Session::learned(network, vec![1.0], recipe, inputs(), bytes).map(drop)
            };
            fits(&Recipe::FeedForward(own.clone()), (width, height), begin_own);
        }
    }
}

#[test]
fn a_likeness_to_begin_with_fits_into_its_task_s_memory() {
    let store = ModelStore::open(Some(models_dir())).expect("the store opens");
    let model = |name| store.ensure(name, &mut |_| ()).expect("it is pulled");
    let vgg = model(ModelName::Vgg19).parse(read_vgg19).expect("it is read");
    let tensors = model(ModelName::Arbitrary).parse(read_tensors).expect("it is read");
    let networks = Networks::new(&tensors, 2, None).expect("they fit together");
    let engine = Engine::new(&vgg, 2, None, Profile::Fast).expect("it fits together");
    let engine = Arc::new(engine.beginning_with(Arc::new(networks)));
    for (size, min_scale) in [((512, 512), 64), ((512, 512), 0), ((1536, 1024), 0)] {
        let recipe = Optimize { init: Init::Arbitrary, min_scale, ..Optimize::painterly() };
        let begin = |bytes| {
            let inputs = Inputs {
                content: Some(filled(size)),
                coverage: None,
                ground: None,
                styles: vec![(filled(STYLE), 1.0).into()],
                init: None,
                joins: Joins::default(),
                mask: None,
            };
            optimize::Session::new(engine.clone(), recipe.clone(), inputs, bytes).map(drop)
        };
        fits(&Recipe::Optimize(recipe.clone()), size, begin);
    }
}

fn filled((width, height): (u32, u32)) -> Image {
    Image::filled(width as usize, height as usize, [90.0, 120.0, 60.0])
}

/// A run begins with the memory that its recipe is estimated to take, and not with half of it.
fn fits(recipe: &Recipe, size: (u32, u32), begun: impl Fn(u64) -> Result<(), EngineError>) {
    let estimate = estimate::memory_bytes(recipe, size, &[size, STYLE], &[STYLE]);
    let row = format!("{} {size:?}: {estimate}", recipe.method());
    begun(estimate).unwrap_or_else(|error| panic!("{row}: {error}"));
    if size.0 * size.1 > 1 << 20 {
        begun(estimate / 2).expect_err(&row);
    }
}

/// A network that takes what the estimate counts for it, and paints nothing.
#[derive(Debug)]
struct Nothing;

impl Prepared for Nothing {
    fn device(&self) -> String {
        "none".to_owned()
    }

    fn bytes(&self) -> u64 {
        estimate::MEMORY_BASE_BYTES
    }

    fn begin(&self, _: Job<'_>) -> Result<Box<dyn Run>, EngineError> {
        Err(EngineError::Ended)
    }
}

/// The beginning of a PNG: of RGB, or of RGBA with 16 bits.
fn announcing(side: u32, wide: bool) -> Source {
    let (depth, color) = if wide { (16, 6) } else { (8, 2) };
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = b"IHDR".to_vec();
    head.extend([side.to_be_bytes(), side.to_be_bytes()].concat());
    head.extend([depth, color, 0, 0, 0]);
    for chunk in [head, b"IDAT\x78\x9c".to_vec()] {
        bytes.extend((chunk.len() as u32 - 4).to_be_bytes());
        bytes.extend(&chunk);
        bytes.extend(crc(&chunk).to_be_bytes());
    }
    Source { name: format!("{side}.png"), bytes }
}

/// The checksum of a PNG's chunk.
fn crc(bytes: &[u8]) -> u32 {
    let table = |byte: u32| {
        (0..8).fold(byte, |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    };
    let step = |sum: u32, byte: &u8| table((sum ^ u32::from(*byte)) & 0xff) ^ sum >> 8;
    !bytes.iter().fold(!0, step)
}

#[test]
fn what_a_worker_needs_to_decode_is_estimated() {
    let footprint = |side: u32, wide: bool| Footprint {
        width: side,
        height: side,
        format: ContainerFormat::Png,
        depth: if wide { Depth::Sixteen } else { Depth::Eight },
        planes: u32::from(wide),
    };
    let mut recipe = Preset::Painterly.recipe();
    recipe.common_mut().size = Some(512);
    for (asset, wide, styles) in [
        (512, false, vec![8192]),
        (512, false, vec![8192; 16]),
        (16_384, true, vec![512]),
        (16_384, false, vec![4096, 8192]),
        (4096, true, vec![512; 3]),
    ] {
        let row = format!("{asset}, wide {wide}, {styles:?}");
        let sources = Sources {
            files: [(Part::Color, announcing(asset, wide))].into(),
            styles: styles.iter().map(|&side| announcing(side, false)).collect(),
            checkpoint: None,
        };
        let decoded: Vec<_> =
            styles.iter().map(|&side| (footprint(side, false), (side, side))).collect();
        let others = [footprint(asset, wide)];
        let estimate = estimate::decoding_bytes(&recipe, (512, 512), &decoded, &others);
        let output = OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 };
        let kind = AssetKind::picture();
        let weights = vec![1.0; styles.len()];
        let action = sources.action(kind.clone(), recipe.clone(), &weights, vec![], vec![output]);
        let registry = Registry::default();
        let fits = |memory_bytes: u64| {
            let adapter = registry.adapter(&kind).expect("it is there");
            let tools = Tools { adapter, method: &Nothing, memory_bytes, refuses_cuts: false };
            let mut observer = |_: &PaintStep| std::ops::ControlFlow::Continue(());
            let error = paint(tools, "wall.png", &action, &sources, &mut observer);
            match error.expect_err("no file is whole") {
                PaintError::Picture { .. } => false,
                PaintError::File(_) => true,
                other => panic!("{row}: {other}"),
            }
        };
        assert!(fits(estimate), "{row}: {estimate} is too little");
        let beside = (estimate - estimate::MEMORY_BASE_BYTES) / 3;
        assert!(!fits(estimate - 2 * beside), "{row}: a third of {estimate} is enough");
    }
}
