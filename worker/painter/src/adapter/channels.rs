//! Channels one by one: each is painted as a grey picture, and goes back to its place.

use impasto_engine::{Image, Joins, Mask, Style};
use impasto_types::{Channels, Component, OutputSpec};

use super::{AdapterError, ColorSpace, OpenAsset, Opened, OutputFile, View, luma, resized};

/// An asset of whose pixels some channels are painted, each by itself.
#[derive(Debug)]
struct OpenChannels {
    whole: Box<dyn OpenAsset>,
    channels: Channels,
    views: Vec<Whole>,
}

/// A view before its channels were taken apart.
#[derive(Debug)]
struct Whole {
    own: Image,
    coverage: Option<Mask>,
    joins: Joins,
    /// Of each channel that is a picture of its own.
    ranges: Vec<Range>,
}

/// The numbers of a channel: levels from 0 to 255, or more where a file has floats beyond them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    least: f32,
    most: f32,
}

/// The same asset with a view for each picture that its channels are: the colours first, if they
/// are painted.
///
/// # Errors
/// If a channel is not there.
pub(crate) fn split(opened: Opened, channels: Channels) -> Result<Opened, AdapterError> {
    if channels == Channels::default() || opened.views.iter().any(|view| view.image.is_none()) {
        return Ok(opened);
    }
    let Opened { views, asset: whole, warning } = opened;
    let (mut split, mut wholes) = (Vec::new(), Vec::new());
    for view in views {
        let View { image: Some(own), coverage, mask, joins, .. } = view else { continue };
        let mut ranges = Vec::new();
        if channels.has_colors() {
            split.push(View {
                image: Some(own.clone()),
                coverage: coverage.clone(),
                mask: mask.clone(),
                joins,
                channel: None,
            });
        }
        for channel in channels.alone() {
            let values = plane(&*whole, &own, channel).ok_or(AdapterError::NoChannel(channel))?;
            let range = Range::of(&values);
            ranges.push(range);
            let rgb = values.into_iter().flat_map(|value| [range.level(value); 3]).collect();
            let (width, height) = (own.width, own.height);
            // Each pixel of alpha counts, whatever it says of colours.
            let coverage = coverage.clone().filter(|_| channel != Component::Alpha);
            let image = Some(Image { width, height, rgb });
            split.push(View { image, coverage, mask: mask.clone(), joins, channel: Some(channel) });
        }
        wholes.push(Whole { own, coverage, joins, ranges });
    }
    let asset = Box::new(OpenChannels { whole, channels, views: wholes });
    Ok(Opened { views: split, asset, warning })
}

/// A channel's numbers, if it is there: the only one of a grey file is red.
fn plane(asset: &dyn OpenAsset, image: &Image, channel: Component) -> Option<Vec<f32>> {
    let of_rgb = |at: usize| image.rgb[at..].iter().step_by(3).copied().collect();
    match channel {
        Component::Red => Some(of_rgb(0)),
        Component::Green | Component::Blue if asset.is_gray() => None,
        Component::Green => Some(of_rgb(1)),
        Component::Blue => Some(of_rgb(2)),
        Component::Alpha => {
            asset.alpha().map(|alpha| alpha.iter().map(|value| 255.0 * value).collect())
        }
    }
}

/// A picture in grey, as a channel is shown.
pub(crate) fn gray(image: &mut Image) {
    image.rgb.chunks_exact_mut(3).for_each(|pixel| pixel.fill(luma(pixel)));
}

/// A style for a channel: in grey.
pub(crate) fn gray_style(mut style: Style) -> Style {
    gray(&mut style.image);
    style
}

/// A picture to begin with, for a channel: the same one of it, if it has that.
pub(crate) fn gray_init(mut image: Image, channel: Component) -> Image {
    let at = match channel {
        Component::Red => 0,
        Component::Green => 1,
        Component::Blue => 2,
        Component::Alpha => {
            gray(&mut image);
            return image;
        }
    };
    image.rgb.chunks_exact_mut(3).for_each(|pixel| pixel.fill(pixel[at]));
    image
}

impl Range {
    fn of(values: &[f32]) -> Self {
        let least = values.iter().copied().fold(0.0, f32::min);
        let most = values.iter().copied().fold(255.0, f32::max);
        Self { least, most }
    }

    fn is_levels(self) -> bool {
        self == Self { least: 0.0, most: 255.0 }
    }

    fn level(self, value: f32) -> f32 {
        match self.is_levels() {
            true => value,
            false => (value - self.least) / (self.most - self.least) * 255.0,
        }
    }

    fn value(self, level: f32) -> f32 {
        match self.is_levels() {
            true => level,
            false => level / 255.0 * (self.most - self.least) + self.least,
        }
    }
}

impl OpenAsset for OpenChannels {
    fn color_space(&self) -> ColorSpace {
        self.whole.color_space()
    }

    fn limit(&mut self, painted: Vec<f32>) {
        self.whole.limit(painted);
    }

    fn bytes(&self) -> u64 {
        let view = |view: &Whole| view.own.bytes() + view.coverage.as_ref().map_or(0, Mask::bytes);
        self.whole.bytes() + self.views.iter().map(view).sum::<u64>()
    }

    fn close(
        self: Box<Self>,
        painted: Vec<Image>,
        outputs: &[OutputSpec],
    ) -> Result<Vec<OutputFile>, AdapterError> {
        let Self { mut whole, channels, views } = *self;
        let is_gray = whole.is_gray();
        let mut painted = painted.into_iter();
        let mut joined = Vec::with_capacity(views.len());
        for Whole { own, coverage, joins, ranges } in views {
            let mut pictures = painted.by_ref().take(channels.pictures()).peekable();
            let Some(first) = pictures.peek() else { break };
            let size = (first.width, first.height);
            let colors = if channels.has_colors() { pictures.next() } else { None };
            let mut image = colors.unwrap_or_else(|| resized(own, coverage.as_ref(), &joins, size));
            for (channel, (picture, range)) in channels.alone().zip(pictures.zip(ranges)) {
                let values = picture.rgb.chunks_exact(3).map(|pixel| range.value(luma(pixel)));
                let at = match channel {
                    Component::Red => 0,
                    Component::Green => 1,
                    Component::Blue => 2,
                    Component::Alpha => {
                        whole.repaint_alpha(values.map(|value| value / 255.0).collect());
                        continue;
                    }
                };
                for (pixel, value) in image.rgb.chunks_exact_mut(3).zip(values) {
                    match is_gray {
                        true => pixel.fill(value),
                        false => pixel[at] = value,
                    }
                }
            }
            joined.push(image);
        }
        whole.close(joined, outputs)
    }
}
