//! The coordinator's settings: `coordinator.toml`, overridden by the environment.
//!
//! Each key of the file has an environment variable in capitals: `data_dir` is
//! `IMPASTO_COORDINATOR__DATA_DIR`. Lists are separated by commas.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use impasto_blobs::CacheLimits;
use serde::Deserialize;

/// The default port of a coordinator.
pub const DEFAULT_PORT: u16 = 7421;

/// The embedded coordinator's worker is in the same process, so it can report progress as often as
/// a screen shows it.
const EMBEDDED_HEARTBEAT_MS: u64 = 250;

const DAY_MS: u64 = 24 * 3_600_000;

/// All settings, resolved. A coordinator starts only if [`Settings::check`] accepts them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The address to listen on; port 0 means any free port.
    pub listen: SocketAddr,
    /// Allow addresses that other machines reach, without encryption or authentication.
    pub insecure: bool,
    /// The folder of the store, the blobs and the action cache.
    pub data_dir: PathBuf,
    pub store: StoreKind,
    /// Begin a new farm in the data folder: for one start, so only the command line sets it.
    #[serde(skip)]
    pub new_farm: bool,
    /// The interval at which workers send heartbeats.
    pub heartbeat_ms: u64,
    /// An attempt ends if its worker sends no heartbeat for this long.
    pub lease_ms: u64,
    /// How long a disconnected worker has to reconnect before its leases end.
    pub reconnect_grace_ms: u64,
    /// How many attempts a task may use up.
    pub max_attempts: u32,
    /// How many connections may be open at once. Each takes a file descriptor.
    pub max_connections: usize,
    /// The largest blob that is accepted.
    pub max_blob_bytes: u64,
    /// Blobs and results beyond these limits expire, except those that jobs need.
    pub cache: CacheLimits,
    /// How many ended jobs are kept, and for how many days. Their results stay in the action cache.
    pub keep_jobs: usize,
    pub keep_jobs_days: u32,
    /// Folders with an `impasto.toml` that the coordinator builds whenever something in them
    /// changes.
    pub watch: Vec<PathBuf>,
    /// Compare watched folders at intervals instead of using the system's events: for network
    /// mounts.
    pub watch_poll: bool,
    /// The folder of the models of watched projects; by default the user's own store.
    pub models_dir: Option<PathBuf>,
    pub log_format: LogFormat,
}

/// Where facts are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// `coordinator.sqlite` in the data folder.
    Sqlite,
    /// Nowhere: jobs are lost when the process ends.
    Memory,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    Text,
    /// One JSON object per line.
    Json,
}

/// Why settings are refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot use the settings of {}", source_name(.file.as_deref()))]
    Read { file: Option<PathBuf>, source: Box<config::ConfigError> },
    #[error(
        "`listen` is {listen}, which other machines reach, and nothing would be encrypted: set \
         `insecure = true` in a network that you trust, or listen on 127.0.0.1"
    )]
    Insecure { listen: SocketAddr },
    #[error("`data_dir` is empty: name the folder for the coordinator's data")]
    NoDataDir,
    #[error("`max_blob_bytes` is {0}, but has to be at least 1 MiB")]
    MaxBlobBytes(u64),
    #[error("`max_connections` is 0, so nobody could connect")]
    MaxConnections,
    #[error("the settings contradict each other")]
    Times(#[from] impasto_core::ConfigError),
}

impl Default for Settings {
    fn default() -> Self {
        let core = impasto_core::Config::default();
        Self {
            listen: (Ipv4Addr::LOCALHOST, DEFAULT_PORT).into(),
            insecure: false,
            data_dir: default_data_dir(),
            store: StoreKind::Sqlite,
            new_farm: false,
            heartbeat_ms: core.heartbeat_ms,
            lease_ms: core.lease_ms,
            reconnect_grace_ms: core.reconnect_grace_ms,
            max_attempts: core.max_attempts,
            max_connections: 4_096,
            max_blob_bytes: 8 << 30,
            cache: CacheLimits::default(),
            keep_jobs: core.keep_jobs,
            keep_jobs_days: (core.keep_jobs_ms / DAY_MS) as u32,
            watch: Vec::new(),
            watch_poll: false,
            models_dir: None,
            log_format: LogFormat::Text,
        }
    }
}

impl Settings {
    /// Reads `file`, if given, and the environment, which overrides it.
    ///
    /// # Errors
    /// A key is unknown, or a value has the wrong type.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        Self::read(file, environment())
    }

    /// Settings for a coordinator inside another program: any free local port, jobs that end with
    /// the process, and blobs and results under `data_dir`, which several processes can share and
    /// the program has to clean up.
    pub fn embedded(data_dir: &Path) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            data_dir: data_dir.to_owned(),
            store: StoreKind::Memory,
            heartbeat_ms: EMBEDDED_HEARTBEAT_MS,
            // Its own worker, and whoever looks.
            max_connections: 64,
            cache: CacheLimits::NONE,
            ..Self::default()
        }
    }

    /// Checks that the settings are valid.
    ///
    /// # Errors
    /// The key and the value that are invalid.
    pub fn check(&self) -> Result<(), SettingsError> {
        if !self.listen.ip().is_loopback() && !self.insecure {
            return Err(SettingsError::Insecure { listen: self.listen });
        }
        if self.data_dir.as_os_str().is_empty() {
            return Err(SettingsError::NoDataDir);
        }
        if self.max_blob_bytes < 1 << 20 {
            return Err(SettingsError::MaxBlobBytes(self.max_blob_bytes));
        }
        if self.max_connections == 0 {
            return Err(SettingsError::MaxConnections);
        }
        self.core().check()?;
        Ok(())
    }

    /// The core's part of the settings.
    pub(crate) fn core(&self) -> impasto_core::Config {
        impasto_core::Config {
            heartbeat_ms: self.heartbeat_ms,
            lease_ms: self.lease_ms,
            reconnect_grace_ms: self.reconnect_grace_ms,
            max_attempts: self.max_attempts,
            keep_jobs: self.keep_jobs,
            keep_jobs_ms: u64::from(self.keep_jobs_days) * DAY_MS,
            ..impasto_core::Config::default()
        }
    }

    fn read(file: Option<&Path>, environment: Environment) -> Result<Self, SettingsError> {
        let mut builder = Config::builder();
        if let Some(file) = file {
            builder = builder.add_source(File::from(file).format(FileFormat::Toml));
        }
        let unusable = |source| SettingsError::Read {
            file: file.map(Path::to_owned),
            source: Box::new(source),
        };
        builder.add_source(environment).build().and_then(Config::try_deserialize).map_err(unusable)
    }
}

fn environment() -> Environment {
    let environment = Environment::with_prefix("IMPASTO_COORDINATOR")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true);
    environment.list_separator(",").with_list_parse_key("watch")
}

/// The possible sources of a value, for messages.
fn source_name(file: Option<&Path>) -> String {
    file.map_or_else(
        || "the environment".to_owned(),
        |file| format!("{} and the environment", file.display()),
    )
}

/// The user's folder for data. Empty if the system has none, which [`Settings::check`] refuses.
fn default_data_dir() -> PathBuf {
    directories::ProjectDirs::from("", "", "impasto")
        .map_or_else(PathBuf::new, |dirs| dirs.data_local_dir().join("coordinator"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::error::Error;

    use impasto_types::ByteSize;

    use super::*;

    /// Loads a file with this text and an environment with these variables.
    fn load(toml: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("coordinator.toml");
        std::fs::write(&file, toml).expect("it is written");
        let variables: HashMap<String, String> =
            variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let settings = Settings::read(Some(&file), environment().source(Some(variables)))?;
        settings.check()?;
        Ok(settings)
    }

    /// The error with its causes, on one line.
    fn refused(toml: &str, variables: &[(&str, &str)]) -> String {
        impasto_types::error_text(&load(toml, variables).expect_err(toml))
    }

    #[test]
    fn without_file_and_environment_the_defaults_apply() {
        assert_eq!(load("", &[]).expect("it is fine"), Settings::default());
        assert!(Settings::embedded(Path::new("data")).check().is_ok());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let settings = load(
            "listen = \"127.0.0.1:9\"\nstore = \"memory\"\nmax_attempts = 7\n\
             [cache]\nmax_size = \"2K\"\nmax_age = \"7d\"",
            &[
                ("IMPASTO_COORDINATOR__LISTEN", "[::1]:8"),
                ("IMPASTO_COORDINATOR__LOG_FORMAT", "json"),
                ("IMPASTO_COORDINATOR__WATCH", "a,b/c"),
                ("IMPASTO_COORDINATOR__CACHE__MAX_AGE", "none"),
                ("PATH", "x"),
            ],
        )
        .expect("it is fine");
        assert_eq!(settings.listen, "[::1]:8".parse().expect("an address"));
        let cache = CacheLimits { max_size: Some(ByteSize(2048)), max_age: None };
        assert_eq!(settings.cache, cache);
        assert_eq!(settings.watch, [PathBuf::from("a"), PathBuf::from("b/c")]);
        assert_eq!(
            (settings.store, settings.max_attempts, settings.log_format),
            (StoreKind::Memory, 7, LogFormat::Json)
        );
    }

    #[test]
    fn errors_name_the_invalid_setting() {
        for (toml, variables, expected) in [
            ("lisen = \"127.0.0.1:1\"", &[][..], "unknown field `lisen`"),
            ("listen = \"localhost\"", &[], "`listen`"),
            ("store = \"postgres\"", &[], "postgres"),
            ("max_attempts = \"many\"", &[], "`max_attempts`"),
            ("max_attempts = 0", &[], "max_attempts is 0"),
            (
                "lease_ms = 10000",
                &[],
                "a lease of 10000 ms is shorter than three heartbeats of 5000 ms",
            ),
            ("max_blob_bytes = 7", &[], "`max_blob_bytes` is 7"),
            ("max_connections = 0", &[], "`max_connections` is 0"),
            ("[cache]\nmax_size = \"much\"", &[], "`much` is not a size"),
            ("data_dir = \"\"", &[], "`data_dir` is empty"),
            (
                "listen = \"0.0.0.0:7421\"",
                &[],
                "`listen` is 0.0.0.0:7421, which other machines reach",
            ),
            ("listen = ", &[], "coordinator.toml"),
            ("", &[("IMPASTO_COORDINATOR__LEASE", "1")], "unknown field `lease`"),
            ("", &[("IMPASTO_COORDINATOR__LEASE_MS", "soon")], "`lease_ms`"),
        ] {
            let text = refused(toml, variables);
            assert!(text.contains(expected), "{toml}: {text}");
        }
        let missing = Settings::load(Some(Path::new("no-such-folder/coordinator.toml")))
            .expect_err("there is no such file");
        assert!(
            missing
                .source()
                .expect("it has a cause")
                .to_string()
                .contains("no-such-folder/coordinator.toml"),
            "{missing:?}"
        );
    }

    #[test]
    fn listening_beyond_this_machine_needs_insecure() {
        assert!(load("listen = \"0.0.0.0:7421\"\ninsecure = true", &[]).is_ok());
    }
}
