//! A picture is what its header says, and what decodes is whole.

#![no_main]

use impasto_assets::{decode, read_header, verify};
use impasto_fuzz::SMALL;
use impasto_types::ContainerFormat;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = verify(bytes, "a", &SMALL);
    let Ok(picture) = decode(bytes, "a", &SMALL) else { return };
    // What follows the pixels of a PNG matters to `verify` alone; it may be a model's texture.
    if !matches!(picture.origin.format, ContainerFormat::Png | ContainerFormat::Glb) {
        whole.expect("what decodes is whole");
    }
    let header = read_header(bytes, "a", &SMALL).expect("what decodes has a header");
    let said = (header.width, header.height, header.alpha, header.depth);
    let is = (picture.width, picture.height, picture.alpha.is_some(), picture.origin.depth);
    assert_eq!(said, is);
    assert_eq!(picture.rgb.len(), 3 * picture.pixels());
});
