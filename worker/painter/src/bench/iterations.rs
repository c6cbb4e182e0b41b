//! Times whole iterations of a real run: the session that paints assets, on a device that times
//! each pass.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use impasto_engine::optimize::device::{
    Canvas, Cpu, HostCanvas, Pass, Plan, Task, Terms, TiledPass, VggDevice, View, Work,
};
use impasto_engine::optimize::objective::{ContentSums, StyleTarget};
use impasto_engine::optimize::{Engine, Session};
use impasto_engine::{EngineError, Image, Inputs, Interrupt, Joins, Run as _, Step};
use impasto_kernels::{Layer, Mask, Moments};
use impasto_types::{Optimize, Padding, Profile};

use super::{BenchError, Stage, median, subject};
use crate::machine;

#[derive(Debug)]
pub(super) struct Iterations {
    pub(super) device: String,
    pub(super) plan: String,
    pub(super) iteration_ms: f64,
    pub(super) pass_ms: f64,
    pub(super) optimizer_share: f64,
    pub(super) first_loss: f64,
    pub(super) last_loss: f64,
    pub(super) peak_memory_bytes: Option<u64>,
}

/// Paints a picture on the CPU, and times each pass.
pub(super) fn measure(
    stage: &Stage<'_>,
    size: u32,
    steps: u32,
    memory_bytes: u64,
) -> Result<Iterations, BenchError> {
    let failed = |source| BenchError::Engine { size, source };
    machine::forget_peak_memory();
    let cpu = Cpu::new(stage.weights, stage.level, stage.precision(), Arc::clone(&stage.pool))
        .map_err(failed)?;
    let passes = Arc::new(Mutex::new(Vec::new()));
    let engine = Arc::new(Engine::on(
        Box::new(Clocked { cpu, passes: Arc::clone(&passes) }),
        Arc::clone(&stage.pool),
    ));
    let run = paint(engine, stage.profile, size, steps, memory_bytes, &mut || {})?;
    let peak_memory_bytes = machine::peak_memory_bytes();
    let passes = std::mem::take(&mut *passes.lock().unwrap_or_else(PoisonError::into_inner));
    let outside = run
        .times_ms
        .iter()
        .zip(&passes)
        .skip(1)
        .map(|(iteration, pass)| (iteration - pass) / iteration);
    Ok(Iterations {
        device: run.device.clone(),
        plan: run.plan.clone(),
        optimizer_share: median(outside.collect()),
        iteration_ms: run.iteration_ms(),
        pass_ms: median(passes[1..].to_vec()),
        first_loss: run.first_loss,
        last_loss: run.last_loss,
        peak_memory_bytes,
    })
}

/// A picture that was painted at a single scale, without a mirrored margin.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) device: String,
    pub(super) plan: String,
    /// The duration of each iteration, including the first.
    pub(super) times_ms: Vec<f64>,
    pub(super) first_loss: f64,
    pub(super) last_loss: f64,
}

impl Run {
    /// The median without the first iteration, which also measures the style and allocates all
    /// buffers.
    pub(super) fn iteration_ms(&self) -> f64 {
        median(self.times_ms[1..].to_vec())
    }
}

/// Runs one iteration to warm up, then `steps` more; `after` runs after each, untimed.
pub(super) fn paint(
    engine: Arc<Engine>,
    profile: Profile,
    size: u32,
    steps: u32,
    memory_bytes: u64,
    after: &mut dyn FnMut(),
) -> Result<Run, BenchError> {
    let failed = |source| BenchError::Engine { size, source };
    let recipe = Optimize {
        min_scale: 0,
        iterations: steps + 1,
        plateau: 0.0,
        padding: Padding::Reflect,
        ..Optimize::painterly()
    }
    .with(|common| common.profile = profile);
    let inputs = Inputs {
        content: Some(subject::picture(size, 1)),
        coverage: None,
        ground: None,
        styles: vec![(subject::picture(size, 2), 1.0).into()],
        init: None,
        joins: Joins::default(),
        mask: None,
    };
    let device = engine.device();
    let mut session = Session::new(engine, recipe, inputs, memory_bytes).map_err(failed)?;
    let (mut losses, mut times_ms) = (Vec::new(), Vec::new());
    loop {
        let began = Instant::now();
        let Step::Running(report) = session.step().map_err(failed)? else { break };
        times_ms.push(began.elapsed().as_secs_f64() * 1e3);
        losses.extend(report.losses.map(|losses| losses.total));
        after();
    }
    let plan = session.plans().last().map_or_else(String::new, |(_, plan)| plan.to_string());
    let (first_loss, last_loss) = (losses[0], losses[losses.len() - 1]);
    // Losses are finite: the session checks that.
    if last_loss >= first_loss {
        return Err(BenchError::NoDescent { size, first: first_loss, last: last_loss });
    }
    Ok(Run { device, plan, times_ms, first_loss, last_loss })
}

/// The CPU device, with every evaluation timed.
#[derive(Debug)]
struct Clocked {
    cpu: Cpu,
    /// The milliseconds of each evaluation.
    passes: Arc<Mutex<Vec<f64>>>,
}

impl VggDevice for Clocked {
    fn label(&self) -> String {
        self.cpu.label()
    }

    fn bytes(&self) -> u64 {
        self.cpu.bytes()
    }

    fn plan(&self, work: &Work<'_>, budget_bytes: u64) -> Result<Plan, EngineError> {
        self.cpu.plan(work, budget_bytes)
    }

    fn moments(
        &self,
        image: &Image,
        weights: Option<&impasto_engine::Mask>,
        view: View,
        budget_bytes: u64,
        interrupt: &Interrupt,
    ) -> Result<Vec<Moments>, EngineError> {
        self.cpu.moments(image, weights, view, budget_bytes, interrupt)
    }

    fn least_moments(&self, size: (usize, usize), weighted: bool, view: View) -> u64 {
        self.cpu.least_moments(size, weighted, view)
    }

    fn uncut_moments(&self, size: (usize, usize), weighted: bool, view: View) -> u64 {
        self.cpu.uncut_moments(size, weighted, view)
    }

    fn canvas(&self, task: Task<'_>) -> Result<Box<dyn Canvas>, EngineError> {
        let pass = ClockedPass {
            pass: self.cpu.pass(task.plan.tiling.clone()),
            passes: Arc::clone(&self.passes),
        };
        // The recipe above has no rules for scales, so there is no reduced copy.
        Ok(Box::new(HostCanvas::new(Box::new(pass), None, task)?))
    }
}

#[derive(Debug)]
struct ClockedPass {
    pass: TiledPass,
    passes: Arc<Mutex<Vec<f64>>>,
}

impl Pass for ClockedPass {
    fn hold_mask(&mut self, mask: Arc<Mask>) -> Result<(), EngineError> {
        self.pass.hold_mask(mask)
    }

    fn moments(&mut self, image: &Image) -> Result<Vec<Moments>, EngineError> {
        self.pass.moments(image)
    }

    fn hold_content(
        &mut self,
        content: &Image,
        weigh: &dyn Fn(&ContentSums) -> f64,
    ) -> Result<(), EngineError> {
        self.pass.hold_content(content, weigh)
    }

    fn evaluate(
        &mut self,
        image: &Image,
        style: &[(Layer, StyleTarget)],
        gradient: &mut [f32],
    ) -> Result<Terms, EngineError> {
        let began = Instant::now();
        let terms = self.pass.evaluate(image, style, gradient)?;
        self.passes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(began.elapsed().as_secs_f64() * 1e3);
        Ok(terms)
    }
}
