//! Makes the pictures of the example projects, the same each time: `cargo run -p impasto-examples`
//! from the repository's top.
//!
//! They stand in for what an artist would have at hand. The painting in `village/styles` is not
//! made here.

mod canvas;
mod color;
mod curve;
mod fabric;
mod noise;
#[cfg(test)]
mod tests;
mod village;

use std::fs;
use std::path::Path;

use anyhow::Context;
use canvas::Canvas;
use impasto_assets::{Depth, encode};
use impasto_types::{ContainerFormat, OutputSpec, Part};

/// A file of an example.
struct Example {
    /// Relative to the folder of examples.
    path: &'static str,
    canvas: Canvas,
    depth: Depth,
    has_alpha: bool,
}

impl Example {
    /// An opaque picture of 8 bits a sample.
    fn new(path: &'static str, canvas: Canvas) -> Self {
        Self { path, canvas, depth: Depth::Eight, has_alpha: false }
    }

    fn file(&self) -> anyhow::Result<Vec<u8>> {
        let format: ContainerFormat =
            self.path.rsplit('.').next().unwrap_or_default().parse().map_err(anyhow::Error::msg)?;
        let picture = self.canvas.picture(self.path, format, self.depth, self.has_alpha);
        Ok(encode(&picture, OutputSpec { part: Part::Color, format, quality: 90 })?)
    }
}

fn examples() -> Vec<Example> {
    [village::textures(), fabric::prints(), fabric::styles()].into_iter().flatten().collect()
}

fn main() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for example in examples() {
        let file = folder.join(example.path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot make {}", parent.display()))?;
        }
        fs::write(&file, example.file()?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
