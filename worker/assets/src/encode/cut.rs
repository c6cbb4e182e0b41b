//! Parts of a picture that lie in places of it: textures, faces.

use std::borrow::Cow;

use crate::{Ktx2Layout, Origin, Picture, Place};

/// The values of a plane at a place; the plane's rows have `width` pixels.
pub(super) fn cut(plane: &[f32], channels: usize, width: u32, place: &Place) -> Vec<f32> {
    let rows = plane.chunks_exact(channels * width as usize);
    let rows = rows.skip(place.y as usize).take(place.height as usize);
    let kept = channels * place.x as usize..channels * (place.x + place.width) as usize;
    rows.flat_map(|row| row.get(kept.clone()).unwrap_or_default()).copied().collect()
}

/// A plane at another size, by the nearest of its samples: they may be numbers without a middle.
pub(super) fn sampled(
    plane: &[f32],
    channels: usize,
    from: (u32, u32),
    to: (u32, u32),
) -> Vec<f32> {
    if from == to {
        return plane.to_vec();
    }
    let nearest = |at: u32, from: u32, to: u32| {
        ((2 * u64::from(at) + 1) * u64::from(from) / (2 * u64::from(to.max(1)))) as usize
    };
    let mut values = Vec::with_capacity(channels * to.0 as usize * to.1 as usize);
    for y in 0..to.1 {
        for x in 0..to.0 {
            let at = nearest(y, from.1, to.1) * from.0 as usize + nearest(x, from.0, to.0);
            let pixel = plane.get(channels * at..channels * (at + 1));
            values.extend((0..channels).map(|at| pixel.map_or(0.0, |pixel| pixel[at])));
        }
    }
    values
}

/// The faces of a cube map or the layers of an array, each a picture, in the order of its file; or
/// the picture itself.
pub(super) fn faces(picture: &Picture) -> Vec<Cow<'_, Picture>> {
    let Some(sheet) = picture.origin.sheet else { return vec![Cow::Borrowed(picture)] };
    let (scaled, places) = sheet.in_size((picture.width, picture.height));
    let size = scaled.part();
    // What a file says of itself is needed once, and may be long.
    let mut first = Some(Origin { sheet: None, ..picture.origin.clone() });
    let mut short = picture.origin.clone();
    (short.sheet, short.ktx2) = (None, short.ktx2.map(Ktx2Layout::without_data));
    let face = |place: Place| {
        let own = |plane: &[f32], channels: usize| {
            let plane = cut(plane, channels, picture.width, &place);
            sampled(&plane, channels, (place.width, place.height), size)
        };
        Cow::Owned(Picture {
            width: size.0,
            height: size.1,
            rgb: own(&picture.rgb, 3),
            alpha: picture.alpha.as_deref().map(|alpha| own(alpha, 1)),
            extra: Vec::new(),
            origin: first.take().unwrap_or_else(|| short.clone()),
        })
    };
    places.into_iter().map(face).collect()
}

#[cfg(test)]
mod tests {
    use impasto_types::ContainerFormat;

    use super::*;
    use crate::SheetLayout;

    #[test]
    fn faces_are_cut_out_and_square_at_every_size() {
        let cube = SheetLayout::cube(4);
        let check = |(width, height): (u32, u32), side: u32| {
            let level = |at: u32| (at % width / (width / 3)) as f32;
            let rgb = (0..width * height).flat_map(|at| [level(at), 7.0, 9.0]);
            let picture = Picture {
                width,
                height,
                rgb: rgb.collect(),
                alpha: Some(vec![0.5; (width * height) as usize]),
                extra: Vec::new(),
                origin: Origin {
                    sheet: Some(cube),
                    ..Origin::synthetic("sky", ContainerFormat::Dds)
                },
            };
            let faces = faces(&picture);
            assert_eq!(faces.len(), 6);
            for (at, face) in faces.iter().enumerate() {
                assert_eq!(
                    (face.width, face.height, face.pixels()),
                    (side, side, face.rgb.len() / 3)
                );
                assert_eq!(face.rgb[..3], [(at % 3) as f32, 7.0, 9.0], "{at}");
                assert_eq!(face.alpha.as_ref().map(Vec::len), Some((side * side) as usize));
            }
        };
        let (width, height) = cube.size();
        check((width, height), 4);
        check((2 * width, 2 * height), 8);
        check((2 * width, 2 * height + 1), 8);
    }
}
