//! TIFF, with its own crate: the general interface cannot write a resolution or the kind of alpha.

use std::io::Cursor;

use tiff::TiffError;
use tiff::encoder::colortype::{
    ColorType, Gray8, Gray16, RGB8, RGB16, RGB32Float, RGBA8, RGBA16, RGBA32Float,
};
use tiff::encoder::{Compression, DeflateLevel, Rational, TiffEncoder, TiffValue};
use tiff::tags::{ExtraSamples, ResolutionUnit, Tag};

use super::{Plan, level8, level16};
use crate::{Color, Depth, Picture};

pub(super) fn write(picture: &Picture, plan: &Plan<'_>) -> Result<Vec<u8>, TiffError> {
    let rgb = &picture.rgb;
    let float = |level: f32| level / 255.0;
    match (plan.depth, plan.color, plan.alpha) {
        (Depth::Eight, Color::Gray, _) => {
            write_as::<Gray8>(picture, plan, &plan.samples(rgb, level8))
        }
        (Depth::Eight, Color::Rgb, None) => {
            write_as::<RGB8>(picture, plan, &plan.samples(rgb, level8))
        }
        (Depth::Eight, Color::Rgb, Some(_)) => {
            write_as::<RGBA8>(picture, plan, &plan.samples(rgb, level8))
        }
        (Depth::Sixteen, Color::Gray, _) => {
            write_as::<Gray16>(picture, plan, &plan.samples(rgb, level16))
        }
        (Depth::Sixteen, Color::Rgb, None) => {
            write_as::<RGB16>(picture, plan, &plan.samples(rgb, level16))
        }
        (Depth::Sixteen, Color::Rgb, Some(_)) => {
            write_as::<RGBA16>(picture, plan, &plan.samples(rgb, level16))
        }
        (Depth::Float, _, None) => write_as::<RGB32Float>(picture, plan, &plan.samples(rgb, float)),
        (Depth::Float, _, Some(_)) => {
            write_as::<RGBA32Float>(picture, plan, &plan.samples(rgb, float))
        }
    }
}

fn write_as<C: ColorType>(
    picture: &Picture,
    plan: &Plan<'_>,
    samples: &[C::Inner],
) -> Result<Vec<u8>, TiffError>
where
    [C::Inner]: TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let mut encoder =
        TiffEncoder::new(&mut file)?.with_compression(Compression::Deflate(DeflateLevel::Balanced));
    let mut image = encoder.new_image::<C>(picture.width, picture.height)?;
    if plan.alpha.is_some() {
        image
            .encoder()
            .write_tag(Tag::ExtraSamples, &[ExtraSamples::UnassociatedAlpha.to_u16()][..])?;
    }
    if let Some(density) = picture.origin.density {
        let (x, y) = density.dpi();
        image.resolution_unit(ResolutionUnit::Inch);
        image.x_resolution(thousandths(x));
        image.y_resolution(thousandths(y));
    }
    if let Some(icc) = plan.icc {
        image.encoder().write_tag(Tag::IccProfile, icc)?;
    }
    image.write_data(samples)?;
    Ok(file.into_inner())
}

fn thousandths(value: f64) -> Rational {
    Rational { n: (value * 1000.0).round() as u32, d: 1000 }
}
