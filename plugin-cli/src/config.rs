//! The user's configuration: `impasto/config.toml` in the system's configuration folder.
//!
//! A flag overrides its environment variable, which overrides this file, which overrides the
//! default.

use std::io;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use impasto_blobs::CacheLimits;
use impasto_types::one_line;
use serde::Deserialize;

use crate::failure::Failure;
use crate::flags::{CacheFlags, ComputeFlags, CoordinatorFlags, ModelsFlags};

/// The file's contents. An unknown key is an error.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The coordinator that builds use.
    pub coordinator: Option<String>,
    pub models_dir: Option<PathBuf>,
    pub cache_dir: Option<PathBuf>,
    pub threads: Option<u16>,
    /// Least recently used results and blobs beyond these limits are removed.
    pub cache: CacheLimits,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {message}", path.display())]
    Malformed { path: PathBuf, message: String },
    #[error("no home folder is known, so there is no place for {what}")]
    NoHome { what: &'static str },
}

impl Config {
    /// Reads the user's file, or returns defaults if there is none.
    ///
    /// # Errors
    /// If the file cannot be read, or has an unknown key or a wrong value.
    pub fn load() -> Result<Self, ConfigError> {
        let explicit = std::env::var_os("IMPASTO_CONFIG").map(PathBuf::from);
        match explicit.or_else(|| user_dirs().map(|dirs| dirs.config_dir().join("config.toml"))) {
            Some(path) => Self::read(&path),
            None => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let malformed = |message: String| ConfigError::Malformed {
            path: path.to_owned(),
            message: one_line(&message),
        };
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count())
                + 1;
            malformed(format!("{} (line {line})", error.message()))
        })?;
        match config.threads {
            Some(0) => Err(malformed("threads is 0, but has to be at least 1".to_owned())),
            _ => Ok(config),
        }
    }

    /// The coordinator that builds and farm commands go to, if there is one.
    pub fn coordinator(&self, flags: &CoordinatorFlags) -> Option<String> {
        flags.coordinator.clone().or_else(|| self.coordinator.clone()).filter(|url| !url.is_empty())
    }

    /// Where models are kept; `None` is the model store's own default.
    pub fn models_dir(&self, flags: &ModelsFlags) -> Option<PathBuf> {
        flags.models_dir.clone().or_else(|| self.models_dir.clone())
    }

    pub fn threads(&self, flags: &ComputeFlags) -> Option<u16> {
        flags.threads.or(self.threads)
    }

    /// How many threads this process paints with; by default one per core.
    pub fn paint_threads(&self, flags: &ComputeFlags) -> usize {
        let given = self.threads(flags).map(usize::from);
        given.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// Where the embedded farm keeps its results.
    ///
    /// # Errors
    /// If no folder was named, and the system has no folder for caches.
    pub fn cache_dir(&self, flags: &CacheFlags) -> Result<PathBuf, ConfigError> {
        let named = flags.cache_dir.clone().or_else(|| self.cache_dir.clone());
        named
            .or_else(|| user_dirs().map(|dirs| dirs.cache_dir().to_owned()))
            .ok_or(ConfigError::NoHome { what: "the cache; name one with --cache-dir" })
    }
}

fn user_dirs() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "impasto")
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let malformed = matches!(error, ConfigError::Malformed { .. });
        let failure = Self::usage(error);
        if malformed {
            failure.hint(
                "its keys are coordinator, models_dir, cache_dir, threads and the table cache",
            )
        } else {
            failure
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("config.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn keys() {
        let config = parse("coordinator = 'http://farm:7421'\nthreads = 4\n")
            .expect("it is a configuration");
        assert_eq!(
            (config.coordinator.as_deref(), config.threads),
            (Some("http://farm:7421"), Some(4))
        );
        assert_eq!(parse(""), Ok(Config::default()));
        let cache = parse("[cache]\nmax_age = 'none'\n").expect("it is a configuration").cache;
        assert_eq!(cache, CacheLimits { max_age: None, ..CacheLimits::default() });
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_refused() {
        let refused = parse("threads = 2\ncordinator = 'x'\n").expect_err("a typo");
        assert!(
            refused.starts_with("config.toml: unknown field `cordinator`")
                && refused.ends_with("(line 2)"),
            "{refused}"
        );
        assert!(parse("[cache]\nmax_age = 3").is_err_and(|message| message.contains("`3`")));
        assert!(parse("threads = 0").is_err_and(|message| message.contains("at least 1")));
    }

    #[test]
    fn a_flag_overrides_the_file() {
        let config = Config { coordinator: Some("file".to_owned()), ..Config::default() };
        let flags = CoordinatorFlags { coordinator: Some("flag".to_owned()) };
        assert_eq!(config.coordinator(&flags).as_deref(), Some("flag"));
        assert_eq!(config.coordinator(&CoordinatorFlags::default()).as_deref(), Some("file"));
        let none = CoordinatorFlags { coordinator: Some(String::new()) };
        assert_eq!(config.coordinator(&none), None, "an empty variable turns the farm off");
    }
}
