//! Whether an asset's pictures fit into memory, from their headers, before any is decoded.
//!
//! Pictures are decoded one after the other: the picture to begin with, the style images, each
//! reduced at once to what the method looks at, then the asset's own files. Each step holds what
//! the ones before it left, and has a peak of its own. A file of a few bytes may hold a picture of
//! gigabytes, so nothing but its header says what it takes.

use impasto_assets::{Header, Limits, Orientation, model_maps, read_header};
use impasto_types::{Action, AlphaUse, AssetKind, Channels, Depth, Part, PreserveColor, UdimGrid};

use crate::sources::Sources;
use crate::{PaintError, Prepared, Source};

/// Bytes of a value in memory.
const VALUE: u64 = 4;

/// Pictures that are decoded in turn, and what they leave.
struct Budget<'a> {
    asset: &'a str,
    given_bytes: u64,
    /// What is held before any picture is decoded.
    begun_bytes: u64,
    held_bytes: u64,
}

/// Pictures that take no more than this are not what does not fit: the method's plan says what is
/// enough, for all that it needs.
const SMALL_BYTES: u64 = 16 << 20;

/// What a picture takes.
struct Step {
    /// The most while it is decoded and prepared.
    peak_bytes: u64,
    /// What stays.
    kept_bytes: u64,
}

/// Checks that every picture can be decoded and held within the memory that painting may take.
/// Files whose headers cannot be read are left to what decodes them. Returns the header of the
/// asset that is painted, if it is one picture: finding it may mean reading the whole file.
///
/// # Errors
/// [`PaintError::Picture`], which names the first picture that does not fit.
pub(crate) fn check(
    method: &dyn Prepared,
    memory_bytes: u64,
    asset: &str,
    action: &Action,
    sources: &Sources,
) -> Result<Option<Header>, PaintError> {
    let held_bytes = method.bytes() + sources.bytes();
    let mut budget =
        Budget { asset, given_bytes: memory_bytes, begun_bytes: held_bytes, held_bytes };
    let upright = action.kind == AssetKind::photograph();
    let color = sources.files.get(&Part::Color).and_then(header);
    let result = result_size(action, sources, color.as_ref());
    let cell = cell(sources);
    if let Some(source) = sources.files.get(&Part::Init) {
        budget.add(source, |header| asset_step(header, upright, false))?;
    }
    for (source, (style, recipe)) in sources.styles.iter().zip(action.all_styles()) {
        budget.add(source, |header| {
            let (width, height) = header.upright_size();
            let size = match style.crop.map(|crop| crop.remaining(width, height)) {
                Some(Ok(rest)) => rest,
                Some(Err(_)) | None => (width, height),
            };
            let by = recipe.style_reduction(size, result);
            style_step(header, size, style.crop.is_some(), by)
        })?;
    }
    let masked = [Part::Mask, Part::Regions].iter().any(|part| sources.files.contains_key(part));
    let common = action.recipe.common();
    let has_islands = color.as_ref().is_some_and(|header| common.has_islands(header.alpha));
    let is_model = action.kind.has_seams() || sources.files.contains_key(&Part::Mesh);
    let masked = masked || has_islands || is_model;
    let mut own_bytes = 0;
    let has_tiles = sources.files.keys().any(|part| matches!(part, Part::Udim(_)));
    for (part, source) in &sources.files {
        match part {
            // The surface is small beside a picture.
            Part::Init | Part::Model | Part::Mesh => {}
            // It is there as a tile, too.
            Part::Color if has_tiles => {}
            part if part.is_surface() => budget.add(source, map_step)?,
            Part::Mask => {
                let asset = color.map_or(0, |header| header.footprint().pixels());
                budget.add(source, |header| mask_step(header, asset))?;
            }
            Part::Regions => {
                let result = u64::from(result.0) * u64::from(result.1);
                // A texture is made in the result's size.
                let asset = color.map_or(result, |header| header.footprint().pixels());
                let named = action.regions.iter().flat_map(|regions| &regions.named);
                let coats = 1 + named.filter(|region| !region.is_kept()).count() as u64;
                let coats = coats * common.channels.pictures() as u64;
                // Of those that lie on each other, only the last two are there.
                let dry = if color.is_some() { coats } else { 2 };
                budget.add(source, |header| regions_step(header, asset, coats, dry * result))?;
            }
            _ => {
                budget.add(source, |header| {
                    let pixels = header.footprint().pixels();
                    own_bytes += 3 * VALUE * pixels;
                    let has_key = common.color_key.is_some();
                    let is_coverage = common.alpha_use() != AlphaUse::Data && header.alpha;
                    let mut step = asset_step(header, upright, is_coverage || has_key);
                    // Those of its numbers that paint cannot reach, and where.
                    if header.depth == Depth::Float {
                        step.kept_bytes += 4 * VALUE * pixels;
                        step.peak_bytes = step.peak_bytes.max(step.kept_bytes + 4 * VALUE * pixels);
                    }
                    // Where its holes are, and how much is there while they are filled.
                    if has_key {
                        step.kept_bytes += VALUE * pixels;
                        step.peak_bytes = step.peak_bytes.max(step.kept_bytes + VALUE * pixels);
                    }
                    // A picture of each channel, and its paint, beside the colours as they were,
                    // which the asset and its channels have.
                    if common.channels != Channels::default() {
                        let pictures = common.channels.pictures() as u64;
                        let result = u64::from(result.0) * u64::from(result.1);
                        let held = (2 + pictures) * pixels + pictures * result;
                        step.kept_bytes += 3 * VALUE * held;
                        step.peak_bytes = step.peak_bytes.max(step.kept_bytes);
                    }
                    // Where islands are, and for each pixel which is nearest.
                    if common.has_islands(header.alpha) {
                        step.kept_bytes += 2 * VALUE * pixels;
                        step.peak_bytes = step.peak_bytes.max(step.kept_bytes);
                    }
                    // The textures as they were, where islands are, and the file itself.
                    if is_model {
                        step.kept_bytes += 5 * VALUE * pixels + source.bytes.len() as u64;
                        step.peak_bytes = step.peak_bytes.max(step.kept_bytes + VALUE * pixels);
                    }
                    step
                })?;
            }
        }
    }
    if let (true, Some(model)) = (is_model, sources.files.get(&Part::Color))
        && common.relief > 0.0
        && let Ok(maps) = model_maps(&model.bytes, &model.name, &Limits::default())
    {
        for map in maps {
            budget.add(&Source { name: map.name, bytes: map.bytes }, map_step)?;
        }
    }
    // Tiles are put side by side, with what there is and where: in places of the largest.
    let grid = UdimGrid::of_parts(sources.files.keys().copied());
    if let (Some((grid, (width, height))), Some(first)) =
        (grid.zip(cell), sources.files.get(&Part::Color))
    {
        let places = u64::from(grid.columns) * u64::from(grid.rows);
        let pixels = places.saturating_mul(u64::from(width) * u64::from(height));
        budget.fit(first, pixels.saturating_mul(5 * VALUE))?;
        budget.held_bytes = budget.held_bytes.saturating_add(pixels.saturating_mul(5 * VALUE));
    }
    // The method's copies, before it plans: the asset in other colours, and its own beside them.
    let copies = match common.preserve_color {
        PreserveColor::Luminance => 2,
        PreserveColor::None if common.palette > 0.0 => 1,
        PreserveColor::None | PreserveColor::Statistics => 0,
    };
    if let Some(color) = sources.files.get(&Part::Color) {
        budget.fit(color, own_bytes * (copies + u64::from(masked)))?;
    }
    Ok(color)
}

impl Budget<'_> {
    fn add(
        &mut self,
        source: &Source,
        step: impl FnOnce(&Header) -> Step,
    ) -> Result<(), PaintError> {
        let Some(header) = header(source) else { return Ok(()) };
        let Step { peak_bytes, kept_bytes } = step(&header);
        self.fit(source, peak_bytes)?;
        self.held_bytes = self.held_bytes.saturating_add(kept_bytes);
        Ok(())
    }

    /// Whether so many bytes fit beside what is held.
    fn fit(&self, source: &Source, bytes: u64) -> Result<(), PaintError> {
        let Self { asset, given_bytes, begun_bytes, held_bytes } = *self;
        let least_bytes = held_bytes.saturating_add(bytes);
        if least_bytes <= given_bytes || least_bytes - begun_bytes <= SMALL_BYTES {
            return Ok(());
        }
        let (width, height) = header(source).map_or((0, 0), |header| (header.width, header.height));
        let (asset, name) = (asset.to_owned(), source.name.clone());
        Err(PaintError::Picture { asset, name, width, height, least_bytes, given_bytes })
    }
}

/// The header of a file, if it can be read.
pub(crate) fn header(source: &Source) -> Option<Header> {
    read_header(&source.bytes, &source.name, &Limits::default()).ok()
}

/// The size of a tile's place: of the largest.
fn cell(sources: &Sources) -> Option<(u32, u32)> {
    let tiles = sources.files.iter().filter(|(part, _)| matches!(part, Part::Udim(_)));
    let sizes =
        tiles.filter_map(|(_, source)| header(source)).map(|tile| (tile.width, tile.height));
    sizes.reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)))
}

/// The width and height of the picture that is painted. One that is made from nothing has the shape
/// of its map, or is square.
pub(crate) fn result_size(
    action: &Action,
    sources: &Sources,
    color: Option<&Header>,
) -> (u32, u32) {
    let common = action.recipe.common();
    let side = common.size.unwrap_or(0);
    let map = || {
        let map = sources.files.get(&Part::Regions)?;
        let header = header(map).filter(|_| !action.method().takes_content())?;
        Some(header.upright_size())
    };
    let own = own_size(action, sources, color).or_else(map);
    own.map_or((side, side), |(width, height)| common.output_size(width, height))
}

/// The width and height of the asset: of all tiles, if it is a set of them. None if a texture is
/// made from its style alone.
pub(crate) fn own_size(
    action: &Action,
    sources: &Sources,
    color: Option<&Header>,
) -> Option<(u32, u32)> {
    let upright = action.kind == AssetKind::photograph();
    let grid = UdimGrid::of_parts(sources.files.keys().copied());
    if let Some((grid, (width, height))) = grid.zip(cell(sources)) {
        return Some((width.saturating_mul(grid.columns), height.saturating_mul(grid.rows)));
    }
    let size = |header: &Header| match upright {
        true => header.upright_size(),
        false => (header.width, header.height),
    };
    color.map(size)
}

/// A file of the asset: its colours are painted, and what else it has waits. Where alpha is
/// coverage, or a key says what is there, the method and the asset hold it once more each.
fn asset_step(header: &Header, upright: bool, covers: bool) -> Step {
    let footprint = header.footprint();
    let (held, pixels) = (footprint.held_bytes(), footprint.pixels());
    let turned = upright && header.orientation != Orientation::Normal;
    let coverage = if covers { 2 * VALUE * pixels } else { 0 };
    // A turned copy of the colours; the pyramid that fills holes, a third of four values.
    let beside = u64::max(
        if turned { 3 * VALUE * pixels } else { 0 },
        if covers || header.alpha { 2 * VALUE * pixels } else { 0 },
    );
    let kept_bytes = held + coverage;
    Step {
        peak_bytes: u64::max(footprint.decoding_bytes(), held + beside).max(kept_bytes),
        kept_bytes,
    }
}

/// A map of a material's surface, which waits as a file: it is decoded to be checked, and again
/// when the paint is dry, beside its slopes and the relief.
fn map_step(header: &Header) -> Step {
    let footprint = header.footprint();
    let beside = 6 * VALUE * footprint.pixels();
    let peak_bytes = footprint.decoding_bytes().max(footprint.held_bytes() + beside);
    Step { peak_bytes, kept_bytes: 0 }
}

/// A mask: a weight for each pixel, in the asset's size, twice, with the asset's own colours.
fn mask_step(header: &Header, asset_pixels: u64) -> Step {
    let footprint = header.footprint();
    let (held, pixels) = (footprint.held_bytes(), footprint.pixels());
    let turned = held + 3 * VALUE * pixels;
    let kept_bytes = 5 * VALUE * asset_pixels;
    let drawn = 2 * VALUE * pixels + kept_bytes;
    Step { peak_bytes: footprint.decoding_bytes().max(turned).max(drawn), kept_bytes }
}

/// An ID map: the owner of each pixel, and a weight in each of so many coats, which wait for the
/// others when they are dry, `dry` pixels in all, beside the asset's own colours.
fn regions_step(header: &Header, asset: u64, coats: u64, dry: u64) -> Step {
    let footprint = header.footprint();
    let owners = 4 * VALUE * footprint.pixels();
    let kept_bytes = VALUE * ((3 + 2 * coats) * asset + 3 * dry);
    let peak_bytes = footprint.decoding_bytes().max(footprint.held_bytes() + owners);
    Step { peak_bytes: peak_bytes.max(owners + kept_bytes), kept_bytes }
}

/// A style image of `size` after its crop, reduced `by` a factor.
fn style_step(header: &Header, size: (u32, u32), cropped: bool, by: u32) -> Step {
    let footprint = header.footprint();
    let (held, pixels) = (footprint.held_bytes(), footprint.pixels());
    let values = 3 + u64::from(header.alpha);
    let left = u64::from(size.0) * u64::from(size.1);
    let turned = if header.orientation == Orientation::Normal { 0 } else { 3 * VALUE * pixels };
    let cut = if cropped { VALUE * (values + u64::from(header.extra)) * left } else { 0 };
    // Weights, then a copy without what does not count.
    let weighed = if header.alpha { (values + 2) * VALUE * left } else { 0 };
    let reduced = u64::from(size.0.div_ceil(by)) * u64::from(size.1.div_ceil(by));
    // A cut-out has fewer pixels that count, which are reduced by less.
    let kept =
        if header.alpha && by > 1 { left.min(reduced.max(LARGE_CUT_OUT_PX)) } else { reduced };
    let kept_bytes = VALUE * values * kept;
    let beside = turned.max(cut).max(weighed).max(if by > 1 { kept_bytes } else { 0 });
    Step { peak_bytes: footprint.decoding_bytes().max(held + beside), kept_bytes }
}

/// A cut-out of so many pixels is not reduced.
const LARGE_CUT_OUT_PX: u64 = impasto_types::Optimize::LARGE_STYLE_PX;
