//! Numbers of a model's geometry, out of its buffer.

use std::collections::HashMap;
use std::rc::Rc;

use serde::Deserialize;

use super::damaged;
use super::document::{BufferView, Document, Whole, element};
use crate::AssetErrorKind;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accessor {
    pub buffer_view: Option<Whole>,
    byte_offset: Option<Whole>,
    component_type: Whole,
    #[serde(default)]
    normalized: bool,
    count: Whole,
    #[serde(rename = "type")]
    shape: String,
    sparse: Option<Sparse>,
}

/// Elements that differ from those of the buffer view.
#[derive(Debug, Deserialize)]
struct Sparse {
    count: Whole,
    indices: SparseIndices,
    values: SparseValues,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SparseIndices {
    buffer_view: Whole,
    byte_offset: Option<Whole>,
    component_type: Whole,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SparseValues {
    buffer_view: Whole,
    byte_offset: Option<Whole>,
}

/// Why numbers cannot be had.
#[derive(Debug)]
pub(super) enum Fault {
    Damaged(AssetErrorKind),
    /// They are somewhere or somehow that is not read; a part of a sentence about surfaces.
    Unreadable(&'static str),
}

impl From<AssetErrorKind> for Fault {
    fn from(kind: AssetErrorKind) -> Self {
        Self::Damaged(kind)
    }
}

/// Reads accessors, each once.
pub(super) struct Accessors<'a> {
    list: &'a [Accessor],
    views: &'a [BufferView<'a>],
    /// The buffer in this file, if there is one.
    buffer: Option<&'a [u8]>,
    /// How many elements may yet be read: those of an honest file are not more than its bytes.
    left: u64,
    vectors: HashMap<usize, Rc<Vec<f32>>>,
    indices: HashMap<usize, Rc<Vec<u32>>>,
}

/// The type of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Component {
    I8,
    U8,
    I16,
    U16,
    U32,
    F32,
}

/// Elements in a buffer.
struct Elements<'a> {
    bytes: &'a [u8],
    stride: usize,
    size: usize,
}

impl<'a> Accessors<'a> {
    pub(super) fn new(
        list: &'a [Accessor],
        document: &'a Document<'a>,
        buffer: Option<&'a [u8]>,
        file_bytes: usize,
    ) -> Self {
        let views = &document.buffer_views;
        let left = file_bytes as u64;
        Self { list, views, buffer, left, vectors: HashMap::new(), indices: HashMap::new() }
    }

    /// Whether an accessor has no bytes of its own.
    pub(super) fn is_empty_handed(&self, index: Whole) -> bool {
        self.list.get(index.index()).is_some_and(|accessor| accessor.buffer_view.is_none())
    }

    /// Vectors of `channels` numbers, one after the other.
    pub(super) fn vectors(&mut self, index: Whole, channels: usize) -> Result<Rc<Vec<f32>>, Fault> {
        let accessor = element(self.list, index, "accessor")?;
        let wrong = |what: &str| damaged(format!("accessor {}: {what}", index.0));
        if accessor.shape != format!("VEC{channels}") {
            return Err(wrong("another type than its attribute has").into());
        }
        if let Some(known) = self.vectors.get(&index.index()) {
            return Ok(known.clone());
        }
        let component = Component::of(accessor.component_type)
            .filter(|component| *component != Component::U32)
            .ok_or_else(|| wrong("numbers of another type than its attribute has"))?;
        let size = channels * component.bytes();
        self.charge(index, accessor.count)?;
        let count = accessor.count.index();
        let mut numbers = match accessor.buffer_view {
            None => vec![0.0; count * channels],
            Some(view) => {
                let elements =
                    self.elements(index, view, accessor.byte_offset, size, count, true)?;
                let mut numbers = Vec::with_capacity(count * channels);
                elements.each(|bytes| {
                    numbers.extend(component.numbers(bytes, accessor.normalized));
                });
                numbers
            }
        };
        if let Some(sparse) = &accessor.sparse {
            self.charge(index, sparse.count)?;
            let new = sparse.count.index();
            let at = self.sparse_indices(index, sparse)?;
            let SparseValues { buffer_view, byte_offset } = sparse.values;
            let values = self.elements(index, buffer_view, byte_offset, size, new, false)?;
            let mut at = at.into_iter();
            let mut is_inside = true;
            values.each(|bytes| {
                let start = channels * at.next().map_or(usize::MAX / 8, |at| at as usize);
                match numbers.get_mut(start..start + channels) {
                    Some(old) => old
                        .iter_mut()
                        .zip(component.numbers(bytes, accessor.normalized))
                        .for_each(|(old, new)| *old = new),
                    None => is_inside = false,
                }
            });
            if !is_inside {
                return Err(wrong("a sparse element that it does not have").into());
            }
        }
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(wrong("a number that is not finite").into());
        }
        let numbers = Rc::new(numbers);
        self.vectors.insert(index.index(), numbers.clone());
        Ok(numbers)
    }

    /// The numbers of vertices.
    pub(super) fn indices(&mut self, index: Whole) -> Result<Rc<Vec<u32>>, Fault> {
        let accessor = element(self.list, index, "accessor")?;
        let wrong = |what: &str| damaged(format!("accessor {}: {what}", index.0));
        if let Some(known) = self.indices.get(&index.index()) {
            return Ok(known.clone());
        }
        if accessor.shape != "SCALAR" || accessor.sparse.is_some() {
            return Err(wrong("it holds no numbers of vertices").into());
        }
        let component = Component::of(accessor.component_type)
            .filter(|component| component.is_index())
            .ok_or_else(|| wrong("numbers of vertices of another type"))?;
        self.charge(index, accessor.count)?;
        let view = accessor.buffer_view.ok_or_else(|| wrong("it has no bytes"))?;
        let count = accessor.count.index();
        let elements =
            self.elements(index, view, accessor.byte_offset, component.bytes(), count, true)?;
        let mut numbers = Vec::with_capacity(count);
        elements.each(|bytes| numbers.push(component.index(bytes)));
        let numbers = Rc::new(numbers);
        self.indices.insert(index.index(), numbers.clone());
        Ok(numbers)
    }

    fn sparse_indices(&self, index: Whole, sparse: &Sparse) -> Result<Vec<u32>, Fault> {
        let SparseIndices { buffer_view, byte_offset, component_type } = sparse.indices;
        let component = Component::of(component_type)
            .filter(|component| component.is_index())
            .ok_or_else(|| damaged(format!("accessor {}: indices of another type", index.0)))?;
        let count = sparse.count.index();
        let elements =
            self.elements(index, buffer_view, byte_offset, component.bytes(), count, false)?;
        let mut numbers = Vec::with_capacity(count);
        elements.each(|bytes| numbers.push(component.index(bytes)));
        Ok(numbers)
    }

    /// Elements of `size` bytes, all of which are there.
    fn elements(
        &self,
        index: Whole,
        view: Whole,
        offset: Option<Whole>,
        size: usize,
        count: usize,
        may_stride: bool,
    ) -> Result<Elements<'a>, Fault> {
        let wrong = |what: &str| damaged(format!("accessor {}: {what}", index.0));
        let view = element(self.views, view, "buffer view")?;
        let bytes = match (view.buffer.0, self.buffer) {
            (0, Some(buffer)) => buffer,
            _ if view.extensions.keys().any(|name| name.contains("meshopt")) => {
                return Err(Fault::Unreadable("are compressed (EXT_meshopt_compression)"));
            }
            _ => return Err(Fault::Unreadable("are in files of their own")),
        };
        let range = view.range()?;
        let [start, end] =
            [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        let bytes = bytes.get(start..end).ok_or_else(|| wrong("beyond the end of its buffer"))?;
        let bytes = bytes.get(offset.map_or(0, Whole::index)..).unwrap_or_default();
        let stride = view.byte_stride.filter(|_| may_stride).map_or(size, Whole::index);
        if stride < size {
            return Err(wrong("elements that overlap").into());
        }
        let needed = count.checked_sub(1).map_or(Some(0), |steps| {
            steps.checked_mul(stride).and_then(|bytes| bytes.checked_add(size))
        });
        match needed.and_then(|needed| bytes.get(..needed)) {
            Some(bytes) => Ok(Elements { bytes, stride, size }),
            None => Err(wrong("beyond the end of its buffer view").into()),
        }
    }

    /// Counts what is read, so that a small file cannot have much memory by its word.
    fn charge(&mut self, index: Whole, count: Whole) -> Result<(), AssetErrorKind> {
        let left = self.left.checked_sub(count.0);
        self.left = left.ok_or_else(|| {
            damaged(format!("accessor {}: more elements than the file has bytes", index.0))
        })?;
        Ok(())
    }
}

impl Elements<'_> {
    fn each(&self, mut seen: impl FnMut(&[u8])) {
        for element in self.bytes.chunks(self.stride.max(1)) {
            if let Some(element) = element.get(..self.size) {
                seen(element);
            }
        }
    }
}

impl Component {
    fn of(code: Whole) -> Option<Self> {
        Some(match code.0 {
            5120 => Self::I8,
            5121 => Self::U8,
            5122 => Self::I16,
            5123 => Self::U16,
            5125 => Self::U32,
            5126 => Self::F32,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::U32 | Self::F32 => 4,
        }
    }

    fn is_index(self) -> bool {
        matches!(self, Self::U8 | Self::U16 | Self::U32)
    }

    fn numbers(self, bytes: &[u8], normalized: bool) -> impl Iterator<Item = f32> {
        bytes.chunks_exact(self.bytes()).map(move |bytes| self.number(bytes, normalized))
    }

    fn number(self, bytes: &[u8], normalized: bool) -> f32 {
        let (number, most) = match self {
            Self::F32 => return f32::from_bits(little(bytes)),
            Self::I8 => (f32::from(little(bytes) as u8 as i8), 127.0),
            Self::U8 => (f32::from(little(bytes) as u8), 255.0),
            Self::I16 => (f32::from(little(bytes) as u16 as i16), 32_767.0),
            Self::U16 => (f32::from(little(bytes) as u16), 65_535.0),
            Self::U32 => (little(bytes) as f32, u32::MAX as f32),
        };
        if normalized { (number / most).max(-1.0) } else { number }
    }

    fn index(self, bytes: &[u8]) -> u32 {
        little(bytes)
    }
}

/// A number of up to four bytes.
fn little(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
