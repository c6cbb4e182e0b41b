//! GLB: the asset's own file with other textures, each in the format that it had.

use std::collections::BTreeMap;
use std::io::Cursor;

use impasto_types::{ContainerFormat, OutputSpec};

use super::cut::{cut, sampled};
use super::{encode_kind, level8, level16};
use crate::glb_file::{AlphaUse, Glb, Painted, Replacements, decode_texture, rebuilt};
use crate::{AssetErrorKind, Depth, Limits, Picture, Place};

/// The file was read within limits before it became a layout.
const READ_BEFORE: Limits =
    Limits { max_side: u32::MAX, max_pixels: u64::MAX, max_file_bytes: u64::MAX };

pub(super) fn write(picture: &Picture, output: OutputSpec) -> Result<Vec<u8>, AssetErrorKind> {
    let layout = picture.origin.glb.as_ref().ok_or_else(|| AssetErrorKind::Encode {
        format: ContainerFormat::Glb,
        source: "the picture is of no model".into(),
    })?;
    let file = &layout.file[..];
    let glb = Glb::read(&mut Cursor::new(file), file.len() as u64, &READ_BEFORE)?;
    let places = layout.places_in(picture.width, picture.height);
    let mut new = Replacements::new();
    for (painted, place) in glb.textures.painted.iter().zip(&places) {
        // Copies stay copies.
        let mut done = BTreeMap::new();
        for (at, stored) in painted.images.iter().enumerate() {
            let own = glb.bytes_of(file, stored)?;
            let key = (stored.range.start, stored.range.end);
            if let Some(bytes) = done.get(own).and_then(|first| new.get(first)).cloned() {
                new.insert(key, bytes);
                continue;
            }
            let old = decode_texture(&glb, file, stored, &READ_BEFORE)?;
            let cut = Cut::of(picture, place, painted, &old);
            // All of a texture's files stay if the first one does.
            if at == 0 && cut.is(&old) {
                break;
            }
            let format = old.origin.format;
            let texture = cut.in_the_way_of(old);
            let bytes = encode_kind(&texture, OutputSpec { format, ..output })
                .map_err(|kind| kind.of_texture(&stored.label))?;
            new.insert(key, bytes);
            done.insert(own, key);
        }
    }
    if new.is_empty() { Ok(file.to_vec()) } else { rebuilt(file, &glb.container, &new) }
}

/// What a texture is to be.
struct Cut {
    width: u32,
    height: u32,
    rgb: Vec<f32>,
    alpha: Option<Vec<f32>>,
}

impl Cut {
    /// Cuts a texture out of the picture of all. Alpha that the picture lacks is that of the
    /// asset.
    fn of(picture: &Picture, place: &Place, painted: &Painted, old: &Picture) -> Self {
        let (width, height) = (place.width, place.height);
        let of_picture = match painted.alpha {
            AlphaUse::Absent => None,
            AlphaUse::Opacity => picture.alpha.as_ref(),
            AlphaUse::Data => picture.extra.first(),
        };
        let alpha = old.alpha.as_ref().map(|own| match of_picture {
            Some(plane) => cut(plane, 1, picture.width, place),
            None => sampled(own, 1, (old.width, old.height), (width, height)),
        });
        Self { width, height, rgb: cut(&picture.rgb, 3, picture.width, place), alpha }
    }

    /// Whether a file of `old` holds exactly this.
    fn is(&self, old: &Picture) -> bool {
        let depth = old.origin.depth;
        let planes = [
            (Some(&self.rgb), Some(&old.rgb), 1.0),
            (self.alpha.as_ref(), old.alpha.as_ref(), 255.0),
        ];
        (self.width, self.height) == (old.width, old.height)
            && planes.into_iter().all(|planes| match planes {
                (Some(one), Some(other), factor) => same(one, other, factor, depth),
                (one, other, _) => one.is_some() == other.is_some(),
            })
    }

    /// The picture with the properties of an older one of another size.
    fn in_the_way_of(self, old: Picture) -> Picture {
        let Self { width, height, rgb, alpha } = self;
        let sizes = ((old.width, old.height), (width, height));
        let extra = old.extra.iter().map(|plane| sampled(plane, 1, sizes.0, sizes.1)).collect();
        Picture { width, height, rgb, alpha, extra, origin: old.origin }
    }
}

/// Whether all samples are the same in a file of this depth.
fn same(one: &[f32], other: &[f32], factor: f32, depth: Depth) -> bool {
    let is_same = |one: f32, other: f32| match depth {
        Depth::Eight => level8(one * factor) == level8(other * factor),
        Depth::Sixteen => level16(one * factor) == level16(other * factor),
        Depth::Float => one == other,
    };
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(*one, *other))
}
