//! Sizes and times, as people write and read them.

use std::time::Duration;

/// Reads a size in bytes: `512M`, `4GiB`, `1.5g`, `1000000`. Units are powers of 1024.
///
/// # Errors
/// Where the text is no size; the message is for the flag's user.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let refuse = || format!("`{text}` is not a size; write it like 512M, 4G or 1.5GiB");
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
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
    // 2^63 bytes are more than any machine has; up to there the conversion is sound.
    if bytes.is_finite() && (1.0..9.2e18).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(refuse())
    }
}

/// `1 m 42 s`, `3.2 s`, `0.03 s`.
pub(crate) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 0.995 => format!("{seconds:.2} s"),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} m {} s", whole / 60, whole % 60),
        _ => format!("{} h {} m", whole / 3600, whole % 3600 / 60),
    }
}

/// `17 B`, `1.4 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}

/// `1 asset`, `7 assets`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("1", 1), ("512M", 512 << 20), ("4 GiB", 4 << 30), ("1.5g", 3 << 29), ("10kb", 10240)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "0", "x", "4X", "-1", "1e9", ".", "99999999T"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1 << 20, "1.0 MiB"),
            (80_149_248, "76.4 MiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn times() {
        for (millis, text) in [
            (0, "0.00 s"),
            (34, "0.03 s"),
            (999, "1.0 s"),
            (3_240, "3.2 s"),
            (59_400, "59 s"),
            (59_600, "1 m 0 s"),
            (102_000, "1 m 42 s"),
            (7_260_000, "2 h 1 m"),
        ] {
            assert_eq!(time(Duration::from_millis(millis)), text, "{millis}");
        }
    }
}
