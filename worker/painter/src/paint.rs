//! One asset, from files' bytes to a file's bytes: decode, paint, encode. Synchronous, and of no
//! farm's knowledge.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use tracing::debug;

use impasto_assets::{AssetError, Limits, Picture, bleed, decode, encode};
use impasto_engine::device::tensor::Unavailable;
use impasto_engine::{Engine, EngineError, Inputs, Session, Step, StepReport};
use impasto_types::{Action, FailureKind, ModelName, Recipe, RunReport};

/// A file's bytes, and what errors call it; an extension in its name has to agree with the bytes.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The files that an action names, in its order.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub content: Option<Source>,
    pub styles: Vec<Source>,
    pub init: Option<Source>,
}

/// Sees every step, and ends the run by breaking.
pub type Observer<'a> = dyn FnMut(&StepReport) -> ControlFlow<()> + 'a;

/// A finished picture's file, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Painted {
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
    pub report: RunReport,
}

/// Why there is no picture. The text names the asset, or the file that is at fault.
#[derive(Debug, thiserror::Error)]
pub enum PaintError {
    #[error(transparent)]
    Asset(#[from] AssetError),
    #[error("cannot paint `{asset}`")]
    Engine { asset: String, source: EngineError },
    #[error(
        "painting `{asset}` at {width} x {height} pixels takes at least {} of memory, but may take no more than {}",
        gib(*least_bytes),
        gib(*given_bytes)
    )]
    Memory { asset: String, width: usize, height: usize, least_bytes: u64, given_bytes: u64 },
    #[error(
        "the card ran out of memory while painting `{asset}`, although the plan fits, so others use it too: a smaller --max-memory helps, or another card"
    )]
    CardMemory { asset: String, source: EngineError },
    #[error("there is no room on a card for `{asset}`, as others fill it")]
    FullCard { asset: String, source: Unavailable },
    #[error("`{asset}` was given {given} style images, but its action names {expected}")]
    StyleCount { asset: String, expected: usize, given: usize },
    #[error("`{asset}` names no model to paint with")]
    NoModel { asset: String },
    #[error("the model {name} cannot be used")]
    Model { name: ModelName, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the card {device} has failed and cannot be opened again")]
    Card { device: String, source: Unavailable },
    #[error("IMPASTO_CPU_LEVEL cannot be followed")]
    Level { source: impasto_kernels::UnknownLevel },
    #[error("painting `{asset}` was canceled")]
    Canceled { asset: String },
}

impl PaintError {
    /// What the engine says of an asset that was given so much memory.
    pub(crate) fn of_engine(asset: &str, memory_bytes: u64, error: EngineError) -> Self {
        let asset = asset.to_owned();
        match error {
            // The engine speaks of what the process has left for the picture; people speak of what
            // they gave.
            EngineError::Memory { width, height, least_bytes, budget_bytes } => {
                let least_bytes =
                    memory_bytes.saturating_sub(budget_bytes).saturating_add(least_bytes);
                Self::Memory { asset, width, height, least_bytes, given_bytes: memory_bytes }
            }
            source @ EngineError::DeviceMemory { .. } => Self::CardMemory { asset, source },
            source => Self::Engine { asset, source },
        }
    }

    /// What the failure says about trying again.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Asset(_) | Self::StyleCount { .. } | Self::NoModel { .. } => FailureKind::Input,
            Self::Engine { source, .. } => source.kind(),
            Self::Memory { .. } | Self::CardMemory { .. } | Self::FullCard { .. } => {
                FailureKind::Shortage
            }
            Self::Model { .. } | Self::Card { .. } | Self::Level { .. } | Self::Canceled { .. } => {
                FailureKind::Transient
            }
        }
    }
}

/// Paints one asset; the whole process is held within `memory_bytes`. `asset` is what errors call
/// it where no file is at fault. How the picture is cut into tiles goes to the log, for each scale
/// anew.
///
/// Colours under full transparency are filled from around them first, so that neither the network
/// nor a renderer sees black holes.
///
/// # Errors
/// Names the file that cannot be read, the reason why the engine cannot paint it, or that the
/// observer ended it.
pub fn paint(
    engine: &Arc<Engine>,
    memory_bytes: u64,
    asset: &str,
    action: &Action,
    sources: &Sources,
    observer: &mut Observer<'_>,
) -> Result<Painted, PaintError> {
    let failed = |source| PaintError::of_engine(asset, memory_bytes, source);
    let inputs = inputs(asset, action, sources)?;
    let began = Instant::now();
    let (Recipe::Optimize(optimize) | Recipe::Synthesize(optimize)) = &action.recipe;
    let mut session =
        Session::new(engine.clone(), optimize.clone(), inputs, memory_bytes).map_err(failed)?;
    let (mut last, mut steps) = (None, 0);
    let mut planned = 0;
    while let Step::Running(step) = session.step().map_err(failed)? {
        last = Some(step);
        steps += 1;
        for (scale, plan) in &session.plans()[planned..] {
            debug!("{asset}: {} x {}: {plan}", scale.width, scale.height);
        }
        planned = session.plans().len();
        if observer(&step).is_break() {
            return Err(PaintError::Canceled { asset: asset.to_owned() });
        }
    }
    let picture = session.picture().map_err(failed)?;
    // What remains to be done needs the finished picture alone.
    drop(session);
    let compute_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let report = RunReport {
        iterations: steps,
        losses: last.and_then(|step: StepReport| step.losses),
        compute_ms,
        device: engine.device(),
    };
    let bytes = encode(&picture, action.outputs[0])?;
    Ok(Painted { bytes, width: picture.width, height: picture.height, report })
}

fn gib(bytes: u64) -> String {
    format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30))
}

fn inputs(asset: &str, action: &Action, sources: &Sources) -> Result<Inputs, PaintError> {
    let (expected, given) = (action.styles.len(), sources.styles.len());
    if expected != given {
        return Err(PaintError::StyleCount { asset: asset.to_owned(), expected, given });
    }
    let styles = action
        .styles
        .iter()
        .zip(&sources.styles)
        .map(|(style, source)| Ok((open(source)?, style.weight)));
    Ok(Inputs {
        content: sources.content.as_ref().map(open).transpose()?,
        styles: styles.collect::<Result<_, AssetError>>()?,
        init: sources.init.as_ref().map(open).transpose()?,
    })
}

fn open(source: &Source) -> Result<Picture, AssetError> {
    let mut picture = decode(&source.bytes, &source.name, &Limits::default())?;
    bleed(&mut picture);
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use impasto_types::error_text;

    #[test]
    fn a_full_card_is_a_shortage_that_says_what_helps() {
        let full = || EngineError::DeviceMemory {
            device: "cuda:0".to_owned(),
            source: Box::new(io::Error::other("no more").into()),
        };
        let error = PaintError::of_engine("wall.png", 7, full());
        assert_eq!(error.kind(), FailureKind::Shortage);
        let text = error_text(&error);
        for part in ["`wall.png`", "--max-memory", "another card", "cuda:0"] {
            assert!(text.contains(part), "{text}");
        }
        let broken = EngineError::Device {
            device: "cuda:0".to_owned(),
            source: Box::new(io::Error::other("an illegal address").into()),
        };
        assert_eq!(PaintError::of_engine("wall.png", 7, broken).kind(), FailureKind::Transient);
    }

    #[test]
    fn a_plan_speaks_of_what_was_given() {
        let error =
            EngineError::Memory { width: 64, height: 32, least_bytes: 500, budget_bytes: 400 };
        let PaintError::Memory { least_bytes, given_bytes, .. } =
            PaintError::of_engine("wall.png", 1000, error)
        else {
            panic!("a shortage")
        };
        assert_eq!((least_bytes, given_bytes), (1100, 1000));
    }
}
