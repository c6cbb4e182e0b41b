//! A training run.

use std::sync::Arc;

use impasto_engine::one_pass::add_noise;
use impasto_engine::optimize::device::Terms;
use impasto_engine::{EngineError, Image};
use impasto_kernels::Level;
use impasto_kernels::networks::{
    FeedForward, FeedForwardError, FeedForwardLayout, LayoutError, PaintError, Picture, Training,
    Workspace,
};
use impasto_models::VggWeights;
use impasto_types::{Digest, RecipeError};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::Settings;
use crate::adam::{Adam, learning_rate};
use crate::chance::Chance;
use crate::corpus::Corpus;
use crate::initial;
use crate::loss::Loss;
use crate::state::{Held, State};

/// What random numbers are for.
const INITIAL: u64 = 1;
const CROPS: u64 = 2;
const NOISE: u64 = 3;

/// Why a run stops.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("the settings are out of range")]
    Settings(#[from] RecipeError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("the loss is {loss} at step {step}; a lower learning rate may help")]
    Diverged { step: u32, loss: f64 },
    #[error("the style images cannot be measured")]
    Measure(#[source] EngineError),
    #[error("the loss cannot be computed")]
    Loss(#[source] EngineError),
    #[error("the network cannot be prepared")]
    Network(#[source] FeedForwardError),
    #[error("the network cannot paint")]
    Paint(#[source] PaintError),
    #[error("cannot start {threads} threads")]
    Threads { threads: usize, source: rayon::ThreadPoolBuildError },
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Steps taken, this one included.
    pub step: u32,
    /// The mean loss of its crops, before it.
    pub losses: Terms,
    pub learning_rate: f32,
}

/// A held-out picture, and what the network makes of it in one style.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub style: usize,
    pub content: Image,
    pub painted: Image,
}

/// Whether a run goes on after a look at the held-out pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    GoesOn,
    /// All steps are taken.
    Done,
    /// The held-out loss falls no more.
    Settled,
}

/// A network that is being trained.
#[derive(Debug)]
pub struct Trainer {
    settings: Settings,
    run: Digest,
    layout: FeedForwardLayout,
    corpus: Corpus,
    loss: Loss,
    training: Training,
    adam: Adam,
    held: Vec<Held>,
    workspace: Workspace,
    /// Held-out squares.
    middles: Vec<Image>,
}

impl Trainer {
    /// Makes ready to train a network of these styles on `threads` threads. `run` is the digest of
    /// what makes the run: see [`Trainer::run_digest`].
    ///
    /// # Errors
    /// Where a setting is out of its range, or a style cannot be measured.
    pub fn new(
        vgg: &VggWeights,
        settings: Settings,
        styles: &[(Image, Digest)],
        corpus: Corpus,
        threads: usize,
    ) -> Result<Self, TrainError> {
        settings.check()?;
        let run = Self::run_digest(&settings, styles, &corpus);
        let pool = pool(threads.max(1))?;
        let layout = FeedForwardLayout { styles: styles.len(), ..FeedForwardLayout::OWN };
        layout.check()?;
        let images: Vec<Image> = styles.iter().map(|(image, _)| image.clone()).collect();
        let loss = Loss::new(vgg, &settings, &images, pool.clone()).map_err(TrainError::Measure)?;
        let parameters = initial::parameters(&layout, settings.seed, INITIAL);
        let training = Training::new(layout, &parameters, Level::detect(), pool.clone())
            .map_err(TrainError::Network)?;
        let middles = corpus.middles(settings.crop_px as usize);
        let (adam, workspace) = (Adam::new(parameters), Workspace::new(pool));
        let held = Vec::new();
        Ok(Self { settings, run, layout, corpus, loss, training, adam, held, workspace, middles })
    }

    /// The digest of all that a run's result depends on.
    pub fn run_digest(settings: &Settings, styles: &[(Image, Digest)], corpus: &Corpus) -> Digest {
        let mut text = serde_json::to_string(settings).unwrap_or_default();
        styles.iter().for_each(|(_, digest)| text.push_str(&format!(" {digest}")));
        text.push_str(&format!(" {}", corpus.digest()));
        Digest::of(text.as_bytes())
    }

    /// The settings of the run.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the loss is computed on, such as `cpu amx bf16`.
    pub fn device(&self) -> &str {
        self.loss.label()
    }

    /// The sizes of the network.
    pub fn layout(&self) -> &FeedForwardLayout {
        &self.layout
    }

    /// How many pictures it is trained on.
    pub fn pictures(&self) -> usize {
        self.corpus.training()
    }

    /// The digest of all pictures: see [`Corpus::digest`].
    pub fn content_digest(&self) -> Digest {
        self.corpus.digest()
    }

    /// Steps taken.
    pub fn steps(&self) -> u32 {
        self.adam.steps
    }

    /// What the held-out pictures said at each look.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// The network's parameters, as [`FeedForwardLayout::tensors`] lists them: the average over the
    /// last steps.
    pub fn averaged(&self) -> &[f32] {
        &self.adam.average
    }

    /// Takes a step.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] where the loss is not finite: the parameters are those before the
    /// step.
    pub fn step(&mut self) -> Result<Step, TrainError> {
        let Settings { batch, seed, steps, learning_rate: highest, .. } = self.settings;
        let step = self.adam.steps;
        let mut gradient = vec![0.0; self.adam.parameters.len()];
        let mut losses = Terms::default();
        for item in 0..batch {
            let number = u64::from(step) * u64::from(batch) + u64::from(item);
            let style = (number % self.layout.styles as u64) as usize;
            let noise = Chance::of(seed, NOISE, number).number();
            let mut chance = Chance::of(seed, CROPS, number);
            let own = self.crop(&mut chance, noise, style, &mut gradient)?;
            losses.content += own.content / f64::from(batch);
            losses.style += own.style / f64::from(batch);
        }
        let loss = losses.total();
        let is_finite = loss.is_finite() && gradient.iter().all(|value| value.is_finite());
        if !is_finite {
            return Err(TrainError::Diverged { step, loss });
        }
        gradient.iter_mut().for_each(|value| *value /= batch as f32);
        let learning_rate = learning_rate(highest, step, steps);
        self.adam.step(&gradient, learning_rate);
        self.training.set(&self.adam.parameters).map_err(TrainError::Network)?;
        Ok(Step { step: step + 1, losses, learning_rate })
    }

    /// Adds the gradient of one crop.
    fn crop(
        &mut self,
        chance: &mut Chance,
        noise: u64,
        style: usize,
        sums: &mut [f32],
    ) -> Result<Terms, TrainError> {
        let content = self.corpus.draw(chance);
        let mut painted = Image::filled(content.width, content.height, [0.0; 3]);
        let mut given = content.clone();
        add_noise(&mut given, self.settings.noise, noise);
        let picture = picture(&given);
        self.training.forward(&picture, style, &mut painted.rgb).map_err(TrainError::Paint)?;
        let side = self.settings.crop_px as usize;
        let play = content.width - side + 1;
        let at = (chance.below(play), chance.below(play));
        let [seen_content, seen] = [&content, &painted].map(|image| cut(image, at, side));
        let mut own = vec![0.0; seen.rgb.len()];
        let terms = self.loss.evaluate(style, &seen_content, &seen, &mut own);
        let terms = terms.map_err(TrainError::Loss)?;
        let mut gradient = vec![0.0; content.rgb.len()];
        let rows = gradient.chunks_exact_mut(3 * content.width).skip(at.1);
        for (row, own) in rows.zip(own.chunks_exact(3 * side)) {
            row[3 * at.0..][..3 * side].copy_from_slice(own);
        }
        self.training.backward(&gradient, sums);
        Ok(terms)
    }

    /// Whether it is time to look at the held-out pictures.
    pub fn is_time_to_look(&self) -> bool {
        let Settings { look_every, steps, .. } = self.settings;
        let step = self.adam.steps;
        let looked = self.held.last().is_some_and(|held| held.step == step);
        !looked && (step.is_multiple_of(look_every) || step >= steps)
    }

    /// Paints the held-out pictures in every style, and measures the loss.
    ///
    /// # Errors
    /// Where the network cannot paint, or the loss cannot be computed.
    pub fn look(&mut self) -> Result<(Held, Vec<Sample>), TrainError> {
        let network = FeedForward::new(&self.layout, &self.adam.average, Level::detect())
            .map_err(TrainError::Network)?;
        let (mut content, mut style_loss, mut samples) = (0.0, 0.0, Vec::new());
        for own in &self.middles {
            let mut given = own.clone();
            add_noise(&mut given, self.settings.noise, 0);
            for style in 0..self.layout.styles {
                let mut painted = Image::filled(own.width, own.height, [0.0; 3]);
                let weights: Vec<f32> =
                    (0..self.layout.styles).map(|i| if i == style { 1.0 } else { 0.0 }).collect();
                network
                    .paint(&mut self.workspace, &picture(&given), &weights, &mut painted.rgb)
                    .map_err(TrainError::Paint)?;
                let mut gradient = vec![0.0; painted.rgb.len()];
                let terms = self.loss.evaluate(style, own, &painted, &mut gradient);
                let terms = terms.map_err(TrainError::Loss)?;
                content += terms.content;
                style_loss += terms.style;
                samples.push(Sample { style, content: own.clone(), painted });
            }
        }
        let count = samples.len() as f64;
        let step = self.adam.steps;
        let held = Held { step, content: content / count, style: style_loss / count };
        if self.held.last().is_none_or(|last| last.step < step) {
            self.held.push(held);
        }
        Ok((held, samples))
    }

    /// Whether the run goes on.
    pub fn verdict(&self) -> Verdict {
        let Settings { steps, patience, .. } = self.settings;
        if self.adam.steps >= steps {
            return Verdict::Done;
        }
        if patience > 0 && waited(&self.held) >= patience as usize {
            return Verdict::Settled;
        }
        Verdict::GoesOn
    }

    /// The run as it stands.
    pub fn state(&self) -> State {
        State { run: self.run, adam: self.adam.clone(), held: self.held.clone() }
    }

    /// What makes the run: see [`State::from_bytes`].
    pub fn run(&self) -> Digest {
        self.run
    }

    /// Goes on from a state of the same run.
    ///
    /// # Errors
    /// Where its parameters are no network.
    ///
    /// # Panics
    /// If it is another run's.
    pub fn restore(&mut self, state: State) -> Result<(), TrainError> {
        assert_eq!(state.run, self.run, "a state of the same run");
        self.training.set(&state.adam.parameters).map_err(TrainError::Network)?;
        self.adam = state.adam;
        self.held = state.held;
        Ok(())
    }
}

/// Looks since the held-out loss last fell by [`Settings::LEAST_GAIN`].
fn waited(held: &[Held]) -> usize {
    let (mut least, mut waited) = (f64::INFINITY, 0);
    for own in held {
        if own.total() < least * (1.0 - Settings::LEAST_GAIN) {
            (least, waited) = (own.total(), 0);
        } else {
            waited += 1;
        }
    }
    waited
}

fn picture(image: &Image) -> Picture<'_> {
    let Image { width, height, rgb } = image;
    Picture { rgb, width: *width, height: *height, wrap_x: false, wrap_y: false }
}

/// A square of an image.
fn cut(image: &Image, (x, y): (usize, usize), side: usize) -> Image {
    let rows = image.rgb.chunks_exact(3 * image.width).skip(y).take(side);
    let rgb = rows.flat_map(|row| &row[3 * x..][..3 * side]).copied().collect();
    Image { width: side, height: side, rgb }
}

fn pool(threads: usize) -> Result<Arc<ThreadPool>, TrainError> {
    let builder = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("trainer-{index}"));
    builder.build().map(Arc::new).map_err(|source| TrainError::Threads { threads, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plateau_is_counted_from_the_last_real_gain() {
        let held = |totals: &[f64]| -> Vec<Held> {
            let looks = totals.iter().zip(0..);
            looks.map(|(total, step)| Held { step, content: *total, style: 0.0 }).collect()
        };
        for (totals, expected) in [
            (&[][..], 0),
            (&[5.0, 4.0, 3.0], 0),
            (&[5.0, 4.0, 3.9999], 1),
            (&[5.0, 4.0, 4.2, 3.999], 2),
            (&[5.0, 4.0, 4.2, 3.9], 0),
            (&[f64::NAN, f64::NAN], 2),
        ] {
            assert_eq!(waited(&held(totals)), expected, "{totals:?}");
        }
    }
}
