//! Models that are damaged, cut or of another kind give an error, never a panic.

use std::collections::BTreeMap;

use impasto_assets::{
    AssetErrorKind, Limits, decode, model_maps, read_header, read_model, verify, with_images,
};
use impasto_types::ContainerFormat;
use proptest::prelude::*;

use crate::fixtures::glb::{Glb, every_kind, file, png, refused, written};

fn model() -> Glb {
    let mut glb = Glb::default();
    glb.painted(&png(6, 5, false), "");
    glb.quad(0);
    glb
}

#[test]
fn what_is_not_there_or_not_supported_is_named() {
    let check = |change: &dyn Fn(&mut Glb), expected: &str| {
        let mut glb = model();
        change(&mut glb);
        let error = refused(&glb.file());
        assert!(error.starts_with("`a.glb` ") && error.ends_with(expected), "{error} {expected}");
    };
    let replace = |list: fn(&mut Glb) -> &mut Vec<String>, old: &'static str, new: &'static str| {
        move |glb: &mut Glb| {
            let text = &mut list(glb)[0];
            assert!(text.contains(old), "{text}");
            *text = text.replace(old, new);
        }
    };
    let images = |old, new| replace(|glb| &mut glb.images, old, new);
    let views = |old, new| replace(|glb| &mut glb.views, old, new);
    let textures = |old, new| replace(|glb| &mut glb.textures, old, new);
    let materials = |old, new| replace(|glb| &mut glb.materials, old, new);

    check(&|glb| glb.materials.clear(), "is a model without textures of its own to paint");
    check(
        &materials("baseColor", "metallicRoughness"),
        "is a model without textures of its own to paint",
    );
    check(
        &images("\"bufferView\":0", "\"uri\":\"wall.png\""),
        "is a model whose textures are files of their own; paint these: `wall.png`",
    );
    check(&views("\"buffer\":0", "\"buffer\":0.5"), "0.5 is no whole number at line 1 column 55");
    check(
        &images("\"bufferView\":0", "\"uri\":\"data:image/png;base64,AA==\""),
        "a glb with a texture in its description (a `data:` address), which is not supported",
    );
    check(&images("\"bufferView\":0,", ""), "image 0 is nowhere");
    check(&images("\"bufferView\":0", "\"bufferView\":99"), "there is no buffer view 99");
    check(&views("\"buffer\":0", "\"buffer\":1"), "there is no buffer 1");
    check(&views("\"byteLength\":", "\"byteLength\":9"), "image 0 is not within its buffer");
    check(&views("\"byteOffset\":", "\"byteOffset\":1e18,\"x\":"), "is no whole number");
    check(&textures("\"source\":0", "\"source\":4"), "there is no image 4");
    check(&textures("\"source\":0", "\"source\":0,\"sampler\":0"), "there is no sampler 0");
    check(&materials("\"index\":0", "\"index\":5"), "there is no texture 5");
    check(&materials("}}}", "}},\"normalTexture\":{\"index\":6}}"), "there is no texture 6");
    check(
        &|glb| {
            let inner = glb.file();
            *glb = Glb::default();
            glb.painted(&inner, "");
        },
        "is a glb with a texture, image 0, that is a glb, which is not supported",
    );
    check(
        &|glb| {
            *glb = Glb::default();
            glb.painted(b"no picture", "");
            glb.images[0] = glb.images[0].replace('{', "{\"name\":\"wall.png\",");
        },
        "has a texture, image 0 (`wall.png`), which is not an image",
    );
    check(
        &|glb| {
            *glb = Glb::default();
            glb.painted(b"#?RADIANCE\n\n-Y 1 +X 1\n\x80\x80\x80\x80", "");
        },
        "is a glb with a texture, image 0, that is a hdr, which is not supported",
    );
}

#[test]
fn bytes_that_belong_to_two_are_not_replaced() {
    let overlap = |start: usize, length: usize, more: &str| {
        let mut glb = Glb::default();
        glb.view(&[1; 8]);
        let image = glb.image(&[&png(6, 5, false)[..], &[0; 16]].concat());
        let texture = glb.texture(format!(r#"{{"source":{image}}}"#));
        glb.material(texture, "");
        glb.view(&[2; 8]);
        glb.views
            .push(format!(r#"{{"buffer":0,"byteOffset":{start},"byteLength":{length}{more}}}"#));
        glb
    };
    let end = 8 + png(6, 5, false).len() + 16;
    let expected = "`a.glb` is a glb with a texture that buffer view 3 has a part of, which is \
        not supported";
    for (start, length) in [(0, 9), (8, 1), (10, 4), (end - 1, 4), (0, end + 4), (8, end)] {
        assert_eq!(refused(&overlap(start, length, "").file()), expected, "{start} {length}");
    }
    for (start, length) in [(0, 8), (8, end - 8), (end, 4), (10, 0)] {
        let file = overlap(start, length, "").file();
        decode(&file, "a.glb", &Limits::default()).expect("nothing is in the way");
    }
    let packed =
        r#","extensions":{"EXT_meshopt_compression":{"buffer":0,"byteOffset":12,"byteLength":4}}"#;
    assert_eq!(refused(&overlap(0, 8, packed).file()), expected);
    let exactly = packed.replace("12", "8").replace(":4}", &format!(":{}}}", end - 8));
    assert_eq!(refused(&overlap(0, 8, &exactly).file()), expected);
    // Two textures.
    let mut glb = overlap(0, 8, "");
    glb.views[3] = format!(r#"{{"buffer":0,"byteOffset":8,"byteLength":{}}}"#, end - 12);
    glb.images.push(r#"{"bufferView":3}"#.to_owned());
    let texture = glb.texture(r#"{"source":1}"#.to_owned());
    glb.material(texture, "");
    let error = refused(&glb.file());
    assert!(error.contains("textures that share a part of their bytes"), "{error}");
}

#[test]
fn the_container_is_checked() {
    let bytes = model().file();
    let with = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        refused(&bytes)
    };
    let json_length = u32::from_le_bytes(*bytes[12..].first_chunk().expect("a length"));
    assert!(with(4, &[1]).ends_with("version 1, which is not supported"));
    assert_eq!(with(8, &(bytes.len() as u32 + 1).to_le_bytes()), "`a.glb` is truncated");
    assert!(with(8, &(bytes.len() as u32 - 1).to_le_bytes()).ends_with("bytes after its end"));
    assert!(with(12, &u32::MAX.to_le_bytes()).ends_with("a chunk is longer than the file"));
    assert!(with(16, b"BIN\0").ends_with("its first chunk is no description"));
    assert!(with(20, b"\xff").contains("is damaged"));
    assert!(with(20, b"[").contains("is damaged"));
    // Without its buffer, what the description says of it is not there.
    let buffer = 20 + json_length as usize;
    assert!(with(buffer + 4, b"ODD\0").ends_with("its buffer is longer than the chunk of it"));
    assert!(with(buffer, &(bytes.len() as u32).to_le_bytes()).ends_with("longer than the file"));
    let longer = [&bytes[..], b"more"].concat();
    assert!(refused(&longer).ends_with("bytes after its end"));
    // However deep it is nested.
    for what in ["extras", "extensions", "images"] {
        let deep = format!(r#"{{"{what}":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        refused(&file(&deep, b"", b""));
    }
}

#[test]
fn the_whole_is_within_the_limits() {
    let mut glb = Glb::default();
    for _ in 0..4 {
        glb.painted(&png(60, 60, false), "");
    }
    // Each of them is.
    let limits = Limits { max_side: 100, ..Limits::default() };
    let error = decode(&glb.file(), "a.glb", &limits).expect_err("all of them are not");
    assert!(
        matches!(error.kind, AssetErrorKind::TooLarge { width: 136, height: 136, .. }),
        "{error}"
    );
    let limits = Limits { max_side: 50, ..Limits::default() };
    let error = decode(&glb.file(), "a.glb", &limits).expect_err("one is too large");
    assert!(error.to_string().contains("has a texture, image 0, which is 60 x 60"), "{error}");
    assert!(error.kind.is_of_input());
}

#[test]
fn a_file_that_ends_early_is_truncated_at_every_length() {
    for glb in every_kind() {
        let bytes = glb.file();
        for length in 4..bytes.len() {
            let cut = &bytes[..length];
            for result in [
                decode(cut, "a.glb", &Limits::default()).map(drop),
                read_header(cut, "a.glb", &Limits::default()).map(drop),
                verify(cut, "a.glb", &Limits::default()),
                read_model(cut, "a.glb", &Limits::default()).map(drop),
                model_maps(cut, "a.glb", &Limits::default()).map(drop),
                with_images(cut, "a.glb", &BTreeMap::new()).map(drop),
            ] {
                let error = result.expect_err("it is cut");
                assert!(matches!(error.kind, AssetErrorKind::Truncated), "{length}: {error}");
            }
            // With a length that says so, too.
            if length > 12 {
                let mut cut = cut.to_vec();
                cut[8..12].copy_from_slice(&(length as u32).to_le_bytes());
                let error = decode(&cut, "a.glb", &Limits::default());
                if glb.more.is_empty() {
                    error.expect_err("a chunk is cut");
                }
            }
        }
    }
}

#[test]
fn a_texture_that_is_damaged_is_named() {
    let texture = png(6, 5, false);
    let mut glb = Glb::default();
    glb.painted(&png(7, 5, false), "");
    glb.painted(&texture[..texture.len() - 20], "");
    let bytes = glb.file();
    read_header(&bytes, "a.glb", &Limits::default()).expect("its header is whole");
    for result in [
        decode(&bytes, "a.glb", &Limits::default()).map(drop),
        verify(&bytes, "a.glb", &Limits::default()),
    ] {
        let error = result.expect_err("it is cut").to_string();
        assert_eq!(error, "`a.glb` has a texture, image 1, which is truncated");
    }
}

/// Small, so that a changed size cannot make a test slow.
const SMALL: Limits = Limits { max_side: 512, max_pixels: 1 << 14, max_file_bytes: 1 << 20 };

/// Maps can be replaced if they are found.
fn replaces_maps(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(mut maps) = model_maps(bytes, "a", &SMALL) else { return Ok(()) };
    for map in &mut maps {
        map.bytes = vec![map.image as u8; map.bytes.len() + 5];
    }
    let new = maps.iter().map(|map| (map.image, map.bytes.clone())).collect();
    let result = with_images(bytes, "a", &new).expect("they are its own");
    prop_assert_eq!(model_maps(&result, "a", &SMALL).expect("it is a model"), maps);
    Ok(())
}

/// Nothing panics, and what is read can be written.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    let header = read_header(bytes, "a", &SMALL);
    let _ = verify(bytes, "a", &SMALL);
    let _ = read_model(bytes, "a", &SMALL);
    let Ok(mut picture) = decode(bytes, "a", &SMALL) else { return Ok(()) };
    if picture.origin.format != ContainerFormat::Glb {
        return Ok(());
    }
    let header = header.expect("its header was read");
    let picture_of = header.picture();
    prop_assert_eq!(header.extra as usize, picture.extra.len());
    prop_assert!(written(&picture) == bytes);
    replaces_maps(bytes)?;
    picture.rgb.iter_mut().for_each(|level| *level = 255.0 - level.clamp(0.0, 255.0));
    let again = written(&picture);
    let result = read_header(&again, "a", &SMALL).expect("it has a header");
    prop_assert_eq!(result.picture(), picture_of);
    verify(&again, "a", &SMALL).expect("it is whole");
    replaces_maps(&again)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn changed_bytes_never_panic_and_what_is_read_can_be_written(
        kind in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        in_buffer in any::<bool>(),
    ) {
        let kinds = every_kind();
        let mut bytes = kind.get(&kinds).file();
        let text = u32::from_le_bytes(*bytes[12..].first_chunk().expect("a length")) as usize;
        let start = if in_buffer { 20 + text } else { 0 };
        for (index, byte) in changes {
            let at = start + index.index(bytes.len() - start);
            bytes[at] = byte;
        }
        survives(&bytes)?;
    }

    #[test]
    fn changed_numbers_never_panic_and_what_is_read_can_be_written(
        kind in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..10), 1..4),
    ) {
        let kinds = every_kind();
        let mut bytes = kind.get(&kinds).file();
        let text = u32::from_le_bytes(*bytes[12..].first_chunk().expect("a length")) as usize;
        let digits: Vec<usize> = (20..20 + text).filter(|at| bytes[*at].is_ascii_digit()).collect();
        for (index, digit) in changes {
            bytes[*index.get(&digits)] = b'0' + digit;
        }
        survives(&bytes)?;
    }
}
