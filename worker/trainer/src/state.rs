//! A checkpoint: all that a run needs to go on to the same bytes.
//!
//! It is a safetensors file with the tensors `parameters`, `first`, `second` and `average`, and one
//! entry of metadata, JSON. Reading it allocates no more than its length.

use std::collections::HashMap;

use impasto_types::Digest;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::adam::Adam;

/// What is written into a checkpoint; a reader refuses others.
const VERSION: u32 = 1;

const TENSORS: [&str; 4] = ["parameters", "first", "second", "average"];

/// The held-out loss at a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub step: u32,
    pub content: f64,
    pub style: f64,
}

impl Held {
    /// The whole loss.
    pub fn total(&self) -> f64 {
        self.content + self.style
    }
}

/// A run between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Of the settings, the styles and the pictures: what makes it the same run.
    pub run: Digest,
    pub(crate) adam: Adam,
    pub(crate) held: Vec<Held>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    version: u32,
    run: Digest,
    steps: u32,
    held: Vec<Held>,
}

/// Why bytes are no checkpoint of a run.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("it is no checkpoint of a training run: {0}")]
    Damaged(String),
    #[error("it was written by a newer version of this program (format {0})")]
    Newer(u32),
    #[error("it is the checkpoint of another run: other styles, pictures or settings")]
    AnotherRun,
}

impl State {
    /// Steps taken.
    pub fn steps(&self) -> u32 {
        self.adam.steps
    }

    /// The checkpoint's bytes. The same state gives the same bytes.
    ///
    /// # Errors
    /// Where the format cannot hold it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StateError> {
        let damaged = |error: String| StateError::Damaged(error);
        let Adam { parameters, first, second, average, steps } = &self.adam;
        let values: Vec<Vec<u8>> = [parameters, first, second, average]
            .iter()
            .map(|values| values.iter().flat_map(|value| value.to_le_bytes()).collect())
            .collect();
        let views = TENSORS.iter().zip(&values).map(|(name, bytes)| {
            Ok((*name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)?))
        });
        let views: Result<Vec<_>, safetensors::SafeTensorError> = views.collect();
        let views = views.map_err(|error| damaged(error.to_string()))?;
        let (run, held) = (self.run, self.held.clone());
        let metadata = Metadata { version: VERSION, run, steps: *steps, held };
        let text = serde_json::to_string(&metadata).map_err(|error| damaged(error.to_string()))?;
        let metadata = HashMap::from([("impasto".to_owned(), text)]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| damaged(error.to_string()))
    }

    /// Reads a checkpoint of a network of so many parameters.
    ///
    /// # Errors
    /// Where it is damaged, newer than this program, or another run's.
    pub fn from_bytes(bytes: &[u8], run: Digest, parameters: usize) -> Result<Self, StateError> {
        let damaged = |error: String| StateError::Damaged(error);
        let (_, header) =
            SafeTensors::read_metadata(bytes).map_err(|error| damaged(error.to_string()))?;
        let text = header.metadata().as_ref().and_then(|entries| entries.get("impasto"));
        let text = text.ok_or_else(|| damaged("it has no metadata".to_owned()))?;
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } =
            serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        if version > VERSION {
            return Err(StateError::Newer(version));
        }
        let metadata: Metadata =
            serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        if metadata.run != run {
            return Err(StateError::AnotherRun);
        }
        let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
        let read = |name: &str| {
            let view = file.tensor(name).map_err(|error| damaged(error.to_string()))?;
            if view.dtype() != Dtype::F32 || view.shape() != [parameters] {
                let (dtype, shape) = (view.dtype(), view.shape());
                let reason = format!("`{name}` is {dtype:?} {shape:?}, not F32 [{parameters}]");
                return Err(damaged(reason));
            }
            let (floats, _) = view.data().as_chunks::<4>();
            let values: Vec<f32> = floats.iter().map(|own| f32::from_le_bytes(*own)).collect();
            match values.iter().position(|value| !value.is_finite()) {
                Some(at) => Err(damaged(format!("`{name}` has {} at {at}", values[at]))),
                None => Ok(values),
            }
        };
        let [own, first, second, average] = TENSORS.map(read);
        let (parameters, first, second, average) = (own?, first?, second?, average?);
        let adam = Adam { parameters, first, second, average, steps: metadata.steps };
        Ok(Self { run, adam, held: metadata.held })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let mut adam = Adam::new(vec![0.5, -1.25, 3.0]);
        adam.step(&[1.0, 2.0, -3.0], 0.01);
        let held = vec![Held { step: 1, content: 0.3, style: 0.1 + 0.2 }];
        State { run: Digest::of(b"run"), adam, held }
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let (state, run) = (state(), Digest::of(b"run"));
        let bytes = state.to_bytes().expect("bytes");
        assert_eq!(bytes, state.to_bytes().expect("bytes"));
        assert_eq!(State::from_bytes(&bytes, run, 3).expect("a state"), state);
    }

    #[test]
    fn what_is_no_checkpoint_of_the_run_is_refused() {
        let (run, bytes) = (Digest::of(b"run"), state().to_bytes().expect("bytes"));
        let refused = |bytes: &[u8], run, parameters| {
            State::from_bytes(bytes, run, parameters).expect_err("refused").to_string()
        };
        let another = refused(&bytes, Digest::of(b"other"), 3);
        assert_eq!(
            another,
            "it is the checkpoint of another run: other styles, pictures or settings"
        );
        let text = refused(&bytes, run, 4);
        assert!(text.ends_with("`parameters` is F32 [3], not F32 [4]"), "{text}");
        for len in 0..bytes.len() {
            let text = refused(&bytes[..len], run, 3);
            assert!(text.starts_with("it is no checkpoint of a training run"), "{len}: {text}");
        }
        let mut damaged = bytes.clone();
        let at = damaged.len() - 4;
        damaged[at..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(
            refused(&damaged, run, 3).contains(" has NaN at "),
            "{}",
            refused(&damaged, run, 3)
        );
        let place = bytes.windows(12).position(|own| own == b"version\\\":1,").expect("a version");
        let mut newer = bytes;
        newer[place + 10] = b'7';
        let text = refused(&newer, run, 3);
        assert_eq!(text, "it was written by a newer version of this program (format 7)");
    }
}
