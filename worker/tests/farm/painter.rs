//! A painter without an engine. The asset's bytes say what happens.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use impasto_painter::{
    EngineError, Lane, Observer, Offer, OutputFile, PaintError, PaintStep, Painted, Painter,
    Sharing, Sources, StepReport, Stop,
};
use impasto_types::{Action, DeviceHealth, DeviceInfo, Digest, Losses, ModelRef, Part, RunReport};

const LOSSES: Losses = Losses { total: 1.0, content: 0.5, style: 0.5 };

/// Returns "painted " and the asset's bytes, or "finished " and the bytes if it resumes from a
/// checkpoint. Bytes that begin with "slow" take steps until the gate opens; "large" needs much
/// memory; "full" finds its GPU full unless it was given little memory; "panic" panics.
#[derive(Debug, Default)]
pub(crate) struct FakePainter {
    offers: Vec<Offer>,
    /// Where each picture was painted.
    lanes: Mutex<Vec<Lane>>,
    gate: Mutex<bool>,
    opened: Condvar,
    models: Mutex<BTreeSet<Digest>>,
}

const STEPS: u32 = 1000;

/// The memory that "large" pictures need.
pub(crate) const LARGE_BYTES: u64 = 3 << 30;

/// The memory that "full" pictures find free on their GPU.
pub(crate) const LEFT_BYTES: u64 = 1 << 30;

/// The name of a device with a fault.
pub(crate) const BROKEN: &str = "broken";

/// A device with this much memory, and one lane by default.
pub(crate) fn offer(name: &str, memory_bytes: u64) -> Offer {
    let info = DeviceInfo {
        name: name.to_owned(),
        model: "canvas".to_owned(),
        memory_bytes,
        compute_capability: None,
    };
    Offer { info, lanes: 1, sharing: Sharing::ByNeed }
}

impl FakePainter {
    pub(crate) fn on(offers: Vec<Offer>) -> Self {
        Self { offers, ..Self::default() }
    }

    /// The devices and lanes of all pictures so far.
    pub(crate) fn lanes(&self) -> Vec<Lane> {
        self.lanes.lock().expect("no panic").clone()
    }

    /// Lets slow pictures finish.
    pub(crate) fn open(&self) {
        *self.gate.lock().expect("no panic") = true;
        self.opened.notify_all();
    }

    pub(crate) fn models(&self) -> BTreeSet<Digest> {
        self.models.lock().expect("no panic").clone()
    }

    /// Whether the gate is open; waits a few milliseconds if not.
    fn is_open(&self) -> bool {
        let gate = self.gate.lock().expect("no panic");
        *self
            .opened
            .wait_timeout_while(gate, Duration::from_millis(2), |open| !*open)
            .expect("no panic")
            .0
    }
}

impl Painter for FakePainter {
    fn offers(&self) -> Vec<Offer> {
        self.offers.clone()
    }

    fn health(&self) -> Vec<DeviceHealth> {
        let fault = |offer: &Offer| {
            if offer.info.name == BROKEN { "it is torn".to_owned() } else { String::new() }
        };
        self.offers
            .iter()
            .map(|offer| DeviceHealth { fault: fault(offer), ..DeviceHealth::default() })
            .collect()
    }

    fn has_model(&self, model: &ModelRef) -> bool {
        self.models().contains(&model.blob.digest)
    }

    fn adopt_model(&self, model: &ModelRef, weights: &Path) -> Result<(), PaintError> {
        let weights = std::fs::read(weights).expect("it is there");
        assert_eq!(
            Digest::of(&weights),
            model.blob.digest,
            "weights are verified before they are adopted"
        );
        self.models.lock().expect("no panic").insert(model.blob.digest);
        Ok(())
    }

    fn paint(
        &self,
        lane: Lane,
        asset: &str,
        action: &Action,
        sources: &Sources,
        observer: &mut dyn Observer,
    ) -> Result<Painted, PaintError> {
        assert!(action.models.iter().all(|model| self.has_model(model)), "models come first");
        let color = sources.files.get(&Part::Color);
        let content = color.map_or(&b""[..], |source| &source.bytes);
        self.lanes.lock().expect("no panic").push(lane);
        let memory_bytes = lane.memory_bytes;
        if content.starts_with(b"full") && memory_bytes > LEFT_BYTES {
            let (asset, device) = (asset.to_owned(), self.offers[lane.device].info.name.clone());
            let source = EngineError::DeviceMemory {
                device,
                source: Box::new(std::io::Error::other("nothing is left").into()),
            };
            return Err(PaintError::CardMemory { asset, source });
        }
        if content.starts_with(b"large") && memory_bytes < LARGE_BYTES {
            let (width, height) = (8192, 8192);
            return Err(PaintError::Memory {
                asset: asset.to_owned(),
                width,
                height,
                least_bytes: LARGE_BYTES,
                given_bytes: memory_bytes,
            });
        }
        assert!(!content.starts_with(b"panic"), "the brush broke");
        let mut iteration = 0;
        loop {
            iteration += 1;
            let done = f64::from(iteration) / f64::from(STEPS);
            let report = StepReport {
                iteration,
                iterations: STEPS,
                scale: (1, 1),
                done,
                losses: Some(LOSSES),
            };
            let asset = || asset.to_owned();
            match observer.step(&PaintStep { report, done }) {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(Stop::Cancel) => {
                    return Err(PaintError::Canceled { asset: asset() });
                }
                ControlFlow::Break(Stop::Save) => {
                    let checkpoint = [b"half of ", content].concat();
                    return Err(PaintError::Stopped { asset: asset(), checkpoint });
                }
            }
            if !content.starts_with(b"slow") || self.is_open() {
                break;
            }
        }
        let report = RunReport {
            iterations: iteration,
            losses: Some(LOSSES),
            compute_ms: 1,
            device: "fake".to_owned(),
            warning: None,
        };
        let done: &[u8] = if sources.checkpoint.is_none() { b"painted " } else { b"finished " };
        let bytes = [done, content].concat();
        let file = OutputFile { part: Part::Color, bytes, width: 16, height: 16 };
        Ok(Painted { files: vec![file], report })
    }
}
