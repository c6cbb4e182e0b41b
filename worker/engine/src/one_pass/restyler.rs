//! A network for any style that this program trains: VGG-19 looks, its features are given a
//! style's statistics, and a decoder makes a picture of them.
//!
//! But for the statistics, of the style and of the picture itself, nothing looks at the whole
//! picture. So it is painted in tiles, each with as much around it as a pixel's result depends on,
//! and takes little more memory than the picture, whatever its size.

use std::fmt;
use std::sync::Arc;

use impasto_kernels::networks::{
    Canvas, Decoder, DecoderLayout, DecoderWeights, FeedForwardError, Picture, Tensors, Workspace,
    closed,
};
use impasto_kernels::{Edge, Layer, Level, Pool, Precision};
use impasto_models::{NetworkHeader, NetworkLayout, VggWeights, read_network};
use impasto_types::{Arbitrary, Padding, Pooling, Profile};

use super::card::CardRestyler;
use super::learned::NetworkError;
use super::noise::add_noise;
use super::pass::Pass;
use super::reading::Reading;
use super::seen::{Seen, digest};
use super::statistics::{FeatureStatistics, FeatureTransfer};
use super::tiles::{cut, next_lap, spans};
use super::workshop::{Workshop, unpaintable};
use crate::cards::Handle;
use crate::optimize::device::{Cpu, TiledPass, Tiling, VggDevice, View};
use crate::sources::{Sources, fitted};
use crate::{EngineError, Frame, Image, Interrupt, Joins, Mask, Style};

/// Memory for looking at a whole picture: tiles of it are cut to fit.
const LOOK_BYTES: u64 = 512 << 20;

/// Sides of the tiles that are painted.
const TILE_PX: usize = 768;

/// Bytes per pixel of a tile beside the pass and the decoder: colours as they are painted and as
/// the network sees them, and what the decoder reads.
const TILE_BYTES_PER_PIXEL: u64 = 4 * (4 * 3 + 128 / 4 + 256 / 16 + 512 / 64);

/// The sizes of the decoder that a file's header names.
///
/// # Errors
/// [`NetworkError::Learned`] where the network has learned its styles; names a size that no decoder
/// can have.
pub fn decoder_layout_of(header: &NetworkHeader) -> Result<DecoderLayout, NetworkError> {
    match header.layout {
        NetworkLayout::AnyStyle { widths } => {
            let layout = DecoderLayout { widths };
            layout.check().map_err(FeedForwardError::from)?;
            Ok(layout)
        }
        NetworkLayout::Learned { .. } => Err(NetworkError::Learned),
    }
}

/// Reads a network's file, and builds its decoder. A level that this processor lacks is lowered to
/// the best one that it has.
///
/// # Errors
/// Where it is no such file or damaged, or a tensor is missing, one too many or of another shape:
/// the error names it.
pub fn decoder_of(bytes: &[u8], level: Level) -> Result<(NetworkHeader, Decoder), NetworkError> {
    read_decoder(bytes, |layout, tensors| Decoder::of_tensors(layout, tensors, level))
}

/// A network's header, and what is made of its sizes and tensors.
fn read_decoder<T>(
    bytes: &[u8],
    make: impl FnOnce(&DecoderLayout, &Tensors<'_>) -> Result<T, FeedForwardError>,
) -> Result<(NetworkHeader, T), NetworkError> {
    let (header, tensors) = read_network(bytes)?;
    let layout = decoder_layout_of(&header)?;
    let named = tensors.iter().map(|own| (&own.name[..], &own.shape[..], &own.values[..]));
    let named = Tensors::new(named).map_err(FeedForwardError::from)?;
    let made = make(&layout, &named)?;
    Ok((header, made))
}

/// A network for any style, and the threads that work for it.
pub struct Restyler {
    header: NetworkHeader,
    place: Place,
    view: View,
    workshop: Workshop,
    bytes: u64,
    /// What was seen in styles.
    seen: Seen<FeatureStatistics>,
}

/// Where VGG-19 and the decoder are.
enum Place {
    Cpu { vgg: Cpu, decoder: Box<Decoder> },
    Card(CardRestyler),
}

impl Place {
    fn vgg(&self) -> &dyn VggDevice {
        match self {
            Self::Cpu { vgg, .. } => vgg,
            Self::Card(card) => card.vgg(),
        }
    }
}

impl fmt::Debug for Restyler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restyler").field("device", &self.device()).finish_non_exhaustive()
    }
}

impl Restyler {
    /// Prepares the network of a file and VGG-19, which looks, for the CPU, on `threads` threads.
    /// `level` may lower the instructions that the kernels use; `None` uses the best there are.
    ///
    /// # Errors
    /// As [`decoder_of`]; [`NetworkError::Engine`] where the weights are not VGG-19's, or no
    /// threads are to be had.
    pub fn of_file(
        bytes: &[u8],
        vgg: &VggWeights,
        threads: usize,
        level: Option<Level>,
    ) -> Result<Self, NetworkError> {
        let level = level.map_or_else(Level::detect, Level::lowered);
        let (header, decoder) = decoder_of(bytes, level)?;
        let workshop = Workshop::new(threads)?;
        let vgg = Cpu::new(vgg, level, Precision::Fp32, workshop.pool())?;
        // The parameters, as they are prepared: each once.
        let bytes = 4 * decoder_layout_of(&header)?.parameters() as u64;
        let place = Place::Cpu { vgg, decoder: Box::new(decoder) };
        Ok(Self::new(header, place, workshop, bytes))
    }

    /// The same on a card that [`cards::cuda`](crate::cards::cuda) opened. Some work is left to the
    /// CPU, on `threads` threads.
    ///
    /// # Errors
    /// As [`Self::of_file`]; [`NetworkError::Engine`] where the device fails.
    pub fn on_card(
        bytes: &[u8],
        vgg: &VggWeights,
        threads: usize,
        card: &Handle,
        profile: Profile,
    ) -> Result<Self, NetworkError> {
        let (header, weights) = read_decoder(bytes, DecoderWeights::of_tensors)?;
        let workshop = Workshop::new(threads)?;
        let card = CardRestyler::new(vgg, &weights, card, profile)?;
        let bytes = card.decoder_bytes();
        Ok(Self::new(header, Place::Card(card), workshop, bytes))
    }

    fn new(header: NetworkHeader, place: Place, workshop: Workshop, decoder_bytes: u64) -> Self {
        let pooling = header.recipe.as_ref().map_or(Pooling::Max, |recipe| recipe.pooling);
        let (view, bytes) = (Self::view(pooling), decoder_bytes + place.vgg().bytes());
        Self { header, place, view, workshop, bytes, seen: Seen::default() }
    }

    /// How VGG-19 looks at pictures and tiles for a restyler.
    pub fn view(pooling: Pooling) -> View {
        let pool = match pooling {
            Pooling::Max => Pool::Max,
            Pooling::Average => Pool::Average,
        };
        View::new(Edge::Reflect, Edge::Reflect, pool).up_to(Layer::Relu4_1)
    }

    /// What it runs on, such as `cpu avx512 fp32`.
    pub fn device(&self) -> String {
        self.place.vgg().label()
    }

    /// Memory that the prepared networks take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The statistics of a picture, whose pixels count by their weights. As in training, it is
    /// continued by its mirror image to a multiple of 16 pixels: otherwise a last row would be a
    /// whole pixel of the deepest layer.
    fn statistics(
        &self,
        image: Image,
        weights: Option<Vec<f32>>,
        interrupt: &Interrupt,
    ) -> Result<FeatureStatistics, EngineError> {
        let (width, height) = (image.width as u32, image.height as u32);
        let frame = Frame::new(&Joins::default(), Padding::Reflect, width, height);
        let (image, mask) = self.workshop.install(|| {
            (frame.surround(image), weights.map(|weights| frame.surround_plane(weights, 1)))
        });
        let mask = mask.map(|weights| Mask::new(image.width, image.height, weights)).transpose()?;
        let mask = mask.as_ref();
        let budget = self.look_bytes((image.width, image.height), mask.is_some());
        let moments = self.place.vgg().moments(&image, mask, self.view, budget, interrupt)?;
        let [_, second, third, fourth] = &moments[..] else {
            unreachable!("sums over each layer up to the deepest")
        };
        Ok(FeatureStatistics::of(&image, mask, [second, third, fourth]))
    }

    /// Memory that the statistics of a picture of this size take, beside it.
    fn statistics_bytes(&self, (width, height): (usize, usize), weighted: bool) -> u64 {
        let [width, height] = [width, height].map(|len| len.next_multiple_of(16));
        let continued = scaled_bytes((width, height), weighted);
        let uncut = self.place.vgg().uncut_moments((width, height), weighted, self.view);
        continued + self.look_bytes((width, height), weighted).min(uncut)
    }

    /// Memory that looking at a picture of this size may take: its weights at all layers alone may
    /// be more than [`LOOK_BYTES`].
    fn look_bytes(&self, size: (usize, usize), weighted: bool) -> u64 {
        LOOK_BYTES.max(self.place.vgg().least_moments(size, weighted, self.view))
    }

    /// The size of a style at a scale.
    fn style_size(image: &Image, factor: f64) -> (usize, usize) {
        let side = |len: usize| ((len as f64 * factor).round() as usize).max(1);
        (side(image.width), side(image.height))
    }

    /// Those of a style at a scale.
    fn seen(
        &self,
        image: &Image,
        weights: Option<&Mask>,
        factor: f64,
        interrupt: &Interrupt,
    ) -> Result<FeatureStatistics, EngineError> {
        let size = Self::style_size(image, factor);
        let (scaled, weights) = self.workshop.install(|| {
            let resized = weights.map(|mask| mask.resized(size.0, size.1, &Joins::default()));
            (fitted(image, weights, size, (false, false)), resized.map(Mask::into_weights))
        });
        let width = [scaled.width as f32];
        let counted = weights.as_deref().unwrap_or_default();
        let values = [&width[..], &scaled.rgb[..], counted];
        // What is looked at is given away, so what it is known by comes first.
        let digest = digest(values);
        self.seen.of(digest, || self.statistics(scaled, weights, interrupt))
    }

    /// Paints a tile that is looked at as it is with noise.
    fn tile(
        &self,
        workspace: &mut Workspace,
        eyes: &mut Option<Eyes>,
        [noisy, clean]: [Image; 2],
        transfer: &FeatureTransfer,
    ) -> Result<Vec<f32>, EngineError> {
        let (vgg, decoder) = match &self.place {
            Place::Cpu { vgg, decoder } => (vgg, decoder),
            Place::Card(card) => {
                return self.workshop.install(|| card.paint(&noisy, &clean, self.view, transfer));
            }
        };
        let size = (noisy.width, noisy.height);
        if eyes.as_ref().is_some_and(|eyes| eyes.size != size) {
            // The old one's memory is given back before the new one is asked for.
            *eyes = None;
        }
        let new = || Eyes { size, pass: vgg.pass(Tiling::whole(self.view, size.0, size.1)) };
        let pass = &mut eyes.get_or_insert_with(new).pass;
        let mut painted = vec![0.0; noisy.rgb.len()];
        let mut reading = Reading::of(pass, noisy);
        self.workshop.install(|| reading.restyle(transfer, &clean));
        decoder.decode(workspace, &reading.input(), &mut painted).map_err(unpaintable)?;
        Ok(painted)
    }

    /// Memory that a tile takes, beside the picture.
    fn tile_bytes(&self, size: (usize, usize)) -> u64 {
        match &self.place {
            Place::Cpu { vgg, decoder } => {
                let pixels = (size.0 * size.1) as u64;
                let seen = vgg.uncut_moments(size, false, self.view);
                pixels * TILE_BYTES_PER_PIXEL + seen + decoder.run_bytes(size)
            }
            Place::Card(card) => card.tile_bytes(size, self.view),
        }
    }

    /// Paints the tiles of a picture, of at most `tile_px` pixels a side. Its features are looked
    /// at with noise.
    #[expect(clippy::too_many_arguments, reason = "what is painted, how, and where it goes")]
    fn tiles(
        &self,
        workspace: &mut Workspace,
        [source, noisy]: [Picture<'_>; 2],
        transfer: &FeatureTransfer,
        (wide, high): (usize, usize),
        tile_px: usize,
        output: &mut [f32],
        interrupt: &Interrupt,
    ) -> Result<(), EngineError> {
        let mut eyes = None;
        for down in spans(source.height, high, source.wrap_y, tile_px) {
            for across in spans(source.width, wide, source.wrap_x, tile_px) {
                interrupt.check()?;
                let cut = |picture| cut(picture, &across, &down);
                let tiles = [cut(&noisy), cut(&source)];
                let size = (across.len, down.len);
                let painted = self.tile(workspace, &mut eyes, tiles, transfer)?;
                for y in down.inner.clone() {
                    let row = &painted[3 * (y + down.before - down.inner.start) * size.0..];
                    let row = &row[3 * across.before..][..3 * across.inner.len()];
                    let to = &mut output[3 * (y * wide + across.inner.start)..][..row.len()];
                    to.iter_mut().zip(row).for_each(|(to, value)| *to = value.clamp(0.0, 255.0));
                }
            }
        }
        Ok(())
    }
}

/// A picture of this size, and its weights if it has any.
fn scaled_bytes((width, height): (usize, usize), weighted: bool) -> u64 {
    let values = if weighted { 4 } else { 3 };
    4 * values * (width * height) as u64
}

/// A pass over tiles of one size.
struct Eyes {
    size: (usize, usize),
    pass: TiledPass,
}

/// A run of a restyler by a recipe.
#[derive(Debug)]
pub(super) struct Restyled {
    pub(super) network: Arc<Restyler>,
    pub(super) recipe: Arbitrary,
    /// Whether the asset is painted in a part only.
    pub(super) masked: bool,
    /// What was looked at last.
    pub(super) seen: Option<Look>,
}

/// What was seen for a scale.
#[derive(Debug)]
pub(super) struct Look {
    /// The statistics of the styles.
    style: FeatureStatistics,
    /// How far each pixel of the asset is painted, where it has a mask.
    painted: Option<Vec<f32>>,
}

impl Pass for Restyled {
    fn workshop(&self) -> &Workshop {
        &self.network.workshop
    }

    fn bytes(&self) -> u64 {
        self.network.bytes
    }

    fn run_bytes(&self, (width, height): (usize, usize), (wrap_x, wrap_y): (bool, bool)) -> u64 {
        let longest = |len: usize, wraps: bool| {
            let painted = len + next_lap(len, wraps);
            spans(len, painted, wraps, TILE_PX).iter().map(|span| span.len).max().unwrap_or(0)
        };
        let tile = (longest(width, wrap_x), longest(height, wrap_y));
        let laps = [next_lap(width, wrap_x), next_lap(height, wrap_y)];
        // What is painted with the next lap, and without it.
        let closing = if laps == [0, 0] {
            0
        } else {
            2 * 3 * 4 * ((width + laps[0]) * (height + laps[1])) as u64
        };
        // The picture as it was, and with noise; a copy of that is looked at, with what continues
        // it.
        let image = 3 * 4 * (width * height) as u64;
        let looking = image + self.network.statistics_bytes((width, height), self.masked);
        2 * image + (self.network.tile_bytes(tile) + closing).max(looking)
    }

    fn look_bytes(&self, sources: &Sources, (width, height): (usize, usize)) -> u64 {
        let of = |style: &Style| {
            let own = (style.image.width as u32, style.image.height as u32);
            let factor = self.recipe.style_factor(own, (width as u32, height as u32));
            let size = Restyler::style_size(&style.image, factor);
            let weighted = style.weights.is_some();
            self.network.statistics_bytes(size, weighted) + scaled_bytes(size, weighted)
        };
        sources.styles().iter().map(of).max().unwrap_or(0)
    }

    fn look(
        &mut self,
        sources: &Sources,
        size: (usize, usize),
        interrupt: &Interrupt,
    ) -> Result<(), EngineError> {
        let Self { recipe, network, .. } = self;
        let picture = (size.0 as u32, size.1 as u32);
        let total: f32 = sources.styles().iter().map(|style| style.share).sum();
        let mut parts = Vec::new();
        for style in sources.styles() {
            let own = (style.image.width as u32, style.image.height as u32);
            let factor = recipe.style_factor(own, picture);
            let seen = network.seen(&style.image, style.weights.as_ref(), factor, interrupt)?;
            parts.push((style.share / total, seen));
        }
        let style = FeatureStatistics::mixed(&parts);
        let painted = network.workshop.install(|| sources.painted_at(size));
        self.seen = Some(Look { style, painted: painted.map(|(weights, _)| weights) });
        Ok(())
    }

    fn paint(
        &self,
        workspace: &mut Workspace,
        canvas: &mut Canvas<'_>,
        interrupt: &Interrupt,
    ) -> Result<(), EngineError> {
        let network = &self.network;
        let seen = self.seen.as_ref().ok_or(EngineError::MissingInput("a style image"))?;
        let &mut Canvas { width, height, wrap_x, wrap_y, .. } = canvas;
        // Tiles see what is around them as it was.
        let source = canvas.rgb.to_vec();
        let picture = Picture { rgb: &source, width, height, wrap_x, wrap_y };
        let mut noisy = Image { width, height, rgb: source.clone() };
        let (levels, seed) = (network.header.noise, self.recipe.common.seed);
        network.workshop.install(|| add_noise(&mut noisy, levels, seed));
        let turned =
            |weights: &Vec<f32>| Workshop::turned(weights, (width, height), (wrap_x, wrap_y));
        let painted = seen.painted.as_ref().map(turned);
        let own = network.statistics(noisy.clone(), painted, interrupt)?;
        let pictures = [picture, Picture { rgb: &noisy.rgb, ..picture }];
        let strength = self.recipe.pass.strength;
        let parts = [(strength, seen.style.clone()), (1.0 - strength, own.clone())];
        let transfer = FeatureTransfer::new(&own, &FeatureStatistics::mixed(&parts));
        let (lap_x, lap_y) = (next_lap(width, picture.wrap_x), next_lap(height, picture.wrap_y));
        if (lap_x, lap_y) == (0, 0) {
            let (size, output) = ((width, height), &mut *canvas.rgb);
            return network.tiles(workspace, pictures, &transfer, size, TILE_PX, output, interrupt);
        }
        let size = (width + lap_x, height + lap_y);
        let mut painted = vec![0.0; 3 * size.0 * size.1];
        network.tiles(workspace, pictures, &transfer, size, TILE_PX, &mut painted, interrupt)?;
        canvas.rgb.copy_from_slice(&closed(painted, size, (lap_x, lap_y)));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
