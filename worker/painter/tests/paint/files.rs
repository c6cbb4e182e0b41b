//! What a file has beside its colours: alpha, orientation, few pixels.

use impasto_assets::{ColorSpace, Depth, Limits, Orientation, Origin, Picture, decode};
use impasto_painter::{Source, Sources};
use impasto_types::{
    AlphaUse, AssetKind, Common, ContainerFormat, FailureKind, Optimize, OutputSpec, Part, Recipe,
    error_text,
};

use crate::support::*;

#[test]
fn colours_under_alpha_zero_are_kept_unless_there_are_none() {
    let check = |alpha: AlphaUse, empty: bool, kept: bool| {
        let mut before = picture(&file("wall.png", Depth::Eight, true).bytes);
        let transparent = before.alpha.clone().expect("it has alpha");
        let hidden = |at: usize| transparent[at] == 0.0;
        if empty {
            let pixels = before.rgb.chunks_exact_mut(3).enumerate();
            pixels.filter(|(at, _)| hidden(*at)).for_each(|(_, pixel)| pixel.fill(0.0));
        }
        let sources = Sources::picture(
            encoded("wall.png", &before),
            vec![file("style.png", Depth::Eight, false)],
        );
        let mut recipe = idle(None);
        recipe.common_mut().alpha = alpha;
        let after = picture(&run_recipe(recipe, PNG, &sources).files[0].bytes);
        assert_eq!(after.alpha, before.alpha, "{alpha:?}, {empty}");
        let pixels = before.rgb.chunks_exact(3).zip(after.rgb.chunks_exact(3)).enumerate();
        for (at, (before, after)) in pixels {
            assert_eq!(before == after, kept || !hidden(at), "{alpha:?}, {empty}, pixel {at}");
        }
    };
    check(AlphaUse::Coverage, true, false);
    check(AlphaUse::Coverage, false, true);
    check(AlphaUse::Data, true, true);
    check(AlphaUse::Data, false, true);
}

#[test]
fn colours_are_averaged_by_alpha_where_it_is_coverage() {
    // Opaque black columns beside white ones that can hardly be seen.
    let odd = |at: u32| !at.is_multiple_of(2);
    let columns = |level: &dyn Fn(u32) -> f32| (0..64 * 64).map(level).collect::<Vec<f32>>();
    let rgb = columns(&|at| if odd(at) { 255.0 } else { 0.0 });
    let alpha = columns(&|at| if odd(at) { 10.0 / 255.0 } else { 1.0 });
    let origin = Origin::synthetic("wall.png", ContainerFormat::Png);
    let rgb = rgb.into_iter().flat_map(|level| [level; 3]).collect();
    let before = Picture { width: 64, height: 64, rgb, alpha: Some(alpha), extra: vec![], origin };
    let sources = Sources::picture(
        encoded("wall.png", &before),
        vec![file("style.png", Depth::Eight, false)],
    );
    let check = |alpha: AlphaUse, expected: f32| {
        let mut recipe = idle(Some(32));
        recipe.common_mut().alpha = alpha;
        let after = picture(&run_recipe(recipe, PNG, &sources).files[0].bytes);
        let (middle, opacity) = (16 * 32 + 16, after.alpha.expect("it has alpha"));
        assert!((after.rgb[middle * 3] - expected).abs() <= 1.0, "{alpha:?}: {:?}", after.rgb);
        assert!((opacity[middle] * 255.0 - 132.5).abs() <= 1.0, "{alpha:?}: {opacity:?}");
    };
    check(AlphaUse::Coverage, 9.6);
    check(AlphaUse::Data, 127.5);
}

#[test]
fn a_picture_keeps_its_grid_and_a_photograph_is_turned_upright() {
    for orientation in Orientation::ALL {
        let mut before = picture(&file("wall.png", Depth::Eight, false).bytes);
        before.origin.orientation = orientation;
        let mut sources = Sources::picture(
            encoded("wall.png", &before),
            vec![file("style.png", Depth::Eight, false)],
        );
        let check = |sources: &Sources, kind: AssetKind, expected: &Picture| {
            let [file] = &run_kind(kind.clone(), idle(None), PNG, sources).files[..] else {
                panic!("one file was asked for")
            };
            let after = picture(&file.bytes);
            assert_eq!((file.width, file.height), (expected.width, expected.height));
            assert_eq!(&after, expected, "{kind:?}, {orientation:?}");
        };
        check(&sources, AssetKind::picture(), &before);
        check(&sources, AssetKind::photograph(), &before.clone().upright());
        // A mask that is drawn over the upright picture, and one over the stored grid.
        let over_both = [before.clone().upright(), before.clone()].map(|mut drawn| {
            drawn.origin.orientation = Orientation::Normal;
            let odd = drawn.width as usize + 1;
            for (at, pixel) in drawn.rgb.chunks_exact_mut(3).enumerate() {
                pixel.fill(if at % odd == 0 { 0.0 } else { 255.0 });
            }
            encoded("mask.png", &drawn)
        });
        for mask in over_both {
            sources.files.insert(Part::Mask, mask);
            check(&sources, AssetKind::picture(), &before);
        }
    }
}

#[test]
fn a_style_s_size_is_one_of_pixels_or_of_metres() {
    let style = vec![file("style.png", Depth::Eight, false)];
    let asset = file("wall.png", Depth::Eight, false);
    let sources = Sources::picture(asset, style);
    let painted = |change: &dyn Fn(&mut Optimize)| {
        let mut recipe =
            Optimize { iterations: 2, coarse_iterations: 2, min_scale: 0, ..Optimize::painterly() };
        change(&mut recipe);
        run_recipe(Recipe::Optimize(recipe), PNG, &sources).files[0].bytes.clone()
    };
    // The asset's longer side has 24 pixels.
    let expected = painted(&|recipe| recipe.style_scale = 0.75);
    let span = |text: &str| Some(text.parse().expect("a size"));
    assert!(painted(&|_| ()) != expected, "it matters");
    let by_pixels = painted(&|recipe| recipe.common.style_size = span("18px"));
    assert!(by_pixels == expected);
    let by_metres = painted(&|recipe| {
        recipe.common.style_size = span("1.5m");
        recipe.common.texel_density = Some(12.0);
    });
    assert!(by_metres == expected);
    let factor = painted(&|recipe| {
        recipe.common.style_size = span("36px");
        recipe.style_scale = 0.5;
    });
    assert!(factor == expected);
    // A result of another size has other texels.
    let half = painted(&|recipe| {
        recipe.common.size = Some(48);
        recipe.common.style_size = span("1.5m");
        recipe.common.texel_density = Some(12.0);
    });
    let by_scale = painted(&|recipe| {
        recipe.common.size = Some(48);
        recipe.style_scale = 0.75;
    });
    assert!(half == by_scale);
}

#[test]
fn numbers_beyond_black_and_white_come_back_where_nothing_is_painted() {
    let mut before = picture(&file("wall.png", Depth::Eight, false).bytes);
    before.rgb.iter_mut().for_each(|level| *level = 3.0 * (*level - 100.0));
    before.origin =
        Origin { depth: Depth::Float, ..Origin::synthetic("a.tif", ContainerFormat::Tiff) };
    let tiff = OutputSpec { format: ContainerFormat::Tiff, ..PNG };
    let bytes = impasto_assets::encode(&before, tiff).expect("it encodes");
    let source = Source { name: "a.tif".to_owned(), bytes };
    let sources = Sources::picture(source.clone(), vec![file("style.png", Depth::Eight, false)]);
    let after = &run_recipe(idle(None), tiff, &sources).files[0].bytes;
    let read = |bytes: &[u8]| decode(bytes, "a.tif", &Limits::default()).expect("a TIFF").rgb;
    assert_eq!(read(after), read(&source.bytes));
}

#[test]
fn a_cut_out_style_paints_like_its_opaque_part() {
    // The file's right half is opaque.
    let cut = picture(&file("style.png", Depth::Eight, true).bytes);
    let half = WIDTH as usize / 2;
    let crop = Picture {
        width: WIDTH / 2,
        rgb: cut.rgb.chunks_exact(3 * 2 * half).flat_map(|row| &row[3 * half..]).copied().collect(),
        alpha: None,
        ..cut.clone()
    };
    let painted = [&cut, &crop].map(|style| {
        let style = vec![encoded("style.png", style)];
        let sources = Sources { styles: style, ..sources() };
        run(PNG, &sources).expect("it is painted").files
    });
    assert!(painted[0] == painted[1], "the fill of a cut-out counts");

    let clear = Picture { alpha: cut.alpha.map(|alpha| vec![0.0; alpha.len()]), ..cut };
    let sources = Sources { styles: vec![encoded("style.png", &clear)], ..sources() };
    let refused = run(PNG, &sources).expect_err("there is no style");
    assert_eq!(refused.kind(), FailureKind::Input);
    assert!(error_text(&refused).contains("`style.png` is fully transparent"), "{refused:?}");
}

#[test]
fn what_is_too_small_to_paint_passes_through() {
    let check = |(width, height): (u32, u32), size, format, expected: Option<(u32, u32)>| {
        let mut noise = noise(5);
        let levels = (0..width * height * 3).map(|_| (127.0 + 100.0 * noise()).round());
        let origin = Origin::synthetic("wall.png", ContainerFormat::Png);
        let before =
            Picture { width, height, rgb: levels.collect(), alpha: None, extra: vec![], origin };
        let sources = Sources::picture(
            encoded("wall.png", &before),
            vec![file("style.png", Depth::Eight, false)],
        );
        let output = OutputSpec { format, ..PNG };
        let recipe = Recipe::Optimize(Optimize {
            common: Common { size, ..Common::clone(idle(None).common()) },
            iterations: 2,
            min_scale: 0,
            ..Optimize::painterly()
        });
        let painted = run_recipe(recipe, output, &sources);
        let [file] = &painted.files[..] else { panic!("one file was asked for") };
        assert_eq!(painted.report.iterations == 0, expected.is_some(), "{width} x {height}");
        let Some(expected) = expected else { return };
        assert_eq!((file.width, file.height), expected, "{width} x {height}, {size:?}");
        let same_size = expected == (width, height);
        if format == ContainerFormat::Png {
            assert_eq!(file.bytes == sources.files[&Part::Color].bytes, same_size);
        } else if same_size {
            let name = format!("wall.{format}");
            let after = decode(&file.bytes, &name, &Limits::default()).expect("it is an image");
            assert_eq!(after.rgb, before.rgb);
        }
    };
    for format in [ContainerFormat::Png, ContainerFormat::Tga] {
        check((1, 1), None, format, Some((1, 1)));
        check((256, 1), None, format, Some((256, 1)));
        check((15, 15), None, format, Some((15, 15)));
        check((8, 128), Some(32), format, Some((2, 32)));
        check((16, 17), None, format, None);
    }
}

/// A PNG that says by its cICP that its colours are those of Display P3.
fn in_display_p3(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut chunk = b"\0\0\0\x04cICP".to_vec();
    chunk.extend([12, 13, 0, 1]);
    let sum = crate::memory::crc(&chunk[4..]).to_be_bytes();
    chunk.extend(sum);
    // Behind the signature and the header.
    bytes.splice(33..33, chunk);
    bytes
}

#[test]
fn styles_are_compared_in_the_asset_s_colour_space() {
    let style = file("style.png", Depth::Sixteen, false);
    let plain = picture(&style.bytes);
    let tagged = in_display_p3(style.bytes.clone());
    let space = ColorSpace::of(&picture(&tagged).origin);
    let mut wide = plain.clone();
    ColorSpace::default().convert(&mut wide.rgb, &space);
    let wide = encoded("style.png", &wide).bytes;
    let painted = |bytes: Vec<u8>| {
        let style = Source { name: "style.png".to_owned(), bytes };
        let wall = file("wall.png", Depth::Sixteen, false);
        let painted = run(PNG, &Sources::picture(wall, vec![style])).expect("it is painted");
        picture(&painted.files[0].bytes).rgb
    };
    let apart = |one: &[f32], other: &[f32]| {
        let pairs = one.iter().zip(other);
        pairs.map(|(one, other)| (one - other).abs()).sum::<f32>() / one.len() as f32
    };
    let expected = painted(style.bytes);
    let (said, unsaid) = (painted(in_display_p3(wide.clone())), painted(wide));
    let (said, unsaid) = (apart(&expected, &said), apart(&expected, &unsaid));
    assert!(said < 0.2 && unsaid > 3.0 * said, "{said} {unsaid}");
}
