//! Image resources: those of the asset that are true of the result, and what the picture's origin
//! says.

use impasto_types::ContainerFormat;

use crate::density::Density;
use crate::encode::Plan;
use crate::exif::Exif;
use crate::notes::Note;
use crate::photoshop::resource;
use crate::psd_layout::{PsdLayout, PsdTruth, dpi, id};
use crate::{Orientation, Picture};

pub(super) fn write(picture: &Picture, plan: &Plan<'_>, layout: &PsdLayout) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(density) = picture.origin.density {
        bytes.extend(resource(id::RESOLUTION, &resolution(density, layout)));
    }
    let notes = picture.notes_in(ContainerFormat::Psd);
    for note in notes.into_iter().flat_map(|notes| &notes.parts) {
        if let Note::Resource { bytes: own } = note {
            bytes.extend(own);
        }
    }
    if let Some(icc) = plan.icc {
        bytes.extend(resource(id::ICC_PROFILE, icc));
    }
    if let Some(exif) = Exif::written(Orientation::Normal, notes.map(|notes| &notes.exif)) {
        bytes.extend(resource(id::EXIF, &exif));
    }
    let same_size = layout.size == (picture.width, picture.height);
    let same_channels = layout.channels == (plan.alpha.is_some(), picture.extra.len());
    let is_true = |truth| match truth {
        PsdTruth::Always => true,
        PsdTruth::AtItsSize => same_size,
        PsdTruth::WithItsChannels => same_channels,
    };
    for own in layout.resources.iter().filter(|own| is_true(own.truth)) {
        bytes.extend(&own.bytes);
    }
    let is_new = picture.origin.psd.is_none() || !same_channels;
    if is_new && !picture.extra.is_empty() {
        bytes.extend(channel_names(plan.alpha.is_some(), picture.extra.len()));
    }
    bytes
}

/// The asset's own resource, if the density is what it says.
fn resolution(density: Density, layout: &PsdLayout) -> Vec<u8> {
    /// The unit to show it in, and that of the sides: inches.
    const INCH: u16 = 1;
    let own = layout
        .resolution
        .as_ref()
        .filter(|own| dpi(own).is_some_and(|(x, y)| Density::from_dpi(x, y) == density));
    if let Some(own) = own {
        return own.clone();
    }
    let (x, y) = density.dpi();
    let side = |dpi: f64| {
        // A float converts to an integer with saturation.
        let fixed = ((dpi * 65_536.0).round() as u32).to_be_bytes();
        [&fixed[..], &INCH.to_be_bytes(), &INCH.to_be_bytes()].concat()
    };
    [side(x), side(y)].concat()
}

/// Names and numbers of channels: without them, programs take the first for transparency. That has
/// the number 0.
fn channel_names(transparency: bool, saved: usize) -> Vec<u8> {
    let names = transparency.then(|| "Transparency".to_owned());
    let names = names.into_iter().chain((1..=saved).map(|number| format!("Alpha {number}")));
    let (mut old, mut unicode, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let first = u32::from(!transparency);
    for (number, name) in (first..).zip(names) {
        old.push(name.len() as u8);
        old.extend(name.bytes());
        // A zero ends it.
        unicode.extend((name.len() as u32 + 1).to_be_bytes());
        unicode.extend(name.bytes().chain([0]).flat_map(|letter| [0, letter]));
        ids.extend(number.to_be_bytes());
    }
    [
        resource(id::CHANNEL_NAMES, &old),
        resource(id::UNICODE_CHANNEL_NAMES, &unicode),
        resource(id::CHANNEL_IDS, &ids),
    ]
    .concat()
}
