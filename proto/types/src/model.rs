//! Names of model weights.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::BlobRef;

/// A model that Impasto knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelName {
    /// The 16 convolutions of VGG-19, as Simonyan and Zisserman trained it (arXiv:1409.1556).
    Vgg19,
}

impl ModelName {
    pub const ALL: [Self; 1] = [Self::Vgg19];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vgg19 => "vgg19",
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ModelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| format!("there is no model `{text}`; there is: vgg19"))
    }
}

/// A model and the blob that holds its weights (safetensors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelRef {
    pub name: ModelName,
    pub blob: BlobRef,
}
