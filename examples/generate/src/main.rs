//! Makes the pictures and models of the example projects, the same each time:
//! `cargo run -p impasto-examples` from the repository's top.
//!
//! They stand in for what an artist would have at hand. The painting in `village/styles` is not
//! made here.

mod canvas;
mod color;
mod curve;
mod fabric;
mod model;
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
use model::Mesh;

/// A file of an example.
struct Example {
    /// Relative to the folder of examples.
    path: &'static str,
    canvas: Canvas,
    depth: Depth,
    has_alpha: bool,
    /// The model whose texture it is.
    mesh: Option<Mesh>,
}

impl Example {
    /// An opaque picture of 8 bits a sample.
    fn new(path: &'static str, canvas: Canvas) -> Self {
        Self { path, canvas, depth: Depth::Eight, has_alpha: false, mesh: None }
    }

    fn file(&self) -> anyhow::Result<Vec<u8>> {
        let format: ContainerFormat =
            self.path.rsplit('.').next().unwrap_or_default().parse().map_err(anyhow::Error::msg)?;
        let texture = if format.is_model() { ContainerFormat::Jpeg } else { format };
        let picture = self.canvas.picture(self.path, texture, self.depth, self.has_alpha);
        let output = OutputSpec { part: Part::Color, format: texture, quality: 90 };
        let bytes = encode(&picture, output)?;
        Ok(match &self.mesh {
            Some(mesh) => mesh.file(self.name(), &bytes),
            None => bytes,
        })
    }

    /// The file's name without its extension.
    fn name(&self) -> &str {
        let file = self.path.rsplit('/').next().unwrap_or(self.path);
        file.split('.').next().unwrap_or(file)
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
