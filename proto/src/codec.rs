//! The codec of all calls: Protobuf, with a checksum at the end of each message.
//!
//! Blobs have digests, but a bit that flips in a message would go unnoticed: a recipe that is still
//! valid, or the number of another task, gives a wrong picture. TCP's own checksum has 16 bits, and
//! does not cover the memory of what lies between. The checksum is a field that no message
//! declares, so a reader that does not know it skips it, and a message without it is accepted.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// The key of field 15000 of type `fixed64`.
const KEY: [u8; 3] = [0xC1, 0xA9, 0x07];

/// The first bytes of the BLAKE3 digest of what is before the key.
const SUM_BYTES: usize = 8;

const TAIL_BYTES: usize = KEY.len() + SUM_BYTES;

/// What generated clients and servers use.
#[derive(Debug)]
pub(crate) struct Checked<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Checked<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for Checked<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Checking<T>;
    type Decoder = Checking<U>;

    fn encoder(&mut self) -> Self::Encoder {
        Checking(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        Checking(PhantomData)
    }
}

/// Encodes or decodes messages of one type.
#[derive(Debug)]
pub(crate) struct Checking<T>(PhantomData<T>);

impl<T: Message> Encoder for Checking<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&sealed(item.encode_to_vec()));
        Ok(())
    }
}

impl<T: Message + Default> Decoder for Checking<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        // As if the connection had broken: the same call may succeed on the next one.
        let bytes = opened(bytes)
            .ok_or_else(|| Status::unavailable("a message was damaged on its way here"))?;
        let message = T::decode(bytes).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Some(message))
    }
}

/// A message with its checksum.
fn sealed(mut message: Vec<u8>) -> Vec<u8> {
    let sum = sum(&message);
    message.extend_from_slice(&KEY);
    message.extend_from_slice(&sum);
    message
}

/// The message without its checksum; `None` if the checksum is wrong.
fn opened(bytes: Bytes) -> Option<Bytes> {
    let Some(end) = bytes.len().checked_sub(TAIL_BYTES) else { return Some(bytes) };
    match bytes[end..].strip_prefix(&KEY) {
        Some(found) if *found == sum(&bytes[..end]) => Some(bytes.slice(..end)),
        Some(_) => None,
        None => Some(bytes),
    }
}

fn sum(message: &[u8]) -> [u8; SUM_BYTES] {
    let mut sum = [0; SUM_BYTES];
    sum.copy_from_slice(&blake3::hash(message).as_bytes()[..SUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{Action, TaskSpec};

    fn task() -> TaskSpec {
        TaskSpec {
            asset: "wall.png".to_owned(),
            action: Some(Action { canonical: br#"{"iterations":8}"#.to_vec() }),
            least_memory_bytes: 1 << 30,
            work: 7,
        }
    }

    #[test]
    fn no_flipped_bit_gives_another_message() {
        let sent = sealed(task().encode_to_vec());
        for bit in 0..sent.len() * 8 {
            let mut received = sent.clone();
            received[bit / 8] ^= 1 << (bit % 8);
            let read = opened(received.into()).and_then(|bytes| TaskSpec::decode(bytes).ok());
            assert!(read.is_none_or(|read| read == task()), "bit {bit}");
        }
    }

    #[test]
    fn a_checksum_can_be_absent_and_is_skipped_by_readers_that_do_not_know_it() {
        for bytes in [task().encode_to_vec(), sealed(task().encode_to_vec())] {
            assert_eq!(TaskSpec::decode(&bytes[..]), Ok(task()));
            let opened = opened(bytes.into()).expect("nothing is damaged");
            assert_eq!(TaskSpec::decode(opened), Ok(task()));
        }
        assert_eq!(opened(Bytes::new()), Some(Bytes::new()));
        let nothing = opened(sealed(Vec::new()).into());
        assert_eq!(nothing, Some(Bytes::new()));
    }
}
