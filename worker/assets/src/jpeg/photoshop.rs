//! The resources that Photoshop stores, of which a few tell author and rights.

use crate::notes::SEGMENT_BYTES;
use crate::photoshop::{RIGHTS, Resource};

const NAME: &[u8] = b"Photoshop 3.0\0";

/// What of all resources tells author and rights.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Rights {
    /// Of the segments that hold it. Other resources are not among it, such as thumbnails, which
    /// would show the old picture.
    pub payloads: Vec<Vec<u8>>,
    /// There is more of it, which cannot be read.
    pub lost: bool,
}

pub(super) fn is_photoshop(payload: &[u8]) -> bool {
    payload.starts_with(NAME)
}

/// Reads the resources of all of Photoshop's segments.
pub(super) fn rights(payloads: &[&[u8]]) -> Rights {
    let all: Vec<u8> =
        payloads.iter().flat_map(|payload| &payload[NAME.len()..]).copied().collect();
    let (mut rest, mut kept) = (&all[..], Vec::new());
    while let Some(Resource { id, bytes, after, .. }) = Resource::first(rest) {
        if RIGHTS.contains(&id) {
            kept.extend(bytes);
        }
        rest = after;
    }
    let payload = |part: &[u8]| [NAME, part].concat();
    Rights {
        payloads: kept.chunks(SEGMENT_BYTES - NAME.len()).map(payload).collect(),
        lost: has_iptc(rest),
    }
}

/// Whether there seem to be resources of the IPTC.
pub(crate) fn has_iptc(resources: &[u8]) -> bool {
    crate::notes::find(resources, b"8BIM\x04\x04").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photoshop::IPTC;

    fn resource(id: u16, name: &[u8], content: &[u8]) -> Vec<u8> {
        let mut bytes = [b"8BIM", &id.to_be_bytes()[..], &[name.len() as u8], name].concat();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    }

    fn segment(resources: &[u8]) -> Vec<u8> {
        [NAME, resources].concat()
    }

    #[test]
    fn rights_are_kept_without_a_thumbnail() {
        let (iptc, url) =
            (resource(IPTC, b"", b"\x1c\x02\x50\0\x02me"), resource(0x040b, b"u", b"x"));
        let thumbnail = resource(0x040c, b"old", &[7; 33]);
        let own = segment(&[&iptc[..], &url].concat());
        let check = |payloads: &[&[u8]], expected: &[&[u8]], lost: bool| {
            let found = rights(payloads);
            let kept: Vec<&[u8]> = found.payloads.iter().map(|payload| &payload[..]).collect();
            assert_eq!((&kept[..], found.lost), (expected, lost));
        };
        check(&[], &[], false);
        check(&[&own], &[&own], false);
        let all = [&iptc[..], &thumbnail, &url].concat();
        check(&[&segment(&all)], &[&own], false);
        // Cut at any place into two segments.
        for at in 0..all.len() {
            check(&[&segment(&all[..at]), &segment(&all[at..])], &[&own], false);
        }
        check(&[&segment(&thumbnail)], &[], false);
        let cut = &own[..own.len() - 4];
        check(&[cut], &[&segment(&iptc)], false);
        check(&[&segment(&iptc[..iptc.len() - 4])], &[], true);
        check(&[&segment(b"8BIM\x04\x04\0\0\xff\xff\xff\xffmine")], &[], true);
        check(&[&segment(b"8BIM\x04\x04\xff")], &[], true);
        let long = resource(IPTC, b"", &[9; 70_000]);
        let [first, second] = &rights(&[&segment(&long)]).payloads[..] else { panic!("two") };
        assert_eq!((first.len(), second.len()), (SEGMENT_BYTES, long.len() + 28 - SEGMENT_BYTES));
    }

    #[test]
    fn damage_at_any_place_is_survived() {
        let whole = segment(&[resource(IPTC, b"a", &[1; 9]), resource(0x0425, b"", b"x")].concat());
        for length in NAME.len()..whole.len() {
            assert!(rights(&[&whole[..length]]).payloads.concat().len() <= length);
        }
        for at in NAME.len()..whole.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                assert!(rights(&[&bytes]).payloads.concat().len() <= bytes.len());
            }
        }
    }
}
