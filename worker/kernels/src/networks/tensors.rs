//! A network's weights, by name, as they come from a model file.

use std::{cell::RefCell, collections::BTreeMap};

/// Why tensors are not the weights of a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    #[error("there is no tensor `{name}`")]
    Missing { name: String },
    #[error("`{name}` has the shape {found:?}, not {expected:?}")]
    Shape { name: String, expected: Vec<usize>, found: Vec<usize> },
    #[error("`{name}` has {found} values, not the {expected} of its shape")]
    Values { name: String, expected: usize, found: usize },
    #[error("`{name}` has {value} at {at}")]
    NotFinite { name: String, at: usize, value: String },
    #[error("two tensors are called `{name}`")]
    Twice { name: String },
    #[error("`{name}` is no tensor of this network")]
    Unknown { name: String },
}

/// Shape and values.
type Tensor<'a> = (&'a [usize], &'a [f32]);

/// Tensors by name. A network takes those that it needs, and none may be left.
#[derive(Clone, Debug)]
pub struct Tensors<'a> {
    left: RefCell<BTreeMap<String, Tensor<'a>>>,
}

impl<'a> Tensors<'a> {
    /// From names, shapes and values, the last axis being contiguous.
    pub fn new<'n>(
        tensors: impl IntoIterator<Item = (&'n str, &'a [usize], &'a [f32])>,
    ) -> Result<Self, TensorError> {
        let mut left = BTreeMap::new();
        for (name, shape, values) in tensors {
            let expected = shape.iter().try_fold(1_usize, |size, axis| size.checked_mul(*axis));
            let name = name.to_owned();
            if expected != Some(values.len()) {
                let expected = expected.unwrap_or(usize::MAX);
                return Err(TensorError::Values { name, expected, found: values.len() });
            }
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let value = values[at].to_string();
                return Err(TensorError::NotFinite { name, at, value });
            }
            if left.insert(name.clone(), (shape, values)).is_some() {
                return Err(TensorError::Twice { name });
            }
        }
        Ok(Self { left: RefCell::new(left) })
    }

    pub(super) fn take(&self, name: &str, expected: &[usize]) -> Result<&'a [f32], TensorError> {
        let name = name.to_owned();
        match self.left.borrow_mut().remove(&name) {
            Some((found, values)) if found == expected => Ok(values),
            Some((found, _)) => {
                Err(TensorError::Shape { name, expected: expected.to_vec(), found: found.to_vec() })
            }
            None => Err(TensorError::Missing { name }),
        }
    }

    /// That no tensor is left whose name begins like this.
    ///
    /// # Errors
    /// Names one that is.
    pub fn finish(&self, prefix: &str) -> Result<(), TensorError> {
        match self.left.borrow().keys().find(|name| name.starts_with(prefix)) {
            Some(name) => Err(TensorError::Unknown { name: name.clone() }),
            None => Ok(()),
        }
    }
}
