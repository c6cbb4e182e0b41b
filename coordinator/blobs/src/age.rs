//! Durations as configurations write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const UNITS: [(&str, u64); 4] = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60), ("s", 1)];

/// The time since the last use: parses `30d`, `12h` or `1d 6h`, and is shown with its two largest
/// units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(pub Duration);

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write it like 30d, 12h or 90m")]
pub struct AgeError(String);

impl FromStr for Age {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let seconds_of = |part: &str| {
            let (unit, seconds) = UNITS.iter().find(|(unit, _)| part.ends_with(unit))?;
            part[..part.len() - unit.len()].parse::<u64>().ok()?.checked_mul(*seconds)
        };
        let mut total = None;
        for part in text.split_whitespace() {
            let seconds = seconds_of(part).and_then(|part| part.checked_add(total.unwrap_or(0)));
            total = Some(seconds.ok_or_else(|| AgeError(text.to_owned()))?);
        }
        total.map(|total| Self(Duration::from_secs(total))).ok_or_else(|| AgeError(text.to_owned()))
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_secs();
        let largest = UNITS.iter().position(|(_, seconds)| rest >= *seconds).unwrap_or(3);
        for (nth, (unit, seconds)) in UNITS[largest..].iter().take(2).enumerate() {
            match (nth, rest / seconds) {
                (0, number) => write!(f, "{number}{unit}")?,
                (_, 0) => {}
                (_, number) => write!(f, " {number}{unit}")?,
            }
            rest %= seconds;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read() {
        let age = |text: &str| text.parse::<Age>().map(|age| age.0.as_secs());
        for (text, seconds) in [("0d", 0), ("90m", 5_400), ("30d", 2_592_000), ("1d 6h", 108_000)] {
            assert_eq!(age(text), Ok(seconds), "{text}");
        }
        for bad in ["", "30", "d", "-1d", "1.5h", "soon", "1d soon", "99999999999999999999d"] {
            assert_eq!(age(bad), Err(AgeError(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn ages_are_shown_with_two_units() {
        for (seconds, text) in
            [(0, "0s"), (61, "1m 1s"), (7_200, "2h"), (108_061, "1d 6h"), (7_776_000, "90d")]
        {
            assert_eq!(Age(Duration::from_secs(seconds)).to_string(), text);
        }
    }
}
