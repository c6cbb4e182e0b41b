//! The thread of a watcher: receives hints, waits until files settle, and sends changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use impasto_planner::Verdict;
use impasto_types::AssetPath;

use super::change::Change;
use super::disk::snapshot;
use super::hint::Hint;
use super::settings::WatchSettings;
use super::settling::{Probe, Settled, Settling};
use crate::project::Project;
use crate::scan::models::may_name_files;
use crate::stamp::Stamp;
use crate::temporary::is_passed_over;

pub(super) enum Message {
    Hint(Hint),
    /// A scan held these back, so they have to be reported as changes even if their stamps are
    /// known.
    HeldBack(BTreeSet<AssetPath>),
    Stop,
}

/// The paths that must not be read yet, shared with the watcher's scans.
pub(super) type Unsettled = Arc<Mutex<BTreeSet<AssetPath>>>;

pub(super) struct Driver<P> {
    pub(super) project: Project,
    pub(super) settings: WatchSettings,
    pub(super) probe: P,
    /// The stamps last reported, or found at the start.
    pub(super) known: BTreeMap<AssetPath, Stamp>,
    pub(super) settling: Settling,
    pub(super) unsettled: Unsettled,
    /// The interval at which all stamps are compared.
    pub(super) reconcile_ms: u64,
    pub(super) changes: Sender<Change>,
}

/// The receiver of changes was dropped.
struct Deaf;

impl<P: Probe> Driver<P> {
    /// Runs until it is told to stop, or the receiver is dropped.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        let start = Instant::now();
        let now_ms = || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut reconcile_at_ms = self.reconcile_ms;
        loop {
            let next_ms = self
                .settling
                .next_ms()
                .map_or(reconcile_at_ms, |next_ms| next_ms.min(reconcile_at_ms));
            let mut message = match messages
                .recv_timeout(Duration::from_millis(next_ms.saturating_sub(now_ms())))
            {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // Handle all messages of a burst before examining files.
            let mut reconcile = false;
            while let Some(taken) = message {
                match self.take(taken) {
                    Ok(Taken::Noted) => {}
                    Ok(Taken::Reconcile) => reconcile = true,
                    Ok(Taken::Stop) | Err(Deaf) => return,
                }
                message = messages.try_recv().ok();
            }
            if reconcile || now_ms() >= reconcile_at_ms {
                self.reconcile();
                reconcile_at_ms = now_ms().saturating_add(self.reconcile_ms);
            }
            let settled = self.settling.poll(now_ms(), &mut self.probe);
            *self.unsettled.lock().unwrap_or_else(PoisonError::into_inner) =
                self.settling.unsettled();
            if self.report(settled).is_err() {
                return;
            }
        }
    }

    fn take(&mut self, message: Message) -> Result<Taken, Deaf> {
        match message {
            Message::Stop => Ok(Taken::Stop),
            Message::HeldBack(paths) => {
                for path in paths {
                    self.known.remove(&path);
                    self.settling.notice(path);
                }
                Ok(Taken::Noted)
            }
            Message::Hint(Hint::Nothing) => Ok(Taken::Noted),
            Message::Hint(Hint::Paths(paths)) => {
                let reconcile = paths.into_iter().any(|path| self.touch(path));
                Ok(if reconcile { Taken::Reconcile } else { Taken::Noted })
            }
            Message::Hint(Hint::Rescan) => {
                self.send(Change::Rescan)?;
                Ok(Taken::Reconcile)
            }
            Message::Hint(Hint::Failed(reason)) => {
                if self.reconcile_ms != self.settings.poll_ms {
                    self.reconcile_ms = self.settings.poll_ms;
                    self.send(Change::Polling { reason })?;
                }
                Ok(Taken::Reconcile)
            }
        }
    }

    /// Handles a path from an event. Returns whether all stamps have to be compared, because a
    /// folder appeared or disappeared.
    fn touch(&mut self, file: PathBuf) -> bool {
        let Some(path) = self.project.relative(&file) else { return false };
        if path.as_str().split('/').any(is_passed_over) {
            return false;
        }
        if path == *self.project.manifest_path() {
            self.settling.touch(path);
            return false;
        }
        let is_known = self.known.contains_key(&path);
        if self.project.manifest().passes_through(&path) && (is_known || file.is_file()) {
            self.settling.touch(path);
            return false;
        }
        match self.project.manifest().verdict(&path) {
            Verdict::Wanted(_) | Verdict::Input => {
                self.settling.touch(path);
                false
            }
            Verdict::Output => false,
            Verdict::Skipped(_) | Verdict::Excluded | Verdict::Unmatched => {
                self.touch_companion(&path)
            }
            // Without the extension of an image, or outside the folder of assets, where styles may
            // be: it may be or have been a folder.
            Verdict::Foreign => {
                file.is_dir()
                    || !file.exists() && self.is_above_known(&path)
                    || self.touch_companion(&path)
            }
        }
    }

    /// Handles a path that is not an asset, but may be another asset's mask. Returns whether all
    /// stamps have to be compared: only a comparison knows the names of new masks.
    fn touch_companion(&mut self, path: &AssetPath) -> bool {
        if self.known.contains_key(path) {
            self.settling.touch(path.clone());
            return false;
        }
        // So do models of what they name.
        self.project.manifest().has_companions() || self.known.keys().any(may_name_files)
    }

    fn is_above_known(&self, folder: &AssetPath) -> bool {
        let prefix = format!("{folder}/");
        self.known.keys().any(|path| path.as_str().starts_with(&prefix))
    }

    /// Starts to wait for all paths whose stamps differ from the known ones.
    fn reconcile(&mut self) {
        // If the folder cannot be listed, as with a lost mount, its files are not reported as
        // removed.
        let Ok(now) = snapshot(&self.project) else { return };
        let differ = now
            .iter()
            .filter(|(path, stamp)| self.known.get(*path) != Some(*stamp))
            .map(|(path, _)| path);
        let gone = self.known.keys().filter(|path| !now.contains_key(*path));
        for path in differ.chain(gone).cloned().collect::<Vec<_>>() {
            self.settling.notice(path);
        }
    }

    fn report(&mut self, settled: Settled) -> Result<(), Deaf> {
        let mut paths = BTreeSet::new();
        let mut manifest_changed = false;
        for (path, stamp) in settled.paths {
            let before = match stamp {
                Some(stamp) => self.known.insert(path.clone(), stamp),
                None => self.known.remove(&path),
            };
            if before == stamp {
                // An event without a change, or a file that existed only briefly.
            } else if path == *self.project.manifest_path() {
                manifest_changed = true;
            } else {
                paths.insert(path);
            }
        }
        for (path, (stamp, reason)) in settled.given_up {
            // Known from now on, so it is reported only once.
            self.known.insert(path.clone(), stamp);
            self.send(Change::Incomplete { path, reason })?;
        }
        if manifest_changed {
            self.send(Change::ManifestChanged)?;
        }
        if !paths.is_empty() {
            self.send(Change::Paths(paths))?;
        }
        Ok(())
    }

    fn send(&self, change: Change) -> Result<(), Deaf> {
        self.changes.send(change).map_err(|_| Deaf)
    }
}

/// What to do after a message was handled.
enum Taken {
    Noted,
    Reconcile,
    Stop,
}
