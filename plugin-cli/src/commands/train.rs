//! `impasto train`

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use impasto_models::{ModelError, ModelStore, NetworkTraining, VggWeights, read_vgg19};
use impasto_trainer::{
    Corpus, DecoderLayout, FeedForwardLayout, Image, Sample, Settings, State, StateError,
    TrainError, Trainer, Verdict, network,
};
use impasto_types::{Digest, ModelName, Preset};

use crate::contact_sheet::loss_text;
use crate::flags::{ComputeFlags, ModelsFlags};
use crate::show::{ModelBar, TrainBar};
use crate::training::{
    Beside, Pictures, Report, read_contents, read_if_there, read_style, remove, sheet, write,
};
use crate::units::time;
use crate::{Context, Exit, Failure, interrupt, overwrite};

/// Train a network that paints in one pass
///
/// One small network for a style image, or one for several, which then share all but a few numbers
/// each, or, with --any-style, one for style images that it has never seen. It is trained on crops
/// of the content pictures, by the loss that `stylize` lowers. A checkpoint beside MODEL is kept
/// while it trains: the same command goes on where an interrupted one ended, to the same bytes. See
/// docs/training.md.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The style images, at most 256
    #[arg(value_name = "STYLE", required_unless_present = "any_style")]
    styles: Vec<PathBuf>,
    /// Train a network for any style, from a folder of pictures of styles: the more, and the less
    /// alike, the better
    #[arg(long, value_name = "DIR", conflicts_with_all = ["styles", "style_scale", "size"])]
    any_style: Option<PathBuf>,
    /// The file to write, such as night.safetensors; a preview and a report are written beside it
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// A folder of pictures to train on, a few hundred of them, like those that are to be painted
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,
    /// Begin anew even if MODEL or a checkpoint of another run is there
    #[arg(long)]
    force: bool,
    /// What MODEL is to say of its licence
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,
    #[command(flatten)]
    run: RunFlags,
    #[command(flatten)]
    models: ModelsFlags,
    /// The number of threads to train with [default: one per core]
    #[arg(long, env = "IMPASTO_THREADS", value_name = "N", hide_env_values = true)]
    #[arg(help_heading = "This machine")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// What a run does.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
struct RunFlags {
    /// Whose loss to train by
    #[arg(long, value_enum, default_value_t = Preset::Painterly)]
    preset: Preset,
    /// How strongly forms are kept [default: the preset's]
    #[arg(long, value_name = "WEIGHT")]
    content_weight: Option<f32>,
    /// How strongly the style's strokes and colours show [default: the preset's]
    #[arg(long, value_name = "WEIGHT")]
    style_weight: Option<f32>,
    /// The style image's size relative to the pictures': larger means larger strokes [default: the
    /// preset's]
    #[arg(long, value_name = "RATIO")]
    style_scale: Option<f32>,
    /// The longer side of the pictures that the network is to paint: strokes have the size that
    /// `stylize` gives them there
    #[arg(long, value_name = "PIXELS", default_value_t = 512)]
    size: u32,
    /// The side of the squares that it is trained on, a multiple of 16
    #[arg(long, value_name = "PIXELS", default_value_t = 256)]
    crop: u32,
    /// Squares in a step
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: u32,
    /// Steps
    #[arg(long, value_name = "N", default_value_t = Settings::default().steps)]
    steps: u32,
    /// Noise that pictures are given before the network paints them, of which it makes strokes
    /// where they are flat; 0 for a style that is flat itself
    #[arg(long, value_name = "LEVELS", default_value_t = Settings::default().noise)]
    noise: f32,
    /// The largest step of Adam [default: 0.003, or 0.001 with --any-style]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f32>,
    /// Steps from one look at the pictures that are held out to the next
    #[arg(long, value_name = "N", default_value_t = 250)]
    look_every: u32,
    /// End after so many looks without a gain of a five-hundredth; 0 takes all steps
    #[arg(long, value_name = "N", default_value_t = 6)]
    patience: u32,
    #[arg(long, value_name = "N", default_value_t = 0)]
    /// The number that all random choices follow from
    seed: u64,
}

/// Adam's rate for a network for any style, which has no normalisations that would hold it.
const ANY_STYLE_RATE: f32 = 1e-3;

impl RunFlags {
    fn settings(&self, any_style: bool) -> Result<Settings, Failure> {
        let mut recipe = self.preset.optimize();
        recipe.content_weight = self.content_weight.unwrap_or(recipe.content_weight);
        recipe.style_weight = self.style_weight.unwrap_or(recipe.style_weight);
        recipe.style_scale = self.style_scale.unwrap_or(recipe.style_scale);
        recipe.check().map_err(Failure::usage)?;
        let Self { size, crop, batch, steps, noise, .. } = *self;
        let default = if any_style { ANY_STYLE_RATE } else { Settings::default().learning_rate };
        let learning_rate = self.learning_rate.unwrap_or(default);
        let Self { look_every, patience, seed, .. } = *self;
        Ok(Settings {
            recipe,
            size_px: size,
            crop_px: crop,
            batch,
            steps,
            noise,
            learning_rate,
            look_every,
            patience,
            seed,
        })
    }
}

/// Memory that pictures may take.
const MOST_BYTES: usize = 1 << 30;

/// Steps from one checkpoint to the next: less than a minute.
const CHECKPOINT_EVERY: u32 = 100;

pub(crate) fn run(args: TrainArgs, context: &Context) -> Result<Exit, Failure> {
    let settings = args.run.settings(args.any_style.is_some())?;
    settings.check().map_err(Failure::usage)?;
    if args.any_style.is_none() {
        network_layout(args.styles.len()).check().map_err(Failure::usage)?;
    }
    let beside = Beside { model: args.output.clone() };
    check_files(&args, &beside)?;
    let Some(folder) = &args.content else {
        return Err(Failure::usage("there are no pictures to train on").hint(
            "give --content DIR, a folder of a few hundred pictures like those that are to be \
             painted",
        ));
    };
    let cancel = interrupt::token();
    let styles = Styles::read(&args, &settings, &beside, context)?;
    let most_bytes = match styles {
        Styles::Learned(_) => MOST_BYTES,
        Styles::Any(_) => MOST_BYTES / 2,
    };
    let corpus = corpus((folder, "--content"), &settings, &beside, context, most_bytes)?;
    let run = styles.run_digest(&settings, &corpus);
    let checkpoint = checkpoint(&args, &beside, run, styles.parameters())?;
    if checkpoint.is_none() && !args.force && beside.model.exists() {
        let text = format!("{} is there already", beside.model.display());
        return Err(Failure::usage(text).hint("give another -o, or --force to train anew"));
    }
    let vgg = vgg(&args.models, context).map_err(Failure::here)?;
    let threads = ComputeFlags { threads: args.threads, ..ComputeFlags::default() };
    let threads = context.config.paint_threads(&threads);
    let names = styles.names(&args.styles);
    let trainer = match styles {
        Styles::Learned(styles) => Trainer::new(&vgg, settings.clone(), &styles, corpus, threads),
        Styles::Any(styles) => Trainer::any_style(&vgg, settings.clone(), styles, corpus, threads),
    };
    let mut trainer = trainer.map_err(Failure::here)?;
    if let Some(state) = checkpoint {
        trainer.restore(state).map_err(Failure::here)?;
        let (steps, path) = (trainer.steps(), beside.checkpoint());
        context.screen.message(format_args!("goes on at step {steps}, from {}", path.display()));
    }
    let name = args.output.display().to_string();
    let began = Instant::now();
    let mut bar = TrainBar::new(&context.screen, &name, settings.steps);
    let mut last = Vec::new();
    let verdict = loop {
        if trainer.is_time_to_look() {
            last = look(&mut trainer, &beside, &mut bar)?;
        }
        match trainer.verdict() {
            Verdict::GoesOn => {}
            verdict => break verdict,
        }
        if cancel.is_cancelled() {
            keep(&trainer, &beside)?;
            drop(bar);
            let (steps, path) = (trainer.steps(), beside.checkpoint());
            let text = format!("step {steps} is kept in {}", path.display());
            return Err(Failure::interrupted().hint(format!("{text}: the same command goes on")));
        }
        let step = trainer.step().map_err(not_trained)?;
        bar.step(step.step, step.losses.total());
        if step.step.is_multiple_of(CHECKPOINT_EVERY) {
            keep(&trainer, &beside)?;
        }
    };
    drop(bar);
    if last.is_empty() {
        // The last look was before an interruption.
        last = trainer.look().map_err(Failure::here)?.1;
    }
    let header = network::header(&trainer, names, args.licence.clone());
    let bytes = network::to_bytes(&header, trainer.averaged()).map_err(Failure::here)?;
    write(&beside.model, &bytes).map_err(Failure::here)?;
    let report = Report {
        model: name,
        header: &header,
        settled: verdict == Verdict::Settled,
        seconds: began.elapsed().as_secs_f64(),
        looks: trainer.held(),
    };
    let page = report.page(&beside.preview());
    write_sheet(&beside, &last)?;
    write(&beside.report(), page.as_bytes()).map_err(Failure::here)?;
    remove(&beside.checkpoint()).map_err(Failure::here)?;
    say(&report, &beside, began, context);
    Ok(Exit::Done)
}

/// Refuses to write over a picture that is read, and to write two files of one name.
fn check_files(args: &TrainArgs, beside: &Beside) -> Result<(), Failure> {
    let files = beside.all();
    if args.output.file_stem().is_none() || files.iter().skip(1).any(|own| *own == args.output) {
        let text = format!("`{}` is no name for a network", args.output.display());
        return Err(Failure::usage(text).hint("give a name such as night.safetensors"));
    }
    for own in &files {
        overwrite::refuse(own, args.styles.iter().map(PathBuf::as_path)).map_err(Failure::usage)?;
    }
    Ok(())
}

/// What a network learns to paint in.
enum Styles {
    /// These images, each with the digest of its file.
    Learned(Vec<(Image, Digest)>),
    /// Any, of which these are examples.
    Any(Corpus),
}

impl Styles {
    fn read(
        args: &TrainArgs,
        settings: &Settings,
        beside: &Beside,
        context: &Context,
    ) -> Result<Self, Failure> {
        if let Some(folder) = &args.any_style {
            let read = corpus((folder, "--any-style"), settings, beside, context, MOST_BYTES / 2);
            return read.map(Self::Any);
        }
        let styles = args.styles.iter().map(|path| read_style(path));
        styles.collect::<Result<_, _>>().map(Self::Learned).map_err(Failure::usage)
    }

    fn run_digest(&self, settings: &Settings, corpus: &Corpus) -> Digest {
        match self {
            Self::Learned(styles) => Trainer::run_digest(settings, styles, corpus),
            Self::Any(styles) => Trainer::any_style_digest(settings, styles, corpus),
        }
    }

    /// How many parameters the network has.
    fn parameters(&self) -> usize {
        match self {
            Self::Learned(styles) => network_layout(styles.len()).parameters(),
            Self::Any(_) => DecoderLayout::OWN.parameters(),
        }
    }

    /// The styles that the network knows by name, from the paths of their images.
    fn names(&self, paths: &[PathBuf]) -> Vec<(String, Digest)> {
        let Self::Learned(styles) = self else { return Vec::new() };
        let name_of = |path: &Path| -> String {
            path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into()
        };
        let digests = styles.iter().map(|(_, digest)| *digest);
        paths.iter().map(|path| name_of(path)).zip(digests).collect()
    }
}

/// The pictures of a folder that a flag names.
fn corpus(
    (folder, flag): (&Path, &str),
    settings: &Settings,
    beside: &Beside,
    context: &Context,
    most_bytes: usize,
) -> Result<Corpus, Failure> {
    let side = settings.painted_px() as usize;
    let Pictures { photos, enlarged, unreadable, left_out } =
        read_contents(folder, side, most_bytes, &beside.all()).map_err(Failure::usage)?;
    for (path, reason) in &unreadable {
        context.screen.warning(format_args!("{} is left out: {reason}", path.display()));
    }
    if left_out > 0 {
        context.screen.warning(format_args!(
            "the last {left_out} files are left out: the pictures before them take all memory that \
             training gives them"
        ));
    }
    if enlarged > 0 {
        context.screen.warning(format_args!(
            "{enlarged} of {} pictures are smaller than {side} pixels and are enlarged",
            photos.len()
        ));
    }
    let corpus = Corpus::new(photos, side).map_err(|error| {
        Failure::usage(error).hint(format!("give a {flag} with more than {}", folder.display()))
    })?;
    const FEW: usize = 100;
    if corpus.training() < FEW {
        context.screen.warning(format_args!(
            "{} pictures of {flag} are few: the network may know them by heart, and paint others \
             worse",
            corpus.training()
        ));
    }
    Ok(corpus)
}

/// The state that the run goes on from, if there is one.
fn checkpoint(
    args: &TrainArgs,
    beside: &Beside,
    run: Digest,
    parameters: usize,
) -> Result<Option<State>, Failure> {
    let path = beside.checkpoint();
    let Some(bytes) = read_if_there(&path).map_err(Failure::here)? else { return Ok(None) };
    match State::from_bytes(&bytes, run, parameters) {
        Ok(state) => Ok(Some(state)),
        Err(StateError::AnotherRun | StateError::Damaged(_)) if args.force => Ok(None),
        Err(error) => {
            let text = format!("{}: {error}", path.display());
            Err(Failure::usage(text).hint("give another -o, or --force to train anew"))
        }
    }
}

fn network_layout(styles: usize) -> FeedForwardLayout {
    FeedForwardLayout { styles, ..FeedForwardLayout::OWN }
}

fn vgg(models: &ModelsFlags, context: &Context) -> Result<VggWeights, ModelError> {
    let store = ModelStore::open(context.config.models_dir(models).as_deref())?;
    let mut bar = ModelBar::new(&context.screen, ModelName::Vgg19.as_str());
    let file = store.ensure(ModelName::Vgg19, &mut |progress| bar.step(progress.into()))?;
    file.parse(read_vgg19)
}

/// Looks at the held-out pictures, and shows what the network makes of them.
fn look(
    trainer: &mut Trainer,
    beside: &Beside,
    bar: &mut TrainBar<'_>,
) -> Result<Vec<Sample>, Failure> {
    let (held, samples) = trainer.look().map_err(not_trained)?;
    bar.looked(held.total());
    write_sheet(beside, &samples)?;
    Ok(samples)
}

fn write_sheet(beside: &Beside, samples: &[Sample]) -> Result<(), Failure> {
    let png = sheet(samples).map_err(Failure::here)?;
    write(&beside.preview(), &png).map_err(Failure::here)
}

fn keep(trainer: &Trainer, beside: &Beside) -> Result<(), Failure> {
    let bytes = trainer.state().to_bytes().map_err(Failure::here)?;
    write(&beside.checkpoint(), &bytes).map_err(Failure::here)
}

fn not_trained(error: TrainError) -> Failure {
    let diverged = matches!(error, TrainError::Diverged { .. });
    let failure = Failure::here(error);
    if diverged { failure.hint("give a lower --learning-rate") } else { failure }
}

fn say(report: &Report<'_>, beside: &Beside, began: Instant, context: &Context) {
    if context.screen.is_json() {
        context.screen.json(report);
        return;
    }
    let Report { model, header, settled, .. } = report;
    let why = if *settled { ", where the loss fell no more" } else { "" };
    if let Some(NetworkTraining { steps, held_out, device, .. }) = &header.training {
        context.screen.result(format_args!(
            "trained {model}, {steps} steps{why}, loss {} on unseen pictures, in {} on {device}; \
             see {}",
            loss_text(held_out.content + held_out.style),
            time(began.elapsed()),
            beside.report().display(),
        ));
    }
}
