//! TIFF, with its own crate: the general interface cannot write a resolution, the kind of alpha or
//! further samples.

use std::io::Cursor;

use tiff::encoder::colortype::{ColorType, Gray8, Gray16, Gray32Float, RGB8, RGB16, RGB32Float};
use tiff::encoder::{Compression, DeflateLevel, Rational, TiffEncoder, TiffValue};
use tiff::tags::{
    ExtraSamples, PhotometricInterpretation, ResolutionUnit, SampleFormat, Tag, Type,
};
use tiff::{Directory, TiffError};

use half::f16;
use impasto_types::ContainerFormat;

use super::{Plan, level8, level16};
use crate::notes::Note;
use crate::{Color, Depth, Picture};

pub(super) fn write(picture: &Picture, plan: &Plan<'_>) -> Result<Vec<u8>, TiffError> {
    let eight = |value: f32| level8(value * 255.0);
    let sixteen = |value: f32| (value * 65_535.0).round() as u16;
    let float = |level: f32| level / 255.0;
    let half = |value: f32| f16::from_f32(value).to_bits();
    let is_half = picture.origin.tiff.as_ref().is_some_and(|layout| layout.is_half);
    match (plan.depth, plan.color) {
        (Depth::Float, Color::Gray) if is_half => {
            write_as::<GrayHalf>(picture, plan, |level| half(float(level)), half)
        }
        (Depth::Float, Color::Rgb) if is_half => {
            write_as::<RgbHalf>(picture, plan, |level| half(float(level)), half)
        }
        (Depth::Eight, Color::Gray) => write_as::<Gray8>(picture, plan, level8, eight),
        (Depth::Eight, Color::Rgb) => write_as::<RGB8>(picture, plan, level8, eight),
        (Depth::Sixteen, Color::Gray) => write_as::<Gray16>(picture, plan, level16, sixteen),
        (Depth::Sixteen, Color::Rgb) => write_as::<RGB16>(picture, plan, level16, sixteen),
        (Depth::Float, Color::Gray) => write_as::<Gray32Float>(picture, plan, float, |v| v),
        (Depth::Float, Color::Rgb) => write_as::<RGB32Float>(picture, plan, float, |v| v),
    }
}

/// Grey in half floats, by their bits.
struct GrayHalf;

/// Colours in half floats, by their bits.
struct RgbHalf;

impl ColorType for GrayHalf {
    type Inner = u16;
    const TIFF_VALUE: PhotometricInterpretation = PhotometricInterpretation::BlackIsZero;
    const BITS_PER_SAMPLE: &'static [u16] = &[16];
    const SAMPLE_FORMAT: &'static [SampleFormat] = &[SampleFormat::IEEEFP];

    /// There is no such predictor of floats; none is asked for.
    fn horizontal_predict(row: &[u16], result: &mut Vec<u16>) {
        result.extend_from_slice(row);
    }
}

impl ColorType for RgbHalf {
    type Inner = u16;
    const TIFF_VALUE: PhotometricInterpretation = PhotometricInterpretation::RGB;
    const BITS_PER_SAMPLE: &'static [u16] = &[16; 3];
    const SAMPLE_FORMAT: &'static [SampleFormat] = &[SampleFormat::IEEEFP; 3];

    fn horizontal_predict(row: &[u16], result: &mut Vec<u16>) {
        GrayHalf::horizontal_predict(row, result);
    }
}

/// Writes samples of one type: `level` converts colours, `unit` alpha and further samples.
fn write_as<C: ColorType>(
    picture: &Picture,
    plan: &Plan<'_>,
    level: impl Fn(f32) -> C::Inner,
    unit: impl Fn(f32) -> C::Inner,
) -> Result<Vec<u8>, TiffError>
where
    [C::Inner]: TiffValue,
{
    let extra = extra_samples(picture, plan);
    let colors = plan.colors();
    let mut samples = Vec::with_capacity(picture.pixels() * (colors + extra.len()));
    for (at, pixel) in plan.rgb.chunks_exact(3).enumerate() {
        samples.extend(pixel[..colors].iter().map(|&value| level(value)));
        samples.extend(extra.iter().map(|(_, plane)| unit(plane[at])));
    }

    let origin = &picture.origin;
    let mut file = Cursor::new(Vec::new());
    let mut encoder =
        TiffEncoder::new(&mut file)?.with_compression(Compression::Deflate(DeflateLevel::Balanced));
    let mut image = encoder.new_image::<C>(picture.width, picture.height)?;
    if !extra.is_empty() {
        let kinds: Vec<ExtraSamples> = extra.iter().map(|(kind, _)| *kind).collect();
        image.extra_samples(&kinds)?;
    }
    if let Some(density) = origin.density {
        let (x, y) = density.dpi();
        image.resolution_unit(ResolutionUnit::Inch);
        image.x_resolution(thousandths(x));
        image.y_resolution(thousandths(y));
    } else if let Some(aspect) = picture.aspect_in(ContainerFormat::Tiff) {
        image.resolution_unit(ResolutionUnit::None);
        image.x_resolution(thousandths(aspect.x));
        image.y_resolution(thousandths(aspect.y));
    }
    let tags = image.encoder();
    if origin.orientation.exif() != 1 {
        tags.write_tag(Tag::Orientation, origin.orientation.exif())?;
    }
    if let Some(icc) = plan.icc {
        tags.write_tag(Tag::IccProfile, icc)?;
    }
    let notes = picture.notes_in(ContainerFormat::Tiff);
    for note in notes.into_iter().flat_map(|notes| &notes.parts) {
        if let Note::Tag { tag, kind, value } = note {
            let entry = tags.write_entry_bytes(byte_kind(*kind), value)?;
            tags.extend_from(&Directory::from_iter([(Tag::from_u16_exhaustive(*tag), entry)]));
        }
    }
    image.write_data(&samples)?;
    Ok(file.into_inner())
}

/// Alpha and the further samples in the order of the file, which is the asset's own if it had the
/// same ones; otherwise alpha comes first.
fn extra_samples<'a>(picture: &'a Picture, plan: &Plan<'a>) -> Vec<(ExtraSamples, &'a [f32])> {
    let kind = |code: u16| ExtraSamples::from_u16(code).unwrap_or(ExtraSamples::Unspecified);
    let alpha_kind = kind(picture.origin.alpha_kind.tiff_code());
    let mut planes = picture.extra.iter().map(|plane| &plane[..]);
    let layout = picture.origin.tiff.as_ref().filter(|layout| {
        let planes = picture.extra.len() + usize::from(plan.alpha.is_some());
        layout.extra_samples.len() == planes && layout.alpha_at.is_some() == plan.alpha.is_some()
    });
    let Some(layout) = layout else {
        let alpha = plan.alpha.map(|alpha| (alpha_kind, alpha));
        let others = planes.map(|plane| (ExtraSamples::Unspecified, plane));
        return alpha.into_iter().chain(others).collect();
    };
    let codes = layout.extra_samples.iter().enumerate();
    codes
        .filter_map(|(at, &code)| match plan.alpha {
            Some(alpha) if layout.alpha_at == Some(at) => Some((alpha_kind, alpha)),
            _ => Some((kind(code), planes.next()?)),
        })
        .collect()
}

/// A type whose values have a byte each.
fn byte_kind(kind: u16) -> Type {
    match kind {
        1 => Type::BYTE,
        2 => Type::ASCII,
        6 => Type::SBYTE,
        _ => Type::UNDEFINED,
    }
}

fn thousandths(value: f64) -> Rational {
    Rational { n: (value * 1000.0).round() as u32, d: 1000 }
}
