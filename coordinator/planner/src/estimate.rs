//! Estimates the memory and work of a task before anything runs.
//!
//! The engine fits a picture into its memory budget with tiles and lower precision. So this is an
//! estimate of the least memory that it can run in, which the scheduler has to find on a worker; a
//! worker that has more gives more.

mod one_pass;
mod training;

use std::borrow::Cow;

use impasto_types::{
    Action, Arbitrary, Channels, FeedForward, Footprint, Init, Looks, MAX_SIDE, Optimize,
    Optimizer, Profile, Recipe, Scale, Training, VggLayer,
};

pub use one_pass::{ANY_STYLE_BYTES, ONE_PASS_BASE_BYTES};
pub use training::{training_bytes, training_work};

/// Memory of an attempt at any size of VGG optimisation: VGG-19's weights, prepared for both
/// directions in single precision (0.45 GiB), the process and its threads.
pub const MEMORY_BASE_BYTES: u64 = 576 << 20;

/// Memory per pixel of a tile: features, gradients and the pixels themselves, in the precision that
/// needs more.
pub const TILE_BYTES_PER_PIXEL: u64 = 700;

/// The largest tile that the least memory has to hold: the engine refuses cuts that cost more than
/// six times the work, and a canvas that wraps and is shorter than this cannot be cut for less.
pub const TILE_PIXELS: u64 = 768 * 768;

/// Additional memory per pixel of the result: three values of the picture (4 bytes each) and of its
/// gradient (4), and alpha (4).
pub const RESULT_BYTES_PER_PIXEL: u64 = 3 * (4 + 4) + 4;

/// Additional memory per pixel of a masked result: its weight at all layers, for the picture and
/// for a tile (4 bytes, a third more for the coarser layers, and their rounding up), and three
/// values each of the asset's share and of what the network sees (4).
pub const MASKED_BYTES_PER_PIXEL: u64 = 2 * 6 + 2 * 3 * 4;

/// The shortest history of L-BFGS, in pairs of steps and gradient changes.
const LEAST_HISTORY: u64 = 2;

/// Memory per pixel of an input picture: three values and alpha, in single precision.
pub const SOURCE_BYTES_PER_PIXEL: u64 = 4 * 4;

/// Memory per pixel of an asset's own file until it is painted: its colours and alpha, and alpha
/// twice more as coverage.
pub const KEPT_BYTES_PER_PIXEL: u64 = SOURCE_BYTES_PER_PIXEL + 2 * 4;

/// The least memory, in bytes, of an attempt whose result has `width` by `height` pixels. `sources`
/// are the sizes of all input pictures, and `styles` those of the style images among them, which
/// also pass through the network.
pub fn memory_bytes(
    recipe: &Recipe,
    (width, height): (u32, u32),
    sources: &[(u32, u32)],
    styles: &[(u32, u32)],
) -> u64 {
    let pixels = |&(width, height): &(u32, u32)| u64::from(width) * u64::from(height);
    let all: u64 = styles.iter().map(pixels).sum();
    let asset = sources.iter().map(pixels).sum::<u64>().saturating_sub(all);
    let looked_at: u64 = styles.iter().map(|size| reduced(recipe, *size, (width, height))).sum();
    let recipe = match recipe {
        Recipe::Optimize(optimize) | Recipe::Synthesize(optimize) => optimize,
        Recipe::Arbitrary(_) | Recipe::FeedForward(_) => {
            return one_pass::memory_bytes(recipe, (width, height), looked_at, asset);
        }
        // Its pictures are not counted by a result's size.
        Recipe::Train(train) => return training_bytes(&train.training, Training::MOST_PICTURES),
    };
    let result = pixels(&recipe.canvas(width, height));
    // A style is scaled to the result's longer side, so for a narrow strip it is by far the larger
    // picture. It is largest at the first scale or the last.
    let scales = recipe.scales(width, height);
    let style = |size: &(u32, u32)| {
        let factors = scales
            .iter()
            .enumerate()
            .map(|(at, scale)| recipe.style_factor(*size, (scale.width, scale.height), at == 0));
        (pixels(size) as f64 * factors.fold(0.0, f64::max).powi(2)) as u64
    };
    let style = styles.iter().map(style).max().unwrap_or(0);
    let tile = TILE_BYTES_PER_PIXEL * result.max(style).min(TILE_PIXELS);
    // Styles are measured before the gradient and the optimiser are allocated, and by then the
    // asset is freed: these peaks do not overlap.
    let painted = (RESULT_BYTES_PER_PIXEL + remembered_bytes_per_pixel(recipe)) * result
        + measured_bytes(recipe, (width, height));
    let begun = SOURCE_BYTES_PER_PIXEL * (style + asset) + RESULT_BYTES_PER_PIXEL * result;
    let least = MEMORY_BASE_BYTES + tile + painted.max(begun) + SOURCE_BYTES_PER_PIXEL * looked_at;
    match beginning(recipe, (width, height)) {
        None => least,
        Some((likeness, size)) => {
            let likeness = one_pass::memory_bytes(&likeness, size, looked_at, asset);
            (least + ANY_STYLE_BYTES).max(MEMORY_BASE_BYTES + likeness)
        }
    }
}

/// What an optimisation begins with where a network paints that, and its size.
fn beginning(recipe: &Optimize, (width, height): (u32, u32)) -> Option<(Recipe, (u32, u32))> {
    let scale = recipe.scales(width, height).into_iter().next()?;
    let likeness = || Recipe::Arbitrary(Arbitrary::to_begin(recipe));
    (recipe.init == Init::Arbitrary).then(|| (likeness(), (scale.width, scale.height)))
}

/// The least memory, in bytes, in which the pictures of an attempt can be decoded, one after the
/// other. `styles` are the style images with their sizes after a crop, `others` all other inputs.
///
/// A worker counts the same from the files themselves, which may hold more samples than a header
/// says.
pub fn decoding_bytes(
    recipe: &Recipe,
    result: (u32, u32),
    styles: &[(Footprint, (u32, u32))],
    others: &[Footprint],
) -> u64 {
    let looked_at: u64 = styles.iter().map(|(_, size)| reduced(recipe, *size, result)).sum();
    let kept = others.iter().map(|other| KEPT_BYTES_PER_PIXEL * other.pixels()).sum::<u64>()
        + SOURCE_BYTES_PER_PIXEL * looked_at;
    let all = styles.iter().map(|(style, _)| style).chain(others);
    let peak = all.map(|picture| {
        let prepared = picture.held_bytes() + SOURCE_BYTES_PER_PIXEL * picture.pixels();
        picture.decoding_bytes().max(prepared)
    });
    base_bytes(recipe).saturating_add(kept).saturating_add(peak.max().unwrap_or(0))
}

/// Memory of an attempt at any size.
fn base_bytes(recipe: &Recipe) -> u64 {
    match recipe {
        Recipe::Optimize(_) | Recipe::Synthesize(_) | Recipe::Train(_) => MEMORY_BASE_BYTES,
        // It looks with VGG-19.
        Recipe::Arbitrary(Arbitrary { own_network: true, .. }) => MEMORY_BASE_BYTES,
        Recipe::Arbitrary(_) | Recipe::FeedForward(_) => ONE_PASS_BASE_BYTES,
    }
}

/// The pixels of a style image that are held: a large one is reduced once it is decoded.
fn reduced(recipe: &Recipe, size: (u32, u32), result: (u32, u32)) -> u64 {
    let by = recipe.style_reduction(size, result);
    u64::from(size.0.div_ceil(by)) * u64::from(size.1.div_ceil(by))
}

/// Memory of a masked attempt in addition to [`memory_bytes`]: the asset's own colours and the
/// mask, of size `mask`, are kept to the end.
pub fn mask_bytes(recipe: &Recipe, (width, height): (u32, u32), mask: (u32, u32)) -> u64 {
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let kept = SOURCE_BYTES_PER_PIXEL * pixels(mask);
    match recipe {
        Recipe::Optimize(optimize) | Recipe::Synthesize(optimize) => {
            MASKED_BYTES_PER_PIXEL * pixels(optimize.canvas(width, height)) + kept
        }
        Recipe::Arbitrary(_) | Recipe::FeedForward(_) => {
            one_pass::MASKED_BYTES_PER_PIXEL * pixels((width, height)) + kept
        }
        Recipe::Train(_) => kept,
    }
}

/// Memory of a material's attempt in addition to [`memory_bytes`]: the colour map of this size as
/// it was and how much of each pixel is painted, from which the relief of the paint is taken.
pub fn material_bytes((width, height): (u32, u32)) -> u64 {
    SOURCE_BYTES_PER_PIXEL * u64::from(width) * u64::from(height)
}

/// Memory of an attempt whose channels are painted one by one, in addition to [`memory_bytes`]: the
/// asset's colours as they were, twice, and for each channel its picture, and what it has been
/// painted, in the result's size.
pub fn channels_bytes(recipe: &Recipe, asset: (u32, u32), result: (u32, u32)) -> u64 {
    let channels = recipe.common().channels;
    if channels == Channels::default() {
        return 0;
    }
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let pictures = channels.pictures() as u64;
    3 * 4 * ((2 + pictures) * pixels(asset) + pictures * pixels(result))
}

/// The recipe with its style's size for a result, as far as it is known before models are measured:
/// otherwise as if the style were looked at whole.
pub fn sized(recipe: &Recipe, asset: (u32, u32), result: (u32, u32)) -> Cow<'_, Recipe> {
    let longer = |(width, height): (u32, u32)| width.max(height);
    let grown = f64::from(longer(result)) / f64::from(longer(asset).max(1));
    let density = recipe.common().texel_density.map_or(f64::INFINITY, f64::from) * grown;
    match recipe.with_style_size(longer(result), Some(density)) {
        Ok(Some(sized)) => Cow::Owned(sized),
        Ok(None) | Err(_) => Cow::Borrowed(recipe),
    }
}

/// The recipes of the runs in which an action's picture is painted, at most: one for each of its
/// regions.
pub fn runs(action: &Action) -> Vec<&Recipe> {
    let Some(regions) = &action.regions else { return vec![&action.recipe] };
    let others = Some(&action.recipe).filter(|_| !regions.keeps_others);
    let painted = regions.named.iter().filter(|region| !region.is_kept());
    let named = painted.map(|region| region.recipe.as_ref().unwrap_or(&action.recipe));
    others.into_iter().chain(named).collect()
}

/// The work of an action's runs: see [`work`].
pub fn action_work(action: &Action, width: u32, height: u32) -> u64 {
    let runs = runs(action).into_iter();
    runs.map(|recipe| work(recipe, width, height)).fold(0, u64::saturating_add)
}

/// Memory of an attempt with regions in addition to [`memory_bytes`]: the asset's own colours, and
/// for each region its weights and what it has been painted, in the result's size.
pub fn regions_bytes(action: &Action, asset: (u32, u32), result: (u32, u32)) -> u64 {
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    if action.regions.is_none() {
        return 0;
    }
    let coats = runs(action).len() as u64 * action.recipe.common().channels.pictures() as u64;
    4 * ((3 + 2 * coats) * pixels(asset) + 3 * coats * pixels(result))
}

/// The content's features (512 channels for 64 pixels) at the last scale, and its reduced copy with
/// the gradient there and what is between it and the result, if deep layers are evaluated on one.
fn measured_bytes(recipe: &Optimize, (width, height): (u32, u32)) -> u64 {
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let word = match recipe.common.profile {
        Profile::Fast => 2,
        Profile::Exact => 4,
    };
    let content = |size| word * 512 / 64 * pixels(size);
    let canvas = recipe.canvas(width, height);
    let Looks { full_size, copy } = recipe.looks((width, height), canvas);
    match copy {
        _ if full_size >= VggLayer::Relu4_2 => content(canvas),
        Some(copy) => {
            let between = pixels((copy.0, canvas.1)).max(pixels((canvas.0, copy.1)));
            content(copy) + 3 * 4 * (2 * pixels(copy) + between)
        }
        None => 0,
    }
}

/// The least state of the optimiser per pixel.
///
/// If memory is short, profile `fast` keeps it, and the content's features, in 16 bits and shortens
/// the history; `exact` never does.
fn remembered_bytes_per_pixel(recipe: &Optimize) -> u64 {
    // Two moments and the average.
    let adam = |word: u64| 3 * (2 * word + 4);
    // The previous picture, its gradient and the change, the pairs, and a smoothed picture on
    // coarser grids, a third of its size.
    let lbfgs = |word: u64, pairs: u64| 3 * (3 * 4 + 2 * pairs * word) + 4;
    let history = u64::from(recipe.history);
    match (recipe.common.profile, recipe.optimizer) {
        (Profile::Fast, Optimizer::Adam) => adam(2),
        (Profile::Fast, Optimizer::Lbfgs) => lbfgs(2, LEAST_HISTORY.min(history)),
        (Profile::Exact, Optimizer::Adam) => adam(4),
        (Profile::Exact, Optimizer::Lbfgs) => lbfgs(4, history),
    }
}

/// Pixels times optimiser steps over all scales and channels that are pictures. Pixels whose way
/// through the network is shorter count for less.
pub fn work(recipe: &Recipe, width: u32, height: u32) -> u64 {
    recipe.common().channels.pictures() as u64 * picture_work(recipe, width, height)
}

fn picture_work(recipe: &Recipe, width: u32, height: u32) -> u64 {
    let recipe = match recipe {
        Recipe::Optimize(optimize) | Recipe::Synthesize(optimize) => optimize,
        Recipe::Arbitrary(Arbitrary { pass, .. })
        | Recipe::FeedForward(FeedForward { pass, .. }) => {
            return one_pass::work(recipe, pass, width, height);
        }
        Recipe::Train(train) => return training_work(&train.training, train.until),
    };
    let scales = recipe.scales(width, height);
    let step = |scale: &Scale| {
        let canvas = recipe.canvas(scale.width, scale.height);
        recipe.step_work_px((scale.width, scale.height), canvas)
    };
    let likeness = beginning(recipe, (width, height));
    let likeness = likeness.map_or(0, |(own, (width, height))| picture_work(&own, width, height));
    let steps: u64 = scales.iter().map(|scale| step(scale) * u64::from(scale.iterations)).sum();
    likeness + steps
}

// Neither the memory nor the work of the largest result (32768 pixels squared, the most steps, 32
// scales) overflows 64 bits.
const _: () = {
    let pixels = MAX_SIDE as u64 * MAX_SIDE as u64;
    let remembered = 3 * (3 * 4 + 2 * Optimize::MAX_HISTORY as u64 * 4) + 4 + 32;
    assert!(
        pixels
            < u64::MAX
                / (TILE_BYTES_PER_PIXEL
                    + RESULT_BYTES_PER_PIXEL
                    + MASKED_BYTES_PER_PIXEL
                    + remembered
                    + 2 * SOURCE_BYTES_PER_PIXEL)
    );
    assert!(pixels < u64::MAX / (Optimize::MAX_ITERATIONS as u64 * 32));
};

#[cfg(test)]
mod tests {
    use super::*;
    use impasto_types::{Common, Preset};

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_narrow_strip_counts_its_enlarged_style() {
        let strip =
            memory_bytes(&Preset::Texture.recipe(), (4096, 16), &[(4096, 4096)], &[(4096, 4096)]);
        let canvas = 4112 * 32;
        assert_eq!(
            strip,
            MEMORY_BASE_BYTES + 700 * TILE_PIXELS + 28 * canvas + 2 * 16 * 4096 * 4096
        );
    }

    #[test]
    fn a_picture_of_512_pixels_counts_canvas_sources_and_optimiser() {
        let size = (512, 512);
        let (picture, canvas) = (512 * 512, 528 * 528);
        let least =
            |pixels: u64, remembered: u64| MEMORY_BASE_BYTES + (700 + 28 + remembered) * pixels;
        assert_eq!(
            memory_bytes(&Preset::Painterly.recipe(), size, &[size], &[]),
            least(canvas, 16 + 40 + 24)
        );
        assert_eq!(
            memory_bytes(&Preset::Gatys.recipe(), size, &[size], &[]),
            least(picture, 16 + 40 + 24)
        );
        let style = (2048, 1024);
        assert_eq!(
            memory_bytes(&Preset::Painterly.recipe(), size, &[size, style], &[style]),
            least(canvas, 16 + 40 + 24) + 16 * 2048 * 1024
        );
        let gatys = Optimize::gatys();
        let common = Common { profile: Profile::Exact, ..gatys.common };
        let exact = Optimize { common, ..gatys };
        let memory_bytes = |optimize: &Optimize, size, sources: &[_], styles: &[_]| {
            memory_bytes(&Recipe::Optimize(optimize.clone()), size, sources, styles)
        };
        assert_eq!(memory_bytes(&exact, size, &[size], &[]), least(picture, 32 + 40 + 20 * 24));
        let adam = Optimize { optimizer: Optimizer::Adam, ..exact };
        assert_eq!(memory_bytes(&adam, size, &[size], &[]), least(picture, 32 + 36));
    }

    #[test]
    fn large_pictures_are_decoded_one_after_the_other() {
        let png = |side: u32, depth| Footprint {
            width: side,
            height: side,
            format: impasto_types::ContainerFormat::Png,
            depth,
            planes: 0,
        };
        let recipe = Preset::Painterly.recipe();
        let (eight, sixteen) = (impasto_types::Depth::Eight, impasto_types::Depth::Sixteen);
        let needed = |styles: &[u32], asset: Footprint| {
            let styles: Vec<_> =
                styles.iter().map(|&side| (png(side, eight), (side, side))).collect();
            decoding_bytes(&recipe, (512, 512), &styles, &[asset]) - MEMORY_BASE_BYTES
        };
        // A peak of 12 bytes a pixel and 16 beside them, and what stays of each.
        let small = png(512, eight);
        let held = 24 * 512 * 512;
        assert_eq!(needed(&[8192], small), held + 28 * (8192 << 13) + 16 * (1024 << 10));
        assert_eq!(needed(&[8192; 16], small), held + 28 * (8192 << 13) + 16 * 16 * (1024 << 10));
        assert_eq!(needed(&[], png(16384, sixteen)), (24 + 28) * (16384 << 14));
    }

    #[test]
    fn a_mask_counts_itself_and_the_masked_canvas() {
        let (size, mask) = ((512, 512), (1024, 512));
        let painterly = mask_bytes(&Preset::Painterly.recipe(), size, mask);
        assert_eq!(painterly, 36 * 528 * 528 + 16 * 1024 * 512);
    }

    #[test]
    fn large_pictures_fit_the_documented_memory() {
        let side = |side: u32| {
            memory_bytes(
                &Preset::Painterly.recipe(),
                (side, side),
                &[(side, side), (1024, 1024)],
                &[(1024, 1024)],
            )
        };
        assert!(side(4096) < 3 << 30, "{} MiB", side(4096) / MIB);
        assert!(side(8192) < 8 << 30, "{} MiB", side(8192) / MIB);
    }

    #[test]
    fn work_counts_pixels_and_steps() {
        let work = |optimize: &Optimize, width, height| {
            work(&Recipe::Optimize(optimize.clone()), width, height)
        };
        let single = Optimize { min_scale: 0, iterations: 10, ..Optimize::painterly() };
        assert_eq!(work(&single, 512, 256), 528 * 272 * 10);
        let two = Optimize {
            min_scale: 256,
            scale_factor: 2.0,
            iterations: 10,
            coarse_iterations: 40,
            ..single
        };
        assert_eq!(work(&two, 512, 256), 528 * 272 * 10 + 272 * 144 * 40);
        let layers_by_scale = "256:relu3_1:half".parse().expect("it is a rule");
        let shallow = Optimize { layers_by_scale, ..two };
        let fine = 528 * 272 * 112_320 / 361_152 + 272 * 144;
        assert_eq!(work(&shallow, 512, 256), fine * 10 + 272 * 144 * 40);
    }

    #[test]
    fn a_likeness_to_begin_with_counts() {
        let of = |init: Init| {
            let recipe = Optimize { init, min_scale: 0, ..Optimize::painterly() };
            let recipe = Recipe::Optimize(recipe);
            (work(&recipe, 512, 512), memory_bytes(&recipe, (512, 512), &[(512, 512)], &[]))
        };
        let (content, likeness) = (of(Init::Content), of(Init::Arbitrary));
        assert_eq!(likeness.0 - content.0, (512 * 512 + 128 * 128) / 6);
        assert_eq!(likeness.1 - content.1, ANY_STYLE_BYTES);
    }

    #[test]
    fn content_takes_less_on_a_copy_and_nothing_nowhere() {
        let at = |rules: &str, size| {
            let layers_by_scale = rules.parse().expect("they are rules");
            let recipe = Optimize { layers_by_scale, ..Optimize::painterly() };
            memory_bytes(&Recipe::Optimize(recipe), (size, size), &[], &[])
        };
        let (canvas, copy) = (4112 * 4112, 2064 * 2064);
        let whole = at("", 4096);
        assert_eq!(at("4096:relu3_1:half", 4096), whole);
        let on_copy = 16 * copy + 12 * (2 * copy + 2064 * 4112);
        assert_eq!(at("256:relu3_1:half", 4096), whole - 16 * canvas + on_copy);
        assert_eq!(at("256:relu3_1:none", 4096), whole - 16 * canvas);
    }
}
