//! A worker's settings: a file, the environment, and defaults that depend on the machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use config::{Config, Environment, File, FileFormat};
use impasto_painter::{Devices, EnginePainter, MAX_CARDS, Offer, OpenError, machine};
use impasto_types::{IdError, WorkerName};
use serde::Deserialize;

use crate::pool::Share;

/// The settings of a worker. Every value is checked.
///
/// They come from `worker.toml`, overridden by `IMPASTO_WORKER__NAME` and so on; an unknown key is
/// an error in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The coordinator's address.
    pub coordinator: String,
    /// The name that this worker asks for on the farm. It has to stay the same over restarts. If
    /// another worker has it, this one is called `NAME-2` or so.
    pub name: WorkerName,
    /// How many tasks run at once on each device; `None` is the device's default. On the CPU they
    /// share the threads, and only small pictures run beside others.
    pub slots: Option<u32>,
    pub threads: usize,
    /// The memory limit for tasks on each device, over all slots; `None` is four fifths of the free
    /// memory, or of the GPU's. On the CPU it includes this process.
    pub memory_bytes: Option<u64>,
    /// The folder of downloaded blobs.
    pub cache_dir: PathBuf,
    pub cache_bytes: u64,
    /// The model store's folder; `None` is the user's own.
    pub models_dir: Option<PathBuf>,
    pub devices: Devices,
    /// Whether this is the only worker that the farm will ever have, as in an embedded farm. Then a
    /// task that needs more memory fails without retries.
    pub only: bool,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot take the settings from {from}")]
    Read { from: String, source: config::ConfigError },
    #[error("{name} is {value}, but has to be {range}")]
    Range { name: &'static str, value: String, range: &'static str },
    #[error("the worker's name is wrong")]
    Name(#[from] IdError),
    #[error("{name} has no default, as this user has no home folder; set it")]
    NoHome { name: &'static str },
}

/// Where a coordinator listens by default.
pub const DEFAULT_COORDINATOR: &str = "http://127.0.0.1:7421";

/// Enough for the inputs of a few thousand textures.
const DEFAULT_CACHE_BYTES: u64 = 2 << 30;

/// More slots than this on one device is surely a mistake.
const MAX_SLOTS: u32 = 64;
const _: () = assert!(MAX_SLOTS as usize * MAX_CARDS <= impasto_proto::limits::MAX_LEASES);
const MAX_THREADS: usize = 1024;

/// The keys of the file and the environment.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Keys {
    coordinator: Option<String>,
    name: Option<String>,
    /// Distinguishes several workers on one machine: it is appended to the default name.
    instance: Option<u32>,
    slots: Option<u32>,
    threads: Option<usize>,
    memory_bytes: Option<u64>,
    cache_dir: Option<PathBuf>,
    cache_bytes: Option<u64>,
    models_dir: Option<PathBuf>,
    device: Option<Devices>,
}

impl Settings {
    /// Reads the settings of a file, if one is given, and of the process's environment.
    ///
    /// # Errors
    /// If something cannot be read, is unknown or out of range; the error names it.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        Self::read(file, None)
    }

    /// The settings without file and environment.
    ///
    /// # Errors
    /// If the user has no home folder for the cache.
    pub fn defaults() -> Result<Self, SettingsError> {
        Self::resolve(Keys::default())
    }

    /// `environment` replaces the process's environment.
    fn read(
        file: Option<&Path>,
        environment: Option<HashMap<String, String>>,
    ) -> Result<Self, SettingsError> {
        let from = match file {
            Some(path) => format!("{} and the environment (IMPASTO_WORKER__...)", path.display()),
            None => "the environment (IMPASTO_WORKER__...)".to_owned(),
        };
        let mut sources = Config::builder();
        if let Some(path) = file {
            sources = sources.add_source(File::from(path).format(FileFormat::Toml));
        }
        let environment = Environment::with_prefix("IMPASTO_WORKER")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .source(environment);
        let keys =
            sources.add_source(environment).build().and_then(Config::try_deserialize::<Keys>);
        Self::resolve(keys.map_err(|source| SettingsError::Read { from, source })?)
    }

    fn resolve(keys: Keys) -> Result<Self, SettingsError> {
        let name = match (keys.name, keys.instance) {
            (Some(name), None) => WorkerName::from_str(&name)?,
            (Some(name), Some(instance)) => WorkerName::from_str(&format!("{name}-{instance}"))?,
            (None, instance) => default_name(&machine::host_name(), instance)?,
        };
        let settings = Self {
            coordinator: keys.coordinator.unwrap_or_else(|| DEFAULT_COORDINATOR.to_owned()),
            name,
            slots: keys.slots,
            threads: keys.threads.unwrap_or_else(machine::threads).min(MAX_THREADS),
            memory_bytes: keys.memory_bytes,
            cache_dir: match keys.cache_dir {
                Some(dir) => dir,
                None => user_cache_dir()
                    .ok_or(SettingsError::NoHome { name: "cache_dir" })?
                    .join("worker-blobs"),
            },
            cache_bytes: keys.cache_bytes.unwrap_or(DEFAULT_CACHE_BYTES),
            models_dir: keys.models_dir,
            devices: keys.device.unwrap_or_default(),
            only: false,
        };
        if let Some(slots) = settings.slots {
            in_range("slots", slots, (1..=MAX_SLOTS).contains(&slots), "from 1 to 64")?;
        }
        in_range("threads", settings.threads, settings.threads > 0, "at least 1")?;
        if let Some(memory_bytes) = settings.memory_bytes {
            in_range("memory_bytes", memory_bytes, memory_bytes > 0, "above 0")?;
        }
        Ok(settings)
    }

    /// A painter with these settings' devices, threads and memory.
    ///
    /// # Errors
    /// As [`EnginePainter::open`].
    pub fn painter(&self) -> Result<EnginePainter, OpenError> {
        EnginePainter::open(
            self.models_dir.as_deref(),
            self.threads,
            &self.devices,
            self.memory_bytes,
        )
    }

    /// A device's lanes and memory for tasks.
    pub(crate) fn share(&self, offer: &Offer) -> Share {
        let Offer { info, lanes, sharing } = offer;
        let (lanes, memory_bytes) = (self.slots.unwrap_or(*lanes), info.memory_bytes);
        Share { lanes, memory_bytes, sharing: *sharing }
    }
}

fn in_range(
    name: &'static str,
    value: impl ToString,
    holds: bool,
    range: &'static str,
) -> Result<(), SettingsError> {
    if holds { Ok(()) } else { Err(SettingsError::Range { name, value: value.to_string(), range }) }
}

/// The user's cache folder.
fn user_cache_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "impasto").map(|dirs| dirs.cache_dir().to_owned())
}

/// The host name, with characters that a worker's name cannot have replaced, and the instance.
fn default_name(host: &str, instance: Option<u32>) -> Result<WorkerName, IdError> {
    let suffix = instance.map_or(String::new(), |instance| format!("-{instance}"));
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let host: String = host.chars().map(plain).take(WorkerName::MAX_LEN - suffix.len()).collect();
    let host = if host.is_empty() { "worker" } else { &host };
    format!("{host}{suffix}").parse()
}

#[cfg(test)]
mod tests {
    use impasto_types::error_text;

    use super::*;

    fn read(toml: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("worker.toml");
        std::fs::write(&path, toml).expect("it is written");
        let environment = environment
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Settings::read(Some(&path), Some(environment))
    }

    const HERE: &str = "cache_dir = \"cache\"\n";

    #[test]
    fn the_environment_overrides_the_file() {
        let toml = format!("{HERE}slots = 2\nthreads = 3\nname = \"a\"\ndevice = \"cuda:0,1\"\n");
        let settings = read(
            &toml,
            &[("IMPASTO_WORKER__SLOTS", "4"), ("IMPASTO_WORKER__NAME", "7"), ("OTHER", "x")],
        )
        .expect("it is valid");
        assert_eq!((settings.slots, settings.threads, settings.name.as_str()), (Some(4), 3, "7"));
        assert_eq!(settings.devices.to_string(), "cuda:0,1");
        assert_eq!(settings.coordinator, DEFAULT_COORDINATOR);
        assert_eq!(settings.memory_bytes, None, "it depends on the device");
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let chain = |error: SettingsError| error_text(&error);
        for (toml, environment, expected) in [
            ("slot = 2", None, "slot"),
            ("slots = 0", None, "slots is 0, but has to be from 1 to 64"),
            ("threads = 0", None, "threads is 0"),
            ("slots = \"many\"", None, "slots"),
            ("name = \"a b\"", None, "`a b` is not a worker's name"),
            ("device = \"abacus\"", None, "abacus"),
            ("device = \"cuda:1,1\"", None, "`cuda:1,1` names GPU 1 twice"),
            ("memory_bytes = 0", None, "memory_bytes is 0"),
            ("", Some(("IMPASTO_WORKER__SLOT", "2")), "slot"),
            ("slots = ", None, "worker.toml"),
        ] {
            let toml = format!("{HERE}{toml}\n");
            let message = chain(read(&toml, &Vec::from_iter(environment)).expect_err(&toml));
            assert!(message.contains(expected), "{message}");
        }
        let missing = Settings::read(Some(Path::new("nowhere.toml")), Some(HashMap::new()))
            .expect_err("there is no such file");
        assert!(chain(missing).contains("nowhere.toml"));
    }

    #[test]
    fn default_names() {
        for (host, instance, expected) in [
            ("node-7.farm", None, "node-7.farm"),
            ("node-7.farm", Some(2), "node-7.farm-2"),
            ("Jürgen's Mac", None, "J-rgen-s-Mac"),
            ("", None, "worker"),
        ] {
            assert_eq!(default_name(host, instance).expect("a name").as_str(), expected);
        }
        assert_eq!(
            default_name(&"x".repeat(100), Some(12)).expect("a name").as_str().len(),
            WorkerName::MAX_LEN
        );
    }
}
