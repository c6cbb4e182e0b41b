//! Facts and their snapshot in one SQLite file.
//!
//! A batch of facts is one transaction, which survives a power failure once it has returned
//! (`synchronous = FULL`). The file is locked exclusively, so that two coordinators never share it;
//! without sharing, opening an existing file writes nothing, which matters on a full disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use impasto_core::{Fact, Snapshot};
use impasto_types::Epoch;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};
use serde::de::DeserializeOwned;

use super::farm_file::{FarmFile, FarmId, Identity, first_epoch};
use super::presence::{Change, Presence};
use super::{Store, StoreError, Stored};

/// How long to wait for a coordinator that is shutting down to release the file.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// A journal that a large snapshot has enlarged is cut to this size again.
const JOURNAL_BYTES: i64 = 16 << 20;

/// Raised when older programs cannot read what this one writes.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS epochs (epoch INTEGER PRIMARY KEY AUTOINCREMENT);
    CREATE TABLE IF NOT EXISTS facts (
        number INTEGER PRIMARY KEY AUTOINCREMENT, fact TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS snapshots (snapshot TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS farm (id TEXT NOT NULL) STRICT;
";

/// The names that SQLite gives to its files beside the database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    farm_file: FarmFile,
    farm: FarmId,
    /// The last epoch of this folder, as far as it is known; 0 if the farm is new.
    last_epoch: Epoch,
    /// `None` if the file is lost.
    open: Option<Open>,
}

/// An open database.
#[derive(Debug)]
struct Open {
    connection: Connection,
    presence: Presence,
}

impl SqliteStore {
    /// Opens the file, and creates it if neither it nor its farm exists.
    ///
    /// # Errors
    /// It is not a store, was written by a newer program, or is in use by another coordinator; or
    /// `farm.json` beside it speaks of a farm that is not in it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let farm_file = FarmFile::beside(path);
        let identity = farm_file.read()?;
        let emptied = || StoreError::Emptied {
            store: path.display().to_string(),
            farm_file: farm_file.path().display().to_string(),
        };
        // Before SQLite creates it.
        if identity != Identity::None && !has_bytes(path) {
            return Err(emptied());
        }
        let open = open_database(path)?;
        let fail = |source| open_error(path, source);
        let kept = open.kept().map_err(fail)?;
        if kept.is_empty && identity != Identity::None {
            return Err(emptied());
        }
        let (farm, last_epoch) = match (kept.farm, identity) {
            (Some(kept), Identity::Known(known)) if kept != known.farm => {
                return Err(StoreError::OtherFarm {
                    store: path.display().to_string(),
                    farm_file: farm_file.path().display().to_string(),
                });
            }
            (_, Identity::Known(known)) => {
                if kept.epoch < known.epoch {
                    tracing::warn!(
                        store = %path.display(),
                        "the store is an older copy: jobs since then are lost"
                    );
                }
                (known.farm, known.epoch.max(kept.epoch))
            }
            (Some(farm), Identity::None | Identity::Unreadable) => (farm, kept.epoch),
            (None, Identity::None | Identity::Unreadable) => (new_farm(path)?, kept.epoch),
        };
        Ok(Self { path: path.to_owned(), farm_file, farm, last_epoch, open: Some(open) })
    }

    /// Begins a new farm: sets the present file aside, if there is one. Epochs continue.
    ///
    /// # Errors
    /// As [`Self::open`], or the present file cannot be moved.
    pub fn begin(path: &Path) -> Result<Self, StoreError> {
        let farm_file = FarmFile::beside(path);
        let mut last_epoch = match farm_file.read()? {
            Identity::Known(known) => known.epoch,
            Identity::None | Identity::Unreadable => Epoch(0),
        };
        if has_bytes(path) {
            match open_database(path) {
                Ok(open) => {
                    let kept = open.kept().map_err(|source| open_error(path, source))?;
                    last_epoch = last_epoch.max(kept.epoch);
                }
                // It need not be readable, but nobody may use it.
                Err(in_use @ StoreError::InUse { .. }) => return Err(in_use),
                Err(_) => {}
            }
            let aside = set_aside(path, &format!("before-epoch-{}", last_epoch.0 + 1))?;
            tracing::warn!(aside = %aside.display(), "a new farm begins; the old store is kept");
        }
        let (farm, open) = (new_farm(path)?, open_database(path)?);
        Ok(Self { path: path.to_owned(), farm_file, farm, last_epoch, open: Some(open) })
    }

    /// The open database, if the file is still there.
    fn present(&mut self) -> Result<&mut Open, StoreError> {
        let store = self.path.display().to_string();
        let lost = |why: &str| StoreError::Lost { store: store.clone(), why: why.to_owned() };
        let open = self.open.as_mut().ok_or_else(|| lost("could not be made anew"))?;
        match open.presence.look() {
            Ok(None) => Ok(open),
            Ok(Some(Change::Removed)) => Err(lost("was removed by another program")),
            Ok(Some(Change::Cut)) => Err(lost("was cut by another program")),
            Ok(Some(Change::Replaced)) => Err(StoreError::Replaced { store }),
            Err(source) => Err(StoreError::Read { store, source: source.into() }),
        }
    }

    /// Writes in one transaction, durably.
    fn write(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let connection = &mut self.present()?.connection;
        let written = connection.transaction().and_then(|transaction| {
            work(&transaction)?;
            transaction.commit()
        });
        written.map_err(|source| write_error(&self.path, source))
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let store = || self.path.display().to_string();
        let lost = || StoreError::Lost { store: store(), why: "is lost".to_owned() };
        let open = self.open.as_ref().ok_or_else(lost)?;
        work(&open.connection)
            .map_err(|source| StoreError::Read { store: store(), source: source.into() })
    }

    fn parse<T: DeserializeOwned>(&self, what: String, text: &str) -> Result<T, StoreError> {
        let store = || self.path.display().to_string();
        serde_json::from_str(text)
            .map_err(|source| StoreError::Parse { store: store(), what, source })
    }
}

impl Store for SqliteStore {
    fn next_epoch(&mut self) -> Result<Epoch, StoreError> {
        let random = |source: io::Error| StoreError::Read {
            store: self.path.display().to_string(),
            source: source.into(),
        };
        match self.last_epoch {
            Epoch(0) => first_epoch().map_err(random),
            Epoch(last) => Ok(Epoch(last + 1)),
        }
    }

    fn lead(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        let farm = self.farm.to_string();
        self.write(|transaction| insert_epoch(transaction, &farm, epoch))?;
        self.farm_file.write(&self.farm, epoch)?;
        self.last_epoch = epoch;
        Ok(())
    }

    fn load(&mut self, take: &mut dyn FnMut(Stored)) -> Result<(), StoreError> {
        if let Some(text) = self.read(snapshot)? {
            take(Stored::Snapshot(self.parse("the snapshot".to_owned(), &text)?));
        }
        let mut unreadable = None;
        self.read(|connection| {
            each_fact(connection, |number, text| {
                match self.parse(format!("fact {number}"), text) {
                    Ok(fact) => take(Stored::Fact(fact)),
                    Err(error) => unreadable = Some(error),
                }
                unreadable.is_none()
            })
        })?;
        unreadable.map_or(Ok(()), Err)
    }

    fn append(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        let facts = facts
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<Vec<_>, _>>()
            .map_err(StoreError::Encode)?;
        self.write(|transaction| insert_facts(transaction, &facts))
    }

    fn check(&mut self) -> Result<(), StoreError> {
        self.present().map(drop)
    }

    fn compact(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let text = serde_json::to_string(snapshot).map_err(StoreError::Encode)?;
        self.write(|transaction| replace(transaction, &text))
    }

    fn renew(&mut self, epoch: Epoch, snapshot: &Snapshot) -> Result<(), StoreError> {
        let text = serde_json::to_string(snapshot).map_err(StoreError::Encode)?;
        // Closed first, as this writes to the old file.
        if self.open.take().is_some() && self.path.exists() {
            set_aside(&self.path, &format!("damaged-in-epoch-{}", epoch.0))?;
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|source| system_error(&self.path, source))?;
        }
        self.open = Some(open_database(&self.path)?);
        let farm = self.farm.to_string();
        let written = self
            .write(|transaction| {
                insert_epoch(transaction, &farm, epoch)?;
                replace(transaction, &text)
            })
            .and_then(|()| self.farm_file.write(&self.farm, epoch));
        if written.is_err() {
            // A file without facts must not be taken for the store.
            self.open = None;
            remove_files(&self.path);
        }
        written
    }
}

/// What a database says about its farm.
struct Kept {
    farm: Option<FarmId>,
    epoch: Epoch,
    /// Whether no coordinator has ever written to it.
    is_empty: bool,
}

impl Open {
    fn kept(&self) -> rusqlite::Result<Kept> {
        let connection = &self.connection;
        let farm = connection.query_row("SELECT id FROM farm", [], |row| row.get(0)).optional()?;
        let epoch: Option<i64> =
            connection.query_row("SELECT max(epoch) FROM epochs", [], |row| row.get(0))?;
        let farm = farm.map(FarmId::from_text);
        let is_empty = farm.is_none() && epoch.is_none();
        Ok(Kept { farm, epoch: Epoch(epoch.unwrap_or(0).unsigned_abs()), is_empty })
    }
}

/// Opens a database, and creates what it lacks.
fn open_database(path: &Path) -> Result<Open, StoreError> {
    let fail = |source| open_error(path, source);
    let connection = Connection::open(path).map_err(fail)?;
    if connection.is_readonly("main").map_err(fail)? {
        return Err(StoreError::ReadOnly { store: path.display().to_string() });
    }
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
    let pragma = |name, value| connection.pragma_update(None, name, value);
    pragma("locking_mode", "EXCLUSIVE")
        .and_then(|()| pragma("journal_mode", "WAL"))
        .and_then(|()| pragma("synchronous", "FULL"))
        .map_err(fail)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_BYTES).map_err(fail)?;
    let found: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fail)?;
    if !(0..=SCHEMA_VERSION).contains(&found) {
        return Err(StoreError::Version {
            store: path.display().to_string(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    connection.execute_batch(SCHEMA).map_err(fail)?;
    if found != SCHEMA_VERSION {
        connection.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(fail)?;
    }
    let presence = Presence::of(path).map_err(|source| system_error(path, source))?;
    Ok(Open { connection, presence })
}

fn insert_epoch(transaction: &Transaction<'_>, farm: &str, epoch: Epoch) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO farm (id) SELECT ?1 WHERE NOT EXISTS (SELECT * FROM farm)",
        params![farm],
    )?;
    transaction.execute("INSERT INTO epochs (epoch) VALUES (?1)", params![epoch.0])?;
    Ok(())
}

fn insert_facts(transaction: &Transaction<'_>, facts: &[String]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached("INSERT INTO facts (fact) VALUES (?1)")?;
    for fact in facts {
        insert.execute(params![fact])?;
    }
    Ok(())
}

fn replace(transaction: &Transaction<'_>, snapshot: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM facts", [])?;
    transaction.execute("DELETE FROM snapshots", [])?;
    transaction.execute("INSERT INTO snapshots (snapshot) VALUES (?1)", params![snapshot])?;
    Ok(())
}

fn snapshot(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT snapshot FROM snapshots", [], |row| row.get(0)).optional()
}

/// Calls `take` with each fact's number and text, until it returns false.
fn each_fact(
    connection: &Connection,
    mut take: impl FnMut(i64, &str) -> bool,
) -> rusqlite::Result<()> {
    let mut select = connection.prepare("SELECT number, fact FROM facts ORDER BY number")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let fact: String = row.get(1)?;
        if !take(row.get(0)?, &fact) {
            break;
        }
    }
    Ok(())
}

fn new_farm(path: &Path) -> Result<FarmId, StoreError> {
    FarmId::random().map_err(|source| system_error(path, source))
}

fn has_bytes(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}

/// Renames a database that nobody has open, with its companions, and returns its new path.
fn set_aside(path: &Path, suffix: &str) -> Result<PathBuf, StoreError> {
    let aside = companion(path, &format!(".{suffix}"));
    fs::rename(path, &aside).map_err(|source| system_error(path, source))?;
    for name in COMPANIONS {
        // Most do not exist.
        let _ = fs::rename(companion(path, name), companion(&aside, name));
    }
    Ok(aside)
}

fn remove_files(path: &Path) {
    for name in std::iter::once("").chain(COMPANIONS) {
        // What remains is removed or overwritten by the next attempt.
        let _ = fs::remove_file(companion(path, name));
    }
}

/// The path with this text after its last name.
fn companion(path: &Path, name: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(name);
    text.into()
}

fn open_error(path: &Path, source: rusqlite::Error) -> StoreError {
    let store = path.display().to_string();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse { store },
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { store, source: source.into() },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { store },
        _ => StoreError::Open { store, source: source.into() },
    }
}

fn write_error(path: &Path, source: rusqlite::Error) -> StoreError {
    let store = path.display().to_string();
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { store, source: source.into() },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Lost { store, why: format!("is damaged: {source}") }
        }
        _ => StoreError::Write { store, source: source.into() },
    }
}

fn system_error(path: &Path, source: io::Error) -> StoreError {
    let store = path.display().to_string();
    if impasto_files::is_disk_full(&source) {
        StoreError::DiskFull { store, source: source.into() }
    } else {
        StoreError::Write { store, source: source.into() }
    }
}

#[cfg(test)]
mod tests;
