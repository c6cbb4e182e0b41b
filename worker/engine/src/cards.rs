//! Which cards there are, asked of the driver at run time: that a feature was compiled in says
//! nothing about the machine.

use candle_core::{Device, DeviceLocation};

use crate::EngineError;

/// An opened card, or candle's CPU.
pub use candle_core::Device as Handle;

/// Why a card cannot be had. The CPU can.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    #[error("this program was built without {what}; one built with the feature `{feature}` has it")]
    NotBuilt { what: &'static str, feature: &'static str },
    #[error("no usable driver of {what} was found: {said}")]
    NoDriver { what: &'static str, said: String },
    #[error(
        "the driver of card {index} is older than the {what} that this program was built with; \
         update the driver ({said})"
    )]
    OldDriver { what: &'static str, index: usize, said: String },
    #[error("there is no {what} card {index}; the driver shows {count}")]
    NoCard { what: &'static str, index: usize, count: usize },
    #[error("card {index} ({name}) has compute capability {major}.{minor}, and bf16 needs \
        {least}.0", least = LEAST_MAJOR)]
    TooOld { index: usize, name: String, major: u32, minor: u32 },
    #[error("card {index} is full, and could not be opened: {said}")]
    Full { index: usize, said: String },
    #[error("card {index} could not be opened: {said}")]
    Refused { index: usize, said: String },
}

/// The first compute capability whose matrix units multiply bf16 numbers (Ampere).
const LEAST_MAJOR: u32 = 8;

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
    /// Where it sits, as other programs of the driver name it: `00000000:65:00.0`.
    pub bus_id: String,
}

/// The CUDA card of this index, with a stream of its own.
///
/// # Errors
/// Where the program was built without CUDA, or the driver or the card is missing or too old.
#[cfg(not(feature = "cuda"))]
pub fn cuda(_index: usize) -> Result<Device, Unavailable> {
    Err(Unavailable::NotBuilt { what: "CUDA", feature: "cuda" })
}

/// How many CUDA cards the driver shows.
///
/// # Errors
/// Where the program was built without CUDA, or the driver is missing or fails.
#[cfg(not(feature = "cuda"))]
pub fn cuda_count() -> Result<usize, Unavailable> {
    Err(Unavailable::NotBuilt { what: "CUDA", feature: "cuda" })
}

/// The CUDA card of this index, whether or not it is new enough.
///
/// # Errors
/// Where the program was built without CUDA, or the driver or the card is missing or fails.
#[cfg(not(feature = "cuda"))]
pub fn cuda_card(_index: usize) -> Result<Card, Unavailable> {
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
    Device::new_metal(index)
        .map_err(|error| Unavailable::Refused { index, said: error.to_string() })
}

/// Gives memory that this process keeps of a card for tensors to come back to the driver.
///
/// # Errors
/// Where the driver fails.
pub fn trim(device: &Device) -> Result<(), EngineError> {
    #[cfg(feature = "cuda")]
    let trimmed = impasto_cuda::trim(device);
    // The others keep nothing that could be given back.
    #[cfg(not(feature = "cuda"))]
    let trimmed = Ok(());
    trimmed.map_err(|error| failed(device, error))
}

/// Whether an error of a device says that its memory is full: the driver's, or one of its
/// libraries'.
fn speaks_of_a_full_memory(said: &str) -> bool {
    let said = said.to_lowercase();
    ["out_of_memory", "out of memory", "alloc_failed", "allocation_failed"]
        .iter()
        .any(|words| said.contains(words))
}

/// Whether an error of CUDA says that the driver is older than the toolkit.
#[cfg(any(feature = "cuda", test))]
fn speaks_of_an_old_driver(said: &str) -> bool {
    let said = said.to_lowercase();
    ["unsupported_ptx_version", "system_driver_mismatch", "insufficient", "unsupported toolchain"]
        .iter()
        .any(|words| said.contains(words))
}

#[cfg(feature = "cuda")]
pub use self::driver::{cuda, cuda_card, cuda_cards, cuda_count};

#[cfg(feature = "cuda")]
mod driver {
    use candle_core::cuda_backend::cudarc::driver::sys::CUdevice_attribute;
    use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError};
    use candle_core::{DType, Device, Tensor};
    use impasto_cuda::sums::{Summand, sums};

    use super::{Card, LEAST_MAJOR, Unavailable, speaks_of_a_full_memory, speaks_of_an_old_driver};

    const WHAT: &str = "CUDA";

    /// The CUDA card of this index, with a stream of its own.
    ///
    /// # Errors
    /// Where the driver or the card is missing or too old.
    pub fn cuda(index: usize) -> Result<Device, Unavailable> {
        let Card { name, compute_capability: (major, minor), .. } = cuda_card(index)?;
        if major < LEAST_MAJOR {
            return Err(Unavailable::TooOld { index, name, major, minor });
        }
        let opened = impasto_cuda::open(index).and_then(|device| {
            // Only when a kernel is loaded does a driver find that it cannot read what this program
            // was compiled to: one of candle's, and one of ours.
            sums(&[Summand::Values(Tensor::ones(1, DType::F32, &device)?)], None)?;
            Ok(device)
        });
        opened.map_err(|error| {
            let said = error.to_string();
            if speaks_of_a_full_memory(&said) {
                Unavailable::Full { index, said }
            } else if speaks_of_an_old_driver(&said) {
                Unavailable::OldDriver { what: WHAT, index, said }
            } else {
                Unavailable::Refused { index, said }
            }
        })
    }

    /// All cards, whether or not they are new enough.
    ///
    /// # Errors
    /// Where there is no driver, or it fails.
    pub fn cuda_cards() -> Result<Vec<Card>, Unavailable> {
        (0..cuda_count()?).map(card).collect()
    }

    /// The CUDA card of this index, whether or not it is new enough.
    ///
    /// # Errors
    /// Where the driver or the card is missing or fails.
    pub fn cuda_card(index: usize) -> Result<Card, Unavailable> {
        let count = cuda_count()?;
        if index < count {
            card(index)
        } else {
            Err(Unavailable::NoCard { what: WHAT, index, count })
        }
    }

    /// How many CUDA cards the driver shows.
    ///
    /// # Errors
    /// Where there is no driver, or it fails.
    pub fn cuda_count() -> Result<usize, Unavailable> {
        let count = CudaContext::device_count();
        count
            .map(|count| count.max(0) as usize)
            .map_err(|error| Unavailable::NoDriver { what: WHAT, said: error.to_string() })
    }

    fn card(index: usize) -> Result<Card, Unavailable> {
        let asked = || -> Result<Card, DriverError> {
            let context = CudaContext::new(index)?;
            let (major, minor) = context.compute_capability()?;
            let (free, memory) = context.mem_get_info()?;
            let compute_capability = (major.max(0) as u32, minor.max(0) as u32);
            let [domain, bus, device] = [
                CUdevice_attribute::CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID,
                CUdevice_attribute::CU_DEVICE_ATTRIBUTE_PCI_BUS_ID,
                CUdevice_attribute::CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID,
            ]
            .map(|attribute| context.attribute(attribute));
            let bus_id = format!("{:08x}:{:02x}:{:02x}.0", domain?, bus?, device?);
            let (memory_bytes, free_bytes) = (memory as u64, free as u64);
            Ok(Card {
                index,
                name: context.name()?,
                compute_capability,
                memory_bytes,
                free_bytes,
                bus_id,
            })
        };
        asked().map_err(|error| Unavailable::Refused { index, said: error.to_string() })
    }
}

/// What users call the device, such as `cuda:0`.
pub(crate) fn name(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => "tensors on the cpu".to_owned(),
        DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}

/// A device's error: its memory may be full although the plan said otherwise, since others use the
/// card too.
pub(crate) fn failed(device: &Device, source: candle_core::Error) -> EngineError {
    let said = format!("{source} {source:?}");
    let device = name(device);
    if speaks_of_a_full_memory(&said) {
        EngineError::DeviceMemory { device, source: Box::new(source) }
    } else {
        EngineError::Device { device, source: Box::new(source) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_driver_is_told_from_other_errors() {
        for (said, expected) in [
            (
                "DriverError(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, \"the provided PTX was compiled \
                 with an unsupported toolchain.\")",
                true,
            ),
            ("CUDA driver version is insufficient for CUDA runtime version", true),
            (
                "DriverError(CUDA_ERROR_ECC_UNCORRECTABLE, \"uncorrectable ECC error \
                 encountered\")",
                false,
            ),
        ] {
            assert_eq!(speaks_of_an_old_driver(said), expected, "{said}");
        }
    }

    #[test]
    fn a_full_memory_is_a_shortage() {
        let kind =
            |text: &str| failed(&Device::Cpu, candle_core::Error::Msg(text.to_owned())).kind();
        for text in [
            "DriverError(CUDA_ERROR_OUT_OF_MEMORY)",
            "CublasError(CUBLAS_STATUS_ALLOC_FAILED)",
            "INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        ] {
            assert_eq!(kind(text), impasto_types::FailureKind::Shortage, "{text}");
        }
        assert_eq!(kind("an illegal address was read"), impasto_types::FailureKind::Transient);
    }
}
