use super::*;

/// In the byte order of `order`: a word of two bytes, and one of four.
fn numbers(order: &[u8; 2]) -> (impl Fn(u16) -> [u8; 2], impl Fn(u32) -> [u8; 4]) {
    let is_big = order == b"MM";
    (
        move |number: u16| if is_big { number.to_be_bytes() } else { number.to_le_bytes() },
        move |number: u32| if is_big { number.to_be_bytes() } else { number.to_le_bytes() },
    )
}

/// A camera's file: a make, an orientation, an artist, EXIF's directory with a comment and an
/// aperture, and a second directory with a thumbnail.
fn camera(order: &[u8; 2]) -> Vec<u8> {
    let (short, long) = numbers(order);
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&short(tag)[..], &short(kind), &long(count), &value].concat()
    };
    let [high, low] = short(6);
    let first = [
        &order[..],
        &short(42),
        &long(8),
        &short(4),
        &entry(0x010f, 2, 4, *b"Pho\0"),
        &entry(ORIENTATION, SHORT, 1, [high, low, 0, 0]),
        &entry(0x013b, 2, 9, long(62)),
        &entry(OWN_DIRECTORY, LONG, 1, long(72)),
        &long(0),
        b"Somebody\0\0",
    ]
    .concat();
    let own = [
        &short(2)[..],
        &entry(0x829d, 5, 1, long(122)),
        &entry(0x9286, 7, 13, long(102)),
        &long(0),
        b"ASCII\0\0\0hello\0\0\0\0\0\0\0",
        &long(28),
        &long(10),
    ]
    .concat();
    [first, own].concat()
}

#[test]
fn orientations_come_back() {
    for orientation in Orientation::ALL {
        let Some(bytes) = Exif::written(orientation, None) else {
            assert_eq!(orientation, Orientation::Normal);
            continue;
        };
        assert_eq!(Exif::parse(&bytes), Exif { orientation, ..Exif::default() });
        let in_jpeg = [b"Exif\0\0", &bytes[..]].concat();
        assert_eq!(Exif::parse(&in_jpeg).orientation, orientation);
    }
}

#[test]
fn both_byte_orders_and_damage_are_read() {
    let check = |bytes: &[u8], orientation: u16, text: Option<&[u8]>, lost: bool| {
        let exif = Exif::parse(bytes);
        let found = exif.text.first.first().map(|field| &field.value[..]);
        assert_eq!((exif.orientation.exif(), found), (orientation, text), "{bytes:?}");
        assert_eq!(exif.lost, lost, "{bytes:?}");
    };
    let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    check(big, 6, None, false);
    let long = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\0";
    check(long, 8, None, false);
    let unknown = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0\0\0\0\0";
    check(unknown, 1, None, false);
    let short_name = b"II*\0\x08\0\0\0\x01\0\x3b\x01\x02\0\x03\0\0\0me\0\0\0\0\0\0";
    check(short_name, 1, Some(b"me\0"), false);
    let long_name = b"II*\0\x08\0\0\0\x01\0\x98\x82\x02\0\x05\0\0\0\x1a\0\0\0\0\0\0\0mine\0";
    check(long_name, 1, Some(b"mine\0"), false);
    let blank_name = b"II*\0\x08\0\0\0\x01\0\x98\x82\x02\0\x05\0\0\0\x1a\0\0\0\0\0\0\0    \0";
    check(blank_name, 1, None, false);
    for length in 0..big.len() {
        let _ = Exif::parse(&big[..length]);
    }
    let far = b"II*\0\xff\xff\xff\xff\x01\0\x3b\x01\x02\0\xff\xff\xff\xff";
    check(far, 1, None, false);
    let cut = b"II*\0\x08\0\0\0\x01\0\x98\x82\x02\0\xff\xff\xff\xff\x1a\0\0\0\0\0\0\0mine\0";
    check(cut, 1, None, true);
    let numbers = b"II*\0\x08\0\0\0\x01\0\x98\x82\x03\0\x01\0\0\0\x1a\0\0\0\0\0\0\0";
    check(numbers, 1, None, true);
}

#[test]
fn text_comes_back_without_the_rest() {
    for order in [b"II", b"MM"] {
        let exif = Exif::parse(&camera(order));
        assert_eq!((exif.orientation.exif(), exif.lost), (6, false));
        let values = |fields: &[Field]| -> Vec<(u16, Vec<u8>)> {
            fields.iter().map(|field| (field.tag, field.value.clone())).collect()
        };
        let first = [(0x010f, b"Pho\0".to_vec()), (0x013b, b"Somebody\0".to_vec())];
        assert_eq!(values(&exif.text.first), first);
        assert_eq!(values(&exif.text.own), [(0x9286, b"ASCII\0\0\0hello".to_vec())]);
        let written = Exif::written(exif.orientation, Some(&exif.text)).expect("it says something");
        assert_eq!(&written[..2], order);
        assert_eq!(Exif::parse(&written), exif);
        let upright = Exif::written(Orientation::Normal, Some(&exif.text)).expect("it has text");
        let expected = Exif { orientation: Orientation::Normal, ..exif };
        assert_eq!(Exif::parse(&upright), expected);
    }
    assert_eq!(Exif::written(Orientation::Normal, Some(&ExifText::default())), None);
}

#[test]
fn damage_at_any_place_is_survived() {
    let whole = camera(b"II");
    for length in 0..whole.len() {
        let exif = Exif::parse(&whole[..length]);
        assert!(exif.text.bytes() <= length, "{length}");
    }
    for at in 0..whole.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            let exif = Exif::parse(&bytes);
            if let Some(written) = Exif::written(exif.orientation, Some(&exif.text)) {
                assert_eq!(Exif::parse(&written), Exif { lost: false, ..exif }, "{at} {byte}");
            }
        }
    }
}

#[test]
fn text_that_lies_over_itself_is_bounded() {
    // Every tag claims the same 20,000 bytes, many times.
    let mut bytes = b"II*\0\x08\0\0\0\xff\xff".to_vec();
    for tag in FIRST_TEXT.into_iter().cycle().take(2000) {
        bytes.extend(tag.to_le_bytes());
        bytes.extend([2, 0, 0x20, 0x4e, 0, 0, 10, 0, 0, 0]);
    }
    let exif = Exif::parse(&bytes);
    assert!(exif.lost);
    assert_eq!(exif.text.bytes(), 60_000);
    let written = Exif::written(Orientation::Half, Some(&exif.text)).expect("it says something");
    assert!(written.len() + 6 <= crate::notes::SEGMENT_BYTES);
}
