//! TGA. An asset's own layout comes back; another picture gets the one that every engine reads:
//! not compressed, and the bottom row first, because the engines of the id Tech family show files
//! with the top row first upside down.

use super::{Plan, level8};
use crate::{AlphaKind, Color, Picture, TgaAreas, TgaLayout};

pub(super) fn write(picture: &Picture, plan: &Plan<'_>) -> Vec<u8> {
    let layout = picture.origin.tga.clone().unwrap_or_default();
    let pixels = PixelKind::of(picture, plan, &layout);
    let (width, height) = (picture.width as usize, picture.height as usize);
    let mut bytes = header(picture, &layout, pixels);
    bytes.extend(&layout.areas.id);

    let mut row = Vec::with_capacity(width * pixels.bytes());
    for y in 0..height {
        let y = if layout.top_down { y } else { height - 1 - y };
        row.clear();
        for x in 0..width {
            let x = if layout.right_to_left { width - 1 - x } else { x };
            let at = y * width + x;
            let attribute = plan.alpha.or(picture.extra.first().map(|plane| &plane[..]));
            let attribute = attribute.map_or(0.0, |plane| plane[at]);
            pixels.push(&plan.rgb[3 * at..][..3], attribute, &mut row);
        }
        if layout.run_length {
            pack(&row, pixels.bytes(), &mut bytes);
        } else {
            bytes.extend(&row);
        }
    }
    write_areas(layout.areas, picture.origin.alpha_kind, &mut bytes);
    bytes
}

/// How a pixel is stored.
#[derive(Debug, Clone, Copy)]
enum PixelKind {
    Gray,
    GrayAlpha,
    /// 5 bits a colour and an attribute bit.
    Five,
    Rgb,
    Rgba,
}

impl PixelKind {
    /// The narrowest that has what the picture has and what the asset's pixels had.
    fn of(picture: &Picture, plan: &Plan<'_>, layout: &TgaLayout) -> Self {
        let from_tga = picture.origin.tga.is_some();
        let has_attribute = plan.alpha.is_some() || from_tga && layout.color_bits == 32;
        match (plan.color, has_attribute, layout.color_bits) {
            (Color::Gray, false, _) => Self::Gray,
            (Color::Gray, true, _) => Self::GrayAlpha,
            (Color::Rgb, _, 16) => Self::Five,
            (Color::Rgb, false, _) => Self::Rgb,
            (Color::Rgb, true, _) => Self::Rgba,
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Gray => 8,
            Self::GrayAlpha | Self::Five => 16,
            Self::Rgb => 24,
            Self::Rgba => 32,
        }
    }

    fn bytes(self) -> usize {
        usize::from(self.bits().div_ceil(8))
    }

    /// How many bits beside the colour there are.
    fn attribute_bits(self) -> u8 {
        match self {
            Self::Gray | Self::Rgb => 0,
            Self::Five => 1,
            Self::GrayAlpha | Self::Rgba => 8,
        }
    }

    fn push(self, rgb: &[f32], attribute: f32, row: &mut Vec<u8>) {
        let [red, green, blue] = [rgb[0], rgb[1], rgb[2]];
        let wide = level8(attribute * 255.0);
        match self {
            Self::Gray => row.push(level8(red)),
            Self::GrayAlpha => row.extend([level8(red), wide]),
            Self::Five => {
                let five = |level: f32| u16::from((level * (31.0 / 255.0)).round().min(31.0) as u8);
                let bit = u16::from(attribute >= 0.5);
                let word = bit << 15 | five(red) << 10 | five(green) << 5 | five(blue);
                row.extend(word.to_le_bytes());
            }
            Self::Rgb => row.extend([level8(blue), level8(green), level8(red)]),
            Self::Rgba => row.extend([level8(blue), level8(green), level8(red), wide]),
        }
    }
}

fn header(picture: &Picture, layout: &TgaLayout, pixels: PixelKind) -> Vec<u8> {
    const COLOR: u8 = 2;
    const GRAY: u8 = 3;
    const RUN_LENGTH: u8 = 8;
    let kind = if matches!(pixels, PixelKind::Gray | PixelKind::GrayAlpha) { GRAY } else { COLOR };
    // An asset may have alpha without declaring it.
    let same_room = match pixels {
        PixelKind::Rgba | PixelKind::GrayAlpha => layout.color_bits == 32,
        PixelKind::Five => true,
        PixelKind::Rgb | PixelKind::Gray => false,
    };
    let attribute_bits = if same_room { layout.attribute_bits } else { pixels.attribute_bits() };
    let mut bytes = vec![
        // At most 255 bytes, as it was read.
        layout.areas.id.len() as u8,
        0,
        kind + if layout.run_length { RUN_LENGTH } else { 0 },
    ];
    // There is no palette.
    bytes.extend([0; 5]);
    let [x, y] = layout.screen;
    // The sides fit: `ContainerFormat::can_write` has been asked.
    for word in [x, y, picture.width as u16, picture.height as u16] {
        bytes.extend(word.to_le_bytes());
    }
    let origin = u8::from(layout.right_to_left) << 4 | u8::from(layout.top_down) << 5;
    bytes.extend([pixels.bits(), attribute_bits | origin]);
    bytes
}

/// Packs a row; no packet crosses its end, as TGA 2.0 demands.
fn pack(row: &[u8], pixel_bytes: usize, bytes: &mut Vec<u8>) {
    const MOST: usize = 128;
    let pixels: Vec<&[u8]> = row.chunks_exact(pixel_bytes).collect();
    let run_at = |at: usize| {
        let rest = &pixels[at..pixels.len().min(at + MOST)];
        rest.iter().take_while(|pixel| **pixel == rest[0]).count()
    };
    let mut at = 0;
    while at < pixels.len() {
        let run = run_at(at);
        if run > 1 {
            bytes.push(0x80 | (run - 1) as u8);
            bytes.extend(pixels[at]);
            at += run;
            continue;
        }
        let start = at;
        while at < pixels.len() && at - start < MOST && run_at(at) == 1 {
            at += 1;
        }
        bytes.push((at - start - 1) as u8);
        pixels[start..at].iter().for_each(|pixel| bytes.extend(*pixel));
    }
}

/// Writes the developer area, the extension area and the footer, as far as there are any.
fn write_areas(areas: TgaAreas, alpha: AlphaKind, bytes: &mut Vec<u8>) {
    const EXTENSION_BYTES: u16 = 495;
    /// The extension area's offsets of the colour correction table, the postage stamp and the table
    /// of rows.
    const OFFSETS: std::ops::Range<usize> = 482..494;
    const ATTRIBUTES_TYPE: usize = 494;
    const MULTIPLIED: u8 = 4;
    let long = |number: usize| (number as u32).to_le_bytes();

    let mut developer_at = 0;
    if !areas.developer.is_empty() {
        let mut directory = (areas.developer.len() as u16).to_le_bytes().to_vec();
        for (number, field) in &areas.developer {
            directory.extend(number.to_le_bytes());
            directory.extend(long(bytes.len()));
            directory.extend(long(field.len()));
            bytes.extend(field);
        }
        developer_at = bytes.len();
        bytes.extend(directory);
    }
    let mut extension = areas.extension;
    if extension.is_none() && alpha == AlphaKind::Associated {
        // Nothing else can say so.
        let mut area = vec![0; EXTENSION_BYTES.into()];
        area[..2].copy_from_slice(&EXTENSION_BYTES.to_le_bytes());
        area[ATTRIBUTES_TYPE] = MULTIPLIED;
        extension = Some(area);
    }
    let mut extension_at = 0;
    if let Some(mut area) = extension {
        // The postage stamp and the table of rows describe the asset, not the result.
        area[OFFSETS].fill(0);
        if let Some(table) = areas.correction {
            area[OFFSETS][..4].copy_from_slice(&long(bytes.len()));
            bytes.extend(table);
        }
        extension_at = bytes.len();
        bytes.extend(area);
    }
    if areas.footer || extension_at != 0 {
        bytes.extend(long(extension_at));
        bytes.extend(long(developer_at));
        bytes.extend(b"TRUEVISION-XFILE.\0");
    }
}
