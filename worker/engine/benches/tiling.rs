//! How exact tiles are on real pictures, and what they cost: the gradient and the painted picture
//! of several tilings beside the whole.
//!
//! `cargo bench -p impasto-engine --bench tiling -- CONTENT STYLE [SIZE] [ITERATIONS]`; the weights
//! come from the user's model store. It prints a table, and ends with an error where a tiling is
//! not what the whole is.

#![allow(clippy::print_stdout)] // the table is what it is for

use std::error::Error;
use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

use impasto_engine::optimize::device::{Cpu, Pass, Task, TiledPass, Tiling, VggDevice, View, Work};
use impasto_engine::optimize::objective::{LayerStatistics, StyleTarget};
use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{Frame, Image, Inputs, Interrupt, Run};
use impasto_kernels::{Layer, Level, Precision};
use impasto_models::{ModelStore, VggWeights, read_vgg19};
use impasto_types::{ModelName, Optimize, Padding, Profile, Tileable};

/// The gradient's relative error, root mean square.
const EXACT: f64 = 1e-4;
const FAST: f64 = 5e-3;

/// Pictures are indistinguishable above this.
const PSNR_DB: f64 = 45.0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (Some(content), Some(style)) = (arguments.next(), arguments.next()) else {
        // `cargo bench` runs every bench: without pictures there is nothing to measure.
        println!("tiling: give CONTENT STYLE [SIZE] [ITERATIONS]");
        return Ok(());
    };
    let size = arguments.next().map_or(Ok(1024), |size| size.parse())?;
    let iterations = arguments.next().map_or(Ok(20), |iterations| iterations.parse())?;
    let weights =
        read_vgg19(&ModelStore::open(None)?.ensure(ModelName::Vgg19, &mut |_| {})?.read()?)?;
    let open = |path: &str| {
        let picture = image::open(path)?.to_rgb8();
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let rgb = picture.into_raw().into_iter().map(f32::from).collect();
        Ok::<_, Box<dyn Error>>(Image { width, height, rgb })
    };
    let (content, style) = (open(&content)?, open(&style)?);
    println!(
        "| device | tileable | interior | tiles | work | time of an iteration | gradient error | \
         PSNR after {iterations} steps |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut wrong = 0;
    let mut devices = Vec::new();
    for profile in [Profile::Exact, Profile::Fast] {
        for tileable in [Tileable::None, Tileable::Both] {
            let bench = Bench::new(&weights, profile, tileable, size, &content, &style)?;
            // Where the CPU has no matrix units, both profiles are the same.
            let row = (bench.cpu.label(), tileable);
            if !devices.contains(&row) {
                wrong += bench.run(iterations)?;
                devices.push(row);
            }
        }
    }
    if wrong > 0 {
        Err(format!("{wrong} tilings are not what the whole is").into())
    } else {
        Ok(())
    }
}

/// One picture and its style, ready to be painted.
struct Bench {
    cpu: Cpu,
    recipe: Optimize,
    content: Image,
    style: Vec<(Layer, StyleTarget)>,
}

impl Bench {
    fn new(
        weights: &VggWeights,
        profile: Profile,
        tileable: Tileable,
        size: u32,
        content: &Image,
        style: &Image,
    ) -> Result<Self, Box<dyn Error>> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?);
        let precision = if profile == Profile::Fast { Precision::Bf16 } else { Precision::Fp32 };
        let cpu = Cpu::new(weights, Level::detect(), precision, pool)?;
        let padding = Padding::Reflect;
        let recipe = Optimize { padding, min_scale: 0, ..Optimize::painterly() }.with(|common| {
            common.size = Some(size);
            common.tileable = tileable;
            common.profile = profile;
        });
        // A session's first picture is the content at its size.
        let engine = Arc::new(Engine::new(weights, threads, None, profile)?);
        let at = |picture: &Image| {
            let inputs = Inputs {
                content: Some(picture.clone()),
                coverage: None,
                ground: None,
                styles: vec![(style.clone(), 1.0).into()],
                init: None,
                joins: recipe.common.tileable.into(),
                mask: None,
            };
            let recipe = recipe.clone().with(|common| common.palette = 0.0);
            Ok::<_, Box<dyn Error>>(
                Session::new(engine.clone(), recipe, inputs, u64::MAX)?.picture()?,
            )
        };
        let (content, style) = (at(content)?, at(style)?);
        let moments =
            cpu.moments(&style, None, View::of_style(&recipe), u64::MAX, &Interrupt::default())?;
        let style = StyleTarget::layers(
            &recipe,
            &[(moments.iter().map(LayerStatistics::of).collect(), 1.0)],
        );
        Ok(Self { cpu, recipe, content, style })
    }

    fn work(&self) -> Work<'_> {
        let (width, height) = (self.content.width as u32, self.content.height as u32);
        let joins = self.recipe.common.tileable.into();
        let frame = Frame::new(&joins, self.recipe.padding, width, height);
        Work { recipe: &self.recipe, frame, content: true, masked: false }
    }

    /// Prints a row for each tiling; gives how many of them are wrong.
    fn run(&self, iterations: usize) -> Result<usize, Box<dyn Error>> {
        let (width, height) = (self.content.width, self.content.height);
        let view = self.work().view();
        let whole = Tiling::whole(view, width, height);
        let (expected, _) = self.gradient(whole.clone())?;
        let expected_picture = self.paint(whole, iterations)?;
        let tolerance = if self.cpu.label().ends_with("bf16") { FAST } else { EXACT };
        let mut wrong = 0;
        for interior in [width.max(height), 512, 256] {
            let Some(tiling) = Tiling::cut(view, width, height, (interior, interior)) else {
                continue;
            };
            let work: usize =
                tiling.tiles.iter().map(|tile| tile.shape.width * tile.shape.height).sum();
            let (gradient, time) = self.gradient(tiling.clone())?;
            let error = error(&gradient, &expected);
            let tiles = tiling.tiles.len();
            let psnr = psnr(&self.paint(tiling, iterations)?, &expected_picture);
            println!(
                "| {} | {:?} | {interior} | {tiles} | {:.2} | {time:.2?} | {error:.1e} | {psnr:.1} \
                 dB |",
                self.cpu.label(),
                self.recipe.common.tileable,
                work as f64 / (width * height) as f64
            );
            wrong += usize::from(error > tolerance || psnr < PSNR_DB);
        }
        Ok(wrong)
    }

    /// The gradient at a paler version of the content, so that no term of the loss is at its
    /// minimum.
    fn gradient(&self, tiling: Tiling) -> Result<(Vec<f32>, Duration), Box<dyn Error>> {
        let mut pass: TiledPass = self.cpu.pass(tiling);
        pass.hold_content(&self.content, &|sums| sums.weight(&self.recipe))?;
        let rgb = self.content.rgb.iter().map(|value| 0.8 * value + 30.0).collect();
        let image = Image { rgb, ..self.content };
        let mut gradient = vec![0.0; image.rgb.len()];
        pass.evaluate(&image, &self.style, &mut gradient)?;
        let began = Instant::now();
        pass.evaluate(&image, &self.style, &mut gradient)?;
        Ok((gradient, began.elapsed()))
    }

    fn paint(&self, tiling: Tiling, iterations: usize) -> Result<Image, Box<dyn Error>> {
        let work = self.work();
        let mut plan = self.cpu.plan(&work, u64::MAX)?;
        plan.tiling = tiling;
        let task = Task {
            work,
            plan,
            picture: self.content.clone(),
            content: Some(self.content.clone()),
            masked: None,
            style: self.style.clone(),
            warmth: None,
            interrupt: Interrupt::default(),
        };
        let mut canvas = self.cpu.canvas(task)?;
        for _ in 0..iterations {
            canvas.step()?;
        }
        Ok(canvas.picture()?)
    }
}

fn error(found: &[f32], expected: &[f32]) -> f64 {
    let square = |value: f64| value * value;
    let difference: f64 =
        found.iter().zip(expected).map(|(&x, &y)| square(f64::from(x) - f64::from(y))).sum();
    (difference / expected.iter().map(|&y| square(f64::from(y))).sum::<f64>()).sqrt()
}

/// Peak signal to noise ratio of 8-bit pictures.
fn psnr(found: &Image, expected: &Image) -> f64 {
    let square = |value: f64| value * value;
    let levels = found
        .rgb
        .iter()
        .zip(&expected.rgb)
        .map(|(x, y)| square(f64::from(x.round()) - f64::from(y.round())));
    10.0 * (square(255.0) * found.rgb.len() as f64 / levels.sum::<f64>().max(1e-9)).log10()
}
