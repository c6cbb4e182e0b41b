//! Watches a project's folder for changes that affect a build.
//!
//! The file system's events are only hints: stamps decide what changed, and [`Settling`] decides
//! when a change is reported, without access to disk or clock. If the system has no events, the
//! folder is compared with the known stamps at intervals.

mod change;
mod disk;
mod driver;
mod hint;
mod settings;
mod settling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::project::Project;
use crate::scan::{Scan, scan_except};
use crate::stamp::{Stamp, now_ns};
use crate::stat_cache::StatCache;
use crate::walk::ScanError;
pub use change::Change;
use disk::{DiskProbe, companions, snapshot};
use driver::{Driver, Message, Unsettled};
use hint::{hint, why_not};
pub use settings::WatchSettings;
pub use settling::{Probe, SettleSettings, Settled, Settling};

/// Why a project cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("cannot start the watcher's thread")]
    Thread(#[source] std::io::Error),
}

/// Watches a project until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    project: Project,
    settings: WatchSettings,
    unsettled: Unsettled,
    messages: Sender<Message>,
    changes: Receiver<Change>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to watch. Changes after this call are reported, so call it before the first
    /// [`scan`](Self::scan).
    ///
    /// # Errors
    /// The folder of assets cannot be listed.
    pub fn start(project: &Project, settings: WatchSettings) -> Result<Self, WatchError> {
        Self::start_with(project, settings, DiskProbe { project: project.clone() })
    }

    fn start_with(
        project: &Project,
        settings: WatchSettings,
        probe: impl Probe + Send + 'static,
    ) -> Result<Self, WatchError> {
        let (messages, inbox) = mpsc::channel();
        let (changes, outbox) = mpsc::channel();
        let events =
            if settings.poll { Ok(None) } else { subscribe(project, messages.clone()).map(Some) };
        let (events, reconcile_ms) = match events {
            Ok(Some(events)) => (Some(events), settings.reconcile_ms),
            Ok(None) => (None, settings.poll_ms),
            Err(error) => {
                // This cannot fail: the receiver is in this function.
                let _ = changes.send(Change::Polling { reason: why_not(&error) });
                (None, settings.poll_ms)
            }
        };
        let unsettled = Arc::new(Mutex::new(BTreeSet::new()));
        let driver = Driver {
            project: project.clone(),
            settings,
            probe,
            // Taken after events are subscribed to, so that no change is missed.
            known: snapshot(project)?,
            settling: Settling::new(settings.settle),
            unsettled: Arc::clone(&unsettled),
            reconcile_ms,
            changes,
        };
        let run = move || {
            driver.run(&inbox);
            drop(events);
        };
        let thread = std::thread::Builder::new()
            .name("impasto-watch".to_owned())
            .spawn(run)
            .map_err(WatchError::Thread)?;
        Ok(Self {
            project: project.clone(),
            settings,
            unsettled,
            messages,
            changes: outbox,
            thread: Some(thread),
        })
    }

    /// Where changes arrive. The channel closes when the watcher is dropped.
    pub fn changes(&self) -> &Receiver<Change> {
        &self.changes
    }

    /// The next change, if one arrives within `time`.
    pub fn next_within(&self, time: Duration) -> Option<Change> {
        self.changes.recv_timeout(time).ok()
    }

    /// Scans the project without the files that are being written. They are listed as unsettled,
    /// and each is reported as a change when it is complete.
    ///
    /// # Errors
    /// The folder of assets cannot be listed.
    pub fn scan(&self, cache: &mut StatCache) -> Result<Scan, ScanError> {
        let unsettled = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now_ns = now_ns();
        let settle_ns = i64::try_from(self.settings.settle.settle_ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000);
        let scan = scan_except(&self.project, cache, |path, stamp| {
            unsettled.contains(path) || is_fresh(stamp, now_ns, settle_ns)
        })?;
        let held_back = &scan.listing.passed.unsettled;
        if !held_back.is_empty() {
            // This cannot fail: the thread ends only with the watcher.
            let _ = self.messages.send(Message::HeldBack(held_back.clone()));
        }
        Ok(scan)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.messages.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whether a file was written so recently that its event may not have arrived. A time in the future
/// does not count.
fn is_fresh(stamp: &Stamp, now_ns: i64, settle_ns: i64) -> bool {
    let age_ns = now_ns.saturating_sub(stamp.modified_ns.max(stamp.changed_ns));
    (0..settle_ns).contains(&age_ns)
}

/// Subscribes to events of all relevant folders: those of the assets, the manifest, style images,
/// init images and masks. A folder of masks that appears later is found by a comparison.
fn subscribe(project: &Project, messages: Sender<Message>) -> notify::Result<RecommendedWatcher> {
    let send = move |event| {
        // A watcher that has stopped needs no more events.
        let _ = messages.send(Message::Hint(hint(event)));
    };
    let mut watcher = notify::recommended_watcher(send)?;
    for (folder, mode) in folders(project) {
        // A style's folder may not exist yet; a comparison finds it when it appears.
        if folder.is_dir() {
            watcher.watch(&folder, mode)?;
        }
    }
    Ok(watcher)
}

fn folders(project: &Project) -> BTreeMap<PathBuf, RecursiveMode> {
    let assets = project.assets_dir();
    let mut folders = BTreeMap::from([(project.dir().to_owned(), RecursiveMode::NonRecursive)]);
    // If the assets cannot be listed, the scan that follows says so.
    let companions = companions(project).unwrap_or_default();
    for input in project.manifest().needed().into_iter().chain(companions) {
        if let Some(folder) =
            project.path_of(&input).parent().filter(|folder| !folder.starts_with(&assets))
        {
            folders.insert(folder.to_owned(), RecursiveMode::NonRecursive);
        }
    }
    folders.insert(assets, RecursiveMode::Recursive);
    folders
}
