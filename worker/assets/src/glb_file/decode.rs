//! From the textures of a model to one picture.

use std::io::Cursor;
use std::sync::Arc;

use impasto_types::ContainerFormat;

use super::pack::GAP;
use super::textures::LABEL;
use super::{AlphaUse, Glb, Stored};
use crate::decode::decode_picture;
use crate::verify::verify_picture;
use crate::{AssetErrorKind, GlbLayout, Limits, Origin, Picture, Place};

/// Reads every sample of the textures, one by one.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<(), AssetErrorKind> {
    let glb = match Glb::read(&mut Cursor::new(bytes), bytes.len() as u64, limits) {
        Err(kind) if kind.is_without_textures() => return Ok(()),
        other => other?,
    };
    for stored in glb.textures.files() {
        verify_picture(glb.bytes_of(bytes, stored)?, LABEL, limits)
            .map_err(|kind| kind.of_texture(&stored.label))?;
    }
    Ok(())
}

/// How far a texture goes on beyond its place: half of the gap between textures.
const EDGE: u32 = GAP as u32 / 2;

/// Decodes the textures of a file to their places in one picture. Around its place each texture
/// goes on as it is at its edge, so that at another size of the picture it is not mixed with the
/// ground: black, without opacity, and with 1 as data.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    let glb = Glb::read(&mut Cursor::new(bytes), bytes.len() as u64, limits)?;
    let textures = &glb.textures;
    let (width, height) = textures.size;
    let pixels = width as usize * height as usize;
    let mut rgb = vec![0.0; 3 * pixels];
    let mut alpha = textures.has(AlphaUse::Opacity).then(|| vec![0.0; pixels]);
    let mut data = textures.has(AlphaUse::Data).then(|| vec![1.0; pixels]);
    for painted in &textures.painted {
        let Some(stored) = painted.images.first() else { continue };
        let texture = decode_texture(&glb, bytes, stored, limits)?;
        let place = &painted.place;
        paste(&mut rgb, &texture.rgb, 3, width, place);
        extend(&mut rgb, 3, width, place);
        if painted.alpha == AlphaUse::Data
            && let (Some(data), Some(own)) = (&mut data, &texture.alpha)
        {
            paste(data, own, 1, width, place);
            extend(data, 1, width, place);
        }
        if let Some(alpha) = &mut alpha {
            match &texture.alpha {
                Some(own) if painted.alpha == AlphaUse::Opacity => {
                    paste(alpha, own, 1, width, place);
                }
                _ => rows(alpha, 1, width, place).for_each(|row| row.fill(1.0)),
            }
            extend(alpha, 1, width, place);
        }
    }
    let layout =
        GlbLayout { file: Arc::from(bytes), size: textures.size, places: textures.places() };
    let origin = Origin {
        depth: textures.depth(),
        glb: Some(layout),
        ..Origin::synthetic(name, ContainerFormat::Glb)
    };
    let extra = data.into_iter().collect();
    let picture = Picture { width, height, rgb, alpha, extra, origin };
    picture.check()?;
    Ok(picture)
}

/// Decodes one texture. By the standard its levels are sRGB's, whatever its file says, and its grid
/// is taken as it is stored.
pub(crate) fn decode_texture(
    glb: &Glb,
    bytes: &[u8],
    stored: &Stored,
    limits: &Limits,
) -> Result<Picture, AssetErrorKind> {
    let decode = || {
        let texture = decode_picture(glb.bytes_of(bytes, stored)?, LABEL, limits)?;
        let header = &stored.header;
        if (texture.width, texture.height) != (header.width, header.height) {
            return Err(super::damaged("it has another size than its header says"));
        }
        Ok(texture)
    };
    decode().map_err(|kind: AssetErrorKind| kind.of_texture(&stored.label))
}

/// Copies a texture to its place in a picture that is `width` pixels wide.
fn paste(whole: &mut [f32], part: &[f32], channels: usize, width: u32, place: &Place) {
    let own = part.chunks_exact(channels * place.width as usize);
    rows(whole, channels, width, place).zip(own).for_each(|(row, own)| row.copy_from_slice(own));
}

/// Continues the pixels at the edges of a place outwards, as far as the picture goes.
fn extend(whole: &mut [f32], channels: usize, width: u32, place: &Place) {
    let line = channels * width as usize;
    let height = u32::try_from(whole.len() / line.max(1)).unwrap_or(u32::MAX);
    for y in place.y as usize..(place.y + place.height) as usize {
        for (to, from) in outside(place.x, place.width, width) {
            let from = y * line + channels * from;
            whole.copy_within(from..from + channels, y * line + channels * to);
        }
    }
    let left = channels * place.x.saturating_sub(EDGE) as usize;
    let right = channels * width.min((place.x + place.width).saturating_add(EDGE)) as usize;
    for (to, from) in outside(place.y, place.height, height) {
        whole.copy_within(from * line + left..from * line + right, to * line + left);
    }
}

/// What lies outside of a side, within a picture's side of `whole` pixels, and the pixel of the
/// side that is nearest.
fn outside(start: u32, length: u32, whole: u32) -> impl Iterator<Item = (usize, usize)> {
    let end = start + length;
    let before = (start.saturating_sub(EDGE)..start).map(move |to| (to, start));
    let after = (end..whole.min(end.saturating_add(EDGE))).map(move |to| (to, end - 1));
    before.chain(after).map(|(to, from)| (to as usize, from as usize))
}

/// The rows of a place.
fn rows<'a>(
    whole: &'a mut [f32],
    channels: usize,
    width: u32,
    place: &Place,
) -> impl Iterator<Item = &'a mut [f32]> + use<'a> {
    let rows = whole.chunks_exact_mut(channels * width as usize);
    let rows = rows.skip(place.y as usize).take(place.height as usize);
    let columns = channels * place.x as usize..channels * (place.x + place.width) as usize;
    rows.filter_map(move |row| row.get_mut(columns.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wrap;

    #[test]
    fn edges_go_on_half_of_the_gap() {
        let check = |[x, y, width, height]: [u32; 4],
                     channels: usize,
                     (across, down): (u32, u32)| {
            let name = String::new();
            let place = Place { x, y, width, height, wraps: [Wrap::Repeat; 2], name };
            let samples = channels * (width * height) as usize;
            let own: Vec<f32> = (0..samples).map(|at| at as f32 + 2.0).collect();
            let mut whole = vec![1.0; channels * (across * down) as usize];
            paste(&mut whole, &own, channels, across, &place);
            extend(&mut whole, channels, across, &place);
            for (at, sample) in whole.iter().enumerate() {
                let (pixel, channel) = (at / channels, at % channels);
                let pixel = [pixel as u32 % across, pixel as u32 / across];
                let nearest = [pixel[0].clamp(x, x + width - 1), pixel[1].clamp(y, y + height - 1)];
                let is_near = (0..2).all(|side| nearest[side].abs_diff(pixel[side]) <= 8);
                let own_at = (nearest[1] - y) * width + nearest[0] - x;
                let expected = own[channels * own_at as usize + channel];
                let expected = if is_near { expected } else { 1.0 };
                assert_eq!(*sample, expected, "{x} {y} {width} x {height}: {pixel:?}");
            }
        };
        check([0, 0, 5, 4], 3, (5, 4));
        check([0, 0, 5, 4], 3, (30, 25));
        check([12, 11, 3, 2], 3, (40, 30));
        check([12, 11, 1, 1], 1, (40, 30));
        check([3, 2, 5, 4], 1, (11, 9));
        check([25, 21, 5, 4], 1, (30, 25));
    }
}
