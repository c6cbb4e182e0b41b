//! A model is read, or refused, whatever the bytes, and its maps can be replaced.

#![no_main]

use std::collections::BTreeMap;

use impasto_assets::{
    gather_model, is_text_model, model_maps, read_model, read_surface, with_images,
};
use impasto_fuzz::SMALL;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(model) = read_model(bytes, "a", &SMALL) {
        let places = model.places.len();
        assert!(model.triangles.iter().all(|triangle| triangle.place < places));
        assert!(model.unread.iter().all(|place| *place < places));
    }
    if let Ok(model) = read_surface(bytes, "a", &SMALL, "bricks_albedo.png", (64, 32)) {
        assert!(model.triangles.iter().all(|triangle| triangle.place == 0));
    }
    let Ok(maps) = model_maps(bytes, "a", &SMALL) else { return };
    // A cube map or an array has a surface, and no images.
    if maps.is_empty() {
        return;
    }
    let longer = |file: &[u8]| [file, b"more"].concat();
    let new: BTreeMap<usize, Vec<u8>> =
        maps.iter().map(|map| (map.image, longer(&map.bytes))).collect();
    // A text is gathered before anything of it is replaced.
    let own = is_text_model(bytes, "a").then(|| gather_model(bytes, "a", &BTreeMap::new()));
    let own = own.map(|own| own.expect("it was read so"));
    let bytes = own.as_deref().unwrap_or(bytes);
    let changed = with_images(bytes, "a", &new).expect("what is found can be replaced");
    let again = model_maps(&changed, "a", &SMALL).expect("it is a model still");
    for (map, own) in again.iter().zip(&maps) {
        assert_eq!((map.image, &map.bytes), (own.image, &longer(&own.bytes)));
    }
});
