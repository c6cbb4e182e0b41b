//! Image resources: what a document says beside its pixels.

use impasto_types::FileTrait;

use super::fields::{Fields, Mode, damaged};
use crate::color::describes;
use crate::density::Density;
use crate::exif::Exif;
use crate::metadata::Metadata;
use crate::notes::{Note, find};
use crate::photoshop::{self, RIGHTS, Resource};
use crate::psd_layout::{PsdResource, PsdTruth, dpi, id};
use crate::{AssetErrorKind, Orientation};

/// What image resources say.
#[derive(Debug)]
pub(super) struct Resources {
    pub metadata: Metadata,
    pub resolution: Option<Vec<u8>>,
    /// Those that are kept as they are, beside text: one entry for each truth.
    pub kept: Vec<PsdResource>,
    /// The merged image is that of the layers.
    pub has_merged: bool,
    /// The index of the palette that is not to be seen.
    pub transparent_index: Option<u16>,
}

const CAPTION: u16 = 1008;
const XMP: u16 = 1060;
const GUIDES: u16 = 1032;
const PIXEL_ASPECT: u16 = 1064;
const PATHS: std::ops::RangeInclusive<u16> = 2000..=2997;

/// What stays true of a painted picture: backgrounds and flags of printing, halftones and transfer
/// functions, the light of effects, that there is no profile, the seed of numbers, a URL, versions,
/// the shape of pixels, scales; paths, and which of them clips.
///
/// All others go: small copies of the picture, states and selections of layers, slices, samplers.
const ALWAYS_TRUE: [u16; 25] = [
    1010,
    1011,
    1012,
    1013,
    1014,
    1015,
    1016,
    1017,
    1018,
    1037,
    1041,
    1044,
    1049,
    1051,
    id::VERSION,
    1062,
    PIXEL_ASPECT,
    1071,
    1074,
    1082,
    1083,
    2998,
    2999,
    3000,
    10_000,
];
/// Names, numbers and colours of channels.
const OF_CHANNELS: [u16; 6] =
    [id::CHANNEL_NAMES, 1007, id::UNICODE_CHANNEL_NAMES, id::CHANNEL_IDS, 1067, 1077];

impl Resources {
    pub(super) fn parse(bytes: &[u8], fields: &Fields) -> Result<Self, AssetErrorKind> {
        let mut resources = Self {
            metadata: Metadata::default(),
            resolution: None,
            kept: Vec::new(),
            has_merged: true,
            transparent_index: None,
        };
        let mut rest = bytes;
        while let Some(resource) = Resource::first(rest) {
            resources.add(resource, fields);
            rest = resource.after;
        }
        // Some programs pad them.
        if rest.iter().any(|byte| *byte != 0) {
            return Err(damaged("an image resource cannot be read"));
        }
        Ok(resources)
    }

    fn add(&mut self, resource: Resource<'_>, fields: &Fields) {
        let Resource { id, content, .. } = resource;
        match (id, content) {
            (id::RESOLUTION, _) => {
                let density = dpi(content).map(|(x, y)| Density::from_dpi(x, y));
                self.metadata.density = density.and_then(Density::checked);
                self.resolution = Some(content.to_vec());
            }
            (id::ICC_PROFILE, _) => {
                let icc = Some(content.to_vec());
                self.metadata.icc = icc.filter(|icc| describes(icc, fields.mode.color()));
                self.metadata.add(FileTrait::Icc, self.metadata.icc.is_some());
            }
            (id::EXIF, _) => {
                self.metadata.add_exif(Exif::parse(content));
                // Photoshop turns pictures when it opens them, and shows its own as they are.
                self.metadata.orientation = Orientation::Normal;
            }
            (CAPTION | XMP, _) => self.add_text(resource),
            (id, _) if RIGHTS.contains(&id) => self.add_text(resource),
            (id::TRANSPARENT_INDEX, [high, low, ..]) => {
                self.transparent_index = Some(u16::from_be_bytes([*high, *low]));
            }
            (id, _) => self.add_other(id, resource, fields),
        }
    }

    fn add_text(&mut self, Resource { bytes, .. }: Resource<'_>) {
        // Its padding may be missing from the last one.
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        self.metadata.add_note(Note::Resource { bytes });
    }

    fn add_other(&mut self, id: u16, resource: Resource<'_>, fields: &Fields) {
        let Resource { content, bytes, .. } = resource;
        self.has_merged &= id != id::VERSION || content.get(4) != Some(&0);
        let truth = match id {
            GUIDES => PsdTruth::AtItsSize,
            _ if OF_CHANNELS.contains(&id) => PsdTruth::WithItsChannels,
            _ if ALWAYS_TRUE.contains(&id) || PATHS.contains(&id) => PsdTruth::Always,
            _ => {
                let is_signed =
                    find(content, b"c2pa").is_some() && find(content, b"jumb").is_some();
                return self.metadata.add(FileTrait::Credentials, is_signed);
            }
        };
        // How indices and inks are printed is not true of the RGB that they become.
        let is_of_inks = (1012..=1018).contains(&id);
        if is_of_inks && matches!(fields.mode, Mode::Indexed | Mode::Cmyk) {
            return;
        }
        let has_guides = id == GUIDES && content.get(12..16).is_some_and(|count| count != [0; 4]);
        self.metadata.add(FileTrait::PsdPaths, has_guides || PATHS.contains(&id));
        let ratio = content.get(4..).and_then(|ratio| ratio.first_chunk());
        let ratio = ratio.map(|ratio| f64::from_be_bytes(*ratio));
        self.metadata.add(
            FileTrait::PixelAspect,
            id == PIXEL_ASPECT && ratio.is_some_and(|ratio| ratio != 1.0),
        );
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        if id == id::VERSION {
            // The result has a merged image.
            let mut version = content.to_vec();
            if let Some(has_merged @ 0) = version.get_mut(4) {
                *has_merged = 1;
                bytes = photoshop::resource(id, &version);
            }
        }
        self.keep(PsdResource { bytes, truth });
    }

    /// Keeps a resource beside those that are as true: a file may have millions of empty ones,
    /// which would take more memory one by one than they do in the file.
    fn keep(&mut self, own: PsdResource) {
        match self.kept.iter_mut().find(|kept| kept.truth == own.truth) {
            Some(kept) => kept.bytes.extend(own.bytes),
            None => self.kept.push(own),
        }
    }
}
