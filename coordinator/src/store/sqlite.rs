//! Facts in one SQLite file.
//!
//! A batch of facts is one transaction, and a transaction that has returned survives a power cut
//! (`synchronous = FULL`). The file is held exclusively, so that two coordinators never share one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use impasto_core::Fact;
use impasto_types::Epoch;
use rusqlite::{Connection, ErrorCode, params};

use super::{Store, StoreError};

/// A coordinator that is just going down lets go of its file within this.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// Rises whenever older programs could not read what this one writes.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS epochs (epoch INTEGER PRIMARY KEY AUTOINCREMENT);
    CREATE TABLE IF NOT EXISTS facts (number INTEGER PRIMARY KEY AUTOINCREMENT,
        fact TEXT NOT NULL) STRICT;
";

#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    connection: Connection,
}

impl SqliteStore {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    /// It is no such file, a newer program's, or another coordinator's.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let fail = |source| match code(&source) {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::InUse { path: path.to_owned() }
            }
            _ => StoreError::Open { path: path.to_owned(), source },
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
                path: path.to_owned(),
                found,
                known: SCHEMA_VERSION,
            });
        }
        connection.execute_batch(SCHEMA).map_err(fail)?;
        connection.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(fail)?;
        Ok(Self { path: path.to_owned(), connection })
    }

    fn write_error(&self, source: rusqlite::Error) -> StoreError {
        let path = self.path.clone();
        match code(&source) {
            Some(ErrorCode::DiskFull) => StoreError::DiskFull { path, source },
            _ => StoreError::Write { path, source },
        }
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

    fn rows(&self) -> rusqlite::Result<Vec<(i64, String)>> {
        let mut select =
            self.connection.prepare("SELECT number, fact FROM facts ORDER BY number")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }
}

impl Store for SqliteStore {
    fn begin_epoch(&mut self) -> Result<Epoch, StoreError> {
        let inserted = self.connection.execute("INSERT INTO epochs DEFAULT VALUES", []);
        inserted.map_err(|source| self.write_error(source))?;
        // SQLite numbers rows from 1.
        Ok(Epoch(self.connection.last_insert_rowid().unsigned_abs()))
    }

    fn load(&mut self) -> Result<Vec<Fact>, StoreError> {
        let rows =
            self.rows().map_err(|source| StoreError::Read { path: self.path.clone(), source })?;
        let parse = |(number, fact): (i64, String)| {
            serde_json::from_str(&fact).map_err(|source| StoreError::Fact {
                path: self.path.clone(),
                number,
                source,
            })
        };
        rows.into_iter().map(parse).collect()
    }

    fn append(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        let facts = facts
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<Vec<_>, _>>()
            .map_err(StoreError::Encode)?;
        self.insert(&facts).map_err(|source| self.write_error(source))
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
    fn a_newer_file_and_no_store_at_all_are_refused() {
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
            store.load().expect_err("it does not parse").to_string(),
            format!("fact 1 of the store {} does not parse", path.display())
        );
    }
}
