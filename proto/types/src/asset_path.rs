//! Paths of assets, in manifests and messages.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A path inside a project, relative, with `/` on every system.
///
/// It cannot leave the project and can be created on every system: no empty component, no `.` or
/// `..`, no drive letter or other `:`, no backslash, no control character, none of Windows'
/// reserved names, no component that ends in a dot or a space.
///
/// Clones share the text: a build keeps the path of each asset in several places.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetPath(Arc<str>);

/// Why a text is not a path inside a project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path `{path}` {reason}")]
pub struct AssetPathError {
    pub path: String,
    pub reason: &'static str,
}

impl AssetPath {
    /// The limit of Windows' classic API, and more than any asset tree needs.
    pub const MAX_LEN: usize = 260;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The last component without its extension.
    pub fn file_stem(&self) -> &str {
        let name = self.file_name();
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// The extension without its dot; empty if there is none.
    pub fn extension(&self) -> &str {
        self.file_name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The folders above, joined by `/`; empty at the top.
    pub fn parent(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(parent, _)| parent)
    }

    /// The path that a file here gives from its own folder, with `/`; it may begin with `..`.
    ///
    /// # Errors
    /// If it leads out of the project, or is no path there.
    pub fn beside(&self, relative: &str) -> Result<Self, AssetPathError> {
        let mut folders: Vec<&str> =
            self.parent().split('/').filter(|folder| !folder.is_empty()).collect();
        for part in relative.split('/') {
            match part {
                ".." if folders.pop().is_none() => {
                    let path = relative.chars().take(120).collect();
                    return Err(AssetPathError { path, reason: "leads out of the project" });
                }
                ".." => {}
                part => folders.push(part),
            }
        }
        folders.join("/").parse()
    }

    /// Whether it lies in a folder, at any depth.
    pub fn is_below(&self, folder: &Self) -> bool {
        let rest = self.0.strip_prefix(folder.as_str());
        rest.is_some_and(|rest| rest.starts_with('/'))
    }

    /// The path in this system's form.
    pub fn to_path_buf(&self) -> PathBuf {
        if std::path::MAIN_SEPARATOR == '/' {
            return PathBuf::from(self.as_str());
        }
        self.0.split('/').collect()
    }

    /// Two paths with the same key are the same file on a system that ignores case. The key of a
    /// path in lower case shares its text.
    pub fn case_key(&self) -> Arc<str> {
        let is_own_key = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
        match self.0.bytes().all(is_own_key) {
            true => Arc::clone(&self.0),
            false => self.0.to_lowercase().into(),
        }
    }
}

impl FromStr for AssetPath {
    type Err = AssetPathError;

    fn from_str(text: &str) -> Result<Self, AssetPathError> {
        let refuse =
            |reason| Err(AssetPathError { path: text.chars().take(120).collect(), reason });
        if text.is_empty() {
            return refuse("is empty");
        }
        if text.len() > Self::MAX_LEN {
            return refuse("is longer than 260 bytes");
        }
        if text.starts_with('/') {
            return refuse("is absolute; give it relative to the project's folder");
        }
        // Most names are plain, and a project has hundreds of thousands of them.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._- ".contains(&byte);
        if !text.bytes().all(plain) {
            if text.contains('\\') {
                return refuse("has a backslash; write `/` on every system");
            }
            if text.contains(':') {
                return refuse(
                    "has a `:`; give it relative to the project's folder, without a drive",
                );
            }
            if text.chars().any(|c| c.is_control() || "<>\"|?*".contains(c)) {
                return refuse("has a character that not every system can store");
            }
        }
        for component in text.split('/') {
            match component {
                "" => return refuse("has an empty component"),
                "." | ".." => {
                    return refuse("has a `.` or `..`; it has to stay inside the project's folder");
                }
                _ if component.ends_with(['.', ' ']) => {
                    return refuse("has a component that ends in a dot or a space");
                }
                _ if is_reserved(component) => return refuse("uses a name that Windows reserves"),
                _ => {}
            }
        }
        Ok(Self(text.into()))
    }
}

/// Whether Windows reserves this name for a device, whatever its extension.
fn is_reserved(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or(component).as_bytes();
    let is =
        |name: &[u8], names: &[&[u8; 3]]| names.iter().any(|it| name.eq_ignore_ascii_case(*it));
    match stem {
        [_, _, _] => is(stem, &[b"CON", b"PRN", b"AUX", b"NUL"]),
        [port @ .., b'1'..=b'9'] if port.len() == 3 => is(port, &[b"COM", b"LPT"]),
        _ => false,
    }
}

impl Serialize for AssetPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AssetPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = AssetPath;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path inside a project")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<AssetPath, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl From<AssetPath> for String {
    fn from(path: AssetPath) -> Self {
        path.as_str().to_owned()
    }
}

impl fmt::Display for AssetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AssetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssetPath({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_a_folder() {
        let check = |own: &str, relative: &str, expected: Result<&str, &str>| {
            let own: AssetPath = own.parse().expect("a path");
            let found = own.beside(relative).map_err(|error| error.to_string());
            let found = found.as_ref().map(AssetPath::as_str).map_err(String::as_str);
            assert_eq!(found, expected, "{own} {relative}");
        };
        check("out/a/b.gltf", "t/c.png", Ok("out/a/t/c.png"));
        check("out/a/b.gltf", "../t/c.png", Ok("out/t/c.png"));
        check("b.gltf", "c.png", Ok("c.png"));
        let out = Err("path `../../c.png` leads out of the project");
        check("out/b.gltf", "../../c.png", out);
        check(
            "b.gltf",
            "c:d.png",
            Err("path `c:d.png` has a `:`; give it relative to the project's folder, without a \
                 drive"),
        );
    }

    #[test]
    fn paths_inside_a_project() {
        for good in
            ["a.png", "walls/brick 01.png", "münze.tga", ".hidden/x", "con1", "com10.png", "com0"]
        {
            assert!(good.parse::<AssetPath>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "/a",
            "../a",
            "a/../b",
            "a//b",
            "a\\b",
            "C:/a",
            "a/./b",
            "nul",
            "a/COM1.png",
            "a.",
            "b /c",
            "a\nb",
            "a\0",
            "a?",
            "x/",
            "aux.tar.png",
            "x/Lpt9",
            "\u{85}",
        ] {
            assert!(bad.parse::<AssetPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn keys_ignore_case_and_are_shared_where_they_can_be() {
        let path = |text: &str| text.parse::<AssetPath>().expect("it is a path");
        for (text, key) in [("a/b 1.png", "a/b 1.png"), ("A/b.PNG", "a/b.png"), ("Ä", "ä")] {
            assert_eq!(&*path(text).case_key(), key);
        }
        let lower = path("a/b.png");
        assert!(std::ptr::eq(&*lower.case_key(), lower.as_str()));
        assert!(std::ptr::eq(lower.clone().as_str(), lower.as_str()));
    }

    #[test]
    fn parts() {
        let path: AssetPath = "walls/old/brick.wall.png".parse().expect("it is a path");
        assert_eq!(
            (path.parent(), path.file_stem(), path.extension()),
            ("walls/old", "brick.wall", "png")
        );
        let is_below = |folder: &str| path.is_below(&folder.parse().expect("it is a path"));
        assert!(is_below("walls") && is_below("walls/old"));
        assert!(!is_below("walls/ol") && !is_below("old") && !path.is_below(&path));
    }
}
