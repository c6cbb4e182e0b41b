//! A session's state as bytes.
//!
//! The file is: the magic line, the run's identity (32 bytes), a header of little-endian numbers, all vectors as little-endian floats, and a BLAKE3 digest of
//! all that. Reading checks the digest first, so the lengths that follow are ones that [`write`] wrote; they are checked against the
//! bytes that are there all the same.

use crate::EngineError;
use crate::optimizer::Memory;

const MAGIC: &[u8] = b"impasto checkpoint 1\n";
const DIGEST_BYTES: usize = 32;

/// Where a session stands.
#[derive(Debug, PartialEq)]
pub(crate) struct Saved {
    pub(crate) scale: usize,
    pub(crate) iteration: u32,
    pub(crate) pixels: Vec<f32>,
    pub(crate) memory: Memory,
}

pub(crate) fn write(saved: &Saved, identity: &blake3::Hash) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(identity.as_bytes());
    let Saved { scale, iteration, pixels, memory } = saved;
    let counts = [*scale as u64, u64::from(*iteration), pixels.len() as u64, memory.scalars.len() as u64, memory.vectors.len() as u64];
    bytes.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
    bytes.extend(memory.scalars.iter().flat_map(|scalar| scalar.to_le_bytes()));
    for vector in std::iter::once(pixels).chain(&memory.vectors) {
        bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
    }
    let digest = blake3::hash(&bytes);
    bytes.extend(digest.as_bytes());
    bytes
}

pub(crate) fn read(bytes: &[u8], identity: &blake3::Hash) -> Result<Saved, EngineError> {
    let refuse = EngineError::Checkpoint;
    let (body, digest) = bytes.split_last_chunk::<DIGEST_BYTES>().ok_or(refuse("it is too short"))?;
    if blake3::hash(body).as_bytes() != digest {
        return Err(refuse("its digest does not match its content"));
    }
    let body = body.strip_prefix(MAGIC).ok_or(refuse("it is not a checkpoint of this version"))?;
    let (run, body) = body.split_first_chunk::<DIGEST_BYTES>().ok_or(refuse("it is too short"))?;
    if run != identity.as_bytes() {
        return Err(refuse("it belongs to another recipe or other pictures"));
    }
    let mut rest = body;
    let mut word = || {
        let (word, after) = rest.split_first_chunk::<8>().ok_or(refuse("it is too short"))?;
        rest = after;
        Ok::<_, EngineError>(*word)
    };
    let mut count = || word().map(u64::from_le_bytes);
    let (scale, iteration, pixels, scalars, vectors) = (count()?, count()?, count()?, count()?, count()?);
    let scalars = (0..scalars).map(|_| word().map(f64::from_le_bytes)).collect::<Result<Vec<_>, _>>()?;
    // Every vector is as long as the picture.
    let wanted = pixels.checked_mul(vectors.saturating_add(1)).and_then(|values| values.checked_mul(4));
    if pixels == 0 || wanted != Some(rest.len() as u64) {
        return Err(refuse("its vectors have the wrong length"));
    }
    let mut parts = rest.chunks_exact(pixels as usize * 4).map(|part| {
        let (floats, _) = part.as_chunks::<4>();
        floats.iter().map(|float| f32::from_le_bytes(*float)).collect::<Vec<f32>>()
    });
    let pixels = parts.next().ok_or(refuse("it has no picture"))?;
    let iteration = u32::try_from(iteration).map_err(|_| refuse("its iteration is out of range"))?;
    let scale = usize::try_from(scale).map_err(|_| refuse("its scale is out of range"))?;
    Ok(Saved { scale, iteration, pixels, memory: Memory { scalars, vectors: parts.collect() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_damage() {
        let saved = Saved {
            scale: 2,
            iteration: 7,
            pixels: vec![1.0, 2.5, 3.0],
            memory: Memory { scalars: vec![4.0], vectors: vec![vec![0.5; 3], vec![-1.0; 3]] },
        };
        let identity = blake3::hash(b"run");
        let bytes = write(&saved, &identity);
        assert_eq!(read(&bytes, &identity).expect("it is whole"), saved);
        assert!(read(&bytes, &blake3::hash(b"other")).is_err());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], &identity).is_err());
        }
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert!(read(&damaged, &identity).is_err());
        }
    }
}
