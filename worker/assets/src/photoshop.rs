//! The resources that Photoshop stores: in its own files, and in a segment of JPEG.

/// One resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource<'a> {
    pub id: u16,
    pub content: &'a [u8],
    /// All of it, with its padding.
    pub bytes: &'a [u8],
    pub after: &'a [u8],
}

/// IPTC's fields.
pub(crate) const IPTC: u16 = 0x0404;
/// IPTC's fields and their digest, whether there is a copyright, and where to read of it.
pub(crate) const RIGHTS: [u16; 4] = [IPTC, 0x040a, 0x040b, 0x0425];

impl<'a> Resource<'a> {
    /// A signature, a number, a name, and the content with its length; both are padded to an even
    /// length, but the last content may lack that.
    pub(crate) fn first(bytes: &'a [u8]) -> Option<Self> {
        let [_, _, _, _, id0, id1, name_bytes, ..] = *bytes else { return None };
        if !matches!(&bytes[..4], b"8BIM" | b"MeSa" | b"AgHg" | b"PHUT" | b"DCSR") {
            return None;
        }
        let length_at = 6 + (1 + usize::from(name_bytes)).next_multiple_of(2);
        let length = u32::from_be_bytes(*bytes.get(length_at..)?.first_chunk()?) as usize;
        let end = (length_at + 4).checked_add(length)?;
        let content = bytes.get(length_at + 4..end)?;
        let (bytes, after) = bytes.split_at(end.next_multiple_of(2).min(bytes.len()));
        Some(Self { id: u16::from_be_bytes([id0, id1]), content, bytes, after })
    }
}

/// A resource without a name.
pub(crate) fn resource(id: u16, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    let padding = &[0][..content.len() % 2];
    [&b"8BIM"[..], &id.to_be_bytes(), &[0, 0], &length, content, padding].concat()
}
