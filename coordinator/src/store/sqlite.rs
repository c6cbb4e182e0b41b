//! Facts and their snapshot in one SQLite file.
//!
//! A batch of facts is one transaction, which survives a power failure once it has returned
//! (`synchronous = FULL`). The file is locked exclusively, so that two coordinators never share it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use impasto_core::{Fact, Snapshot};
use impasto_types::Epoch;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::{Store, StoreError, Stored};

/// How long to wait for a coordinator that is shutting down to release the file.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// Raised when older programs cannot read what this one writes.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS epochs (epoch INTEGER PRIMARY KEY AUTOINCREMENT);
    CREATE TABLE IF NOT EXISTS facts (
        number INTEGER PRIMARY KEY AUTOINCREMENT, fact TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS snapshots (snapshot TEXT NOT NULL) STRICT;
";

#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    connection: Connection,
}

impl SqliteStore {
    /// Opens the file, and creates it if it does not exist.
    ///
    /// # Errors
    /// It is not a store, was written by a newer program, or is in use by another coordinator.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let fail = |source| match code(&source) {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::InUse { store: path.display().to_string() }
            }
            _ => StoreError::Open { store: path.display().to_string(), source: source.into() },
        };
        let connection = Connection::open(path).map_err(fail)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
        let pragma = |name, value| connection.pragma_update(None, name, value);
        pragma("locking_mode", "EXCLUSIVE")
            .and_then(|()| pragma("journal_mode", "WAL"))
            .map_err(fail)?;
        pragma("synchronous", "FULL").map_err(fail)?;
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
        connection.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(fail)?;
        Ok(Self { path: path.to_owned(), connection })
    }

    fn read_error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Read { store: self.name(), source: source.into() }
    }

    fn write_error(&self, source: rusqlite::Error) -> StoreError {
        let store = self.name();
        match code(&source) {
            Some(ErrorCode::DiskFull) => StoreError::DiskFull { store, source: source.into() },
            _ => StoreError::Write { store, source: source.into() },
        }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn parse<T: DeserializeOwned>(&self, what: String, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|source| StoreError::Parse {
            store: self.name(),
            what,
            source,
        })
    }

    fn insert(&mut self, facts: &[String]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO facts (fact) VALUES (?1)")?;
            for fact in facts {
                insert.execute(params![fact])?;
            }
        }
        transaction.commit()
    }

    fn replace(&mut self, snapshot: &str) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM facts", [])?;
        transaction.execute("DELETE FROM snapshots", [])?;
        transaction.execute("INSERT INTO snapshots (snapshot) VALUES (?1)", params![snapshot])?;
        transaction.commit()
    }

    fn snapshot(&self) -> rusqlite::Result<Option<String>> {
        let mut select = self.connection.prepare("SELECT snapshot FROM snapshots")?;
        select.query_row([], |row| row.get(0)).optional()
    }

    /// Calls `take` with each fact's number and text, until it returns false.
    fn each_fact(&self, mut take: impl FnMut(i64, &str) -> bool) -> rusqlite::Result<()> {
        let mut select =
            self.connection.prepare("SELECT number, fact FROM facts ORDER BY number")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let fact: String = row.get(1)?;
            if !take(row.get(0)?, &fact) {
                break;
            }
        }
        Ok(())
    }
}

impl Store for SqliteStore {
    fn lead(&mut self) -> Result<Epoch, StoreError> {
        let inserted = self.connection.execute("INSERT INTO epochs DEFAULT VALUES", []);
        inserted.map_err(|source| self.write_error(source))?;
        // SQLite counts rows from 1.
        Ok(Epoch(self.connection.last_insert_rowid().unsigned_abs()))
    }

    fn load(&mut self, take: &mut dyn FnMut(Stored)) -> Result<(), StoreError> {
        if let Some(text) = self.snapshot().map_err(|source| self.read_error(source))? {
            take(Stored::Snapshot(self.parse("the snapshot".to_owned(), &text)?));
        }
        let mut unreadable = None;
        let read = self.each_fact(|number, text| {
            match self.parse(format!("fact {number}"), text) {
                Ok(fact) => take(Stored::Fact(fact)),
                Err(error) => unreadable = Some(error),
            }
            unreadable.is_none()
        });
        read.map_err(|source| self.read_error(source))?;
        unreadable.map_or(Ok(()), Err)
    }

    fn append(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        let facts = facts
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<Vec<_>, _>>()
            .map_err(StoreError::Encode)?;
        self.insert(&facts).map_err(|source| self.write_error(source))
    }

    fn compact(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let text = serde_json::to_string(snapshot).map_err(StoreError::Encode)?;
        self.replace(&text).map_err(|source| self.write_error(source))
    }
}

fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}

#[cfg(test)]
mod tests {
    use super::super::suite;
    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("coordinator.sqlite");
        (folder, path)
    }

    fn open(path: &Path) -> SqliteStore {
        SqliteStore::open(path).expect("it opens")
    }

    #[test]
    fn facts_come_back_in_order() {
        let (_folder, path) = file();
        suite::facts_come_back_in_order(open(&path));
    }

    #[test]
    fn a_snapshot_takes_the_place_of_facts() {
        let (_folder, path) = file();
        suite::a_snapshot_takes_the_place_of_facts(open(&path));
    }

    #[test]
    fn epochs_rise() {
        let (_folder, path) = file();
        suite::epochs_rise(open(&path));
    }

    #[test]
    fn facts_and_epochs_outlive_the_store() {
        let (_folder, path) = file();
        suite::facts_and_epochs_outlive_the_store(|| open(&path));
    }

    #[test]
    fn a_second_coordinator_is_refused() {
        let (_folder, path) = file();
        let _first = open(&path);
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::InUse { .. })));
    }

    #[test]
    fn a_newer_file_and_a_file_of_another_kind_are_refused() {
        let (_folder, path) = file();
        open(&path).connection.pragma_update(None, "user_version", 9).expect("it is set");
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Version { found: 9, .. })));
        std::fs::write(
            &path,
            "this is a text of more than one hundred bytes, and no database at all; ".repeat(3),
        )
        .expect("it is written");
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Open { .. })));
    }

    #[test]
    fn a_fact_that_does_not_parse_is_named() {
        let (_folder, path) = file();
        let mut store = open(&path);
        store.insert(&[r#"{"fact":"unheard-of"}"#.to_owned()]).expect("it is kept");
        assert_eq!(
            store.load(&mut |_| {}).expect_err("it does not parse").to_string(),
            format!("fact 1 of the store {} does not parse", path.display())
        );
    }
}
