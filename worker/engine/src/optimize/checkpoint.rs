//! A session's state as bytes: compressed without loss, and validated when it is read.
//!
//! The file is: the magic line, the run's identity (32 bytes), its plan's (as many, zeros before a
//! scale's first step), the scale and the counts of losses, scalars and vectors, the losses, the
//! scalars, the picture and the optimiser's vectors, and a BLAKE3 digest of all that. Numbers are
//! little-endian.
//!
//! A vector is its kind, its length and its blocks. Of a floating-point number only the exponent is
//! worth compressing; its digits are noise. So the words of a block are rotated until the exponent
//! fills one byte, split into planes (all first bytes, then all second ones), and given to zstd,
//! which codes a plane by how often its bytes occur and leaves noise alone. A block that does not
//! shrink is stored as it is.
//!
//! Reading checks the digest first, so what follows is what [`write()`] wrote, unless the file was
//! forged. So all of it is checked, and no length that the file states is allocated before it was
//! compared with the most that the run can need.

use rayon::prelude::*;

use impasto_types::{Method, Optimize};

use super::optimizer::{Memory, Vector};
use crate::{EngineError, Inputs};

const MAGIC: &[u8] = b"impasto checkpoint 3\n";
const DIGEST_BYTES: usize = 32;

/// Words in a block: a plane is what zstd codes with one table.
const BLOCK_WORDS: usize = 128 * 1024;

/// Blocks that are compressed side by side, and held until they are written.
const BLOCKS_AT_ONCE: usize = 64;

/// The lowest level: mantissas have no repetitions to search for.
const LEVEL: i32 = 1;

const KIND_FP32: u8 = 0;
const KIND_HALF: u8 = 1;

/// Where a session stands.
#[derive(Debug, PartialEq)]
pub(crate) struct Saved {
    pub(crate) scale: usize,
    /// Names the plan that the scale is painted by, once it is.
    pub(crate) plan: [u8; DIGEST_BYTES],
    /// Of the scale's steps so far.
    pub(crate) losses: Vec<f64>,
    pub(crate) pixels: Vec<f32>,
    pub(crate) memory: Memory,
}

/// Names a run: what it paints, and from which pictures. The recipe counts by its serialised form,
/// in which every field has a stable name.
pub(crate) fn identity(recipe: &Optimize, inputs: &Inputs) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&Method::Optimize.version().to_le_bytes());
    serde_json::to_writer(&mut hasher, recipe)
        .unwrap_or_else(|error| unreachable!("a recipe is plain values: {error}"));
    hasher.update(inputs.digest().as_bytes());
    hasher.finalize()
}

pub(crate) fn write(saved: &Saved, identity: &blake3::Hash) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let Saved { scale, plan, losses, pixels, memory } = saved;
    bytes.extend(identity.as_bytes());
    bytes.extend(plan);
    let counts = [scale, &losses.len(), &memory.scalars.len(), &memory.vectors.len()];
    bytes.extend(counts.iter().flat_map(|count| (**count as u64).to_le_bytes()));
    bytes.extend(losses.iter().chain(&memory.scalars).flat_map(|scalar| scalar.to_le_bytes()));
    write_words(pixels, &mut bytes);
    for vector in &memory.vectors {
        match vector {
            Vector::Fp32(words) => write_words(words, &mut bytes),
            Vector::Half(words) => write_words(words, &mut bytes),
        }
    }
    let digest = blake3::hash(&bytes);
    bytes.extend(digest.as_bytes());
    bytes
}

/// Reads what [`write()`] wrote. The picture and the vectors of a run may take `most_bytes`
/// together.
pub(crate) fn read(
    bytes: &[u8],
    identity: &blake3::Hash,
    most_bytes: u64,
) -> Result<Saved, EngineError> {
    let refuse = EngineError::Checkpoint;
    let (body, digest) =
        bytes.split_last_chunk::<DIGEST_BYTES>().ok_or(refuse("it is too short"))?;
    if blake3::hash(body).as_bytes() != digest {
        return Err(refuse("its digest does not match its content"));
    }
    let mut file = Reader { rest: body, most_bytes };
    if file.bytes(MAGIC.len())? != MAGIC {
        return Err(refuse("it is not a checkpoint of this version"));
    }
    if file.bytes(DIGEST_BYTES)? != identity.as_bytes() {
        return Err(refuse("it belongs to another recipe or other pictures"));
    }
    let plan = file.array()?;
    let (scale, losses, scalars, vectors) =
        (file.count()?, file.count()?, file.count()?, file.count()?);
    let scale = usize::try_from(scale).map_err(|_| refuse("its scale is out of range"))?;
    let losses =
        (0..losses).map(|_| file.array().map(f64::from_le_bytes)).collect::<Result<Vec<_>, _>>()?;
    let scalars = (0..scalars)
        .map(|_| file.array().map(f64::from_le_bytes))
        .collect::<Result<Vec<_>, _>>()?;
    let Vector::Fp32(pixels) = file.vector()? else {
        return Err(refuse("its picture is not in single precision"));
    };
    let vectors = (0..vectors).map(|_| file.vector()).collect::<Result<Vec<_>, _>>()?;
    if !file.rest.is_empty() {
        return Err(refuse("there is more in it than it says"));
    }
    Ok(Saved { scale, plan, losses, pixels, memory: Memory { scalars, vectors } })
}

/// A number of a vector, as bytes with the exponent in the last of them.
trait Word: Copy + Send + Sync {
    const KIND: u8;
    const BYTES: usize;

    fn byte(self, plane: usize) -> u8;
    fn of_bytes(byte: impl Fn(usize) -> u8) -> Self;
}

impl Word for f32 {
    const KIND: u8 = KIND_FP32;
    const BYTES: usize = 4;

    fn byte(self, plane: usize) -> u8 {
        self.to_bits().rotate_left(1).to_le_bytes()[plane]
    }

    fn of_bytes(byte: impl Fn(usize) -> u8) -> Self {
        Self::from_bits(u32::from_le_bytes([0, 1, 2, 3].map(byte)).rotate_right(1))
    }
}

impl Word for u16 {
    const KIND: u8 = KIND_HALF;
    const BYTES: usize = 2;

    fn byte(self, plane: usize) -> u8 {
        self.rotate_left(1).to_le_bytes()[plane]
    }

    fn of_bytes(byte: impl Fn(usize) -> u8) -> Self {
        Self::from_le_bytes([0, 1].map(byte)).rotate_right(1)
    }
}

fn write_words<W: Word>(words: &[W], bytes: &mut Vec<u8>) {
    bytes.push(W::KIND);
    bytes.extend((words.len() as u64).to_le_bytes());
    for group in words.chunks(BLOCKS_AT_ONCE * BLOCK_WORDS) {
        let blocks: Vec<Vec<u8>> = group.par_chunks(BLOCK_WORDS).map(block).collect();
        for block in blocks {
            // A block holds at most four times BLOCK_WORDS bytes.
            bytes.extend((block.len() as u32).to_le_bytes());
            bytes.extend(block);
        }
    }
}

fn block<W: Word>(words: &[W]) -> Vec<u8> {
    let planes: Vec<u8> =
        (0..W::BYTES).flat_map(|plane| words.iter().map(move |word| word.byte(plane))).collect();
    let compressed = zstd::bulk::compress(&planes, LEVEL).ok();
    compressed.filter(|compressed| compressed.len() < planes.len()).unwrap_or(planes)
}

/// The part of a file that has not been read yet.
struct Reader<'a> {
    rest: &'a [u8],
    /// What further vectors may take.
    most_bytes: u64,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], EngineError> {
        let (bytes, rest) =
            self.rest.split_at_checked(count).ok_or(EngineError::Checkpoint("it is too short"))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EngineError> {
        let (array, rest) =
            self.rest.split_first_chunk().ok_or(EngineError::Checkpoint("it is too short"))?;
        self.rest = rest;
        Ok(*array)
    }

    fn count(&mut self) -> Result<u64, EngineError> {
        self.array().map(u64::from_le_bytes)
    }

    fn vector(&mut self) -> Result<Vector, EngineError> {
        match self.array()? {
            [KIND_FP32] => self.words().map(Vector::Fp32),
            [KIND_HALF] => self.words().map(Vector::Half),
            _ => Err(EngineError::Checkpoint("it has a vector of an unknown kind")),
        }
    }

    fn words<W: Word>(&mut self) -> Result<Vec<W>, EngineError> {
        let count = self.count()?;
        let wanted = count.checked_mul(W::BYTES as u64);
        let left = wanted.and_then(|wanted| self.most_bytes.checked_sub(wanted));
        self.most_bytes =
            left.ok_or(EngineError::Checkpoint("its vectors are longer than the run has use for"))?;
        let count = usize::try_from(count)
            .map_err(|_| EngineError::Checkpoint("its vectors are too long for this machine"))?;
        let mut words = Vec::with_capacity(count);
        let mut planes = vec![0; count.min(BLOCK_WORDS) * W::BYTES];
        while words.len() < count {
            let block_words = (count - words.len()).min(BLOCK_WORDS);
            let length = u32::from_le_bytes(self.array()?) as usize;
            let block = self.bytes(length)?;
            let planes = &mut planes[..block_words * W::BYTES];
            if length == planes.len() {
                planes.copy_from_slice(block);
            } else {
                let written = zstd::bulk::decompress_to_buffer(block, planes);
                if !written.is_ok_and(|written| written == planes.len()) {
                    return Err(EngineError::Checkpoint("a block of it cannot be read"));
                }
            }
            words.extend(
                (0..block_words)
                    .map(|index| W::of_bytes(|plane| planes[plane * block_words + index])),
            );
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;

    fn saved(pixels: Vec<f32>, vectors: Vec<Vector>) -> Saved {
        Saved {
            scale: 2,
            plan: [9; DIGEST_BYTES],
            losses: vec![3.0, 2.5],
            pixels,
            memory: Memory { scalars: vec![4.0, f64::MIN_POSITIVE], vectors },
        }
    }

    /// A run with each kind of vector.
    fn every_kind() -> Saved {
        let vectors =
            vec![Vector::Fp32(vec![0.5; 300]), Vector::Half(vec![7; 300]), Vector::Fp32(vec![])];
        saved(vec![1.0, -0.0, f32::MAX], vectors)
    }

    #[test]
    fn a_checkpoint_of_version_0_1_0_is_read() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/stored/0.1.0/checkpoints/optimize.bin"
        );
        let bytes = std::fs::read(file).expect("it is there");
        let read = read(&bytes, &blake3::hash(b"run"), 1 << 20).expect("it is of this version");
        assert_eq!(read, every_kind());
    }

    #[test]
    fn what_is_damaged_or_another_runs_is_refused() {
        let saved = every_kind();
        let identity = blake3::hash(b"run");
        let bytes = write(&saved, &identity);
        let most = 3 * 4 + 300 * 4 + 300 * 2;
        assert_eq!(read(&bytes, &identity, most).expect("it is whole"), saved);
        assert!(read(&bytes, &blake3::hash(b"other"), most).is_err());
        assert!(read(&bytes, &identity, most - 1).is_err());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], &identity, most).is_err());
        }
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert!(read(&damaged, &identity, most).is_err());
        }
    }

    #[test]
    fn a_forged_digest_does_not_make_it_panic_or_read_more_than_it_may() {
        let identity = blake3::hash(b"run");
        let bytes = write(&saved(vec![1.0; 40], vec![Vector::Half(vec![7; 30])]), &identity);
        let body = bytes.len() - DIGEST_BYTES;
        for index in MAGIC.len() + DIGEST_BYTES..body {
            for value in [0, 1, 0x7f, 0xff] {
                let mut forged = bytes[..body].to_vec();
                forged[index] = value;
                forged.extend(blake3::hash(&forged).as_bytes());
                let Ok(Saved { pixels, memory, .. }) = read(&forged, &identity, 1000) else {
                    continue;
                };
                let halves = memory
                    .vectors
                    .iter()
                    .map(|vector| if let Vector::Half(words) = vector { words.len() } else { 0 })
                    .sum::<usize>();
                assert!(pixels.len() * 4 + halves * 2 <= 1000);
            }
        }
    }

    #[test]
    fn long_vectors_come_back_to_the_bit_and_smaller() {
        let mut noise = Noise::new(5);
        let pixels: Vec<f32> = (0..BLOCK_WORDS + 17).map(|_| noise.normal() * 40.0).collect();
        let halves = pixels.iter().map(|value| (value.to_bits() >> 16) as u16).collect();
        let saved = saved(pixels, vec![Vector::Half(halves)]);
        let identity = blake3::hash(b"run");
        let bytes = write(&saved, &identity);
        assert_eq!(read(&bytes, &identity, u64::MAX).expect("it is whole"), saved);
        // An exponent takes about three bits instead of eight.
        assert!(bytes.len() < (BLOCK_WORDS + 17) * 6 * 85 / 100, "{}", bytes.len());
    }
}
