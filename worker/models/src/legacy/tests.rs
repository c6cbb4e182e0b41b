use proptest::prelude::*;

use super::writer::{Written, write_legacy};
use super::*;

fn sample() -> Vec<Written> {
    let floats: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|float| float.to_le_bytes()).collect();
    vec![
        Written {
            name: "codes".to_owned(),
            element: Element::Byte,
            shape: vec![2, 3, 50],
            data: (0..300).map(|i| i as u8).collect(),
        },
        Written { name: "bias".to_owned(), element: Element::Float, shape: vec![2], data: floats },
    ]
}

#[test]
fn a_written_file_is_read_back() {
    let (tensors, file) = (sample(), write_legacy(&sample()));
    let read = read_legacy(&file).expect("the file is valid");
    assert_eq!(read.len(), tensors.len());
    for (read, written) in read.iter().zip(&tensors) {
        assert_eq!(
            (&read.name, read.element, &read.shape, read.data),
            (&written.name, written.element, &written.shape, &written.data[..])
        );
    }
}

#[test]
fn a_truncated_or_longer_file_is_refused() {
    let mut file = write_legacy(&sample());
    for length in 0..file.len() {
        assert!(read_legacy(&file[..length]).is_err(), "{length}");
    }
    file.push(0);
    assert!(read_legacy(&file).is_err());
}

/// Replaces the only occurrence of `from`.
fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = file.windows(from.len()).position(|window| window == from).expect("it stands there");
    [&file[..at], to, &file[at + from.len()..]].concat()
}

#[test]
fn unneeded_instructions_and_names_are_refused() {
    let file = write_legacy(&sample());
    let check = |from: &[u8], to: &[u8], reason: &str| {
        let error = read_legacy(&replaced(&file, from, to)).expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}");
    };
    check(
        b"cTORCH\n".to_ascii_lowercase().as_slice(),
        b"cos\nsystem\n",
        "a name is not one that such a file needs",
    );
    check(b")RtR", b")RtRi", "the instruction 0x69 is not one that such a file needs");
    check(b"X\x05\x00\x00\x00codes", b"X\xff\xff\xff\xffcodes", "a text is too long");
    check(
        b"K\x02K\x03K\x32t",
        b"K\x03K\x03K\x32t",
        "a tensor's shape does not match its storage's length",
    );
    check(b"K\x96K\x32K\x01t", b"K\x01K\x32K\x01t", "a tensor is not contiguous");
    check(b"M\x2c\x01NtQK\x00", b"M\x2c\x01NtQK\x01", "a tuple is neither");
    check(
        b"\x2c\x01\x00\x00\x00\x00\x00\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\x7f",
        "a storage's length is not its tensor's",
    );
    check(b"X\x03\x00\x00\x00cpu", b"X\x03\x00\x00\x00gpu", "a tuple is neither");
    check(b"little_endianq\x02\x88", b"little_endianq\x02\x89", "not the layout");
}

proptest! {
    #[test]
    fn damage_never_panics(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = write_legacy(&sample());
        for (index, value) in flips {
            let at = index.index(file.len());
            file[at] = value;
        }
        let _ = read_legacy(&file);
    }

    #[test]
    fn pickles_of_known_instructions_never_panic(
        program in prop::collection::vec(
            prop::sample::select(b"}]()NKMJXcqrht\x85\x89QRue.\x00\x01\x02".to_vec()),
            0..200,
        ),
    ) {
        let file = [PREFIX, b"\x80\x02", &program[..]].concat();
        let _ = read_legacy(&file);
    }
}
