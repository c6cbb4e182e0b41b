//! What networks saw in styles, which thousands of assets share.

use std::sync::{Mutex, PoisonError};

use crate::EngineError;

/// So many are remembered: those of a project's styles.
const MOST: usize = 256;

/// What was seen in pictures, by digests of their values, the latest last.
#[derive(Debug)]
pub(super) struct Seen<T>(Mutex<Vec<(blake3::Hash, T)>>);

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Seen<T> {
    /// What is seen in the picture with this digest, which `look` finds out where it is not known.
    pub(super) fn of(
        &self,
        digest: blake3::Hash,
        look: impl FnOnce() -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |(known, seen): &(_, T)| (*known == digest).then(|| seen.clone());
        if let Some(seen) = lock().iter().rev().find_map(known) {
            return Ok(seen);
        }
        let own = look()?;
        let mut seen = lock();
        if seen.len() == MOST {
            seen.remove(0);
        }
        seen.push((digest, own.clone()));
        Ok(own)
    }
}

/// Of all values, and of where slices end.
pub(super) fn digest<'a>(slices: impl IntoIterator<Item = &'a [f32]>) -> blake3::Hash {
    const PIECE: usize = 1024;
    let mut hasher = blake3::Hasher::new();
    let mut bytes = [0; 4 * PIECE];
    for values in slices {
        hasher.update(&(values.len() as u64).to_le_bytes());
        for piece in values.chunks(PIECE) {
            let places = bytes.chunks_exact_mut(4).zip(piece);
            places.for_each(|(place, value)| place.copy_from_slice(&value.to_le_bytes()));
            hasher.update(&bytes[..4 * piece.len()]);
        }
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_looked_at_once() {
        let seen = Seen::default();
        let mut looks = 0;
        let mut look = |values: &[&[f32]]| {
            let new = || {
                looks += 1;
                Ok(looks)
            };
            seen.of(digest(values.iter().copied()), new).expect("it is seen")
        };
        assert_eq!(look(&[&[1.0, 2.0], &[3.0]]), 1);
        assert_eq!(look(&[&[1.0], &[2.0, 3.0]]), 2);
        assert_eq!(look(&[&[1.0, 2.0], &[3.0]]), 1);
        assert!(seen.of(digest([&[9.0][..]]), || Err(EngineError::Ended)).is_err());
        assert_eq!(seen.of(digest([&[9.0][..]]), || Ok(7)).expect("it is seen"), 7);
    }
}
