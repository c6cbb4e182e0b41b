//! Channels that are painted one by one, and colours that stand for transparency.

use std::ops::ControlFlow;

use impasto_assets::{Color, Depth, Limits, Origin, Picture, decode, encode};
use impasto_painter::{PaintStep, Registry, Source, Sources, Tools, paint};
use impasto_types::{
    AlphaUse, AssetKind, ContainerFormat, HexColor, Optimize, OutputSpec, Recipe, error_text,
};

use crate::support::*;

/// Few steps that change every pixel.
fn busy(channels: &str) -> Recipe {
    let mut recipe = Recipe::Optimize(Optimize {
        iterations: 3,
        coarse_iterations: 3,
        min_scale: 0,
        ..Optimize::painterly()
    });
    recipe.common_mut().channels = channels.parse().expect("they are channels");
    recipe
}

fn with_style(asset: &Picture) -> Sources {
    let style = vec![file("style.png", Depth::Eight, false)];
    Sources::picture(encoded("wall.png", asset), style)
}

fn painted(recipe: Recipe, asset: &Picture) -> Picture {
    picture(&run_recipe(recipe, PNG, &with_style(asset)).files[0].bytes)
}

/// Red, green, blue and alpha of a picture.
fn planes(picture: &Picture) -> Vec<Vec<f32>> {
    let colors = (0..3).map(|at| picture.rgb.iter().skip(at).step_by(3).copied().collect());
    colors.chain(picture.alpha.clone()).collect()
}

#[test]
fn what_is_not_named_comes_back_bit_for_bit() {
    // Transparent black, which coverage would fill.
    let mut packed = picture(&file("wall.png", Depth::Sixteen, true).bytes);
    let alpha = packed.alpha.clone().expect("it has alpha");
    let pixels = packed.rgb.chunks_exact_mut(3).zip(&alpha);
    pixels.filter(|(_, alpha)| **alpha == 0.0).for_each(|(pixel, _)| pixel.fill(0.0));
    for (channels, changed) in [
        ("r", [true, false, false, false]),
        ("g+b", [false, true, true, false]),
        ("a", [false, false, false, true]),
        ("rgb+a", [true, true, true, true]),
        ("rgb", [true, true, true, false]),
    ] {
        let after = painted(busy(channels), &packed);
        let pairs = planes(&packed).into_iter().zip(planes(&after));
        let differs: Vec<bool> = pairs.map(|(before, after)| before != after).collect();
        assert_eq!(differs, changed, "{channels}");
    }
}

#[test]
fn a_channel_is_painted_like_a_grey_picture_of_it() {
    let color = picture(&file("wall.png", Depth::Eight, false).bytes);
    let green = color.rgb.iter().skip(1).step_by(3).flat_map(|level| [*level; 3]).collect();
    let origin =
        Origin { color: Color::Gray, ..Origin::synthetic("wall.png", ContainerFormat::Png) };
    let gray = Picture { rgb: green, origin, ..color.clone() };
    let alone = painted(busy("r"), &gray);
    assert_eq!(alone.origin.color, Color::Gray, "it stays grey");
    assert_eq!(planes(&painted(busy("g"), &color))[1], planes(&alone)[1]);
    // Its style is grey as well: another with the same light and dark paints the same.
    let mut style = picture(&file("style.png", Depth::Eight, false).bytes);
    let luma = |p: &[f32]| (0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2]).round();
    style.rgb.chunks_exact_mut(3).for_each(|pixel| pixel.fill(luma(pixel)));
    let mut sources = with_style(&gray);
    sources.styles = vec![encoded("style.png", &style)];
    let by_gray = picture(&run_recipe(busy("r"), PNG, &sources).files[0].bytes);
    let pairs = by_gray.rgb.iter().zip(&alone.rgb).map(|(one, other)| (one - other).abs());
    let mean = pairs.sum::<f32>() / alone.rgb.len() as f32;
    assert!(mean < 2.0, "{mean}");
}

#[test]
fn floats_beyond_levels_keep_their_range() {
    let mut height = picture(&file("wall.png", Depth::Eight, false).bytes);
    height.rgb.iter_mut().for_each(|level| *level = (*level - 100.0) * 40.0);
    height.origin =
        Origin { depth: Depth::Float, ..Origin::synthetic("h.tif", ContainerFormat::Tiff) };
    let tiff = OutputSpec { format: ContainerFormat::Tiff, ..PNG };
    let bytes = encode(&height, tiff).expect("it encodes");
    let source = Source { name: "h.tif".to_owned(), bytes };
    let sources = Sources::picture(source, vec![file("style.png", Depth::Eight, false)]);
    let painted = &run_recipe(busy("g"), tiff, &sources).files[0].bytes;
    let after = decode(painted, "h.tif", &Limits::default()).expect("a TIFF");
    let (before, after) = (planes(&height), planes(&after));
    let ends = |plane: &[f32]| {
        plane
            .iter()
            .fold((0.0_f32, 0.0_f32), |(least, most), value| (least.min(*value), most.max(*value)))
    };
    assert_eq!((&before[0], &before[2]), (&after[0], &after[2]));
    let ((least, most), (darkest, brightest)) = (ends(&before[1]), ends(&after[1]));
    assert!(darkest >= least && brightest <= most, "{darkest} {brightest}");
    assert!(brightest > most / 2.0 && darkest < least / 2.0, "{darkest} {brightest}");
}

#[test]
fn a_channel_that_is_not_there_is_named() {
    let refused = |channels: &str, sources: &Sources| {
        let (registry, method) = (Registry::default(), method());
        let kind = AssetKind::picture();
        let adapter = registry.adapter(&kind).expect("it is there");
        let tools = Tools { adapter, method: &method, memory_bytes: PLENTY, refuses_cuts: false };
        let action = sources.action(kind, busy(channels), &[1.0], vec![], vec![PNG]);
        let mut observer = |_: &PaintStep| ControlFlow::Continue(());
        let painted = paint(tools, "wall.png", &action, sources, &mut observer);
        error_text(&painted.expect_err("there is no such channel"))
    };
    let color = picture(&file("wall.png", Depth::Eight, false).bytes);
    let text = refused("r+a", &with_style(&color));
    assert!(text.contains("no channel `a`"), "{text}");
    let gray = Origin { color: Color::Gray, ..color.origin.clone() };
    let level = Picture { rgb: vec![90.0; color.rgb.len()], origin: gray, ..color };
    let text = refused("g", &with_style(&level));
    assert!(text.contains("no channel `g`"), "{text}");
}

#[test]
fn a_key_s_pixels_come_back_and_nothing_of_it_bleeds() {
    const KEY: [f32; 3] = [255.0, 0.0, 255.0];
    let mut sprite = picture(&file("wall.png", Depth::Eight, false).bytes);
    let is_ground = |at: usize| at % WIDTH as usize >= 12;
    for (at, pixel) in sprite.rgb.chunks_exact_mut(3).enumerate() {
        match is_ground(at) {
            true => pixel.copy_from_slice(&KEY),
            // Nothing of it is purple.
            false => pixel[2] = 20.0,
        }
    }
    for alpha in [AlphaUse::Coverage, AlphaUse::Islands, AlphaUse::Data] {
        let mut recipe = busy("rgb");
        recipe.common_mut().alpha = alpha;
        recipe.common_mut().color_key = Some(HexColor([255, 0, 255]));
        let after = painted(recipe.clone(), &sprite);
        for (at, pixel) in after.rgb.chunks_exact(3).enumerate() {
            assert_eq!(pixel == KEY, is_ground(at), "{alpha:?}: pixel {at} is {pixel:?}");
        }
        assert_ne!(after.rgb[..3], sprite.rgb[..3], "it is painted");
        // The edge of the sprite is not mixed with magenta: what changes nothing leaves it.
        let mut idle = idle(Some(12));
        idle.common_mut().alpha = alpha;
        idle.common_mut().color_key = recipe.common().color_key;
        let small = painted(idle, &sprite);
        let blue = small.rgb.chunks_exact(3).filter(|pixel| *pixel != KEY).map(|pixel| pixel[2]);
        assert!(blue.clone().all(|blue| blue <= 21.0), "{alpha:?}: {:?}", small.rgb);
        assert_eq!(blue.count() * 2, small.pixels(), "{alpha:?}");
    }
}

#[test]
fn paint_moves_from_a_key_in_what_is_painted_alone() {
    let mut black = picture(&file("wall.png", Depth::Eight, false).bytes);
    black.rgb[..3].fill(0.0);
    // Dark enough to be painted black.
    black.rgb[3..].iter_mut().for_each(|level| *level = (*level / 80.0).round().max(1.0));
    let with_key = |mut recipe: Recipe| {
        recipe.common_mut().color_key = Some(HexColor([0, 0, 0]));
        recipe
    };
    let after = painted(with_key(busy("r")), &black);
    assert_eq!(planes(&after)[1..], planes(&black)[1..], "green and blue are not painted");
    assert!(after.rgb[3..].chunks_exact(3).all(|pixel| pixel != [0.0; 3]));
    let origin = Origin { color: Color::Gray, ..black.origin.clone() };
    let gray = black.rgb.chunks_exact(3).flat_map(|pixel| [pixel[0]; 3]).collect();
    let gray = Picture { rgb: gray, origin, ..black };
    let after = painted(with_key(busy("r")), &gray);
    assert_eq!(after.origin.color, Color::Gray, "it stays grey");
    assert!(after.rgb[3..].iter().all(|level| *level > 0.0));
}

#[test]
fn premultiplied_colours_are_painted_as_they_show_and_multiplied_again() {
    let origin = Origin::synthetic("wall.png", ContainerFormat::Png);
    let (width, height) = (WIDTH, HEIGHT);
    let alpha: Vec<f32> =
        (0..width * height).map(|at| [0.0, 51.0, 102.0, 255.0][at as usize % 4] / 255.0).collect();
    // One colour under every alpha, and a glow where alpha is 0.
    let rgb = alpha.iter().flat_map(|alpha| match *alpha {
        0.0 => [9.0, 0.0, 0.0],
        alpha => [200.0, 100.0, 50.0].map(|level: f32| (level * alpha).round()),
    });
    let rgb = rgb.collect();
    let before = Picture { width, height, rgb, alpha: Some(alpha.clone()), extra: vec![], origin };
    let mut recipe = idle(None);
    recipe.common_mut().alpha = AlphaUse::Premultiplied;
    assert_eq!(painted(recipe, &before), before, "nothing is painted");
    let mut recipe = busy("rgb");
    recipe.common_mut().alpha = AlphaUse::Premultiplied;
    let after = painted(recipe, &before);
    assert_ne!(after.rgb, before.rgb);
    assert_eq!(after.alpha, before.alpha);
    for (pixel, alpha) in after.rgb.chunks_exact(3).zip(&alpha).filter(|(_, alpha)| **alpha > 0.0) {
        assert!(pixel.iter().all(|level| *level <= 255.0 * alpha + 0.5), "{pixel:?} {alpha}");
    }
}
