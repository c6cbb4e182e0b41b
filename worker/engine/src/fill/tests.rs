//! Pictures whose holes are filled.

use super::*;
use crate::noise::Noise;

/// A picture that repeats after so many pixels, with a little of everything in between.
fn repeating(width: usize, height: usize, (across, down): (usize, usize)) -> Image {
    let mut noise = Noise::new(3);
    let tile: Vec<f32> =
        (0..3 * across * down).map(|_| (128.0 + 40.0 * noise.normal()).round()).collect();
    let color = |at: usize| {
        let (x, y) = (at % width % across, at / width % down);
        (0..3).map(move |c| (x, y, c))
    };
    let level = |(x, y, c): (usize, usize, usize)| tile[3 * (y * across + x) + c].clamp(0.0, 255.0);
    let rgb = (0..width * height).flat_map(color).map(level).collect();
    Image { width, height, rgb }
}

/// A mask of a rectangle, from its left, top, width and height.
fn rectangle(image: &Image, [left, top, width, height]: [usize; 4]) -> Mask {
    let weight = |at: usize| {
        let (x, y) = (at % image.width, at / image.width);
        let is_in = (left..left + width).contains(&x) && (top..top + height).contains(&y);
        if is_in { 1.0 } else { 0.0 }
    };
    let weights = (0..image.pixels()).map(weight).collect();
    Mask::new(image.width, image.height, weights).expect("it is a mask")
}

fn fill(image: &Image, holes: &Holes, joins: &Joins, threads: usize) -> Filled {
    let fill = Fill { image, coverage: None, holes, joins };
    fill.run(threads, &Interrupt::default()).expect("there is enough to fill from")
}

/// The picture with other colours in its holes.
fn damaged(image: &Image, mask: &Mask) -> Image {
    let mut damaged = image.clone();
    let pixels = damaged.rgb.chunks_exact_mut(3).zip(mask.weights());
    pixels.filter(|(_, weight)| **weight > 0.0).for_each(|(pixel, _)| {
        pixel.copy_from_slice(&[255.0, 0.0, 255.0]);
    });
    damaged
}

/// How many values of two pictures are not the same.
fn differing(one: &Image, other: &Image) -> usize {
    one.rgb.iter().zip(&other.rgb).filter(|(one, other)| one != other).count()
}

#[test]
fn holes_in_what_repeats_vanish() {
    for (size, period, hole) in [
        ((90, 70), (13, 11), [30, 20, 24, 17]),
        // At a border, and longer than a window.
        ((120, 60), (12, 10), [0, 25, 110, 9]),
        // In a picture that is searched in a smaller copy.
        ((700, 400), (28, 16), [301, 203, 61, 43]),
    ] {
        let image = repeating(size.0, size.1, period);
        let mask = rectangle(&image, hole);
        let joins = Joins::default();
        let holes = Holes::none(size.0, size.1).masked(&mask, 6, &joins).expect("it fits");
        let filled = fill(&damaged(&image, &mask), &holes, &joins, 2);
        assert_eq!(differing(&filled.image, &image), 0, "{size:?}");
        // A map of the picture is filled from the same places, none of which is a hole.
        let places: Vec<f32> = (0..image.pixels()).map(|at| at as f32).collect();
        let from = filled.along(&places, 1);
        assert!(from.iter().all(|from| mask.weights()[*from as usize] == 0.0), "{size:?}");
    }
}

#[test]
fn what_repeats_is_filled_around_its_borders() {
    let image = repeating(96, 72, (16, 12));
    let mask = rectangle(&image, [80, 60, 16, 12]);
    let joins = Joins::repeating(true, true);
    let holes = Holes::none(96, 72).masked(&mask, 6, &joins).expect("it fits");
    let damaged = damaged(&image, &mask);
    assert_eq!(differing(&fill(&damaged, &holes, &joins, 1).image, &image), 0);
}

/// The largest difference between neighbours across the left and right border, and across any other
/// two columns.
fn steps(image: &Image) -> (f32, f32) {
    let level = |x: usize, y: usize| image.rgb[3 * (y * image.width + x)];
    let step = |one: usize, other: usize| {
        (0..image.height).map(|y| (level(one, y) - level(other, y)).abs()).sum::<f32>()
    };
    let inside = (1..image.width).map(|x| step(x - 1, x)).fold(0.0, f32::max);
    (step(image.width - 1, 0), inside)
}

#[test]
fn borders_that_are_to_meet_do() {
    // Slow waves with a period that the picture cuts: its ends do not meet.
    let (width, height) = (100, 64);
    let wave = |at: usize| {
        let (x, y) = ((at % width) as f32, (at / width) as f32);
        [128.0 + 60.0 * (x / 5.0).sin() + 40.0 * (y / 7.0).sin(); 3]
    };
    let rgb = (0..width * height).flat_map(wave).collect();
    let image = Image { width, height, rgb };
    let holes = Holes::none(width, height).bordered(true, false, 20);
    let filled = fill(&image, &holes, &Joins::repeating(true, false), 2).image;
    let ((before, inside), (after, _)) = (steps(&image), steps(&filled));
    assert!(before > 3.0 * inside, "{before} {inside}");
    assert!(after < 1.2 * inside, "{after} {inside}");
    let middle = |image: &Image| -> Vec<f32> {
        let rows = image.rgb.chunks_exact(3 * width);
        rows.flat_map(|row| row[60..3 * width - 60].to_vec()).collect()
    };
    assert!(middle(&filled) == middle(&image));
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let mut noise = Noise::new(5);
    // Larger than the copy that is filled first, and odd.
    let (width, height) = (341, 67);
    let rgb = (0..3 * width * height).map(|_| 128.0 + 30.0 * noise.normal()).collect();
    let image = Image { width, height, rgb };
    let holes = Holes::none(width, height).bordered(true, true, 12);
    let joins = Joins::repeating(true, true);
    assert!(fill(&image, &holes, &joins, 1) == fill(&image, &holes, &joins, 3));
}

#[test]
fn only_what_shows_is_taken() {
    let image = repeating(96, 48, (12, 12));
    let mask = rectangle(&image, [20, 16, 10, 10]);
    // The right half is transparent, and has other colours.
    let coverage = rectangle(&image, [0, 0, 48, 48]);
    let mut given = damaged(&image, &mask);
    for (pixel, weight) in given.rgb.chunks_exact_mut(3).zip(coverage.weights()) {
        if *weight == 0.0 {
            pixel.fill(3.0);
        }
    }
    let holes = Holes::none(96, 48).masked(&mask, 4, &Joins::default()).expect("it fits");
    let fill =
        Fill { image: &given, coverage: Some(&coverage), holes: &holes, joins: &Joins::default() };
    let filled = fill.run(2, &Interrupt::default()).expect("the left half is enough").image;
    let left = |image: &Image| -> Vec<f32> {
        image.rgb.chunks_exact(3 * 96).flat_map(|row| row[..3 * 48].to_vec()).collect()
    };
    assert!(left(&filled) == left(&image));
}

#[test]
fn what_shows_only_half_stays_as_it_is() {
    // Half-transparent rows lie where joins may.
    let image = repeating(96, 64, (12, 8));
    let mask = rectangle(&image, [30, 20, 16, 10]);
    let mut weights = vec![1.0; image.pixels()];
    weights[96 * 34..96 * 44].fill(0.5);
    let coverage = Mask::new(96, 64, weights).expect("it is a mask");
    let holes = Holes::none(96, 64).masked(&mask, 20, &Joins::default()).expect("it fits");
    let given = damaged(&image, &mask);
    let joins = Joins::default();
    let fill = Fill { image: &given, coverage: Some(&coverage), holes: &holes, joins: &joins };
    let filled = fill.run(2, &Interrupt::default()).expect("there is enough").image;
    assert_eq!(differing(&filled, &image), 0);
    // And where nothing has to be filled.
    let free = vec![0.3; image.pixels()];
    let free = Mask::new(96, 64, free).expect("it is a mask");
    let holes = Holes::none(96, 64).masked(&free, 0, &joins).expect("it fits");
    let fill = Fill { image: &given, coverage: Some(&coverage), holes: &holes, joins: &joins };
    let filled = fill.run(1, &Interrupt::default()).expect("there is nothing to do").image;
    assert_eq!(differing(&filled, &given), 0);
}

#[test]
fn specks_are_filled_from_between_them() {
    // In a copy of half the size, no window of eight pixels would be free of them.
    let image = repeating(400, 330, (10, 11));
    let weight = |at: usize| {
        let (x, y) = (at % 400, at / 400);
        if x % 16 == 3 && y % 16 == 5 { 1.0 } else { 0.0 }
    };
    let specks = Mask::new(400, 330, (0..image.pixels()).map(weight).collect());
    let specks = specks.expect("it is a mask");
    let holes = Holes::none(400, 330).masked(&specks, 2, &Joins::default()).expect("it fits");
    let filled = fill(&damaged(&image, &specks), &holes, &Joins::default(), 2);
    assert_eq!(differing(&filled.image, &image), 0);
}

#[test]
fn light_of_any_strength_is_filled() {
    let mut image = repeating(80, 60, (10, 10));
    image.rgb.iter_mut().for_each(|value| *value = *value * 1e12 - 1e13);
    let mask = rectangle(&image, [30, 20, 12, 9]);
    let holes = Holes::none(80, 60).masked(&mask, 5, &Joins::default()).expect("it fits");
    let filled = fill(&damaged(&image, &mask), &holes, &Joins::default(), 2);
    // Beside joins it is a mean, which is rounded.
    let mut pairs = filled.image.rgb.iter().zip(&image.rgb);
    let is_near = |(new, old): (&f32, &f32)| (new - old).abs() <= 1e-6 * old.abs();
    assert!(pairs.all(is_near));
}

#[test]
fn what_cannot_be_filled_is_refused() {
    let image = repeating(40, 30, (8, 8));
    let run = |hole: [usize; 4], interrupt: &Interrupt| {
        let mask = rectangle(&image, hole);
        let (holes, joins) = (Holes::none(40, 30), Joins::default());
        let holes = holes.masked(&mask, 2, &joins).expect("it fits");
        Fill { image: &image, coverage: None, holes: &holes, joins: &joins }.run(1, interrupt)
    };
    for hole in [[0, 0, 40, 30], [3, 3, 34, 24]] {
        let error = run(hole, &Interrupt::default()).expect_err("nothing is left");
        assert!(matches!(error, EngineError::NothingToFillFrom { width: 40, height: 30 }));
    }
    // By its own size, whatever copy it is filled in.
    let large = Image::filled(900, 400, [90.0; 3]);
    let mask = rectangle(&large, [2, 2, 896, 396]);
    let (holes, joins) = (Holes::none(900, 400), Joins::default());
    let holes = holes.masked(&mask, 2, &joins).expect("it fits");
    let fill = Fill { image: &large, coverage: None, holes: &holes, joins: &joins };
    let error = fill.run(2, &Interrupt::default()).expect_err("nothing is left");
    assert!(matches!(error, EngineError::NothingToFillFrom { width: 900, height: 400 }));
    let asked = Interrupt::default();
    asked.ask();
    assert!(matches!(run([9, 9, 5, 5], &asked), Err(EngineError::Interrupted)));
    let holes = Holes::none(30, 40);
    let other = Fill { image: &image, coverage: None, holes: &holes, joins: &Joins::default() };
    let error = other.run(1, &Interrupt::default());
    assert!(matches!(error, Err(EngineError::MaskSize { size: (40, 30), .. })));
}
