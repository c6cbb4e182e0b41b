//! Names of the tiles of UDIM sets.

use impasto_types::AssetPath;

/// What a tile's path says: the set that it belongs to, and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TileName {
    /// The case key of the path, without the number.
    pub(crate) set: String,
    pub(crate) number: u16,
}

impl TileName {
    /// Reads `body.1001.png` or `body_1001.png`: a number from 1001 to 1999 at the end of the stem.
    pub(crate) fn of(path: &AssetPath) -> Option<Self> {
        let stem = path.file_stem();
        let digits = stem.len().checked_sub(4)?;
        let (before, number) = (stem.get(..digits)?, stem.get(digits..)?);
        let number = Some(number).filter(|number| number.bytes().all(|b| b.is_ascii_digit()))?;
        let number = number.parse().ok().filter(|number| (1001..=1999).contains(number))?;
        if !before.ends_with(['.', '_', '-']) || before.len() < 2 {
            return None;
        }
        let set = format!("{}/{before}*.{}", path.parent(), path.extension()).to_lowercase();
        Some(Self { set, number })
    }

    /// The path of another tile of the set that a tile's path belongs to, in its spelling.
    pub(crate) fn sibling(tile: &AssetPath, number: u16) -> Option<AssetPath> {
        let before = tile.file_stem().len().checked_sub(4)?;
        let (stem, folder) = (tile.file_stem().get(..before)?, tile.parent());
        let slash = if folder.is_empty() { "" } else { "/" };
        format!("{folder}{slash}{stem}{number}.{}", tile.extension()).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_is_named_by_its_number() {
        let tile = |name: &str| TileName::of(&name.parse().expect("a path"));
        let (one, other) = (tile("t/Body.1001.png"), tile("t/body.1012.png"));
        let (one, other) = (one.expect("it is a tile"), other.expect("it is one, too"));
        assert_eq!((one.number, other.number), (1001, 1012));
        assert_eq!(one.set, other.set);
        assert_ne!(tile("t/Body_1001.png").map(|tile| tile.set), Some(one.set));
        let path = "t/Body.1001.png".parse().expect("a path");
        let sibling = TileName::sibling(&path, 1012).expect("it is a tile");
        assert_eq!(sibling.as_str(), "t/Body.1012.png");
        for name in ["body.2048.png", "body1001.png", "1001.png", "_1001.png", "body.0999.png"] {
            assert_eq!(tile(name), None, "{name}");
        }
    }
}
