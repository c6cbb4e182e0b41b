//! The maps of a surface, which follow its paint: what the paint adds to light and dark is taken as
//! the relief of strokes.

mod heights;
mod normals;
mod plane;
mod relief;

use impasto_assets::{AssetError, Limits, Picture, decode, encode};
use impasto_engine::{Image, Joins, resize_plane};
use impasto_types::{Channel, Common, OutputSpec, Part};

use self::heights::maps_in;
use self::normals::{NoNormals, Normals};
use self::relief::Relief;
use super::{AdapterError, OutputFile, Source, wraps};

/// A map that is not what its name says.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` {source}")]
struct WrongMap {
    name: String,
    source: NoNormals,
}

/// A packed map lacks its fourth channel.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` has no alpha channel, so it is not `{part}`")]
struct NoAlpha {
    name: String,
    part: Part,
}

/// Checks that a file is a map of this kind.
pub(super) fn check_map(
    part: Part,
    source: &Source,
    common: &Common,
    joins: &Joins,
) -> Result<(), AdapterError> {
    let map = read(source)?;
    if part == Part::Normal {
        normals(&map, common, joins)?;
    }
    if maps_in(part).iter().any(|(place, _)| !place.is_in(&map)) {
        let name = source.name.clone();
        return Err(AdapterError::Other(Box::new(NoAlpha { name, part })));
    }
    Ok(())
}

fn read(source: &Source) -> Result<Picture, AssetError> {
    decode(&source.bytes, &source.name, &Limits::default())
}

fn normals(map: &Picture, common: &Common, joins: &Joins) -> Result<Normals, AdapterError> {
    Normals::read(map, common.green, wraps(joins)).map_err(|source| {
        let name = map.origin.name.clone();
        AdapterError::Other(Box::new(WrongMap { name, source }))
    })
}

pub(super) fn unchanged(source: &Source, output: OutputSpec) -> Result<OutputFile, AdapterError> {
    let mut map = read(source)?;
    // Numbers stay numbers, also in a format that holds light.
    map.origin.is_data = true;
    let (width, height) = (map.width, map.height);
    let bytes = match map.origin.format == output.format {
        true => source.bytes.clone(),
        false => encode(&map, output)?,
    };
    Ok(OutputFile { part: output.part, bytes, width, height })
}

/// The paint on a surface, which its maps follow.
#[derive(Debug)]
pub(super) struct Surface {
    relief: Relief,
    joins: Joins,
    common: Common,
}

impl Surface {
    /// Of a picture before it was painted and after; `weights` is how far each pixel is painted.
    pub(super) fn of(
        before: Image,
        painted: &Image,
        weights: Option<Vec<f32>>,
        joins: Joins,
        common: Common,
    ) -> Self {
        let (from, to) = ((before.width, before.height), (painted.width, painted.height));
        let wraps = wraps(&joins);
        let rgb = resize_plane(&before.rgb, 3, from, to, wraps);
        let before = Image { width: to.0, height: to.1, rgb };
        let weights = weights.map(|weights| resize_plane(&weights, 1, from, to, wraps));
        let relief = Relief::of(&before, painted, weights.as_deref(), common.relief, wraps);
        Self { relief, joins, common }
    }

    /// A map with the relief, which is `output`'s part; `normal` is the file of the normals, which
    /// say how high a height map's white is.
    pub(super) fn followed(
        &self,
        source: &Source,
        normal: Option<&Source>,
        output: OutputSpec,
    ) -> Result<OutputFile, AdapterError> {
        let Self { relief, joins, common } = self;
        if relief.is_flat() {
            return unchanged(source, output);
        }
        let mut map = read(source)?;
        map.origin.is_data = true;
        let paint = relief.resized((map.width as usize, map.height as usize));
        if output.part == Part::Normal {
            normals(&map, common, joins)?.raise(&mut map, &paint);
        }
        let own = maps_in(output.part);
        let has_heights = own.iter().any(|(_, channel)| *channel == Channel::Height);
        let normal = normal.filter(|_| has_heights).map(read).transpose()?;
        let normals = normal
            .filter(|normal| (normal.width, normal.height) == (map.width, map.height))
            .map(|normal| normals(&normal, common, joins))
            .transpose()?;
        for place in own {
            heights::follow(&mut map, place, &paint, normals.as_ref(), common.relief);
        }
        let bytes = encode(&map, output)?;
        let (width, height) = (map.width, map.height);
        Ok(OutputFile { part: output.part, bytes, width, height })
    }
}
