//! A training run.

use std::sync::Arc;

use impasto_engine::Image;
use impasto_engine::one_pass::add_noise;
use impasto_engine::optimize::device::Terms;
use impasto_kernels::networks::{DecoderLayout, FeedForwardLayout, TensorLayout};
use impasto_models::{StylePictures, VggWeights};
use impasto_types::Digest;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::Settings;
use crate::adam::{Adam, learning_rate};
use crate::any_style::AnyStyle;
use crate::chance::Chance;
use crate::corpus::Corpus;
use crate::error::TrainError;
use crate::initial;
use crate::learned::LearnedStyles;
use crate::learner::Learner;
use crate::state::{Held, State};

/// What random numbers are for.
const INITIAL: u64 = 1;
const CROPS: u64 = 2;
const NOISE: u64 = 3;

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
    /// The style's place among those of the run, or among those that were held out.
    pub style: usize,
    /// The style's image, where the network has not learned it.
    pub style_image: Option<Image>,
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

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A network that learns its styles.
    Learned(FeedForwardLayout),
    /// The decoder of one for any style, which learns from these pictures of styles.
    AnyStyle(DecoderLayout, StylePictures),
}

impl Kind {
    /// The tensors of the network.
    pub fn tensors(&self) -> Vec<TensorLayout> {
        match self {
            Self::Learned(layout) => layout.tensors(),
            Self::AnyStyle(layout, _) => layout.tensors(),
        }
    }

    /// How many parameters it has.
    pub fn parameters(&self) -> usize {
        self.tensors().last().map_or(0, |tensor| tensor.range.end)
    }
}

/// A network that is being trained.
#[derive(Debug)]
pub struct Trainer {
    settings: Settings,
    run: Digest,
    kind: Kind,
    corpus: Corpus,
    learner: Box<dyn Learner>,
    adam: Adam,
    held: Vec<Held>,
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
        let layout = FeedForwardLayout { styles: styles.len(), ..FeedForwardLayout::OWN };
        layout.check()?;
        let images: Vec<Image> = styles.iter().map(|(image, _)| image.clone()).collect();
        let parameters = initial::parameters(&layout, settings.seed, INITIAL);
        let pool = pool(threads.max(1))?;
        let learner = LearnedStyles::new(vgg, &settings, layout, &images, &parameters, pool)?;
        let (kind, learner) = (Kind::Learned(layout), Box::new(learner));
        Ok(Self::begun(settings, run, kind, corpus, learner, parameters))
    }

    /// The same of a network for any style, which learns from squares of many pictures of styles.
    ///
    /// # Errors
    /// Where a setting is out of its range.
    pub fn any_style(
        vgg: &VggWeights,
        settings: Settings,
        styles: Corpus,
        corpus: Corpus,
        threads: usize,
    ) -> Result<Self, TrainError> {
        settings.check()?;
        let run = Self::any_style_digest(&settings, &styles, &corpus);
        let layout = DecoderLayout::OWN;
        layout.check()?;
        let pictures = (styles.training() + styles.held_out().len()) as u32;
        let seen = StylePictures { pictures, content: styles.digest() };
        let parameters = initial::decoder(&layout, settings.seed, INITIAL);
        let pool = pool(threads.max(1))?;
        let learner = AnyStyle::new(vgg, &settings, layout, styles, &parameters, pool)?;
        let (kind, learner) = (Kind::AnyStyle(layout, seen), Box::new(learner));
        Ok(Self::begun(settings, run, kind, corpus, learner, parameters))
    }

    fn begun(
        settings: Settings,
        run: Digest,
        kind: Kind,
        corpus: Corpus,
        learner: Box<dyn Learner>,
        parameters: Vec<f32>,
    ) -> Self {
        let middles = corpus.middles(settings.crop_px as usize);
        let (adam, held) = (Adam::new(parameters), Vec::new());
        Self { settings, run, kind, corpus, learner, adam, held, middles }
    }

    /// The digest of all that a run's result depends on.
    pub fn run_digest(settings: &Settings, styles: &[(Image, Digest)], corpus: &Corpus) -> Digest {
        let mut text = serde_json::to_string(settings).unwrap_or_default();
        styles.iter().for_each(|(_, digest)| text.push_str(&format!(" {digest}")));
        text.push_str(&format!(" {}", corpus.digest()));
        Digest::of(text.as_bytes())
    }

    /// The same of a network for any style.
    pub fn any_style_digest(settings: &Settings, styles: &Corpus, corpus: &Corpus) -> Digest {
        let settings = serde_json::to_string(settings).unwrap_or_default();
        let (styles, content) = (styles.digest(), corpus.digest());
        Digest::of(format!("any style {settings} {styles} {content}").as_bytes())
    }

    /// The settings of the run.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the loss is computed on, such as `cpu amx bf16`.
    pub fn device(&self) -> &str {
        self.learner.device()
    }

    /// What is trained, and its sizes.
    pub fn kind(&self) -> &Kind {
        &self.kind
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
            self.learner.choose(number)?;
            let noise = Chance::of(seed, NOISE, number).number();
            let mut chance = Chance::of(seed, CROPS, number);
            let own = self.crop(&mut chance, noise, &mut gradient)?;
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
        self.learner.set(&self.adam.parameters)?;
        Ok(Step { step: step + 1, losses, learning_rate })
    }

    /// Adds the gradient of one crop, in the style that was chosen for it.
    fn crop(
        &mut self,
        chance: &mut Chance,
        noise: u64,
        sums: &mut [f32],
    ) -> Result<Terms, TrainError> {
        let content = self.corpus.draw(chance);
        let mut given = content.clone();
        add_noise(&mut given, self.settings.noise, noise);
        let painted = self.learner.paint(&content, &given)?;
        let side = self.settings.crop_px as usize;
        let play = content.width - side + 1;
        let at = (chance.below(play), chance.below(play));
        let [seen_content, seen] = [&content, &painted].map(|image| cut(image, at, side));
        let mut own = vec![0.0; seen.rgb.len()];
        let terms = self.learner.loss(&seen_content, &seen, &mut own)?;
        let share = self.learner.share(&terms);
        own.iter_mut().for_each(|value| *value *= share);
        let mut gradient = vec![0.0; content.rgb.len()];
        let rows = gradient.chunks_exact_mut(3 * content.width).skip(at.1);
        for (row, own) in rows.zip(own.chunks_exact(3 * side)) {
            row[3 * at.0..][..3 * side].copy_from_slice(own);
        }
        self.learner.learn(&gradient, sums);
        Ok(terms)
    }

    /// Whether it is time to look at the held-out pictures.
    pub fn is_time_to_look(&self) -> bool {
        let Settings { look_every, steps, .. } = self.settings;
        let step = self.adam.steps;
        let looked = self.held.last().is_some_and(|held| held.step == step);
        !looked && (step.is_multiple_of(look_every) || step >= steps)
    }

    /// Paints the held-out pictures in every style, or each in another one that was held out as
    /// well, and measures the loss.
    ///
    /// # Errors
    /// Where the network cannot paint, or the loss cannot be computed.
    pub fn look(&mut self) -> Result<(Held, Vec<Sample>), TrainError> {
        self.learner.set(&self.adam.average)?;
        let looked = self.samples();
        self.learner.set(&self.adam.parameters)?;
        let (samples, losses) = looked?;
        let count = samples.len() as f64;
        let step = self.adam.steps;
        let (content, style) = (losses.content / count, losses.style / count);
        let held = Held { step, content, style };
        if self.held.last().is_none_or(|last| last.step < step) {
            self.held.push(held);
        }
        Ok((held, samples))
    }

    /// What the network makes of the held-out pictures, and the sum of its losses.
    fn samples(&mut self) -> Result<(Vec<Sample>, Terms), TrainError> {
        let (mut losses, mut samples) = (Terms::default(), Vec::new());
        for (index, own) in self.middles.iter().enumerate() {
            let mut given = own.clone();
            add_noise(&mut given, self.settings.noise, 0);
            for look in 0..self.learner.looks() {
                let (style, style_image) = self.learner.choose_for_look(index, look)?;
                let painted = self.learner.paint(own, &given)?;
                let mut gradient = vec![0.0; painted.rgb.len()];
                let terms = self.learner.loss(own, &painted, &mut gradient)?;
                losses.content += terms.content;
                losses.style += terms.style;
                samples.push(Sample { style, style_image, content: own.clone(), painted });
            }
        }
        Ok((samples, losses))
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
        self.learner.set(&state.adam.parameters)?;
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
