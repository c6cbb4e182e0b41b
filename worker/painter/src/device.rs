//! Devices that paint, and their names in flags and settings.

use std::fmt;
use std::str::FromStr;

use impasto_engine::cards::{self, Unavailable};
use impasto_kernels::{Level, UnknownLevel};
use impasto_types::{ComputeCapability, DeviceInfo};
use serde::Deserialize;

use crate::machine::{cpu_model, default_memory_bytes};

/// The CPU, or GPUs of one kind. Written as `cpu`, `cuda` for all GPUs of the machine, `cuda:0` or
/// `cuda:0,2`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Devices {
    /// The CPU, with its widest instructions.
    #[default]
    Cpu,
    Cuda(Cards),
    Metal(Cards),
}

/// Which of a machine's GPUs, by the driver's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cards {
    All,
    /// At least one, without duplicates, in the order given.
    These(Vec<usize>),
}

/// A text that does not name devices.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UnknownDevice {
    #[error(
        "`{0}` is not a device: use `cpu`, `cuda` for all GPUs, `cuda:0`, `cuda:0,1`, or the same \
         with `metal`"
    )]
    Word(String),
    #[error("`{word}` names GPU {index} twice")]
    Twice { word: String, index: usize },
    #[error("`{word}` names {count} GPUs, but a worker can have at most {most}", most = MAX_CARDS)]
    TooMany { word: String, count: usize },
}

/// The most GPUs of one worker: as many as the largest machines hold.
pub const MAX_CARDS: usize = 16;

impl Devices {
    /// Only the first GPU: a single picture needs no more.
    #[must_use]
    pub fn first(&self) -> Self {
        let first = |cards: &Cards| match cards {
            Cards::All => Cards::These(vec![0]),
            Cards::These(indices) => Cards::These(indices[..1].to_vec()),
        };
        match self {
            Self::Cpu => Self::Cpu,
            Self::Cuda(cards) => Self::Cuda(first(cards)),
            Self::Metal(cards) => Self::Metal(first(cards)),
        }
    }

    /// Every device; at least one.
    ///
    /// # Errors
    /// If all GPUs are asked for, but this program was built without support for them, the driver
    /// is missing, or it lists none.
    pub(crate) fn list(&self) -> Result<Vec<Device>, Unavailable> {
        Ok(match self {
            Self::Cpu => vec![Device::Cpu],
            Self::Cuda(Cards::These(indices)) => {
                indices.iter().copied().map(Device::Cuda).collect()
            }
            Self::Cuda(Cards::All) => match cards::cuda_count()? {
                0 => return Err(Unavailable::NoCard { what: "CUDA", index: 0, count: 0 }),
                count => (0..count.min(MAX_CARDS)).map(Device::Cuda).collect(),
            },
            // Machines with Metal have one GPU.
            Self::Metal(Cards::All) => vec![Device::Metal(0)],
            Self::Metal(Cards::These(indices)) => {
                indices.iter().copied().map(Device::Metal).collect()
            }
        })
    }
}

/// One device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Device {
    Cpu,
    Cuda(usize),
    Metal(usize),
}

impl Device {
    /// Opens the GPU, with a stream of its own if it has streams; `None` for the CPU.
    ///
    /// # Errors
    /// If this program was built without support for such GPUs, or the driver or the GPU is missing
    /// or too old.
    pub(crate) fn open(self) -> Result<Option<cards::Handle>, Unavailable> {
        match self {
            Self::Cpu => Ok(None),
            Self::Cuda(index) => cards::cuda(index).map(Some),
            Self::Metal(index) => cards::metal(index).map(Some),
        }
    }

    /// The device's name, and the memory that painting may use: at most `limit_bytes`, by default
    /// four fifths of the free memory, or of the GPU's.
    ///
    /// # Errors
    /// If the driver cannot be queried.
    pub(crate) fn info(self, limit_bytes: Option<u64>) -> Result<DeviceInfo, Unavailable> {
        Ok(match self {
            // An unknown level is reported when painting begins.
            Self::Cpu => DeviceInfo {
                name: format!("cpu {}", cpu_level().unwrap_or_else(|_| Level::detect())),
                model: cpu_model(),
                memory_bytes: limit_bytes.unwrap_or_else(default_memory_bytes),
                compute_capability: None,
            },
            Self::Cuda(index) => {
                let card = cards::cuda_card(index)?;
                let (major, minor) = card.compute_capability;
                DeviceInfo {
                    name: self.to_string(),
                    model: card.name,
                    memory_bytes: of_card(card.memory_bytes, limit_bytes),
                    compute_capability: Some(ComputeCapability { major, minor }),
                }
            }
            // Metal shares the host's memory.
            Self::Metal(_) => DeviceInfo {
                name: self.to_string(),
                model: String::new(),
                memory_bytes: limit_bytes.unwrap_or_else(default_memory_bytes),
                compute_capability: None,
            },
        })
    }
}

/// A GPU's memory, less a fifth for the driver and other programs; a limit can only lower it.
fn of_card(memory_bytes: u64, limit_bytes: Option<u64>) -> u64 {
    let most = memory_bytes / 10 * 8;
    limit_bytes.map_or(most, |limit| limit.min(most))
}

impl FromStr for Devices {
    type Err = UnknownDevice;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let shown = || word.chars().take(40).collect::<String>();
        let (kind, indices) =
            word.split_once(':').map_or((word, None), |(kind, indices)| (kind, Some(indices)));
        let cards = || match indices {
            None => Ok(Cards::All),
            Some(indices) => {
                // `parse` would accept a sign.
                let number = |index: &str| {
                    index.parse().ok().filter(|_| index.bytes().all(|byte| byte.is_ascii_digit()))
                };
                let indices: Option<Vec<usize>> = indices.split(',').map(number).collect();
                let indices = indices.ok_or_else(|| UnknownDevice::Word(shown()))?;
                let twice =
                    indices.iter().enumerate().find(|(at, index)| indices[..*at].contains(index));
                match twice {
                    Some((_, index)) => Err(UnknownDevice::Twice { word: shown(), index: *index }),
                    None if indices.len() > MAX_CARDS => {
                        Err(UnknownDevice::TooMany { word: shown(), count: indices.len() })
                    }
                    None => Ok(Cards::These(indices)),
                }
            }
        };
        match kind {
            "cpu" if indices.is_none() => Ok(Self::Cpu),
            "cuda" => cards().map(Self::Cuda),
            "metal" => cards().map(Self::Metal),
            _ => Err(UnknownDevice::Word(shown())),
        }
    }
}

impl TryFrom<String> for Devices {
    type Error = UnknownDevice;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, cards) = match self {
            Self::Cpu => return f.write_str("cpu"),
            Self::Cuda(cards) => ("cuda", cards),
            Self::Metal(cards) => ("metal", cards),
        };
        match cards {
            Cards::All => f.write_str(kind),
            Cards::These(indices) => {
                let indices: Vec<_> = indices.iter().map(usize::to_string).collect();
                write!(f, "{kind}:{}", indices.join(","))
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Metal(index) => write!(f, "metal:{index}"),
        }
    }
}

/// The widest instructions of this CPU, or the lower level that `IMPASTO_CPU_LEVEL` names: to
/// compare levels, or to avoid a faulty one.
///
/// # Errors
/// If the variable does not name a level.
pub(crate) fn cpu_level() -> Result<Level, UnknownLevel> {
    std::env::var("IMPASTO_CPU_LEVEL")
        .map_or_else(|_| Ok(Level::detect()), |wish| Level::at_most(&wish))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let these = |indices: &[usize]| Cards::These(indices.to_vec());
        for (word, devices) in [
            ("cpu", Devices::Cpu),
            ("cuda", Devices::Cuda(Cards::All)),
            ("cuda:0", Devices::Cuda(these(&[0]))),
            ("cuda:12", Devices::Cuda(these(&[12]))),
            ("cuda:2,0", Devices::Cuda(these(&[2, 0]))),
            ("metal", Devices::Metal(Cards::All)),
            ("metal:1", Devices::Metal(these(&[1]))),
        ] {
            assert_eq!(word.parse::<Devices>().expect("it is one"), devices);
            assert_eq!(devices.to_string(), word);
        }
        for word in [
            "",
            "cpu:0",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "cuda:0:1",
            "cuda:0,",
            "cuda:,0",
            "cuda:0 ,1",
            "CUDA",
            "abacus",
            "metal:99999999999999999999999",
        ] {
            assert_eq!(
                word.parse::<Devices>(),
                Err(UnknownDevice::Word(word.to_owned())),
                "{word}"
            );
        }
        assert!(matches!(
            "cuda:1,0,1".parse::<Devices>(),
            Err(UnknownDevice::Twice { index: 1, .. })
        ));
        let many: Vec<_> = (0..=MAX_CARDS).map(|index| index.to_string()).collect();
        assert!(matches!(
            format!("cuda:{}", many.join(",")).parse::<Devices>(),
            Err(UnknownDevice::TooMany { count: 17, .. })
        ));
    }

    #[test]
    fn one_picture_takes_the_first_device() {
        for (word, first) in
            [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:3,1", "cuda:3"), ("metal", "metal:0")]
        {
            assert_eq!(word.parse::<Devices>().expect("it is one").first().to_string(), first);
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_program_built_without_gpus_says_so() {
        for error in [
            Device::Cuda(0).open().expect_err("there is none"),
            Devices::Cuda(Cards::All).list().expect_err("there is none"),
        ] {
            assert!(error.to_string().contains("feature `cuda`"), "{error}");
        }
        assert!(Device::Cpu.open().expect("it is there").is_none());
    }

    #[test]
    fn a_fifth_of_a_gpu_is_left_to_others() {
        for (limit, expected) in
            [(None, 64 << 30), (Some(8 << 30), 8 << 30), (Some(80 << 30), 64 << 30)]
        {
            assert_eq!(of_card(80 << 30, limit), expected);
        }
        let limited = Device::Cpu.info(Some(7)).expect("there is a CPU");
        assert_eq!(limited.memory_bytes, 7);
    }
}
