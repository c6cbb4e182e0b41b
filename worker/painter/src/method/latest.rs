//! What a method prepared last, which all lanes of all devices share.

use std::sync::{Arc, Mutex, PoisonError};

use impasto_types::Digest;

/// What was made of the file with a digest.
#[derive(Debug)]
pub(super) struct Latest<T>(Mutex<Option<(Digest, Arc<T>)>>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Latest<T> {
    /// What is made of the file with this digest, if that is not what was made last. It is locked
    /// meanwhile, so that lanes that begin together make it once.
    pub(super) fn of<E>(
        &self,
        digest: Digest,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, made)) = kept.as_ref().filter(|(known, _)| *known == digest) {
            return Ok(made.clone());
        }
        let made = Arc::new(make()?);
        *kept = Some((digest, made.clone()));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_once_until_another_is() {
        let (latest, one, other) = (Latest::default(), Digest::of(b"1"), Digest::of(b"2"));
        let of = |digest, made: Result<u32, &'static str>| latest.of(digest, || made);
        assert_eq!(of(one, Err("no")), Err("no"));
        assert_eq!(of(one, Ok(1)), Ok(Arc::new(1)));
        assert_eq!(of(one, Ok(2)), Ok(Arc::new(1)));
        assert_eq!(of(other, Ok(3)), Ok(Arc::new(3)));
        assert_eq!(of(one, Ok(4)), Ok(Arc::new(4)));
    }
}
