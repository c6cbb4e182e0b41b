//! What is read can be written, and what is written has the header of what was read.

#![no_main]

use impasto_assets::{decode, encode, read_header, verify};
use impasto_fuzz::SMALL;
use impasto_types::{OutputSpec, Part};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(picture) = decode(bytes, "a", &SMALL) else { return };
    // What follows the pixels of a PNG matters to `verify` alone; of a model's texture that is not
    // painted, it is kept.
    let is_whole = verify(bytes, "a", &SMALL).is_ok();
    let output = OutputSpec { part: Part::Color, format: picture.origin.format, quality: 90 };
    for picture in [picture.clone(), picture.to_display()] {
        let written = encode(&picture, output).expect("what was read can be written");
        let header = read_header(&written, "a", &SMALL).expect("it has a header");
        assert_eq!((header.width, header.height), (picture.width, picture.height));
        assert_eq!(header.alpha, picture.alpha.is_some());
        if is_whole {
            verify(&written, "a", &SMALL).expect("it is whole");
        }
    }
});
