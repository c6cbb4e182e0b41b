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
    /// Magenta's network for any style, with the one that makes a vector of a style image (Ghiasi
    /// et al., arXiv:1705.06830).
    Arbitrary,
    /// Magenta's network of 26 styles (Dumoulin et al., arXiv:1610.07629).
    #[serde(rename = "multistyle26")]
    MultiStyle26,
}

impl ModelName {
    pub const ALL: [Self; 3] = [Self::Vgg19, Self::Arbitrary, Self::MultiStyle26];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vgg19 => "vgg19",
            Self::Arbitrary => "arbitrary",
            Self::MultiStyle26 => "multistyle26",
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
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("there is no model `{text}`; there are: {names}")
        })
    }
}

/// A model and the blob that holds its weights (safetensors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelRef {
    pub name: ModelName,
    pub blob: BlobRef,
}
