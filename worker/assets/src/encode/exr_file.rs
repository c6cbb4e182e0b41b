//! OpenEXR. An asset's own layout comes back: its channels with their types and names, compression,
//! tiles, windows and attributes. Another picture gets half floats or, if it has more than 8 bits,
//! single ones.

use exr::compression::Compression;
use exr::meta::attribute::SampleType;
use half::f16;

use super::Plan;
use crate::exr_file::{chunk_header, section};
use crate::exr_layout::{
    COMPRESSIONS, ExrAttribute, ExrChannel, ExrLayout, ExrRole, ExrWindow, REQUIRED,
};
use crate::{Color, Depth, Picture};

pub(super) fn write(picture: &Picture, plan: &Plan<'_>) -> Result<Vec<u8>, exr::error::Error> {
    let size = (picture.width, picture.height);
    let layout = layout_of(picture, plan.color);
    let (across, down) = layout.chunks(size);
    let mut bytes = head(&layout, across * down);
    let header = chunk_header(&layout, size);
    let (width, height) = layout.chunk_size(size);
    let table = bytes.len();
    bytes.resize(table + 8 * across as usize * down as usize, 0);
    for chunk in 0..across * down {
        // The table begins at the top, whatever order the chunks have.
        let chunk = if layout.bottom_up { across * down - 1 - chunk } else { chunk };
        let (column, row) = (chunk % across, chunk / across);
        let (left, top) = (column * width, row * height);
        let (width, height) = (width.min(size.0 - left), height.min(size.1 - top));
        let samples = samples(picture, plan, &layout, (left, top), (width, height));
        let place = section((left, top), (width, height));
        let packed = layout.compression.compress_image_section_to_le(&header, samples, place)?;

        let entry = table + 8 * chunk as usize;
        let offset = bytes.len() as u64;
        bytes[entry..entry + 8].copy_from_slice(&offset.to_le_bytes());
        match layout.tile {
            Some(_) => {
                let place = [column, row, 0, 0];
                bytes.extend(place.iter().flat_map(|word| word.to_le_bytes()));
            }
            None => bytes.extend((layout.data.min[1] + top as i32).to_le_bytes()),
        }
        bytes.extend((packed.len() as u32).to_le_bytes());
        bytes.extend(packed);
    }
    Ok(bytes)
}

/// The asset's layout with the channels that the picture has, at its size.
fn layout_of(picture: &Picture, color: Color) -> ExrLayout {
    let size = (picture.width, picture.height);
    let mut layout = picture.origin.exr.clone().unwrap_or_else(|| usual(picture));
    fit_channels(&mut layout.channels, picture, color);
    let lossless = |channel: &ExrChannel| layout.compression.is_lossless_for(channel.sample);
    if !layout.channels.iter().all(lossless) {
        layout.compression = Compression::ZIP16;
    }
    if let Some(asset) = layout.data.size().filter(|asset| *asset != size) {
        layout.display = scaled(&layout.display, asset, size);
        let min = scaled(&layout.data, asset, size).min;
        let last = |at: usize, side: u32| min[at].saturating_add(side as i32 - 1);
        layout.data = ExrWindow { min, max: [last(0, size.0), last(1, size.1)] };
    }
    layout
}

/// Adds and removes channels until they are those of the picture. New ones have the type and the
/// layer of the colours.
fn fit_channels(channels: &mut Vec<ExrChannel>, picture: &Picture, color: Color) {
    let model = channels.iter().find(|channel| is_color(channel)).cloned();
    let layer = model.as_ref().map(|model| model.layer().to_vec()).unwrap_or_default();
    let sample = model.map_or(SampleType::F16, |model| model.sample);
    let mut wanted = match color {
        // A grey channel keeps its name.
        Color::Gray => vec![("Y".to_owned(), ExrRole::Gray)],
        Color::Rgb => {
            let colors = ["R", "G", "B"].into_iter().enumerate();
            colors.map(|(at, name)| (name.to_owned(), ExrRole::Color(at))).collect()
        }
    };
    wanted.extend(picture.alpha.as_ref().map(|_| ("A".to_owned(), ExrRole::Alpha)));
    let extra = (0..picture.extra.len()).map(|at| (format!("extra.{at}"), ExrRole::Extra(at)));
    wanted.extend(extra);
    channels.retain(|channel| wanted.iter().any(|(_, role)| *role == channel.role));
    for (name, role) in wanted {
        if !channels.iter().any(|channel| channel.role == role) {
            let name = [&layer[..], name.as_bytes()].concat();
            // A plane may have had the name of a colour that is new.
            if let Some(other) = channels.iter_mut().find(|channel| channel.name == name) {
                other.name.extend(b".extra");
            }
            channels.push(ExrChannel { name, sample, is_linear: false, role });
        }
    }
    channels.sort_by(|one, other| one.name.cmp(&other.name));
}

fn is_color(channel: &ExrChannel) -> bool {
    matches!(channel.role, ExrRole::Gray | ExrRole::Color(_))
}

/// The layout of a picture that was no EXR.
fn usual(picture: &Picture) -> ExrLayout {
    let sample = match picture.origin.depth {
        Depth::Eight => SampleType::F16,
        Depth::Sixteen | Depth::Float => SampleType::F32,
    };
    let channel =
        |name: &[u8], role| ExrChannel { name: name.to_vec(), sample, is_linear: false, role };
    let window = ExrWindow::of_size((picture.width, picture.height));
    let attribute = |name: &[u8], kind: &[u8], value: &[u8]| ExrAttribute {
        name: name.to_vec(),
        kind: kind.to_vec(),
        value: value.to_vec(),
    };
    let kinds: [&[u8]; 8] =
        [b"chlist", b"compression", b"box2i", b"box2i", b"lineOrder", b"float", b"v2f", b"float"];
    let one = 1_f32.to_le_bytes();
    let values: [&[u8]; 8] = [&[], &[], &[], &[], &[], &one, &[0; 8], &one];
    let attributes = REQUIRED.into_iter().zip(kinds).zip(values);
    ExrLayout {
        channels: vec![channel(b"R", ExrRole::Color(0))],
        compression: Compression::ZIP16,
        tile: None,
        bottom_up: false,
        data: window,
        display: window,
        attributes: attributes.map(|((name, kind), value)| attribute(name, kind, value)).collect(),
    }
}

/// A window of an asset of one size in a result of another.
fn scaled(window: &ExrWindow, from: (u32, u32), to: (u32, u32)) -> ExrWindow {
    let factors = [f64::from(to.0) / f64::from(from.0), f64::from(to.1) / f64::from(from.1)];
    // A float converts to an integer with saturation.
    let place = |at: usize, edge: f64| (edge * factors[at]).round() as i32;
    let min = [0, 1].map(|at| place(at, window.min[at].into()));
    let end = [0, 1].map(|at| place(at, f64::from(window.max[at]) + 1.0));
    ExrWindow { min, max: [0, 1].map(|at| end[at].saturating_sub(1).max(min[at])) }
}

/// The signature and the attributes.
fn head(layout: &ExrLayout, chunks: u32) -> Vec<u8> {
    const MAGIC: u32 = 0x0131_2f76;
    const TILED: u32 = 0x200;
    const LONG_NAMES: u32 = 0x400;
    const SHORT_NAME: usize = 31;
    let attributes = layout.attributes.iter().filter(|one| is_kept(&one.name));
    let mut names = attributes.clone().flat_map(|one| [&one.name, &one.kind]);
    let channels = layout.channels.iter().map(|channel| &channel.name);
    let has_long = names.by_ref().chain(channels).any(|name| name.len() > SHORT_NAME);
    let tiled = if layout.tile.is_some() { TILED } else { 0 };
    let flags = 2 | tiled | if has_long { LONG_NAMES } else { 0 };
    let mut bytes = [MAGIC.to_le_bytes(), flags.to_le_bytes()].concat();
    for attribute in attributes {
        let value = match &attribute.name[..] {
            b"channels" => channel_list(&layout.channels),
            b"chunkCount" => chunks.to_le_bytes().to_vec(),
            b"compression" => vec![compression_code(layout.compression)],
            b"dataWindow" => layout.data.bytes(),
            b"displayWindow" => layout.display.bytes(),
            b"lineOrder" => vec![u8::from(layout.bottom_up)],
            _ => attribute.value.clone(),
        };
        for name in [&attribute.name, &attribute.kind] {
            bytes.extend(name);
            bytes.push(0);
        }
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(value);
    }
    bytes.push(0);
    bytes
}

/// Whether an attribute is true of the result too: a small copy of the asset and the quality of a
/// compression that is not used are not.
fn is_kept(name: &[u8]) -> bool {
    !matches!(name, b"preview" | b"dwaCompressionLevel")
}

fn channel_list(channels: &[ExrChannel]) -> Vec<u8> {
    let mut list = Vec::new();
    for channel in channels {
        let sample: u32 = match channel.sample {
            SampleType::U32 => 0,
            SampleType::F16 => 1,
            SampleType::F32 => 2,
        };
        list.extend(&channel.name);
        list.push(0);
        list.extend(sample.to_le_bytes());
        list.extend([u8::from(channel.is_linear), 0, 0, 0]);
        list.extend([1_u32, 1].iter().flat_map(|sampling| sampling.to_le_bytes()));
    }
    list.push(0);
    list
}

fn compression_code(compression: Compression) -> u8 {
    let code = COMPRESSIONS.iter().position(|known| *known == compression);
    // All that are read have a place in the list.
    code.unwrap_or_default() as u8
}

/// The samples of a chunk: rows of each channel.
fn samples(
    picture: &Picture,
    plan: &Plan<'_>,
    layout: &ExrLayout,
    (left, top): (u32, u32),
    (width, height): (u32, u32),
) -> Vec<u8> {
    let row_bytes = width as usize * layout.pixel_bytes();
    let mut bytes = Vec::with_capacity(row_bytes * height as usize);
    for y in top..top + height {
        let start = y as usize * picture.width as usize + left as usize;
        let row = start..start + width as usize;
        for channel in &layout.channels {
            let mut put = |value: f32| match channel.sample {
                SampleType::F16 => {
                    // Infinity in an extra sample stays: it is the distance of the sky.
                    let most = f16::MAX.to_f32();
                    let value = if value.is_finite() { value.clamp(-most, most) } else { value };
                    bytes.extend(f16::from_f32(value).to_ne_bytes());
                }
                SampleType::F32 => bytes.extend(value.to_ne_bytes()),
                // A float converts to an integer with saturation.
                SampleType::U32 => bytes.extend((value.round() as u32).to_ne_bytes()),
            };
            let color = |color: usize| {
                let pixels = &plan.rgb[3 * row.start..3 * row.end];
                pixels.chunks_exact(3).map(move |pixel| pixel[color] / 255.0)
            };
            match channel.role {
                ExrRole::Gray => color(0).for_each(&mut put),
                ExrRole::Color(at) => color(at).for_each(&mut put),
                ExrRole::Alpha => {
                    plan.alpha.into_iter().flat_map(|it| &it[row.clone()]).for_each(|v| put(*v));
                }
                ExrRole::Extra(at) => {
                    let plane = picture.extra.get(at).into_iter();
                    plane.flat_map(|it| &it[row.clone()]).for_each(|value| put(*value));
                }
            }
        }
    }
    bytes
}
