//! What pictures are computed on, as people name it.

use std::fmt;
use std::str::FromStr;

use impasto_engine::device::tensor::{self, Unavailable};
use serde::Deserialize;

/// What pictures are computed on: `cpu`, `cuda:0`, `metal:0`. Without a number, a card is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Device {
    /// The processor, with the widest instructions that it has.
    #[default]
    Cpu,
    Cuda(usize),
    Metal(usize),
}

/// A word that names no device.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no device: it is `cpu`, `cuda:0` or `metal:0`, or a card of another number")]
pub struct UnknownDevice(String);

impl Device {
    /// The card, opened; nothing for the processor.
    ///
    /// # Errors
    /// Where this program was built without such cards, or the driver or the card is missing or too old.
    pub(crate) fn open(self) -> Result<Option<tensor::Handle>, Unavailable> {
        match self {
            Self::Cpu => Ok(None),
            Self::Cuda(index) => tensor::cuda(index).map(Some),
            Self::Metal(index) => tensor::metal(index).map(Some),
        }
    }
}

/// A CUDA card's memory, less a fifth for the driver and for who else draws on it. Nothing where the host's memory counts, as it does for Metal.
pub(crate) fn card_memory_bytes(device: Device) -> Option<u64> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(index) = device {
        return tensor::cuda_cards().ok()?.get(index).map(|card| card.memory_bytes / 10 * 8);
    }
    let _ = device;
    None
}

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownDevice(word.chars().take(40).collect());
        let (kind, index) = word.split_once(':').map_or((word, None), |(kind, index)| (kind, Some(index)));
        let number = || index.map_or(Ok(0), |index| index.parse().map_err(|_| unknown()));
        match kind {
            "cpu" if index.is_none() => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(number()?)),
            "metal" => Ok(Self::Metal(number()?)),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Device {
    type Error = UnknownDevice;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, device) in
            [("cpu", Device::Cpu), ("cuda:0", Device::Cuda(0)), ("cuda:12", Device::Cuda(12)), ("metal:1", Device::Metal(1))]
        {
            assert_eq!(word.parse::<Device>().expect("it is one"), device);
            assert_eq!(device.to_string(), word);
        }
        assert_eq!("cuda".parse::<Device>().expect("the first"), Device::Cuda(0));
        for word in ["", "cpu:0", "cuda:", "cuda:-1", "cuda:0:1", "CUDA", "abacus", "metal:99999999999999999999999"] {
            assert!(word.parse::<Device>().is_err(), "{word}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_program_without_cards_says_so() {
        let error = Device::Cuda(0).open().expect_err("there is none").to_string();
        assert!(error.contains("feature `cuda`"), "{error}");
        assert!(Device::Cpu.open().expect("it is there").is_none());
    }
}
