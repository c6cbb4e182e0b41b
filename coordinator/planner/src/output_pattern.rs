//! The pattern that names outputs. It is used in both directions: to name an asset's output, and to
//! recognise whether a path could be an output.

use impasto_types::{AssetPath, AssetPathError, ContainerFormat};

use crate::data_map::DataMaps;
use crate::suggest::nearest;

/// A pattern such as `out/{dir}/{stem}.{ext}`, relative to the project's folder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OutputPattern {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(String),
    /// The folder of the asset; with `slash` also the `/` after it, which is left out for an asset
    /// in the top folder.
    Dir {
        slash: bool,
    },
    Stem,
    /// The stem without the word of a colour map and what follows it.
    Material,
    /// What follows that word, such as a resolution.
    Tail,
    Ext,
    /// The asset's own extension, whatever the output's format.
    AssetExt,
    /// The file's name, with the extension of the output's format.
    Name,
    Style,
    Rule,
}

/// Why a text is not an output pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error(
        "there is no `{{{name}}}`; there are {{dir}}, {{stem}}, {{material}}, {{tail}}, {{ext}}, \
         {{asset_ext}}, {{name}}, {{style}} and {{rule}}{}",
        near.as_ref().map_or(String::new(), |near| format!("; did you mean `{{{near}}}`?"))
    )]
    Placeholder { name: String, near: Option<String> },
    #[error("a `{{` or `}}` stands alone")]
    Brace,
    #[error("every asset would have the same output; put {{name}} or {{stem}} into it")]
    Constant,
    #[error(
        "outputs would look like assets; begin it with a folder (`out/...`) or add a suffix \
         (`{{stem}}_painted.{{ext}}`)"
    )]
    LikeAssets,
    #[error("`{{{0}}}` cannot be used here: the file is the same in every style and rule")]
    NotOfTheAsset(&'static str),
    #[error(transparent)]
    Path(#[from] AssetPathError),
}

/// The values of the placeholders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// The asset's folder, relative to the folder of assets.
    pub(crate) dir: &'a str,
    pub(crate) stem: &'a str,
    /// The asset's own extension.
    pub(crate) ext: &'a str,
    /// Of the output; `None` for a file that is no picture, which keeps its extension.
    pub(crate) format: Option<ContainerFormat>,
    pub(crate) style: &'a str,
    pub(crate) rule: &'a str,
}

impl<'a> Parts<'a> {
    /// Arbitrary values, for checks of the text between the placeholders.
    const ANY: Parts<'static> = Parts {
        dir: "d",
        stem: "s",
        ext: "png",
        format: Some(ContainerFormat::Png),
        style: "y",
        rule: "r",
    };

    /// The parts of an asset's own name; `relative` is its path relative to the folder of assets.
    pub(crate) fn of_asset(asset: &'a AssetPath, relative: &'a str) -> Self {
        let ext = asset.extension();
        Self {
            dir: relative.rsplit_once('/').map_or("", |(dir, _)| dir),
            stem: asset.file_stem(),
            ext,
            format: ContainerFormat::from_extension(ext),
            style: "",
            rule: "",
        }
    }
}

const PLACEHOLDERS: [&str; 9] =
    ["dir", "stem", "material", "tail", "ext", "asset_ext", "name", "style", "rule"];

impl OutputPattern {
    pub(crate) const DEFAULT: &str = "stylized/{dir}/{name}";

    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let pattern = Self {
            text: text.to_owned(),
            pieces: pieces(text.strip_prefix("./").unwrap_or(text))?,
        };
        if !pattern.pieces.iter().any(|piece| matches!(piece, Piece::Stem | Piece::Name)) {
            return Err(PatternError::Constant);
        }
        pattern.expand(&Parts::ANY)?;
        if !pattern.tells_outputs_apart() {
            return Err(PatternError::LikeAssets);
        }
        Ok(pattern)
    }

    /// Parses a pattern that names another file of each asset, such as its mask. Without a
    /// placeholder it names one file for all assets.
    pub(crate) fn companion(text: &str) -> Result<Self, PatternError> {
        let text = text.strip_prefix("./").unwrap_or(text);
        let pattern = Self { text: text.to_owned(), pieces: pieces(text)? };
        for (piece, name) in [(Piece::Style, "style"), (Piece::Rule, "rule")] {
            if pattern.pieces.contains(&piece) {
                return Err(PatternError::NotOfTheAsset(name));
            }
        }
        pattern.expand(&Parts::ANY)?;
        Ok(pattern)
    }

    /// Whether the pattern names one file for all assets.
    pub(crate) fn is_constant(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Literal(_)))
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn has_style(&self) -> bool {
        self.pieces.contains(&Piece::Style)
    }

    pub(crate) fn has_rule(&self) -> bool {
        self.pieces.contains(&Piece::Rule)
    }

    /// Whether outputs keep the names of files of any kind, in whatever folder.
    pub(crate) fn keeps_names(&self) -> bool {
        let is = |piece: &Piece, literal: &str| *piece == Piece::Literal(literal.to_owned());
        let before = match &self.pieces[..] {
            [before @ .., Piece::Name] => before,
            [before @ .., Piece::Stem, dot, Piece::Ext | Piece::AssetExt] if is(dot, ".") => before,
            _ => return false,
        };
        match before.last() {
            None | Some(Piece::Dir { slash: true }) => true,
            Some(Piece::Literal(text)) => text.ends_with('/'),
            Some(_) => false,
        }
    }

    /// The output of one asset in one style.
    pub(crate) fn expand(&self, parts: &Parts<'_>) -> Result<AssetPath, AssetPathError> {
        // The asset's spelling of the extension (`JPEG`, `tif`) is kept if it fits the format.
        let is_own = ContainerFormat::from_extension(parts.ext) == parts.format;
        let ext = match parts.format {
            Some(format) if !is_own => format.extension(),
            Some(_) | None => parts.ext,
        };
        // The dot before an extension belongs to it.
        let end = |path: &mut String, ext: &str| match ext {
            "" if path.ends_with('.') => drop(path.pop()),
            ext => path.push_str(ext),
        };
        let mut path = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => path.push_str(text),
                Piece::Dir { .. } if parts.dir.is_empty() => {}
                Piece::Dir { slash } => {
                    path.push_str(parts.dir);
                    path.push_str(if *slash { "/" } else { "" });
                }
                Piece::Stem => path.push_str(parts.stem),
                Piece::Material => path.push_str(DataMaps::material_and_tail(parts.stem).0),
                Piece::Tail => path.push_str(DataMaps::material_and_tail(parts.stem).1),
                Piece::Ext => end(&mut path, ext),
                Piece::AssetExt => end(&mut path, parts.ext),
                Piece::Name => {
                    path.push_str(parts.stem);
                    path.push('.');
                    end(&mut path, ext);
                }
                Piece::Style => path.push_str(parts.style),
                Piece::Rule => path.push_str(parts.rule),
            }
        }
        path.parse()
    }

    /// Whether a path with this [case key](AssetPath::case_key) has all the text between the
    /// pattern's placeholders: a quick test, which most files that are no outputs do not pass.
    pub(crate) fn may_make(&self, key: &str) -> bool {
        self.pieces.iter().all(|piece| match piece {
            Piece::Literal(text) => key.contains(text.to_lowercase().as_str()),
            Piece::Dir { .. }
            | Piece::Stem
            | Piece::Material
            | Piece::Tail
            | Piece::Ext
            | Piece::AssetExt
            | Piece::Name
            | Piece::Style
            | Piece::Rule => true,
        })
    }

    /// Whether `path` could be the output of some asset in one of `styles` by one of `rules`,
    /// ignoring case.
    pub(crate) fn could_make(&self, path: &AssetPath, styles: &[&str], rules: &[&str]) -> bool {
        let path = path.case_key();
        // The positions in the path that the pieces so far can reach. This is quadratic, while
        // backtracking would be exponential.
        let mut reached = vec![false; path.len() + 1];
        reached[0] = true;
        for piece in &self.pieces {
            let mut next = vec![false; path.len() + 1];
            for start in (0..=path.len()).filter(|&start| reached[start]) {
                piece.ends(&path, start, styles, rules, &mut |end| next[end] = true);
            }
            reached = next;
        }
        reached[path.len()]
    }

    /// Whether some piece distinguishes outputs from assets: a style, a rule, or literal text other
    /// than slashes, dots and the extension.
    fn tells_outputs_apart(&self) -> bool {
        let last = self.pieces.len() - 1;
        self.pieces.iter().enumerate().any(|(index, piece)| match piece {
            Piece::Style | Piece::Rule => true,
            Piece::Literal(text) => {
                let text = if index == last {
                    text.rsplit_once('.').map_or(text.as_str(), |(before, _)| before)
                } else {
                    text
                };
                text.chars().any(|c| c != '/' && c != '.')
            }
            Piece::Dir { .. }
            | Piece::Stem
            | Piece::Material
            | Piece::Tail
            | Piece::Ext
            | Piece::AssetExt
            | Piece::Name => false,
        })
    }
}

impl Piece {
    /// Calls `end` with every position where this piece can end if it begins at `start`.
    fn ends(
        &self,
        path: &str,
        start: usize,
        styles: &[&str],
        rules: &[&str],
        end: &mut dyn FnMut(usize),
    ) {
        let rest = &path[start..];
        let mut word = |word: &str| {
            if rest.starts_with(&word.to_lowercase()) {
                end(start + word.to_lowercase().len());
            }
        };
        match self {
            Self::Literal(text) => word(text),
            Self::Style => styles.iter().for_each(|style| word(style)),
            Self::Rule => rules.iter().for_each(|rule| word(rule)),
            Self::Dir { slash: true } => {
                end(start);
                rest.match_indices('/').for_each(|(at, _)| end(start + at + 1));
            }
            Self::Dir { slash: false } => rest
                .char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .for_each(|at| end(start + at)),
            Self::Tail => {
                let component = rest.find('/').unwrap_or(rest.len());
                end(start);
                rest[..component].char_indices().for_each(|(at, c)| end(start + at + c.len_utf8()));
            }
            Self::Stem | Self::Material | Self::Ext | Self::AssetExt | Self::Name => {
                let component = rest.find('/').unwrap_or(rest.len());
                rest[..component].char_indices().for_each(|(at, c)| end(start + at + c.len_utf8()));
            }
        }
    }
}

/// Splits a pattern at its placeholders.
fn pieces(text: &str) -> Result<Vec<Piece>, PatternError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let literal = rest.find(['{', '}']).unwrap_or(rest.len());
        if literal > 0 {
            pieces.push(Piece::Literal(rest[..literal].to_owned()));
            rest = &rest[literal..];
            continue;
        }
        let (name, behind) = rest
            .strip_prefix('{')
            .and_then(|inside| inside.split_once('}'))
            .ok_or(PatternError::Brace)?;
        rest = behind;
        pieces.push(match name {
            "dir" => {
                let slash = rest.starts_with('/');
                rest = rest.strip_prefix('/').unwrap_or(rest);
                Piece::Dir { slash }
            }
            "stem" => Piece::Stem,
            "material" => Piece::Material,
            "tail" => Piece::Tail,
            "ext" => Piece::Ext,
            "asset_ext" => Piece::AssetExt,
            "name" => Piece::Name,
            "style" => Piece::Style,
            "rule" => Piece::Rule,
            _ => {
                return Err(PatternError::Placeholder {
                    name: name.to_owned(),
                    near: nearest(name, PLACEHOLDERS),
                });
            }
        });
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(pattern: &str, dir: &str, ext: &str, format: ContainerFormat) -> String {
        let format = Some(format);
        let pattern = OutputPattern::parse(pattern).expect("it is a pattern");
        let parts = Parts { dir, stem: "brick", ext, format, style: "night", rule: "walls" };
        pattern.expand(&parts).expect("it is a path").to_string()
    }

    #[test]
    fn companion_patterns_expand_to_files_beside_the_asset() {
        let asset: AssetPath = "art/walls/brick.PNG".parse().expect("it is a path");
        let parts = Parts::of_asset(&asset, "walls/brick.PNG");
        for (pattern, expected, constant) in [
            ("masks/{dir}/{name}", "masks/walls/brick.PNG", false),
            ("./art/{dir}/{stem}_mask.png", "art/walls/brick_mask.png", false),
            ("mask.png", "mask.png", true),
        ] {
            let pattern = OutputPattern::companion(pattern).expect("it is a pattern");
            assert_eq!(pattern.expand(&parts).expect("it is a path").as_str(), expected);
            assert_eq!(pattern.is_constant(), constant, "{expected}");
        }
        let refused = OutputPattern::companion("masks/{style}/{name}").expect_err("no style");
        assert_eq!(
            refused.to_string(),
            "`{style}` cannot be used here: the file is the same in every style and rule"
        );
        assert!(OutputPattern::companion("../{name}").is_err());
    }

    #[test]
    fn outputs_follow_the_asset_and_the_format() {
        use ContainerFormat::{Jpeg, Png};
        for (pattern, dir, ext, format, expected) in [
            ("stylized/{dir}/{name}", "a/b", "png", Png, "stylized/a/b/brick.png"),
            ("stylized/{dir}/{name}", "", "PNG", Png, "stylized/brick.PNG"),
            ("stylized/{dir}/{name}", "", "tga", Png, "stylized/brick.png"),
            ("out/{dir}/{stem}_{style}.{ext}", "a", "JPEG", Jpeg, "out/a/brick_night.JPEG"),
            ("./{rule}/{dir}x/{stem}.png", "", "jpg", Jpeg, "walls/x/brick.png"),
            ("out/{stem}_{asset_ext}.{ext}", "", "TGA", Png, "out/brick_TGA.png"),
            ("out/{stem}.{asset_ext}.png", "", "jpg", Png, "out/brick.jpg.png"),
        ] {
            assert_eq!(expand(pattern, dir, ext, format), expected, "{pattern}");
        }
    }

    #[test]
    fn paths_of_outputs_are_recognised() {
        for (pattern, path, expected) in [
            ("stylized/{dir}/{name}", "stylized/a.png", true),
            ("stylized/{dir}/{name}", "Stylized/a/b/c.png", true),
            ("stylized/{dir}/{name}", "textures/stylized/a.png", false),
            ("{dir}/{stem}_{style}.{ext}", "walls/brick_night.png", true),
            ("{dir}/{stem}_{style}.{ext}", "walls/brick_01.png", false),
            ("{style}/{dir}/{name}", "day/walls/brick.png", true),
            ("{style}/{dir}/{name}", "walls/brick.png", false),
            ("{dir}_out/{name}", "walls_out/brick.png", true),
            ("{dir}/{stem}_Painted.{ext}", "walls/brick_paINTed.png", true),
            ("{dir}/{stem}_Painted.{ext}", "walls/brick.png", false),
        ] {
            let pattern = OutputPattern::parse(pattern).expect("it is a pattern");
            let path: AssetPath = path.parse().expect("it is a path");
            let found = pattern.could_make(&path, &["night", "day"], &["rule 1"]);
            assert_eq!(found, expected, "{pattern:?} on {path}");
            assert!(!found || pattern.may_make(&path.case_key()), "{pattern:?} on {path}");
        }
    }

    #[test]
    fn bad_patterns_say_why() {
        for (pattern, expected) in [
            (
                "out/{dri}/{name}",
                "there is no `{dri}`; there are {dir}, {stem}, {material}, {tail}, {ext}, \
                 {asset_ext}, {name}, {style} and {rule}; did you mean `{dir}`?",
            ),
            ("out/{name", "a `{` or `}` stands alone"),
            ("out/a.png", "every asset would have the same output; put {name} or {stem} into it"),
            (
                "{dir}/{stem}.png",
                "outputs would look like assets; begin it with a folder (`out/...`) or add \
                 a suffix (`{stem}_painted.{ext}`)",
            ),
            (
                "../out/{name}",
                "path `../out/s.png` has a `.` or `..`; it has to stay inside the project's folder",
            ),
            (
                "/out/{name}",
                "path `/out/s.png` is absolute; give it relative to the project's folder",
            ),
        ] {
            assert_eq!(
                OutputPattern::parse(pattern).map_err(|e| e.to_string()),
                Err(expected.to_owned())
            );
        }
    }
}
