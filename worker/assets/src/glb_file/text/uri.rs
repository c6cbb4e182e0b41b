//! The addresses by which a glTF model names files and holds data.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{damaged, unsupported};
use crate::AssetErrorKind;

/// Exporters write padding, and forget it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What an address leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A file: its path from the folder of the model, with `/`.
    File(String),
    /// The bytes themselves, as text.
    Data,
}

/// Reads an address.
///
/// # Errors
/// If it leads out of the project: to another machine, or to a place that is not named from the
/// model's folder.
pub(super) fn address(uri: &str) -> Result<Address, AssetErrorKind> {
    if uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        return Ok(Address::Data);
    }
    // Some exporters write what their system does.
    let path = decoded(uri).replace('\\', "/");
    // Of another machine, another drive or another root.
    if path.starts_with('/') || path.contains([':', '\0']) {
        return Err(unsupported(format!("`{}`, which is no file beside it", shown(uri))));
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    match parts.last() {
        None | Some(&"..") => Err(damaged(format!("`{}` names no file", shown(uri)))),
        Some(_) => Ok(Address::File(parts.join("/"))),
    }
}

/// The bytes of an address that holds them.
pub(super) fn data(uri: &str) -> Result<Vec<u8>, AssetErrorKind> {
    let broken = || damaged(format!("`{}` holds no data", shown(uri)));
    let (head, text) = uri.split_once(',').ok_or_else(broken)?;
    if !head.to_ascii_lowercase().ends_with(";base64") {
        return Err(unsupported("data that is not in Base64"));
    }
    let mut text = text.as_bytes().to_vec();
    if text.contains(&b'%') {
        text = unescaped(&text);
    }
    text.retain(|byte| !byte.is_ascii_whitespace());
    BASE64.decode(text).map_err(|_| broken())
}

/// The same address with other bytes.
pub(super) fn with_data(uri: &str, bytes: &[u8]) -> String {
    let head = uri.split_once(',').map_or(uri, |(head, _)| head);
    format!("{head},{}", BASE64.encode(bytes))
}

/// As errors show it.
pub(super) fn shown(uri: &str) -> String {
    const MOST: usize = 60;
    match uri.char_indices().nth(MOST) {
        None => uri.to_owned(),
        Some((end, _)) => format!("{}...", &uri[..end]),
    }
}

/// An address without escapes; one whose bytes are no text then stays as it is.
fn decoded(uri: &str) -> String {
    String::from_utf8(unescaped(uri.as_bytes())).unwrap_or_else(|_| uri.to_owned())
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escaped {
            None => bytes.push(first),
            Some((high, low)) => {
                bytes.push((16 * high + low) as u8);
                rest = &after[2..];
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_files_below_and_beside_the_model() {
        let check = |uri: &str, expected: Result<&str, &str>| {
            let found = address(uri).map_err(|kind| kind.to_string());
            let expected = match expected {
                Ok(path) => Ok(Address::File(path.to_owned())),
                Err(what) => Err(what.to_owned()),
            };
            assert_eq!(found, expected, "{uri}");
        };
        check("a.bin", Ok("a.bin"));
        check("./textures/a%20b.png", Ok("textures/a b.png"));
        check("textures\\a.png", Ok("textures/a.png"));
        check("../shared/x/../a.png", Ok("../shared/a.png"));
        check("../../a.png", Ok("../../a.png"));
        check("100%.png", Ok("100%.png"));
        check("%ff.png", Ok("%ff.png"));
        let out = |uri: &str| {
            format!("is a gltf with `{uri}`, which is no file beside it, which is not supported")
        };
        for uri in [
            "http://a.example/b.png",
            "/a.png",
            "C:\\a.png",
            "C%3A/a.png",
            "a/b%3ac.png",
            "%5ca.png",
            "a%00.png",
            "file:///a.png",
        ] {
            check(uri, Err(&out(uri)));
        }
        for uri in ["", ".", "a/..", ".."] {
            check(uri, Err("is damaged"));
        }
        assert!(matches!(address("DATA:;base64,"), Ok(Address::Data)));
    }

    #[test]
    fn data_comes_back_however_it_is_padded() {
        let uri = "data:image/png;base64,AQIDBA==";
        for text in [uri, "data:image/png;base64,AQIDBA", "data:;BASE64,AQID%42A%3D%3D"] {
            assert_eq!(data(text).expect("it is data"), [1, 2, 3, 4], "{text}");
        }
        assert_eq!(with_data("data:image/png;base64,AAAA", &[1, 2, 3, 4]), uri);
        for text in ["data:", "data:;base64,?", "data:text/plain,hello"] {
            assert!(data(text).is_err(), "{text}");
        }
    }
}
