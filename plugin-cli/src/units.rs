//! Times and counts for display.

use std::time::Duration;

use impasto_types::ByteSize;

/// Reads a size above zero, in bytes; see [`ByteSize`].
///
/// # Errors
/// If the text is not a size or is zero; the message is shown to the user.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    match text.parse::<ByteSize>() {
        Ok(ByteSize(0)) => Err("it has to be more than 0".to_owned()),
        Ok(ByteSize(bytes)) => Ok(bytes),
        Err(error) => Err(error.to_string()),
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

/// `1 asset`, `7 assets`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

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
