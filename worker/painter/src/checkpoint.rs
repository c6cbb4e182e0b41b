//! The state of an asset whose painting stopped.
//!
//! The format: a line with its version, the number of finished views (u32), each with its width and
//! height (u32) and its RGB values (f32), then the checkpoint of the unfinished run. Numbers are
//! little-endian.

use impasto_engine::{EngineError, Image};

/// The views that were finished, and the state of the run on the next one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) painted: Vec<Image>,
    pub(crate) run: Option<Vec<u8>>,
}

const HEADER: &[u8] = b"impasto painting 1\n";

impl Checkpoint {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        let number = |value: usize| (value as u32).to_le_bytes();
        bytes.extend(number(self.painted.len()));
        for Image { width, height, rgb } in &self.painted {
            bytes.extend(number(*width).into_iter().chain(number(*height)));
            bytes.extend(rgb.iter().flat_map(|value| value.to_le_bytes()));
        }
        bytes.extend(self.run.iter().flatten());
        bytes
    }

    /// # Errors
    /// If the bytes are not a checkpoint of this version, or are cut short.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, EngineError> {
        let damaged = || EngineError::Checkpoint("it is cut short");
        let mut rest = bytes
            .strip_prefix(HEADER)
            .ok_or(EngineError::Checkpoint("it is of another version"))?;
        let views = number(&mut rest).ok_or_else(damaged)?;
        let mut painted = Vec::new();
        for _ in 0..views {
            painted.push(image(&mut rest).ok_or_else(damaged)?);
        }
        let run = Some(rest.to_vec()).filter(|run| !run.is_empty());
        Ok(Self { painted, run })
    }
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let (head, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    usize::try_from(u32::from_le_bytes(*head)).ok()
}

/// Allocates only for values that are present, whatever the header says.
fn image(rest: &mut &[u8]) -> Option<Image> {
    let (width, height) = (number(rest)?, number(rest)?);
    let bytes = width.checked_mul(height)?.checked_mul(12)?;
    let (values, tail) = rest.split_at_checked(bytes)?;
    *rest = tail;
    let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    Some(Image { width, height, rgb: values.chunks_exact(4).map(value).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> Checkpoint {
        Checkpoint {
            painted: vec![Image { width: 2, height: 1, rgb: vec![0.0, 1.5, 255.0, 7.0, 8.0, 9.0] }],
            run: Some(vec![1, 2, 3]),
        }
    }

    #[test]
    fn a_checkpoint_of_version_0_1_0_is_read_and_written_as_it_was() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/stored/0.1.0/checkpoints/painting.bin"
        );
        let bytes = std::fs::read(file).expect("it is there");
        assert_eq!(Checkpoint::from_bytes(&bytes).expect("it is of this version"), saved());
        assert_eq!(saved().to_bytes(), bytes);
    }

    #[test]
    fn a_saved_checkpoint_is_read_and_a_damaged_one_refused() {
        let saved = saved();
        let bytes = saved.to_bytes();
        assert_eq!(Checkpoint::from_bytes(&bytes).expect("it is whole"), saved);
        let none = Checkpoint::default();
        assert_eq!(Checkpoint::from_bytes(&none.to_bytes()).expect("it is whole"), none);
        let cut = bytes.len() - 3;
        for length in 0..cut {
            assert!(Checkpoint::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
        // A picture whose stated size is larger than memory.
        let mut boasting = HEADER.to_vec();
        boasting.extend([1, 0, 0, 0].iter().chain(&[255; 8]));
        assert!(Checkpoint::from_bytes(&boasting).is_err());
    }
}
