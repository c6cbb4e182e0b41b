//! The health of GPUs, as the driver reports it.
//!
//! CUDA GPUs are queried through the driver's management library (NVML), which is loaded when a
//! CUDA device is opened. Without it GPUs paint, but nothing is reported.

pub(crate) use kind::Gauge;

#[cfg(feature = "cuda")]
mod kind {
    use std::ffi::OsStr;
    use std::fmt;

    use impasto_engine::cards::cuda_card;
    use impasto_types::DeviceHealth;
    use nvml_wrapper::Nvml;
    use nvml_wrapper::enum_wrappers::device::{EccCounter, MemoryError, TemperatureSensor};
    use nvml_wrapper::error::NvmlError;

    use super::{fault, slowed_by};
    use crate::device::Device;

    /// A GPU whose health is read.
    pub(crate) struct Gauge {
        library: Nvml,
        bus_id: String,
    }

    impl Gauge {
        pub(crate) fn of(device: Device) -> Option<Self> {
            let Device::Cuda(index) = device else { return None };
            // CUDA and NVML number GPUs differently, but agree on PCI addresses.
            let bus_id = cuda_card(index).ok()?.bus_id;
            // The toolkit installs the library under the first name, drivers under the second.
            let library = Nvml::init()
                .or_else(|_| Nvml::builder().lib_path(OsStr::new("libnvidia-ml.so.1")).init());
            match library {
                Ok(library) => Some(Self { library, bus_id }),
                Err(error) => {
                    tracing::debug!(%error, "the health of GPUs cannot be read");
                    None
                }
            }
        }

        /// The present values; those that the driver does not report are `None` or empty.
        pub(crate) fn read(&self) -> DeviceHealth {
            let card = match self.library.device_by_pci_bus_id(self.bus_id.as_str()) {
                Ok(card) => card,
                Err(error) => {
                    return DeviceHealth {
                        fault: fault(is_lost(&error), None),
                        ..DeviceHealth::default()
                    };
                }
            };
            let temperature = card.temperature(TemperatureSensor::Gpu);
            let ecc_errors =
                card.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile).ok();
            DeviceHealth {
                power_w: card.power_usage().ok().map(|milliwatts| milliwatts / 1000),
                memory_used_bytes: card.memory_info().ok().map(|memory| memory.used),
                utilisation_percent: card.utilization_rates().ok().map(|rates| rates.gpu),
                ecc_errors,
                slowed_by: card
                    .current_throttle_reasons()
                    .map(|reasons| slowed_by(reasons.bits()))
                    .unwrap_or_default(),
                fault: fault(temperature.as_ref().is_err_and(is_lost), ecc_errors),
                temperature_c: temperature.ok(),
            }
        }
    }

    fn is_lost(error: &NvmlError) -> bool {
        matches!(error, NvmlError::GpuLost | NvmlError::ResetRequired)
    }

    impl fmt::Debug for Gauge {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Gauge").field("bus_id", &self.bus_id).finish_non_exhaustive()
        }
    }
}

#[cfg(not(feature = "cuda"))]
mod kind {
    use impasto_types::DeviceHealth;

    use crate::device::Device;

    /// Without CUDA there is nothing to query.
    #[derive(Debug)]
    pub(crate) enum Gauge {}

    impl Gauge {
        pub(crate) fn of(_device: Device) -> Option<Self> {
            None
        }

        pub(crate) fn read(&self) -> DeviceHealth {
            match *self {}
        }
    }
}

/// Why a GPU must not be used: results from memory with errors may be wrong, and a lost GPU returns
/// none. Empty if it is healthy.
#[cfg(any(feature = "cuda", test))]
fn fault(is_lost: bool, ecc_errors: Option<u64>) -> String {
    match ecc_errors {
        _ if is_lost => {
            "it was lost from the bus, or has to be reset; restart the machine".to_owned()
        }
        Some(errors @ 1..) => {
            format!("its memory had {errors} errors that could not be corrected (ECC); reset it")
        }
        Some(0) | None => String::new(),
    }
}

/// The driver's bits for reduced clocks that are worth reporting. An idle GPU, or clocks set by its
/// owner, are not.
#[cfg(any(feature = "cuda", test))]
const CAUSES: [(u64, &str); 4] = [
    // Thermal slowdown, by software and by hardware.
    (0x20 | 0x40, "heat"),
    // The power limit.
    (0x4, "power"),
    // The power supply's brake signal.
    (0x80, "power brake"),
    // Unspecific; usually set together with one of the above.
    (0x8, "hardware slowdown"),
];

#[cfg(any(feature = "cuda", test))]
fn slowed_by(bits: u64) -> String {
    CAUSES
        .iter()
        .filter(|(mask, _)| bits & mask != 0)
        .map(|(_, cause)| *cause)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_gpu_or_one_with_memory_errors_is_unfit() {
        for (is_lost, ecc_errors, expected) in [
            (false, None, ""),
            (false, Some(0), ""),
            (false, Some(3), "its memory had 3 errors"),
            (true, None, "it was lost from the bus"),
            (true, Some(3), "it was lost from the bus"),
        ] {
            let fault = fault(is_lost, ecc_errors);
            assert!(
                fault.starts_with(expected) && fault.is_empty() == expected.is_empty(),
                "{fault}"
            );
        }
    }

    #[test]
    fn reasons_for_reduced_clocks_are_named() {
        for (bits, expected) in [
            (0, ""),
            (0x1, ""),
            (0x2, ""),
            (0x4, "power"),
            (0x60, "heat"),
            (0x48, "heat, hardware slowdown"),
        ] {
            assert_eq!(slowed_by(bits), expected, "{bits:#x}");
        }
    }
}
