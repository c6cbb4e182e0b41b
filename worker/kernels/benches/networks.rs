//! The networks that stylise in one pass, with the published weights, for `tests/networks/run`,
//! which compares them with onnxruntime.
//!
//! It reads commands from its input, a line each, and answers each with a line: the milliseconds
//! of every repetition. Files are raw f32, little-endian; pictures have values of 0 to 255.
//!
//! ```text
//! predict PICTURE VECTOR REPEAT            a style image of 256 x 256, and its vector
//! any WIDTH HEIGHT WRAP STYLE PICTURE OUTPUT REPEAT     STYLE is a vector
//! multi WIDTH HEIGHT WRAP STYLE PICTURE OUTPUT REPEAT   STYLE is a weight for each style
//! ```
//!
//! WRAP is `none`, `x`, `y` or `both`. `--threads N` says how many threads work, two by default;
//! `IMPASTO_MODELS_DIR` where the model store is; `IMPASTO_CPU_LEVEL` which instructions they use.

#![allow(clippy::print_stdout)] // answers are what it is for

use std::error::Error;
use std::fs;
use std::io::{BufRead, Write, stdin, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use impasto_kernels::Level;
use impasto_kernels::networks::{
    MultiStyle, Picture, StylePredictor, StyleTransformer, StyleVector, Tensors, Workspace,
};
use impasto_models::{ModelStore, NamedTensor, read_tensors};
use impasto_types::ModelName;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let threads = match arguments.next().as_deref() {
        Some("--threads") => arguments.next().ok_or("--threads needs a number")?.parse()?,
        // `cargo bench` runs every bench: without commands there is nothing to measure.
        _ => return Ok(()),
    };
    let level = match std::env::var("IMPASTO_CPU_LEVEL") {
        Ok(wish) => Level::at_most(&wish)?,
        Err(_) => Level::detect(),
    };
    let mut networks = Networks::open(level, threads)?;
    for line in stdin().lock().lines() {
        let milliseconds = networks.run(&line?)?;
        println!("{}", milliseconds.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
        stdout().flush()?;
    }
    Ok(())
}

struct Networks {
    predictor: StylePredictor,
    any: StyleTransformer,
    multi: MultiStyle,
    workspace: Workspace,
}

impl Networks {
    fn open(level: Level, threads: usize) -> Result<Self, Box<dyn Error>> {
        let dir = std::env::var_os("IMPASTO_MODELS_DIR").map(PathBuf::from);
        let store = ModelStore::open(dir.as_deref())?;
        let read = |name| -> Result<_, Box<dyn Error>> {
            Ok(read_tensors(&store.ensure(name, &mut |_| {})?.read()?)?)
        };
        let arbitrary = read(ModelName::Arbitrary)?;
        let arbitrary = Tensors::new(arbitrary.iter().map(named))?;
        let multi = read(ModelName::MultiStyle26)?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        Ok(Self {
            predictor: StylePredictor::new(&arbitrary, level)?,
            any: StyleTransformer::new(&arbitrary, level)?,
            multi: MultiStyle::new(&Tensors::new(multi.iter().map(named))?, level)?,
            workspace: Workspace::new(Arc::new(pool)),
        })
    }

    /// Carries out a command; the milliseconds of each repetition.
    fn run(&mut self, command: &str) -> Result<Vec<f64>, Box<dyn Error>> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["predict", picture, vector, repeat] => {
                let rgb = floats(picture)?;
                let mut numbers = Vec::new();
                let times = repeated(repeat, || {
                    let style = self.predictor.predict(&mut self.workspace, &rgb)?;
                    numbers = style.numbers().to_vec();
                    Ok(())
                })?;
                store(vector, &numbers)?;
                Ok(times)
            }
            [network, width, height, wrap, style, picture, output, repeat] => {
                let rgb = floats(picture)?;
                let picture = Picture {
                    rgb: &rgb,
                    width: width.parse()?,
                    height: height.parse()?,
                    wrap_x: matches!(wrap, "x" | "both"),
                    wrap_y: matches!(wrap, "y" | "both"),
                };
                let style = floats(style)?;
                let mut painted = vec![0.0; rgb.len()];
                let workspace = &mut self.workspace;
                let times = match network {
                    "any" => {
                        let style = StyleVector::new(style)?;
                        repeated(repeat, || {
                            Ok(self.any.paint(workspace, &picture, &style, &mut painted)?)
                        })?
                    }
                    "multi" => repeated(repeat, || {
                        Ok(self.multi.paint(workspace, &picture, &style, &mut painted)?)
                    })?,
                    other => return Err(format!("there is no network `{other}`").into()),
                };
                store(output, &painted)?;
                Ok(times)
            }
            _ => Err(format!("`{command}` is no command").into()),
        }
    }
}

fn named(tensor: &NamedTensor) -> (&str, &[usize], &[f32]) {
    (&tensor.name, &tensor.shape, &tensor.values)
}

fn repeated(
    count: &str,
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..count.parse()? {
        let began = Instant::now();
        work()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

fn floats(path: &str) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = fs::read(path)?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|float| f32::from_le_bytes(*float)).collect())
}

fn store(path: &str, floats: &[f32]) -> Result<(), Box<dyn Error>> {
    let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
    Ok(fs::write(path, bytes)?)
}
