//! Sizes in bytes, as text.

use std::fmt;
use std::str::FromStr;

/// A number of bytes. Shown with three digits, such as `17 B`, `1.37 MiB` or `12.0 GiB`; read as
/// `512M`, `4GiB`, `1.5g` or `1000000`. Units are powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size; write it like 512M, 4G or 1.5GiB")]
pub struct ByteSizeError(String);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // A larger value would be rounded to 1024.
        while value >= 1023.5 {
            value /= 1024.0;
            unit += 1;
        }
        let decimals = match value {
            ..9.995 => 2,
            ..99.95 => 1,
            _ => 0,
        };
        write!(f, "{value:.decimals$} {}", units[unit])
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let refuse = || ByteSizeError(text.to_owned());
        let trimmed = text.trim();
        let split =
            trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return Err(refuse()),
        };
        let number: f64 = number.parse().map_err(|_| refuse())?;
        let bytes = number * (1_u64 << shift) as f64;
        // 2^63 bytes are more than any machine has; up to there the conversion is exact enough.
        if bytes.is_finite() && (0.0..9.2e18).contains(&bytes) {
            Ok(Self(bytes as u64))
        } else {
            Err(refuse())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("1", 1),
            ("512M", 512 << 20),
            ("4 GiB", 4 << 30),
            ("1.5g", 3 << 29),
            ("10kb", 10240),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for bad in ["", "x", "4X", "-1", "1e9", ".", "99999999T"] {
            assert_eq!(bad.parse::<ByteSize>(), Err(ByteSizeError(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn three_digits_are_shown() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1_048_000, "1023 KiB"),
            ((1 << 20) - 1, "1.00 MiB"),
            (80_149_248, "76.4 MiB"),
            (512 << 20, "512 MiB"),
            (12 << 30, "12.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text, "{bytes}");
        }
    }
}
