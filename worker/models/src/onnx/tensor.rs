//! Tensors of an ONNX file.

use super::{Refusal, push, wire::Field};

/// A tensor whose values are raw bytes, little-endian.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor<'a> {
    pub kind: Kind,
    pub shape: Vec<usize>,
    data: &'a [u8],
}

/// The element types of the known files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    F32,
    I8,
    I32,
    I64,
}

impl Kind {
    fn bytes(self) -> usize {
        match self {
            Self::I8 => 1,
            Self::F32 | Self::I32 => 4,
            Self::I64 => 8,
        }
    }
}

impl<'a> Tensor<'a> {
    /// Reads a tensor and its name.
    pub(super) fn of(field: &Field<'a>) -> Result<(&'a str, Self), Refusal> {
        let (mut name, mut kind, mut shape, mut data) = ("", None, Vec::new(), None);
        let at = field.at;
        let mut message = field.message()?;
        while let Some(field) = message.next()? {
            match field.number {
                1 => {
                    let axis = usize::try_from(field.number()?).unwrap_or(usize::MAX);
                    push(&mut shape, axis, &field)?;
                }
                2 => {
                    kind = Some(match field.number()? {
                        1 => Kind::F32,
                        3 => Kind::I8,
                        6 => Kind::I32,
                        7 => Kind::I64,
                        other => {
                            return Err(Refusal::at(field.at, format!("the element type {other}")));
                        }
                    });
                }
                8 => name = field.text()?,
                // Packed floats are raw bytes under another number.
                4 if kind == Some(Kind::F32) && data.is_none() => data = Some(field.bytes()?),
                9 if data.is_none() => data = Some(field.bytes()?),
                _ => return field.unknown("a tensor"),
            }
        }
        let refuse =
            |reason: String| Refusal::of("tensor", name, format!("{reason} (at byte {at})"));
        let Some(kind) = kind else { return Err(refuse("it has no element type".to_owned())) };
        // An empty tensor may have no data.
        let data = data.unwrap_or_default();
        let bytes = shape.iter().try_fold(kind.bytes(), |bytes, axis| bytes.checked_mul(*axis));
        if bytes == Some(data.len()) {
            Ok((name, Self { kind, shape, data }))
        } else {
            Err(refuse(format!("{} bytes are not {kind:?} {shape:?}", data.len())))
        }
    }

    /// Its numbers, if it has this type.
    pub(crate) fn floats(&self) -> Option<Vec<f32>> {
        let (floats, _) = self.data.as_chunks::<4>();
        (self.kind == Kind::F32)
            .then(|| floats.iter().map(|float| f32::from_le_bytes(*float)).collect())
    }

    /// Its whole numbers, if it has any.
    pub(crate) fn integers(&self) -> Option<Vec<i64>> {
        match self.kind {
            Kind::F32 => None,
            Kind::I8 => Some(self.data.iter().map(|byte| i64::from(byte.cast_signed())).collect()),
            Kind::I32 => {
                let (numbers, _) = self.data.as_chunks::<4>();
                Some(numbers.iter().map(|number| i32::from_le_bytes(*number).into()).collect())
            }
            Kind::I64 => {
                let (numbers, _) = self.data.as_chunks::<8>();
                Some(numbers.iter().map(|number| i64::from_le_bytes(*number)).collect())
            }
        }
    }
}
