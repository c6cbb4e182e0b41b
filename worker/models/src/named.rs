//! Weights by name: the store's form of networks that stylise in one pass.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::ModelError;

/// A tensor of f32, its last axis contiguous.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Reads the store's safetensors of a network that stylises in one pass: f32 and finite numbers
/// only. Which names and shapes a network needs, it checks itself.
pub fn read_tensors(safetensors_bytes: &[u8]) -> Result<Vec<NamedTensor>, ModelError> {
    let file = SafeTensors::deserialize(safetensors_bytes)
        .map_err(|error| ModelError::Tensors(error.to_string()))?;
    let read = |(name, view): (&str, TensorView<'_>)| {
        let shape = view.shape().to_vec();
        if view.dtype() != Dtype::F32 {
            let reason = format!("`{name}` is {:?} {shape:?}, not F32", view.dtype());
            return Err(ModelError::Tensors(reason));
        }
        let (floats, _) = view.data().as_chunks::<4>();
        let values: Vec<f32> = floats.iter().map(|float| f32::from_le_bytes(*float)).collect();
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(ModelError::Tensors(format!("`{name}` has {} at {at}", values[at]))),
            None => Ok(NamedTensor { name: name.to_owned(), shape, values }),
        }
    };
    let mut tensors = file.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tensors)
}

/// The store's safetensors; `provenance` says what they are and where they come from. The same
/// tensors and the same provenance give the same bytes.
pub(crate) fn to_safetensors(
    tensors: &[NamedTensor],
    provenance: &str,
) -> Result<Vec<u8>, ModelError> {
    let refuse = |error: safetensors::SafeTensorError| ModelError::Tensors(error.to_string());
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|(tensor, bytes)| {
            Ok((&tensor.name[..], TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(refuse)?;
    // A single entry, since the order of several would vary, and with it the file's digest.
    let metadata = HashMap::from([("impasto".to_owned(), provenance.to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(refuse)
}
