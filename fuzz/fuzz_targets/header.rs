//! A header is read, or refused, whatever the bytes.

#![no_main]

use impasto_assets::read_header;
use impasto_fuzz::SMALL;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = read_header(bytes, "a", &SMALL) {
        let is_bare = header.format.is_model() && (header.width, header.height) == (0, 0);
        assert!(is_bare || (header.width > 0 && header.height > 0), "{header:?}");
        assert!(header.footprint().decoding_bytes() >= header.footprint().held_bytes());
    }
});
