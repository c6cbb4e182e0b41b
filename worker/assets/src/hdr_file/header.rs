//! The lines that start a Radiance file, and the one that says how large it is.

use std::io::BufRead;

use super::{damaged, unsupported};
use crate::hdr_layout::field;
use crate::{AssetErrorKind, Limits, Orientation};

#[derive(Debug)]
pub(super) struct Head {
    /// As they are, without the empty one that ends them.
    pub lines: Vec<Vec<u8>>,
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    pub orientation: Orientation,
    /// Where the rows begin.
    pub bytes: u64,
}

/// More than any program writes.
const MOST_BYTES: u64 = 1 << 20;

/// The axes of each orientation: first that along which rows follow each other.
const AXES: [(&str, &str, Orientation); 8] = [
    ("-Y", "+X", Orientation::Normal),
    ("-Y", "-X", Orientation::Mirrored),
    ("+Y", "-X", Orientation::Half),
    ("+Y", "+X", Orientation::Flipped),
    ("+X", "-Y", Orientation::Transposed),
    ("-X", "-Y", Orientation::Clockwise),
    ("-X", "+Y", Orientation::Transversed),
    ("+X", "+Y", Orientation::CounterClockwise),
];

impl Head {
    pub(super) fn read(reader: impl BufRead, limits: &Limits) -> Result<Self, AssetErrorKind> {
        let mut reader = reader.take(MOST_BYTES);
        let mut next = || line(&mut reader);
        let mut lines = Vec::new();
        loop {
            let line = next()?;
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        for line in &lines {
            match field(line, "FORMAT") {
                None | Some("32-bit_rle_rgbe") => {}
                Some("32-bit_rle_xyze") => return Err(unsupported("XYZE pixels")),
                Some(other) => {
                    return Err(unsupported(format!(
                        "pixels of the format `{}`",
                        other.escape_debug()
                    )));
                }
            }
        }
        let size = next()?;
        let (orientation, width, height) = std::str::from_utf8(&size)
            .ok()
            .and_then(parse_size)
            .ok_or_else(|| damaged("its size is unknown"))?;
        limits.check(width, height)?;
        let bytes = lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>();
        let bytes = bytes + 1 + size.len() as u64 + 1;
        Ok(Self { lines, width, height, orientation, bytes })
    }

    /// Whether the file says more than its format.
    pub(super) fn says_more(&self) -> bool {
        self.lines.iter().skip(1).any(|line| field(line, "FORMAT").is_none())
    }
}

/// The next line, without its end.
fn line<R: BufRead>(reader: &mut std::io::Take<R>) -> Result<Vec<u8>, AssetErrorKind> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).map_err(AssetErrorKind::Read)?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ if reader.limit() == 0 => {
            Err(unsupported(format!("a header of more than {MOST_BYTES} bytes")))
        }
        _ => Err(AssetErrorKind::Truncated),
    }
}

fn parse_size(line: &str) -> Option<(Orientation, u32, u32)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [first, height, second, width] = words[..] else { return None };
    let known = AXES.iter().find(|(rows, columns, _)| (*rows, *columns) == (first, second));
    Some((known?.2, width.parse().ok()?, height.parse().ok()?))
}

/// The line that says how large a picture is.
pub(crate) fn size_line(orientation: Orientation, (width, height): (u32, u32)) -> String {
    let (rows, columns, _) = AXES[usize::from(orientation.exif()) - 1];
    format!("{rows} {height} {columns} {width}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_orientation_has_its_line() {
        for orientation in Orientation::ALL {
            let line = size_line(orientation, (3, 5));
            assert_eq!(parse_size(line.trim_end()), Some((orientation, 3, 5)), "{line}");
        }
        assert_eq!(size_line(Orientation::Normal, (640, 480)), "-Y 480 +X 640\n");
        for wrong in ["-Y 4 +Y 5", "-Y 4 +X", "-Y -4 +X 5", "4 5", ""] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
