//! The fields of a protocol buffer, one after the other, without copies.
//!
//! Lengths are only compared with what is left of the message, never allocated.

use super::Refusal;

/// A field: its number, its value, and where in the file it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub number: u32,
    pub value: Value<'a>,
    pub at: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Number(u64),
    Float(f32),
    /// A text, a message or packed numbers, and where they begin.
    Bytes(&'a [u8], usize),
}

/// A message that is read field by field.
#[derive(Debug, Clone)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Message<'a> {
    /// A message that begins at this byte of the file.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, Refusal> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let at = self.at;
        let key = self.number()?;
        let number = match u32::try_from(key >> 3) {
            Ok(number) if number > 0 => number,
            _ => return Err(Refusal::at(at, "a field's number is out of range")),
        };
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            2 => {
                let length = self.number()?;
                let start = self.at;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Value::Bytes(self.take(length)?, start)
            }
            5 => {
                let mut float = [0; 4];
                float.copy_from_slice(self.take(4)?);
                Value::Float(f32::from_le_bytes(float))
            }
            other => return Err(Refusal::at(at, format!("a field of the wire type {other}"))),
        };
        Ok(Some(Field { number, value, at }))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Refusal> {
        let Some((taken, rest)) = self.bytes.split_at_checked(length) else {
            return Err(Refusal::at(self.at, "the file is truncated"));
        };
        (self.bytes, self.at) = (rest, self.at + length);
        Ok(taken)
    }

    /// A number in groups of seven bits.
    fn number(&mut self) -> Result<u64, Refusal> {
        let at = self.at;
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Refusal::at(at, "a number has more than 64 bits"))
    }
}

impl<'a> Field<'a> {
    pub(super) fn number(&self) -> Result<u64, Refusal> {
        match self.value {
            Value::Number(number) => Ok(number),
            _ => Err(Refusal::at(self.at, format!("field {} is no number", self.number))),
        }
    }

    pub(super) fn integer(&self) -> Result<i64, Refusal> {
        self.number().map(u64::cast_signed)
    }

    pub(super) fn bytes(&self) -> Result<&'a [u8], Refusal> {
        match self.value {
            Value::Bytes(bytes, _) => Ok(bytes),
            _ => Err(Refusal::at(self.at, format!("field {} has no bytes", self.number))),
        }
    }

    pub(super) fn message(&self) -> Result<Message<'a>, Refusal> {
        match self.value {
            Value::Bytes(bytes, at) => Ok(Message::new(bytes, at)),
            _ => Err(Refusal::at(self.at, format!("field {} is no message", self.number))),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, Refusal> {
        /// Twice the longest name in a known file.
        const MAX_TEXT_BYTES: usize = 256;
        let bytes = self.bytes()?;
        if bytes.len() > MAX_TEXT_BYTES {
            return Err(Refusal::at(self.at, "a text is too long"));
        }
        std::str::from_utf8(bytes).map_err(|_| Refusal::at(self.at, "a text is not UTF-8"))
    }

    pub(super) fn unknown<T>(&self, message: &str) -> Result<T, Refusal> {
        Err(Refusal::at(self.at, format!("{message} has the unknown field {}", self.number)))
    }
}
