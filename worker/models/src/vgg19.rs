//! The weights of VGG-19, as the store keeps them: safetensors with the names below.
//!
//! The input has planes in the order blue, green, red, with levels from 0 to 255, minus
//! [`MEAN_BGR`]. Every convolution is 3x3 with zero padding of one and followed by a ReLU.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::ModelError;

/// The mean of blue, green and red over the training images, which is subtracted from the input.
pub const MEAN_BGR: [f32; 3] = [103.939, 116.779, 123.68];

/// A convolution's name and its numbers of input and output channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layer {
    pub name: &'static str,
    pub out_channels: usize,
    pub in_channels: usize,
}

/// The network's layers: sixteen in VGG-19. Tests use smaller ones.
pub(crate) type Layers = [Layer];

const fn layer(name: &'static str, in_channels: usize, out_channels: usize) -> Layer {
    Layer { name, out_channels, in_channels }
}

pub(crate) static VGG19: [Layer; 16] = [
    layer("conv1_1", 3, 64),
    layer("conv1_2", 64, 64),
    layer("conv2_1", 64, 128),
    layer("conv2_2", 128, 128),
    layer("conv3_1", 128, 256),
    layer("conv3_2", 256, 256),
    layer("conv3_3", 256, 256),
    layer("conv3_4", 256, 256),
    layer("conv4_1", 256, 512),
    layer("conv4_2", 512, 512),
    layer("conv4_3", 512, 512),
    layer("conv4_4", 512, 512),
    layer("conv5_1", 512, 512),
    layer("conv5_2", 512, 512),
    layer("conv5_3", 512, 512),
    layer("conv5_4", 512, 512),
];

/// The convolutions of VGG-19, `conv1_1` first.
#[derive(Debug, Clone, PartialEq)]
pub struct VggWeights {
    pub convolutions: Vec<Convolution>,
}

/// A 3x3 convolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolution {
    pub name: String,
    pub out_channels: usize,
    pub in_channels: usize,
    /// `[out][in][row][column]`.
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
}

/// Reads the store's safetensors strictly: these names, these shapes, f32, finite numbers, and
/// nothing else.
pub fn read_vgg19(safetensors_bytes: &[u8]) -> Result<VggWeights, ModelError> {
    read_layers(safetensors_bytes, &VGG19)
}

/// The same, but only the first `convolutions` of the sixteen, for a network that ends there. The
/// values of the others are not looked at.
pub fn read_vgg19_up_to(
    safetensors_bytes: &[u8],
    convolutions: usize,
) -> Result<VggWeights, ModelError> {
    read_first_layers(safetensors_bytes, &VGG19, convolutions)
}

pub(crate) fn read_layers(bytes: &[u8], layers: &Layers) -> Result<VggWeights, ModelError> {
    read_first_layers(bytes, layers, layers.len())
}

/// The first `count` of the layers of a file.
fn read_first_layers(
    bytes: &[u8],
    layers: &Layers,
    count: usize,
) -> Result<VggWeights, ModelError> {
    let file = open_safetensors(bytes)?;
    let expected = layers.len() * 2;
    if file.len() != expected {
        return Err(ModelError::Weights(format!(
            "there are {} tensors, not {expected}",
            file.len()
        )));
    }
    let read = |layer: &Layer| {
        read_convolution(
            &file,
            layer,
            &format!("{}.weight", layer.name),
            &format!("{}.bias", layer.name),
        )
    };
    let convolutions = layers.iter().take(count).map(read).collect::<Result<_, _>>()?;
    Ok(VggWeights { convolutions })
}

pub(crate) fn open_safetensors(bytes: &[u8]) -> Result<SafeTensors<'_>, ModelError> {
    SafeTensors::deserialize(bytes).map_err(|error| ModelError::Weights(error.to_string()))
}

/// Reads a layer whose tensors have these names.
pub(crate) fn read_convolution(
    file: &SafeTensors<'_>,
    layer: &Layer,
    weight: &str,
    bias: &str,
) -> Result<Convolution, ModelError> {
    Ok(Convolution {
        name: layer.name.to_owned(),
        out_channels: layer.out_channels,
        in_channels: layer.in_channels,
        weights: read_tensor(file, weight, &[layer.out_channels, layer.in_channels, 3, 3])?,
        bias: read_tensor(file, bias, &[layer.out_channels])?,
    })
}

fn read_tensor(
    file: &SafeTensors<'_>,
    name: &str,
    shape: &[usize],
) -> Result<Vec<f32>, ModelError> {
    let tensor = file
        .tensor(name)
        .map_err(|_| ModelError::Weights(format!("there is no tensor `{name}`")))?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        let found = (tensor.dtype(), tensor.shape());
        return Err(ModelError::Weights(format!(
            "`{name}` is {:?} {:?}, not F32 {shape:?}",
            found.0, found.1
        )));
    }
    finite_floats(name, tensor.data())
}

/// The little-endian floats in `bytes`, all of them finite.
pub(crate) fn finite_floats(name: &str, bytes: &[u8]) -> Result<Vec<f32>, ModelError> {
    let (floats, _) = bytes.as_chunks::<4>();
    let floats: Vec<f32> = floats.iter().map(|&float| f32::from_le_bytes(float)).collect();
    // Without an early exit, this takes a few vectors at a time.
    if floats.iter().fold(true, |finite, float| finite & float.is_finite()) {
        return Ok(floats);
    }
    let at = floats.iter().position(|float| !float.is_finite()).unwrap_or_default();
    Err(ModelError::Weights(format!("`{name}` has {} at {at}", floats[at])))
}

impl VggWeights {
    /// The store's safetensors; `provenance` says where the weights come from. The same weights and
    /// the same provenance give the same bytes.
    pub fn to_safetensors(&self, provenance: &str) -> Result<Vec<u8>, ModelError> {
        let bytes = |floats: &[f32]| {
            floats.iter().flat_map(|float| float.to_le_bytes()).collect::<Vec<u8>>()
        };
        let mut tensors = Vec::with_capacity(self.convolutions.len() * 2);
        for layer in &self.convolutions {
            tensors.push((
                format!("{}.weight", layer.name),
                vec![layer.out_channels, layer.in_channels, 3, 3],
                bytes(&layer.weights),
            ));
            tensors.push((
                format!("{}.bias", layer.name),
                vec![layer.out_channels],
                bytes(&layer.bias),
            ));
        }
        let refuse = |error: safetensors::SafeTensorError| ModelError::Weights(error.to_string());
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| {
                Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(refuse)?;
        // A single entry, since the order of several would vary, and with it the file's digest.
        let metadata = HashMap::from([(
            "impasto".to_owned(),
            format!("vgg19 1; BGR 0-255 minus (103.939, 116.779, 123.68); {provenance}"),
        )]);
        safetensors::serialize(views, Some(metadata)).map_err(refuse)
    }
}
