//! Radiance RGBE. An asset's header lines, exponents and kind of rows come back.

use crate::Picture;
use crate::hdr_file::size_line;
use crate::hdr_layout::{HdrLayout, HdrRows, REPEAT, Rgbe, nearest, with_exponent};

pub(super) fn write(picture: &Picture) -> Vec<u8> {
    let own = picture.origin.hdr.as_ref();
    let width = picture.width as usize;
    let rows = own.map_or(HdrRows::Planes, |own| own.rows);
    let rows = match rows {
        HdrRows::Planes if !HdrRows::may_be_planes(width) => HdrRows::Flat,
        rows => rows,
    };
    let mut bytes = Vec::new();
    match own {
        Some(own) => own.lines.iter().for_each(|line| bytes.extend([&line[..], b"\n"].concat())),
        None => bytes.extend(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n"),
    }
    bytes.push(b'\n');
    let size = (picture.width, picture.height);
    bytes.extend(size_line(picture.origin.orientation, size).into_bytes());
    for y in 0..picture.height as usize {
        let row: Vec<Rgbe> =
            (y * width..(y + 1) * width).map(|at| pixel(picture, own, rows, at)).collect();
        match rows {
            HdrRows::Flat => bytes.extend(row.as_flattened()),
            HdrRows::Pixels => write_pixels(&row, &mut bytes),
            HdrRows::Planes => write_planes(&row, &mut bytes),
        }
    }
    bytes
}

/// With the exponent that the asset has there, if the colour can have it.
fn pixel(picture: &Picture, own: Option<&HdrLayout>, rows: HdrRows, at: usize) -> Rgbe {
    let color = [0, 1, 2].map(|channel| picture.rgb[3 * at + channel] / 255.0);
    let exponents = own.and_then(|own| own.exponents.as_ref());
    let exponents = exponents.filter(|plane| plane.len() == picture.pixels());
    // In rows of pixels such numbers mean something else.
    let is_free = |[red, green, blue, _]: &Rgbe| {
        let start = [*red, *green, *blue];
        rows == HdrRows::Planes || start != REPEAT && !HdrRows::is_mark(start)
    };
    let kept = exponents.and_then(|plane| with_exponent(color, plane[at])).filter(is_free);
    kept.unwrap_or_else(|| nearest(color))
}

/// The least number of equal bytes that are worth a run.
const SHORTEST_RUN: usize = 4;
const LONGEST_RUN: usize = 127;
const LONGEST_COPY: usize = 128;

fn write_planes(row: &[Rgbe], bytes: &mut Vec<u8>) {
    // Rows have less than 32768 pixels here.
    let [high, low] = (row.len() as u16).to_be_bytes();
    bytes.extend([2, 2, high, low]);
    for plane in 0..4 {
        let plane: Vec<u8> = row.iter().map(|pixel| pixel[plane]).collect();
        let mut rest = &plane[..];
        while !rest.is_empty() {
            let copied = next_run(rest);
            for copy in rest[..copied].chunks(LONGEST_COPY) {
                bytes.push(copy.len() as u8);
                bytes.extend(copy);
            }
            rest = &rest[copied..];
            let run = run_at(rest).min(LONGEST_RUN);
            if run > 0 {
                bytes.extend([128 + run as u8, rest[0]]);
                rest = &rest[run..];
            }
        }
    }
}

/// How many bytes stand before the next run.
fn next_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match run_at(&bytes[at..]) {
            run if run >= SHORTEST_RUN => break,
            run => at += run,
        }
    }
    at
}

/// How many bytes are like the first one.
fn run_at<T: PartialEq>(values: &[T]) -> usize {
    values.iter().take_while(|value| **value == values[0]).count()
}

fn write_pixels(row: &[Rgbe], bytes: &mut Vec<u8>) {
    let mut rest = row;
    while !rest.is_empty() {
        let run = run_at(rest);
        bytes.extend(rest[0]);
        let mut repeated = run - 1;
        while repeated > 0 {
            bytes.extend(REPEAT);
            bytes.push((repeated % 256) as u8);
            repeated /= 256;
        }
        rest = &rest[run..];
    }
}
