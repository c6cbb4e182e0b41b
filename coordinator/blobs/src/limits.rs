//! Limits of a store.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use impasto_types::ByteSize;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::Age;

/// The table `[cache]` of a configuration: blobs and results beyond these limits expire, least
/// recently used first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheLimits {
    /// The total size of all files; `None` means no limit.
    #[serde(deserialize_with = "limit")]
    pub max_size: Option<ByteSize>,
    /// The time since the last use; `None` means no limit.
    #[serde(deserialize_with = "limit")]
    pub max_age: Option<Age>,
}

impl CacheLimits {
    pub const NONE: Self = Self { max_size: None, max_age: None };
}

impl Default for CacheLimits {
    /// 50 GiB hold some thousands of pictures of 4096 x 4096 pixels with their inputs. Files that
    /// were not used for a season belong to inactive projects.
    fn default() -> Self {
        Self {
            max_size: Some(ByteSize(50 << 30)),
            max_age: Some(Age(Duration::from_secs(90 * 24 * 60 * 60))),
        }
    }
}

/// A limit: a number, a text such as `10G` or `30d`, or the word `none`.
fn limit<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a limit has to be a number, a text like \"10G\", or \"none\"")]
    enum Written {
        Number(u64),
        Text(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Number(number) => number.to_string(),
        Written::Text(text) if text == "none" => return Ok(None),
        Written::Text(text) => text,
    };
    text.parse().map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let read = |json: &str| {
            serde_json::from_str::<CacheLimits>(json).map_err(|error| error.to_string())
        };
        let defaults = CacheLimits::default();
        assert_eq!(read("{}"), Ok(defaults));
        assert_eq!(
            read(r#"{"max_size": "2K"}"#),
            Ok(CacheLimits { max_size: Some(ByteSize(2048)), ..defaults })
        );
        assert_eq!(
            read(r#"{"max_size": 7, "max_age": "none"}"#),
            Ok(CacheLimits { max_size: Some(ByteSize(7)), max_age: None })
        );
        for (json, expected) in [
            (r#"{"max_size": "much"}"#, "`much` is not a size"),
            (r#"{"max_age": "soon"}"#, "`soon` is not a duration"),
            (r#"{"max_age": 30}"#, "`30` is not a duration"),
            (r#"{"max_age": []}"#, "a limit has to be"),
            (r#"{"max": 1}"#, "unknown field `max`"),
        ] {
            let error = read(json).expect_err(json);
            assert!(error.contains(expected), "{json}: {error}");
        }
    }
}
