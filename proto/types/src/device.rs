//! Devices, as workers report them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ByteSize;

/// A device of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Impasto's name for it, such as `cpu avx512` or `cuda:0`.
    pub name: String,
    /// The product name; empty if unknown.
    pub model: String,
    /// The memory for painting: the most that one task can get.
    pub memory_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compute_capability: Option<ComputeCapability>,
}

/// The generation of a CUDA GPU. Written as `9.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ComputeCapability {
    pub major: u32,
    pub minor: u32,
}

/// The health of a device, as far as its driver reports it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceHealth {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_w: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_used_bytes: Option<u64>,
    /// How much of the last sampling period it computed, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilisation_percent: Option<u32>,
    /// Uncorrected memory errors since the driver was loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ecc_errors: Option<u64>,
    /// Why its clocks are reduced, such as `heat, power`; empty if they are not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub slowed_by: String,
    /// Why it takes no more tasks; empty if it is healthy.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fault: String,
}

impl DeviceHealth {
    /// One line for people; empty if nothing is known.
    pub fn line(&self) -> String {
        let parts = [
            Some(&self.fault)
                .filter(|fault| !fault.is_empty())
                .map(|fault| format!("takes no tasks: {fault}")),
            self.temperature_c.map(|degrees| format!("{degrees} °C")),
            self.power_w.map(|watts| format!("{watts} W")),
            self.utilisation_percent.map(|percent| format!("{percent} % busy")),
            self.memory_used_bytes.map(|bytes| format!("{} used", ByteSize(bytes))),
            self.ecc_errors
                .filter(|errors| *errors > 0)
                .map(|errors| format!("{errors} ECC errors")),
            Some(&self.slowed_by)
                .filter(|causes| !causes.is_empty())
                .map(|causes| format!("slowed by {causes}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for ComputeCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl From<ComputeCapability> for String {
    fn from(capability: ComputeCapability) -> Self {
        capability.to_string()
    }
}

impl TryFrom<String> for ComputeCapability {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = text
            .split_once('.')
            .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        parsed
            .map(|(major, minor)| Self { major, minor })
            .ok_or_else(|| format!("`{text}` is not a compute capability, such as 9.0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_one_line_of_text() {
        assert_eq!(DeviceHealth::default().line(), "");
        let warm = DeviceHealth {
            temperature_c: Some(71),
            power_w: Some(300),
            memory_used_bytes: Some(3 << 29),
            utilisation_percent: Some(98),
            ecc_errors: Some(0),
            slowed_by: "heat".to_owned(),
            fault: String::new(),
        };
        assert_eq!(warm.line(), "71 °C, 300 W, 98 % busy, 1.50 GiB used, slowed by heat");
        let broken = DeviceHealth {
            ecc_errors: Some(2),
            fault: "it fell".to_owned(),
            ..DeviceHealth::default()
        };
        assert_eq!(broken.line(), "takes no tasks: it fell, 2 ECC errors");
    }

    #[test]
    fn compute_capabilities_are_parsed() {
        assert_eq!(
            ComputeCapability::try_from("9.0".to_owned()),
            Ok(ComputeCapability { major: 9, minor: 0 })
        );
        for word in ["", "9", "9.x", "9.0.1", "-1.0"] {
            assert!(ComputeCapability::try_from(word.to_owned()).is_err(), "{word}");
        }
    }
}
