//! An asset kind and a method that this crate does not know, added through its public API. It keeps
//! what `docs/ARCHITECTURE.md` says about adding one true.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use impasto_assets::{Limits, Origin, Picture, decode, encode};
use impasto_engine::{EngineError, Image, Joins, Run, Step, StepReport};
use impasto_painter::{
    Adapter, AdapterError, Devices, EnginePainter, Files, Job, Method, OpenAsset, Opened,
    OutputFile, PaintError, PaintStep, Painted, Painter, PrepareError, Prepared, Registry, Site,
    Source, Sources, View,
};
use impasto_types::{
    Action, AssetKind, BlobRef, ContainerFormat, Input, InputRef, Method as MethodName, OutputSpec,
    Part, Preset, Recipe, StyleRef,
};

/// A kind of asset with two files, which are painted as two views: a colour and a height map.
#[derive(Debug)]
struct Relief;

const PARTS: [Part; 2] = [Part::Color, Part::Height];

/// What the two files have besides their colours.
#[derive(Debug)]
struct OpenRelief(Vec<(Part, Origin)>);

impl Adapter for Relief {
    fn open(&self, files: &Files<'_>, _: &Recipe) -> Result<Opened, AdapterError> {
        let (mut views, mut origins) = (Vec::new(), Vec::new());
        for part in PARTS {
            let source = files.get(&part).ok_or(AdapterError::MissingPart(part))?;
            let picture = decode(&source.bytes, &source.name, &Limits::default())?;
            let Picture { width, height, rgb, alpha: _, extra: _, origin } = picture;
            let image = Image { width: width as usize, height: height as usize, rgb };
            views.push(View {
                channel: None,
                image: Some(image),
                coverage: None,
                mask: None,
                joins: Joins::default(),
            });
            origins.push((part, origin));
        }
        Ok(Opened { views, asset: Box::new(OpenRelief(origins)), warning: None })
    }
}

impl OpenAsset for OpenRelief {
    fn bytes(&self) -> u64 {
        0
    }

    fn close(
        self: Box<Self>,
        painted: Vec<Image>,
        outputs: &[OutputSpec],
    ) -> Result<Vec<OutputFile>, AdapterError> {
        let finished: BTreeMap<Part, Picture> = self
            .0
            .into_iter()
            .zip(painted)
            .map(|((part, origin), Image { width, height, rgb })| {
                let (width, height) = (width as u32, height as u32);
                (part, Picture { width, height, rgb, alpha: None, extra: Vec::new(), origin })
            })
            .collect();
        let close = |output: &OutputSpec| -> Result<OutputFile, AdapterError> {
            let part = output.part;
            let picture = finished.get(&part).ok_or(AdapterError::UnknownOutput(part))?;
            let (width, height) = (picture.width, picture.height);
            Ok(OutputFile { part, bytes: encode(picture, *output)?, width, height })
        };
        outputs.iter().map(close).collect()
    }
}

/// A method without a network: each step moves every pixel halfway to the first style's mean
/// colour.
#[derive(Debug)]
struct Tint;

const STEPS: u32 = 2;

#[derive(Debug)]
struct TintRun {
    image: Image,
    color: [f32; 3],
    iteration: u32,
}

impl Method for Tint {
    fn prepare(&self, site: &Site<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        assert!(site.models.is_empty(), "it needs no model");
        Ok(Arc::new(Self))
    }
}

impl Prepared for Tint {
    fn device(&self) -> String {
        "cpu tint".to_owned()
    }

    fn begin(&self, job: Job<'_>) -> Result<Box<dyn Run>, EngineError> {
        let image = job.view.image.ok_or(EngineError::MissingInput("a picture to tint"))?;
        let style = job.styles.first().ok_or(EngineError::MissingInput("a style image"))?;
        let style = &style.image;
        let mut color = [0.0; 3];
        for pixel in style.rgb.chunks_exact(3) {
            (0..3).for_each(|c| color[c] += pixel[c] / style.pixels() as f32);
        }
        Ok(Box::new(TintRun { image, color, iteration: 0 }))
    }
}

impl Run for TintRun {
    fn step(&mut self) -> Result<Step, EngineError> {
        if self.iteration == STEPS {
            return Ok(Step::Done);
        }
        self.iteration += 1;
        for pixel in self.image.rgb.chunks_exact_mut(3) {
            (0..3).for_each(|c| pixel[c] += (self.color[c] - pixel[c]) / 2.0);
        }
        Ok(Step::Running(StepReport {
            iteration: self.iteration,
            iterations: STEPS,
            scale: (self.image.width as u32, self.image.height as u32),
            done: f64::from(self.iteration) / f64::from(STEPS),
            losses: None,
        }))
    }

    fn picture(&self) -> Result<Image, EngineError> {
        Ok(self.image.clone())
    }

    fn checkpoint(&self) -> Result<Vec<u8>, EngineError> {
        Ok(Vec::new())
    }

    fn plan(&self) -> Option<String> {
        None
    }
}

fn kind() -> AssetKind {
    AssetKind::try_from("relief".to_owned()).expect("it is a name")
}

/// A file of one colour.
fn file(name: &str, side: u32, level: f32) -> Source {
    let rgb = vec![level; (side * side * 3) as usize];
    let origin = Origin::synthetic(name, ContainerFormat::Png);
    let picture =
        Picture { width: side, height: side, rgb, alpha: None, extra: Vec::new(), origin };
    let bytes = encode(&picture, output(Part::Color)).expect("it encodes");
    Source { name: name.to_owned(), bytes }
}

fn output(part: Part) -> OutputSpec {
    OutputSpec { part, format: ContainerFormat::Png, quality: 90 }
}

fn paint(sources: &Sources) -> Result<(Painted, Vec<f64>), PaintError> {
    let models = tempfile::tempdir().expect("a folder");
    let registry = Registry::default()
        .with_adapter(kind(), Arc::new(Relief))
        .with_method(MethodName::Optimize, Arc::new(Tint));
    let painter = EnginePainter::open(Some(models.path()), 1, &Devices::Cpu, None)
        .expect("it opens")
        .with_registry(registry);
    let blob = |source: &Source| BlobRef::of(&source.bytes);
    let inputs = sources
        .files
        .iter()
        .map(|(part, source)| Input { part: *part, source: InputRef::Blob(blob(source)) });
    let recipe = Preset::Painterly.recipe();
    let action = Action {
        method_version: recipe.method().version(),
        recipe,
        kind: kind(),
        inputs: inputs.collect(),
        styles: vec![StyleRef::whole(blob(&sources.styles[0]), 1.0)],
        regions: None,
        texture: None,
        models: vec![],
        outputs: PARTS.map(output).to_vec(),
    };
    let mut done = Vec::new();
    let painted =
        painter.paint(painter.whole(0), "wall", &action, sources, &mut |step: &PaintStep| {
            done.push(step.done);
            ControlFlow::Continue(())
        })?;
    Ok((painted, done))
}

fn sources() -> Sources {
    Sources {
        files: [
            (Part::Color, file("wall.png", 16, 40.0)),
            (Part::Height, file("wall_height.png", 16, 80.0)),
        ]
        .into(),
        styles: vec![file("style.png", 4, 200.0)],
        checkpoint: None,
    }
}

#[test]
fn the_added_method_paints_both_files() {
    let (painted, done) = paint(&sources()).expect("it is painted");
    assert_eq!(painted.report.device, "cpu tint");
    assert_eq!((painted.report.iterations, painted.report.losses), (2 * STEPS, None));
    assert_eq!(done, [0.25, 0.5, 0.75, 1.0], "over both views");
    let levels = painted.files.iter().map(|file| {
        let picture = decode(&file.bytes, "out.png", &Limits::default()).expect("it is a picture");
        (file.part, picture.width, picture.rgb[0])
    });
    // Three quarters of the way to 200.
    assert_eq!(levels.collect::<Vec<_>>(), [(Part::Color, 16, 160.0), (Part::Height, 16, 170.0)]);
}

#[test]
fn an_error_names_the_missing_part() {
    let mut sources = sources();
    sources.files.remove(&Part::Height);
    let error = paint(&sources).expect_err("a file is missing");
    let text = impasto_types::error_text(&error);
    assert!(text.contains("`wall`") && text.contains("`height`"), "{text}");
}
