//! A style image on the command line.

use std::path::PathBuf;
use std::str::FromStr;

/// A style image on the command line: `FILE` or `FILE:WEIGHT`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StyleArg {
    pub path: PathBuf,
    pub weight: f32,
}

impl FromStr for StyleArg {
    type Err = String;

    /// A colon not followed by a number belongs to the path, as in `C:\style.jpg`.
    fn from_str(text: &str) -> Result<Self, String> {
        let weighted = text
            .rsplit_once(':')
            .and_then(|(path, weight)| Some((path, weight.parse::<f32>().ok()?)));
        let (path, weight) = weighted.unwrap_or((text, 1.0));
        if path.is_empty() {
            return Err("a style is FILE or FILE:WEIGHT".to_owned());
        }
        if !(weight > 0.0 && weight <= 1e6) {
            return Err(format!("the weight {weight} is not above 0 and at most 1e6"));
        }
        Ok(Self { path: path.into(), weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_and_their_weights() {
        for (text, path, weight) in [
            ("a.jpg", "a.jpg", 1.0),
            ("a.jpg:0.5", "a.jpg", 0.5),
            ("C:\\a.jpg", "C:\\a.jpg", 1.0),
            ("C:\\a.jpg:2", "C:\\a.jpg", 2.0),
            ("a:b.png", "a:b.png", 1.0),
        ] {
            assert_eq!(
                text.parse::<StyleArg>(),
                Ok(StyleArg { path: path.into(), weight }),
                "{text}"
            );
        }
        for bad in ["", ":2", "a.jpg:0", "a.jpg:-1", "a.jpg:nan", "a.jpg:1e9"] {
            assert!(bad.parse::<StyleArg>().is_err(), "{bad}");
        }
    }
}
