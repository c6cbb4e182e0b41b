//! EXIF anew, with what is known of it: no thumbnail, which would show the old picture.

use super::{Exif, ExifText, Field, LONG, ORIENTATION, OWN_DIRECTORY, SHORT};
use crate::Orientation;

/// The byte order's mark, 42, and where the first directory is.
const HEAD_BYTES: usize = 8;

impl Exif {
    /// A TIFF structure with an orientation and text; `None` if there is nothing to say.
    pub(crate) fn written(orientation: Orientation, text: Option<&ExifText>) -> Option<Vec<u8>> {
        let none = ExifText::default();
        let text = text.unwrap_or(&none);
        if orientation == Orientation::Normal && text.is_empty() {
            return None;
        }
        let mut first = text.first.clone();
        if orientation != Orientation::Normal {
            first.push(text.number(ORIENTATION, SHORT, orientation.exif().into()));
        }
        if !text.own.is_empty() {
            first.push(text.number(OWN_DIRECTORY, LONG, 0));
        }
        // Tags grow within a directory.
        first.sort_by_key(|field| field.tag);
        let own_at = HEAD_BYTES + text.directory(&first, HEAD_BYTES).len();
        if let Some(pointer) = first.iter_mut().find(|field| field.tag == OWN_DIRECTORY) {
            *pointer = text.number(OWN_DIRECTORY, LONG, own_at as u32);
        }
        let mut own = text.own.clone();
        own.sort_by_key(|field| field.tag);
        let mark: &[u8] = if text.big_endian { b"MM" } else { b"II" };
        let head = [mark, &text.short(42), &text.long(HEAD_BYTES as u32)].concat();
        let first = text.directory(&first, HEAD_BYTES);
        let own = if own.is_empty() { Vec::new() } else { text.directory(&own, own_at) };
        Some([head, first, own].concat())
    }
}

impl ExifText {
    fn short(&self, number: u16) -> [u8; 2] {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn long(&self, number: u32) -> [u8; 4] {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    /// A tag with one number; a [`SHORT`] one fits into 16 bits.
    fn number(&self, tag: u16, kind: u16, number: u32) -> Field {
        let value = match kind {
            SHORT => self.short(number as u16).to_vec(),
            _ => self.long(number).to_vec(),
        };
        Field { tag, kind, value }
    }

    /// A directory that stands at an offset, with its values after it. No other one follows.
    fn directory(&self, fields: &[Field], at: usize) -> Vec<u8> {
        let mut table = self.short(fields.len() as u16).to_vec();
        let mut values = Vec::new();
        let values_at = at + 2 + 12 * fields.len() + 4;
        for Field { tag, kind, value } in fields {
            let count = if matches!(*kind, SHORT | LONG) { 1 } else { value.len() };
            table.extend([self.short(*tag), self.short(*kind)].concat());
            table.extend(self.long(count as u32));
            if value.len() <= 4 {
                table.extend(value);
                table.extend(&[0; 4][value.len()..]);
            } else {
                table.extend(self.long((values_at + values.len()) as u32));
                values.extend(value);
                // Values begin at even offsets.
                values.resize(values.len().next_multiple_of(2), 0);
            }
        }
        table.extend([0; 4]);
        [table, values].concat()
    }
}
