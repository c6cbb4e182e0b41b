//! A model as text is read with its files, or refused, whatever the bytes; what is painted of it
//! comes back to where it was. The text ends at the first zero, and what follows is the content of
//! every file that it names.

#![no_main]

use std::collections::BTreeMap;

use impasto_assets::{decode, encode, gather_model, model_files, read_model, scatter_model};
use impasto_fuzz::SMALL;
use impasto_types::{ContainerFormat, OutputSpec, Part};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, content) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let Ok(files) = model_files(text, "a") else { return };
    let contents: BTreeMap<usize, &[u8]> = (0..files.len()).map(|file| (file, content)).collect();
    let Ok(before) = gather_model(text, "a", &contents) else { return };
    let _ = read_model(&before, "a", &SMALL);
    let Ok(mut picture) = decode(&before, "a", &SMALL) else { return };
    picture.rgb.iter_mut().for_each(|level| *level = 255.0 - *level);
    let output = OutputSpec { part: Part::Color, format: ContainerFormat::Glb, quality: 90 };
    let Ok(after) = encode(&picture, output) else { return };
    let Ok(changed) = scatter_model(text, "a", &contents, (&before, &after)) else { return };
    let mut new = contents.clone();
    new.extend(changed.files.iter().map(|(file, bytes)| (*file, &bytes[..])));
    let again = gather_model(&changed.text, "a", &new).expect("it is a model still");
    let (painted, again) = (decode(&after, "a", &SMALL), decode(&again, "a", &SMALL));
    let (painted, again) = (painted.expect("it was written"), again.expect("it is the same"));
    assert!(painted.rgb == again.rgb && painted.alpha == again.alpha);
});
