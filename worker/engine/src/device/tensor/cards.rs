//! Which cards there are, asked of the driver at run time: that a feature was compiled in says nothing about the machine.

use candle_core::Device;

/// Why a card cannot be had. The CPU can.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    #[error("this program was built without {what}; one built with the feature `{feature}` has it")]
    NotBuilt { what: &'static str, feature: &'static str },
    #[error("no usable driver of {what} was found: {said}")]
    NoDriver { what: &'static str, said: String },
    #[error("there is no {what} card {index}; the driver shows {count}")]
    NoCard { what: &'static str, index: usize, count: usize },
    #[error("card {index} ({name}) has compute capability {major}.{minor}, and bf16 needs {least}.0", least = LEAST_MAJOR)]
    TooOld { index: usize, name: String, major: u32, minor: u32 },
    #[error("card {index} could not be opened: {said}")]
    Refused { index: usize, said: String },
}

/// The first compute capability whose matrix units multiply bf16 numbers (Ampere).
const LEAST_MAJOR: u32 = 8;

/// The CUDA card of this index, with a stream of its own.
///
/// # Errors
/// Where the program was built without CUDA, or the driver or the card is missing or too old.
#[cfg(not(feature = "cuda"))]
pub fn cuda(_index: usize) -> Result<Device, Unavailable> {
    Err(Unavailable::NotBuilt { what: "CUDA", feature: "cuda" })
}

/// The Metal card of this index.
///
/// # Errors
/// Where the program was built without Metal, or there is no such card.
#[cfg(not(feature = "metal"))]
pub fn metal(_index: usize) -> Result<Device, Unavailable> {
    Err(Unavailable::NotBuilt { what: "Metal", feature: "metal" })
}

/// The Metal card of this index.
///
/// # Errors
/// Where the program was built without Metal, or there is no such card.
#[cfg(feature = "metal")]
pub fn metal(index: usize) -> Result<Device, Unavailable> {
    Device::new_metal(index).map_err(|error| Unavailable::Refused { index, said: error.to_string() })
}

#[cfg(feature = "cuda")]
pub use self::driver::{Card, cuda, cuda_cards};

#[cfg(feature = "cuda")]
mod driver {
    use candle_core::Device;
    use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError};

    use super::{LEAST_MAJOR, Unavailable};

    const WHAT: &str = "CUDA";

    /// A card as the driver shows it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Card {
        pub index: usize,
        pub name: String,
        /// Major and minor.
        pub compute_capability: (u32, u32),
        pub memory_bytes: u64,
        /// What nobody uses at the moment.
        pub free_bytes: u64,
    }

    /// The CUDA card of this index, with a stream of its own.
    ///
    /// # Errors
    /// Where the driver or the card is missing or too old.
    pub fn cuda(index: usize) -> Result<Device, Unavailable> {
        let count = count()?;
        if index >= count {
            return Err(Unavailable::NoCard { what: WHAT, index, count });
        }
        let Card { name, compute_capability: (major, minor), .. } = card(index)?;
        if major < LEAST_MAJOR {
            return Err(Unavailable::TooOld { index, name, major, minor });
        }
        impasto_cuda::open(index).map_err(|error| Unavailable::Refused { index, said: error.to_string() })
    }

    /// All cards, whether or not they are new enough.
    ///
    /// # Errors
    /// Where there is no driver, or it fails.
    pub fn cuda_cards() -> Result<Vec<Card>, Unavailable> {
        (0..count()?).map(card).collect()
    }

    fn count() -> Result<usize, Unavailable> {
        let count = CudaContext::device_count();
        count.map(|count| count.max(0) as usize).map_err(|error| Unavailable::NoDriver { what: WHAT, said: error.to_string() })
    }

    fn card(index: usize) -> Result<Card, Unavailable> {
        let asked = || -> Result<Card, DriverError> {
            let context = CudaContext::new(index)?;
            let (major, minor) = context.compute_capability()?;
            let (free, memory) = context.mem_get_info()?;
            let compute_capability = (major.max(0) as u32, minor.max(0) as u32);
            Ok(Card { index, name: context.name()?, compute_capability, memory_bytes: memory as u64, free_bytes: free as u64 })
        };
        asked().map_err(|error| Unavailable::Refused { index, said: error.to_string() })
    }
}
