//! Reads one file layout: the stream that `torch.save` wrote before version 1.6, with a dictionary
//! of byte and float tensors.
//!
//! The layout, back to back: a fixed prefix (magic number, version, system information); a pickled
//! dictionary from names to tensors; a pickled list of storage keys in the order of the file; for
//! each key a little-endian 64-bit count and that many elements.
//!
//! A pickle is a program. This reader knows only the instructions and the four names that such a
//! file needs, every value has a closed, flat type, and nothing is ever called. Anything else is an
//! error with the offset of its byte.

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod writer;

use std::collections::HashMap;

use crate::ModelError;

/// A tensor of the file.
#[derive(Debug, PartialEq)]
pub(crate) struct LegacyTensor<'a> {
    pub name: String,
    pub element: Element,
    pub shape: Vec<usize>,
    /// Contiguous, little-endian.
    pub data: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Byte,
    Float,
}

impl Element {
    fn size_bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Float => 4,
        }
    }
}

/// Three pickles that are the same in every file: the magic number 0x1950a86a20f9469cfc6c, the
/// version 1001, and a little-endian system's type sizes.
pub(crate) const PREFIX: &[u8] = b"\
    \x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\
    \x80\x02}q\x00(X\x10\x00\x00\x00protocol_versionq\x01M\xe9\x03\
    X\x0d\x00\x00\x00little_endianq\x02\x88\
    X\x0a\x00\x00\x00type_sizesq\x03}q\x04(X\x05\x00\x00\x00shortq\x05K\x02\
    X\x03\x00\x00\x00intq\x06K\x04\
    X\x04\x00\x00\x00longq\x07K\x04uu.";

/// Reads all tensors, in the order of the dictionary. Bytes that belong to no tensor are an error.
pub(crate) fn read_legacy(bytes: &[u8]) -> Result<Vec<LegacyTensor<'_>>, ModelError> {
    let mut reader = Reader { bytes, at: 0 };
    if reader.take(PREFIX.len())? != PREFIX {
        return Err(ModelError::Layout {
            at: 0,
            reason: "this is not the layout of torch.save before 1.6".to_owned(),
        });
    }
    let Value::Tensors(tensors) = run(&mut reader)? else {
        return reader.refuse("the first pickle is not a dictionary of tensors");
    };
    let Value::Keys(keys) = run(&mut reader)? else {
        return reader.refuse("the second pickle is not a list of storage keys");
    };

    let mut storages: HashMap<String, (Element, &[u8])> = HashMap::new();
    let mut wanted: HashMap<&str, &Tensor> = HashMap::new();
    for (_, tensor) in &tensors {
        if wanted.insert(&tensor.storage.key, tensor).is_some() {
            return reader.refuse("two tensors share a storage");
        }
    }
    for key in keys {
        let Some(tensor) = wanted.remove(key.as_str()) else {
            return reader.refuse("a storage belongs to no tensor");
        };
        let Storage { element, count, .. } = tensor.storage;
        let announced = i64::from_le_bytes(reader.array()?);
        if usize::try_from(announced) != Ok(count) {
            return reader.refuse("a storage's length is not its tensor's");
        }
        let Some(length) = count.checked_mul(element.size_bytes()) else {
            return reader.refuse("a storage is too long");
        };
        storages.insert(key, (element, reader.take(length)?));
    }
    if reader.at != bytes.len() {
        return reader.refuse("there are bytes after the last storage");
    }
    tensors
        .into_iter()
        .map(|(name, tensor)| match storages.remove(&tensor.storage.key) {
            Some((element, data)) => Ok(LegacyTensor { name, element, shape: tensor.shape, data }),
            None => reader.refuse("a tensor has no storage"),
        })
        .collect()
}

/// A value on the stack. No value contains another of its own kind, so nesting is impossible,
/// whatever the file says.
#[derive(Debug)]
enum Value {
    Mark,
    Text(String),
    Int(i64),
    False,
    None,
    Name(Name),
    Unit,
    Ints(Vec<usize>),
    StorageId(Storage),
    Storage(Storage),
    /// An empty ordered dictionary: a tensor's hooks.
    Hooks,
    TensorParts(Tensor),
    Tensor(Tensor),
    Tensors(Vec<(String, Tensor)>),
    Keys(Vec<String>),
}

/// The names that a pickle may mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    RebuildTensor,
    OrderedDict,
    ByteStorage,
    FloatStorage,
}

#[derive(Debug)]
struct Storage {
    element: Element,
    key: String,
    count: usize,
}

#[derive(Debug)]
struct Tensor {
    storage: Storage,
    shape: Vec<usize>,
}

/// The values that a pickle may memoize: only small ones.
#[derive(Debug, Clone)]
enum Remembered {
    Text(String),
    Name(Name),
    Other,
}

/// Longer than any name in such a file, and short enough that copies cost nothing.
const MAX_TEXT_BYTES: usize = 64;

/// Ten times the length of the dictionary's pickle.
const MAX_PICKLE_BYTES: usize = 50_000;

/// Reads one complete pickle.
fn run(reader: &mut Reader<'_>) -> Result<Value, ModelError> {
    let start = reader.at;
    if reader.take(2)? != b"\x80\x02" {
        return reader.refuse("a pickle does not begin with protocol 2");
    }
    let mut stack: Vec<Value> = Vec::new();
    let mut memo: HashMap<u32, Remembered> = HashMap::new();
    loop {
        if reader.at - start > MAX_PICKLE_BYTES {
            return reader.refuse("a pickle is too long");
        }
        match reader.byte()? {
            b'}' => stack.push(Value::Tensors(Vec::new())),
            b']' => stack.push(Value::Keys(Vec::new())),
            b')' => stack.push(Value::Unit),
            b'(' => stack.push(Value::Mark),
            b'N' => stack.push(Value::None),
            b'\x89' => stack.push(Value::False),
            b'K' => stack.push(Value::Int(reader.byte()?.into())),
            b'M' => stack.push(Value::Int(u16::from_le_bytes(reader.array()?).into())),
            b'J' => stack.push(Value::Int(i32::from_le_bytes(reader.array()?).into())),
            b'X' => stack.push(Value::Text(reader.text()?)),
            b'c' => stack.push(Value::Name(reader.name()?)),
            b'q' => remember(reader.byte()?.into(), &stack, &mut memo),
            b'r' => remember(u32::from_le_bytes(reader.array()?), &stack, &mut memo),
            b'h' => match memo.get(&reader.byte()?.into()) {
                Some(Remembered::Text(text)) => stack.push(Value::Text(text.clone())),
                Some(&Remembered::Name(name)) => stack.push(Value::Name(name)),
                Some(Remembered::Other) | None => {
                    return reader.refuse("only texts and names are fetched again");
                }
            },
            b'\x85' => match stack.pop() {
                Some(Value::Int(int)) => stack.push(Value::Ints(vec![reader.length(int)?])),
                _ => return reader.refuse("a tuple of one holds a number"),
            },
            b't' => {
                let items = reader.since_mark(&mut stack)?;
                stack.push(tuple(reader, items)?);
            }
            b'Q' => match stack.pop() {
                Some(Value::StorageId(storage)) => stack.push(Value::Storage(storage)),
                _ => return reader.refuse("a persistent id is that of a storage"),
            },
            b'R' => {
                let (arguments, callee) = (stack.pop(), stack.pop());
                stack.push(match (callee, arguments) {
                    (Some(Value::Name(Name::RebuildTensor)), Some(Value::TensorParts(tensor))) => {
                        Value::Tensor(tensor)
                    }
                    (Some(Value::Name(Name::OrderedDict)), Some(Value::Unit)) => Value::Hooks,
                    _ => return reader.refuse("only tensors are built"),
                });
            }
            b'u' => {
                let items = reader.since_mark(&mut stack)?;
                let Some(Value::Tensors(tensors)) = stack.last_mut() else {
                    return reader.refuse("items go into a dictionary");
                };
                let mut items = items.into_iter();
                while let Some(key) = items.next() {
                    match (key, items.next()) {
                        (Value::Text(name), Some(Value::Tensor(tensor))) => {
                            tensors.push((name, tensor))
                        }
                        _ => return reader.refuse("a dictionary maps names to tensors"),
                    }
                }
            }
            b'e' => {
                let items = reader.since_mark(&mut stack)?;
                let Some(Value::Keys(keys)) = stack.last_mut() else {
                    return reader.refuse("items go into a list");
                };
                for item in items {
                    match item {
                        Value::Text(key) => keys.push(key),
                        _ => return reader.refuse("a list holds storage keys"),
                    }
                }
            }
            b'.' => match (stack.pop(), stack.is_empty()) {
                (Some(value), true) => return Ok(value),
                _ => return reader.refuse("a pickle leaves one value"),
            },
            other => {
                return reader.refuse(&format!(
                    "the instruction {other:#04x} is not one that such a file needs"
                ));
            }
        }
    }
}

fn remember(slot: u32, stack: &[Value], memo: &mut HashMap<u32, Remembered>) {
    let value = match stack.last() {
        Some(Value::Text(text)) => Remembered::Text(text.clone()),
        Some(&Value::Name(name)) => Remembered::Name(name),
        _ => Remembered::Other,
    };
    memo.insert(slot, value);
}

/// The three kinds of tuples: numbers, the id of a storage, and the parts of a tensor.
fn tuple(reader: &Reader<'_>, items: Vec<Value>) -> Result<Value, ModelError> {
    if items.iter().all(|item| matches!(item, Value::Int(_))) {
        let ints = items.iter().filter_map(|item| {
            if let Value::Int(int) = item { Some(reader.length(*int)) } else { None }
        });
        return Ok(Value::Ints(ints.collect::<Result<_, _>>()?));
    }
    let mut items = items.into_iter();
    let mut next = || items.next();
    match [next(), next(), next(), next(), next(), next(), next()] {
        [
            Some(Value::Text(word)),
            Some(Value::Name(class)),
            Some(Value::Text(key)),
            Some(Value::Text(place)),
            Some(Value::Int(count)),
            Some(Value::None),
            None,
        ] if word == "storage" && place == "cpu" => {
            let element = match class {
                Name::ByteStorage => Element::Byte,
                Name::FloatStorage => Element::Float,
                Name::RebuildTensor | Name::OrderedDict => {
                    return reader.refuse("a storage holds bytes or floats");
                }
            };
            Ok(Value::StorageId(Storage { element, key, count: reader.length(count)? }))
        }
        [
            Some(Value::Storage(storage)),
            Some(Value::Int(0)),
            Some(Value::Ints(shape)),
            Some(Value::Ints(stride)),
            Some(Value::False),
            Some(Value::Hooks),
            None,
        ] => {
            // Contiguous: each stride is the product of the sizes to its right, and the first
            // product is the storage.
            let mut expected = 1_usize;
            for (size, stride) in shape.iter().zip(&stride).rev() {
                if *stride != expected {
                    return reader.refuse("a tensor is not contiguous");
                }
                expected = match expected.checked_mul(*size) {
                    Some(product) => product,
                    None => return reader.refuse("a tensor is too large"),
                };
            }
            if stride.len() != shape.len() || expected != storage.count {
                return reader.refuse("a tensor's shape does not match its storage's length");
            }
            Ok(Value::TensorParts(Tensor { storage, shape }))
        }
        _ => reader.refuse("a tuple is neither numbers nor a storage nor a tensor"),
    }
}

/// A position in the file. Never reads beyond the end, and never allocates a length that the file
/// states.
#[derive(Debug)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn refuse<T>(&self, reason: &str) -> Result<T, ModelError> {
        Err(ModelError::Layout { at: self.at, reason: reason.to_owned() })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ModelError> {
        let Some(taken) = self.bytes[self.at..].get(..length) else {
            return self.refuse("the file is truncated");
        };
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, ModelError> {
        Ok(self.array::<1>()?[0])
    }

    /// A count.
    fn length(&self, int: i64) -> Result<usize, ModelError> {
        usize::try_from(int).or_else(|_| self.refuse("a length is negative"))
    }

    fn text(&mut self) -> Result<String, ModelError> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        if length > MAX_TEXT_BYTES {
            return self.refuse("a text is too long");
        }
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .or_else(|_| self.refuse("a text is not UTF-8"))
    }

    /// Reads two lines: a module and a name in it.
    fn name(&mut self) -> Result<Name, ModelError> {
        const NAMES: [(&[u8], Name); 4] = [
            (b"torch._utils\n_rebuild_tensor_v2\n", Name::RebuildTensor),
            (b"collections\nOrderedDict\n", Name::OrderedDict),
            (b"torch\nByteStorage\n", Name::ByteStorage),
            (b"torch\nFloatStorage\n", Name::FloatStorage),
        ];
        let rest = &self.bytes[self.at..];
        let Some((text, name)) = NAMES.iter().find(|(text, _)| rest.starts_with(text)) else {
            return self.refuse("a name is not one that such a file needs");
        };
        self.at += text.len();
        Ok(*name)
    }

    /// Removes the last mark and everything above it from the stack.
    fn since_mark(&self, stack: &mut Vec<Value>) -> Result<Vec<Value>, ModelError> {
        let Some(mark) = stack.iter().rposition(|value| matches!(value, Value::Mark)) else {
            return self.refuse("there is no mark");
        };
        let items = stack.split_off(mark + 1);
        stack.pop();
        Ok(items)
    }
}
