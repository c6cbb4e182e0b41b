use std::collections::BTreeSet;

use impasto_types::Tileable;

use super::*;
use crate::optimize::device::Work;
use crate::resize::resample;

fn frame(width: u32, height: u32) -> Frame {
    Frame::new(&Joins::default(), Padding::Ring, width, height)
}

fn ramp(width: usize, height: usize) -> Image {
    let rgb =
        (0..width * height).flat_map(|i| [(i % width) as f32, (i / width) as f32, 1.0]).collect();
    Image { width, height, rgb }
}

#[test]
fn the_strip_mirrors_the_picture() {
    let frame = frame(40, 33);
    assert_eq!((frame.width(), frame.height()), (64, 64));
    let canvas = frame.surround(ramp(40, 33));
    let at = |x: usize, y: usize| (canvas.rgb[(y * 64 + x) * 3], canvas.rgb[(y * 64 + x) * 3 + 1]);
    // The picture begins at (12, 15).
    assert_eq!(at(12, 15), (0.0, 0.0));
    assert_eq!(at(11, 15), (0.0, 0.0));
    assert_eq!(at(0, 0), (11.0, 14.0));
    assert_eq!(at(51, 47), (39.0, 32.0));
    assert_eq!(at(52, 48), (39.0, 32.0));
    assert_eq!(at(63, 63), (28.0, 17.0));
    assert_eq!(frame.cut(canvas), ramp(40, 33));
}

#[test]
fn pictures_smaller_than_the_strip_are_mirrored_again() {
    for side in 1..8 {
        let frame = frame(side, side);
        let canvas = frame.surround(ramp(side as usize, side as usize));
        let steps = canvas.rgb.chunks_exact(3).collect::<Vec<_>>();
        assert!(
            steps
                .windows(2)
                .take(frame.width() - 1)
                .all(|pair| (pair[0][0] - pair[1][0]).abs() <= 1.0),
            "{side}"
        );
        assert_eq!(frame.cut(canvas), ramp(side as usize, side as usize));
    }
}

#[test]
fn a_picture_that_repeats_has_no_strip_along_that_axis() {
    let frame = Frame::new(&Joins::repeating(true, false), Padding::Ring, 40, 40);
    assert_eq!((frame.width(), frame.height()), (40, 64));
    assert!(frame.wraps_across() && frame.wraps_down());
    let frame = Frame::new(&Joins::repeating(true, false), Padding::Zero, 40, 40);
    assert_eq!((frame.width(), frame.height()), (40, 48));
    assert!(frame.wraps_across() && !frame.wraps_down());
}

#[test]
fn a_canvas_is_as_large_as_the_recipe_says() {
    // Plans of memory ask the recipe, which knows no joins but these.
    for tileable in [Tileable::None, Tileable::X, Tileable::Y, Tileable::Both] {
        for padding in [Padding::Zero, Padding::Replicate, Padding::Reflect, Padding::Ring] {
            let recipe = Optimize { padding, ..Optimize::painterly() }
                .with(|common| common.tileable = tileable);
            let frame = Frame::new(&tileable.into(), padding, 41, 30);
            let (width, height) = recipe.canvas(41, 30);
            let work = Work { recipe: &recipe, frame, content: true, masked: false };
            assert_eq!(work.seen(), (width as usize, height as usize));
        }
    }
}

#[test]
fn a_neighbor_continues_the_picture() {
    // Three views of colours that tell where a pixel is from: this one, another on its right,
    // which is turned upside down, and a third below, whose right border continues this one.
    let view = |index: f32| {
        let mut image = ramp(20, 20);
        image.rgb.chunks_exact_mut(3).for_each(|pixel| pixel[2] = index);
        image
    };
    let views = [view(0.0), view(1.0), view(2.0)];
    let neighbor = |view, border, reversed| Join::Neighbor(Neighbor { view, border, reversed });
    let joins = Joins {
        right: neighbor(1, Border::Left, true),
        bottom: neighbor(2, Border::Right, false),
        ..Joins::default()
    };
    let frame = Frame::new(&joins, Padding::Zero, 20, 20);
    assert_eq!((frame.width(), frame.height()), (48, 48));
    let mut canvas = frame.surround(views[0].clone());
    frame.meet_neighbors(&mut canvas, &views.each_ref());
    // The picture begins at (14, 14).
    let at = |x: usize, y: usize| &canvas.rgb[((14 + y) * 48 + 14 + x) * 3..][..3];
    assert_eq!(at(19, 3), [19.0, 3.0, 0.0]);
    assert_eq!(at(20, 3), [0.0, 16.0, 1.0]);
    assert_eq!(at(25, 0), [5.0, 19.0, 1.0]);
    assert_eq!(at(3, 20), [19.0, 3.0, 2.0]);
    assert_eq!(at(7, 22), [17.0, 7.0, 2.0]);
    // Beyond the other borders lies the mirror image.
    assert_eq!(canvas.rgb[(14 + 5) * 48 * 3..][13 * 3..][..3], [0.0, 5.0, 0.0]);
    assert_eq!(frame.cut(canvas), views[0]);
}

#[test]
fn a_turned_canvas_has_the_same_ring() {
    let rolled = |canvas: &Image, right: usize, down: usize| {
        let Image { width, height, ref rgb } = *canvas;
        let from = |x: usize, y: usize| {
            ((y + height - down) % height * width + (x + width - right) % width) * 3
        };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb = pixels.flat_map(|(x, y)| rgb[from(x, y)..][..3].to_vec()).collect();
        Image { width, height, rgb }
    };
    for joins in [Joins::default(), Joins::repeating(true, false), Joins::repeating(true, true)] {
        let plain = Frame::new(&joins, Padding::Ring, 48, 33);
        let turned = plain.turned(1);
        let canvas = plain.surround(ramp(48, 33));
        assert!(turned.surround(ramp(48, 33)) == rolled(&canvas, 11, 5), "{joins:?}");
        assert_eq!(turned.cut(turned.surround(ramp(48, 33))), ramp(48, 33));
        let (across, down) = plain.to(turned);
        let rgb = resample(&canvas.rgb, &across, &down, 3);
        assert!(Image { rgb, ..canvas } == rolled(&canvas, 11, 5), "{joins:?}");
        assert_eq!(plain.turned(0), plain);
    }
    // A canvas with borders is not turned.
    let zero = Frame::new(&Joins::default(), Padding::Zero, 48, 33);
    assert_eq!(zero.turned(1), zero);
}

#[test]
fn each_grid_is_elsewhere_at_every_level_of_pooling() {
    for stride in [2, 4, 8, 16] {
        let places: BTreeSet<_> = (0..stride)
            .map(|grid| frame(48, 48).turned(grid as u32))
            .map(|frame| (frame.across.turn % stride, frame.down.turn % stride))
            .collect();
        assert_eq!(places.len(), stride, "{places:?}");
    }
}

#[test]
fn enlarging_puts_picture_on_picture() {
    for grid in 0..3 {
        enlarging_puts_picture_on(grid);
    }
}

/// From a canvas that is turned by `grid` to one that is turned by the next.
fn enlarging_puts_picture_on(grid: u32) {
    let (coarse, fine) = (frame(50, 40).turned(grid), frame(100, 80).turned(grid + 1));
    let canvas = coarse.surround(ramp(50, 40));
    let (across, down) = coarse.to(fine);
    let rgb = resample(&canvas.rgb, &across, &down, 3);
    let picture = fine.cut(Image { width: fine.width(), height: fine.height(), rgb });
    for (x, y) in [(10, 10), (50, 40), (95, 70)] {
        let value = &picture.rgb[(y * 100 + x) * 3..][..3];
        assert!((value[0] - ((x as f32 + 0.5) / 2.0 - 0.5)).abs() < 0.05, "{x} {y}: {value:?}");
        assert!((value[1] - ((y as f32 + 0.5) / 2.0 - 0.5)).abs() < 0.05, "{x} {y}: {value:?}");
    }
}
