//! One round: two projects are built at once on a farm, while one fault after another happens.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::build::Builds;
use super::farm::Farm;
use super::fault::{Fault, Kind, Ongoing};
use super::town::{Paintings, Town, paint_here};
use super::verdict::{self, Excuses};
use crate::eventually::eventually;

/// How much happens in a round.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many assets both projects have together; they share some.
    pub assets: u32,
    /// How many times something happens, spread evenly over the round.
    pub waves: usize,
    /// The kinds of faults that are drawn.
    pub kinds: Vec<Kind>,
}

/// What a round came through.
#[derive(Debug)]
pub struct Summary {
    pub faults: usize,
    /// How many waves were left when everything was painted.
    pub left: usize,
    pub elapsed: Duration,
}

/// What broke a round.
#[derive(Debug)]
pub struct Broken {
    pub message: String,
    /// The logs of all processes, which are kept if the farm has started.
    pub logs: Option<PathBuf>,
}

/// The outputs of a build without a farm, with which all rounds compare theirs.
#[derive(Debug)]
pub struct Reference(Paintings);

/// The most faults at once.
const AT_ONCE: usize = 2;

struct Round<'a> {
    farm: Farm,
    builds: Vec<Builds>,
    dice: Rng,
    ongoing: Vec<Ongoing>,
    excuses: Excuses,
    began: Instant,
    faults: usize,
    say: &'a dyn Fn(&str),
}

impl Options {
    fn distinct_assets(&self) -> u32 {
        self.assets - self.shared_assets()
    }

    fn shared_assets(&self) -> u32 {
        self.assets / 6
    }

    /// The two projects.
    fn towns(&self) -> Vec<Town> {
        let (last, shared) = (self.distinct_assets(), self.shared_assets());
        let middle = last / 2;
        vec![Town::new("west", 1..=middle + shared), Town::new("east", middle + 1..=last)]
    }
}

impl Reference {
    /// Paints the assets of rounds with these options on this machine.
    pub fn paint(options: &Options) -> Self {
        Self(paint_here(options.distinct_assets()))
    }
}

/// Runs a round. `say` gets a line for everything that happens.
///
/// # Errors
/// The first thing that is not as it should be.
pub fn run(
    seed: u64,
    options: &Options,
    reference: &Reference,
    say: &dyn Fn(&str),
) -> Result<Summary, Broken> {
    let began = Instant::now();
    let farm = catch_unwind(Farm::start).map_err(|panic| Broken {
        message: format!("the farm does not start: {}", text_of(panic.as_ref())),
        logs: None,
    })?;
    let builds = options.towns().into_iter().map(|town| Builds::new(town, farm.address()));
    let mut round = Round {
        builds: builds.collect(),
        farm,
        dice: Rng::with_seed(seed),
        ongoing: Vec::new(),
        excuses: Excuses::default(),
        began,
        faults: 0,
        say,
    };
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let left = round.storm(options);
        verdict::check(&mut round.farm, &mut round.builds, &reference.0, &round.excuses, say);
        left
    }));
    match ran {
        Ok(left) => Ok(Summary { faults: round.faults, left, elapsed: began.elapsed() }),
        Err(panic) => {
            round.farm.keep();
            let logs = Some(round.farm.logs().to_owned());
            Err(Broken { message: text_of(panic.as_ref()), logs })
        }
    }
}

impl Round<'_> {
    /// Builds both projects to their ends. Returns how many waves did not happen, because
    /// everything was painted before.
    fn storm(&mut self, options: &Options) -> usize {
        for builds in &mut self.builds {
            builds.start(self.farm.logs());
        }
        let all: usize = self.builds.iter().map(|builds| builds.town.size()).sum();
        let mut left = options.waves;
        for wave in 1..=options.waves {
            let due = all * wave / (options.waves + 1);
            self.until("progress", |round| round.delivered() >= due || round.is_done());
            if self.is_done() {
                break;
            }
            self.strike(options);
            self.until("the end of the faults", |round| round.ongoing.is_empty());
            left -= 1;
        }
        self.until("the ends of all builds", |round| round.is_done());
        left
    }

    /// Begins some faults.
    fn strike(&mut self, options: &Options) {
        for _ in 0..self.dice.usize(1..=AT_ONCE) {
            let taken: Vec<_> = self.ongoing.iter().map(|ongoing| ongoing.fault.victim).collect();
            let drawn = Fault::draw(&mut self.dice, &options.kinds, self.builds.len(), &taken);
            let Some(fault) = drawn else { continue };
            if fault.is_impossible(&self.farm) {
                self.note(&format!("skipped, as this system cannot do it: {fault}"));
                continue;
            }
            let more = fault.begin(&mut self.farm, &mut self.builds, &mut self.dice);
            self.excuses.note(fault);
            self.note(&format!("{fault}{more}"));
            self.ongoing.push(Ongoing::begun(fault));
            self.faults += 1;
        }
    }

    /// Lets time pass until `holds`.
    fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        eventually(what, || {
            self.look();
            holds(self).then_some(())
        });
    }

    /// Looks after everything that runs.
    fn look(&mut self) {
        if let Some(died) = self.farm.died() {
            panic!("{died}");
        }
        let Self { farm, builds, ongoing, .. } = self;
        let mut healed = Vec::new();
        ongoing.retain_mut(|ongoing| {
            let is_over = ongoing.look(farm, builds);
            if is_over {
                healed.push(ongoing.fault);
            }
            !is_over
        });
        healed.into_iter().for_each(|fault| self.note(&format!("  over: {fault}")));
        for nth in 0..self.builds.len() {
            let failed = self.builds[nth].look();
            for reason in failed {
                assert!(self.excuses.allow(&reason), "{reason}");
                self.note(&format!("{reason}; it is run again"));
                self.builds[nth].start(self.farm.logs());
            }
        }
    }

    fn is_done(&self) -> bool {
        self.builds.iter().all(Builds::is_done)
    }

    fn delivered(&self) -> usize {
        self.builds.iter().map(Builds::delivered).sum()
    }

    fn note(&self, event: &str) {
        let (seconds, delivered) = (self.began.elapsed().as_secs_f64(), self.delivered());
        (self.say)(&format!("{seconds:7.1} s {delivered:3} delivered  {event}"));
    }
}

/// A panic's message.
fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let plain = || panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(plain).unwrap_or_else(|| "something that is not text".to_owned())
}
