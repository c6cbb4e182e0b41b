//! What can go wrong, and how it is done to a running farm.

use std::fmt;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::build::Builds;
use super::farm::{Farm, LEASE, WORKERS};
use super::link::{Link, Way};
use super::program::Program;
#[cfg(unix)]
use super::program::Signal;
use super::rot::rot;
use crate::small_disk::SmallDisk;

/// What is done to a part of the farm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is killed, and started again.
    Kill,
    /// It is stopped, like a machine that sleeps or hangs, and goes on later.
    #[cfg(unix)]
    Stop,
    /// A worker is drained, and started again: it finishes its tasks or returns them.
    Drain,
    DrainNow,
    /// Its connections break, and new ones are refused for a while.
    Cut,
    /// Nothing comes through in one direction or both.
    Swallow,
    /// Everything arrives late.
    Slow,
    /// A bit flips on the way.
    Noise,
    /// Its disk is full for a while.
    Fill,
    /// Bits of its blobs or of its cache flip. If long, it is killed before, so that it has nothing
    /// in memory.
    Rot,
    /// The same project is built a second time meanwhile.
    Twin,
}

/// A part of the farm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Coordinator,
    Worker(usize),
    Build(usize),
}

/// A fault, fully drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) victim: Victim,
    /// Whether it lasts until the farm gives the victim up.
    is_long: bool,
    /// The directions that are concerned.
    ways: &'static [Way],
}

/// A fault that has begun.
#[derive(Debug)]
pub(super) struct Ongoing {
    pub(super) fault: Fault,
    began: Instant,
    looked: Instant,
}

/// Long enough that attempts run into it, too short for a lease to end.
const SHORT: Duration = Duration::from_millis(800);

/// Asking is a process of its own, so it is not done all the time.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);

const WAYS: [&[Way]; 3] = [&[Way::Up], &[Way::Down], &[Way::Up, Way::Down]];

/// One of so many files rots.
const ROTTEN: usize = 4;

impl Kind {
    /// All that this system can do.
    pub const ALL: &[Self] = &[
        Self::Kill,
        #[cfg(unix)]
        Self::Stop,
        Self::Drain,
        Self::DrainNow,
        Self::Cut,
        Self::Swallow,
        Self::Slow,
        Self::Noise,
        Self::Fill,
        Self::Rot,
        Self::Twin,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            #[cfg(unix)]
            Self::Stop => "stop",
            Self::Drain => "drain",
            Self::DrainNow => "drain-now",
            Self::Cut => "cut",
            Self::Swallow => "swallow",
            Self::Slow => "slow",
            Self::Noise => "noise",
            Self::Fill => "fill",
            Self::Rot => "rot",
            Self::Twin => "twin",
        }
    }

    /// Whether it can be done to this part.
    fn fits(self, victim: Victim) -> bool {
        match self {
            Self::Kill | Self::Rot => true,
            #[cfg(unix)]
            Self::Stop => true,
            Self::Drain | Self::DrainNow => matches!(victim, Victim::Worker(_)),
            Self::Cut | Self::Swallow | Self::Slow | Self::Noise => victim != Victim::Coordinator,
            Self::Fill => !matches!(victim, Victim::Build(_)),
            Self::Twin => matches!(victim, Victim::Build(_)),
        }
    }
}

impl Fault {
    /// Draws a fault of one of `kinds` for a part that is not in `taken`.
    pub(super) fn draw(
        dice: &mut Rng,
        kinds: &[Kind],
        builds: usize,
        taken: &[Victim],
    ) -> Option<Self> {
        let kind = *dice.choice(kinds)?;
        let is_free = |victim: &Victim| kind.fits(*victim) && !taken.contains(victim);
        let groups = [
            vec![Victim::Coordinator],
            (0..WORKERS.len()).map(Victim::Worker).collect(),
            (0..builds).map(Victim::Build).collect(),
        ];
        let groups = groups.map(|group| group.into_iter().filter(is_free).collect::<Vec<_>>());
        let groups: Vec<_> = groups.into_iter().filter(|group| !group.is_empty()).collect();
        // First the group, since there is only one coordinator.
        let group = dice.choice(&groups)?;
        let victim = *dice.choice(group)?;
        let (is_long, ways) = (dice.u8(..3) > 0, *dice.choice(&WAYS)?);
        Some(Self { kind, victim, is_long, ways })
    }

    /// Begins it. Returns what is worth a line in the log.
    pub(super) fn begin(self, farm: &mut Farm, builds: &mut [Builds], dice: &mut Rng) -> String {
        let link = self.victim.link(farm, builds);
        match self.kind {
            Kind::Kill => self.victim.kill(farm, builds),
            #[cfg(unix)]
            Kind::Stop => self.victim.signal(Signal::Stop, farm, builds),
            // The order is given later, as soon as the coordinator takes it.
            Kind::Drain | Kind::DrainNow => {
                if let Victim::Worker(nth) = self.victim {
                    farm.workers[nth].is_drained = true;
                }
            }
            Kind::Cut => link.into_iter().for_each(Link::refuse),
            Kind::Swallow => self.each_way(link, Link::swallow),
            Kind::Slow => {
                let delay = Duration::from_millis(dice.u64(20..300));
                link.into_iter().for_each(|link| link.slow_down(delay));
                return format!(" by {} ms", delay.as_millis());
            }
            Kind::Noise => self.each_way(link, Link::flip_a_bit),
            Kind::Fill => self.victim.disk(farm).into_iter().for_each(SmallDisk::fill),
            Kind::Rot => {
                let data = match self.victim {
                    Victim::Coordinator => farm.coordinator.disk.outside(),
                    Victim::Worker(nth) => farm.workers[nth].disk.outside(),
                    Victim::Build(nth) => builds[nth].town.project.beside("cache"),
                };
                let folders = match self.victim {
                    Victim::Worker(_) => vec![data],
                    Victim::Coordinator | Victim::Build(_) => {
                        vec![data.join("blobs"), data.join("actions")]
                    }
                };
                if self.is_long {
                    self.victim.kill(farm, builds);
                }
                let rotten = rot(&folders, ROTTEN, dice);
                return format!(": {} pictures, {} others", rotten.pictures, rotten.others);
            }
            Kind::Twin => {
                if let Victim::Build(nth) = self.victim {
                    builds[nth].start(farm.logs());
                }
            }
        }
        String::new()
    }

    /// Ends it.
    fn heal(self, farm: &mut Farm, builds: &mut [Builds]) {
        match self.kind {
            Kind::Kill | Kind::Drain | Kind::DrainNow => self.victim.restart(farm, builds),
            #[cfg(unix)]
            Kind::Stop => self.victim.signal(Signal::Continue, farm, builds),
            Kind::Cut | Kind::Slow | Kind::Noise => {
                self.victim.link(farm, builds).into_iter().for_each(Link::heal);
            }
            Kind::Swallow => {
                if let Some(link) = self.victim.link(farm, builds) {
                    // Some networks forget connections that were silent.
                    if self.is_long && self.ways.len() == 1 {
                        link.cut();
                    }
                    link.heal();
                }
            }
            Kind::Fill => self.victim.disk(farm).into_iter().for_each(SmallDisk::make_room),
            Kind::Rot if self.is_long => self.victim.restart(farm, builds),
            Kind::Rot | Kind::Twin => {}
        }
    }

    /// Whether it kills its victim.
    pub(super) fn is_deadly(self) -> bool {
        self.kind == Kind::Kill || self.kind == Kind::Rot && self.is_long
    }

    fn each_way(self, link: Option<&Link>, act: fn(&Link, Way)) {
        link.into_iter().for_each(|link| self.ways.iter().for_each(|way| act(link, *way)));
    }

    /// Whether this system lacks what it needs.
    pub(super) fn is_impossible(self, farm: &Farm) -> bool {
        self.kind == Kind::Fill && self.victim.disk(farm).is_none()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.victim)?;
        match (self.kind, self.ways) {
            (Kind::Swallow | Kind::Noise, [way]) => write!(f, " {way:?}")?,
            (Kind::Swallow | Kind::Noise, _) => f.write_str(" both ways")?,
            _ => {}
        }
        if self.is_long { f.write_str(", long") } else { Ok(()) }
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coordinator => f.write_str("coordinator"),
            Self::Worker(nth) => write!(f, "worker {}", WORKERS[*nth]),
            Self::Build(nth) => write!(f, "build {nth}"),
        }
    }
}

impl Ongoing {
    pub(super) fn begun(fault: Fault) -> Self {
        let began = Instant::now();
        Self { fault, began, looked: began }
    }

    /// Ends the fault if it has lasted long enough. Returns whether it has ended.
    pub(super) fn look(&mut self, farm: &mut Farm, builds: &mut [Builds]) -> bool {
        let may_ask = self.looked.elapsed() >= BETWEEN_QUESTIONS;
        if may_ask {
            self.looked = Instant::now();
        }
        let is_over = self.is_felt(farm, builds, may_ask);
        if is_over {
            self.fault.heal(farm, builds);
        }
        is_over
    }

    fn is_felt(&self, farm: &mut Farm, builds: &[Builds], may_ask: bool) -> bool {
        let Fault { kind, victim, is_long, .. } = self.fault;
        let lasted = |shortest| self.began.elapsed() >= shortest;
        // A machine that is back within this time keeps its leases.
        let for_its_time = lasted(if is_long { LEASE + SHORT } else { SHORT });
        match (kind, victim) {
            (Kind::Drain | Kind::DrainNow, Victim::Worker(nth)) => {
                let program = farm.workers[nth].program.as_mut();
                if let Some(status) = program.and_then(Program::ended) {
                    assert!(status.success(), "a drained worker ended: {status}");
                    return true;
                }
                if may_ask {
                    // Again and again, since an order may be lost with its coordinator.
                    let now: &[&str] = if kind == Kind::DrainNow { &["--now"] } else { &[] };
                    for name in farm.names_of(nth).unwrap_or_default() {
                        farm.tell(&[&["drain", &name], now].concat());
                    }
                }
                false
            }
            (Kind::Kill, Victim::Worker(nth)) => {
                !is_long || lasted(LEASE * 2) || may_ask && farm.misses(nth)
            }
            #[cfg(unix)]
            (Kind::Stop, Victim::Worker(nth)) => {
                for_its_time && (!is_long || lasted(LEASE * 4) || may_ask && farm.misses(nth))
            }
            // Heartbeats may still arrive, so it may never be missed.
            (Kind::Cut | Kind::Swallow, Victim::Worker(nth)) => {
                for_its_time && (!is_long || lasted(LEASE * 2) || may_ask && farm.misses(nth))
            }
            (Kind::Noise, _) => {
                let flipped = victim.link(farm, builds).is_none_or(Link::has_flipped);
                flipped || lasted(LEASE * 2)
            }
            (Kind::Kill, Victim::Build(_)) | (Kind::Rot | Kind::Twin, _) => true,
            _ => for_its_time,
        }
    }
}

impl Victim {
    fn link<'a>(self, farm: &'a Farm, builds: &'a [Builds]) -> Option<&'a Link> {
        match self {
            Self::Coordinator => None,
            Self::Worker(nth) => Some(&farm.workers[nth].link),
            Self::Build(nth) => Some(&builds[nth].link),
        }
    }

    /// A disk that can be filled.
    fn disk(self, farm: &Farm) -> Option<&SmallDisk> {
        match self {
            Self::Coordinator => farm.coordinator.disk.small(),
            Self::Worker(nth) => farm.workers[nth].disk.small(),
            Self::Build(_) => None,
        }
    }

    fn kill(self, farm: &mut Farm, builds: &mut [Builds]) {
        match self {
            Self::Coordinator => farm.kill_coordinator(),
            Self::Worker(nth) => farm.workers[nth].program = None,
            Self::Build(nth) => builds[nth].kill(),
        }
    }

    fn restart(self, farm: &mut Farm, builds: &mut [Builds]) {
        match self {
            Self::Coordinator => {
                let links: Vec<&Link> = builds.iter().map(|builds| &builds.link).collect();
                farm.restart_coordinator(&links);
            }
            Self::Worker(nth) => farm.start_worker(nth),
            Self::Build(nth) => builds[nth].start(farm.logs()),
        }
    }

    #[cfg(unix)]
    fn signal(self, signal: Signal, farm: &mut Farm, builds: &mut [Builds]) {
        match self {
            Self::Coordinator => farm.signal_coordinator(signal),
            Self::Worker(nth) => {
                farm.workers[nth].program.iter_mut().for_each(|worker| worker.signal(signal));
            }
            Self::Build(nth) => {
                builds[nth].running().iter_mut().for_each(|build| build.signal(signal));
            }
        }
    }
}
