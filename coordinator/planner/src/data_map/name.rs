//! The parts of a texture's name: material, map, and what follows, such as its resolution.

use super::words::{Kind, kind};

/// A texture's name in its parts. Positions are byte offsets in the stem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextureName {
    /// The material, in lower case without separators; empty if the map's word is the whole name.
    pub(super) material: String,
    pub(super) map: Option<MapWord>,
    /// Where the resolution, tile and what else follows begins: the end of the stem if nothing
    /// does.
    pub(super) tail: usize,
    /// Whether the name has a mark that only textures have: Unreal's `T_`, a resolution such as
    /// `4k`, a UDIM tile, a level of detail.
    pub(super) is_texture: bool,
    /// Whether it begins with `T_`, or names a UDIM tile: then even one letter is a map's.
    pub(super) is_abbreviated: bool,
}

/// The word in a name that says what the file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MapWord {
    pub(super) kind: Kind,
    /// Lower case, without separators.
    pub(super) word: String,
    /// Where it begins in the stem.
    pub(super) start: usize,
    /// Whether a separator stands before it, so that a glob can tell it from the end of a word.
    pub(super) is_separate: bool,
}

/// The most words that together name one map: `Ambient_Occlusion_Roughness_Metallic`.
const MOST_WORDS: usize = 4;

impl TextureName {
    pub(super) fn of(stem: &str) -> Self {
        let tokens = tokens(stem);
        let (named, mut is_texture, mut is_tile) = without_tail(stem, &tokens);
        let map = map_word(stem, &tokens[..named]);
        let tail = if named == 0 { stem.len() } else { tokens[named - 1].end };
        let mut rest = &tokens[..named];
        if let Some(map) = &map {
            let before = tokens[..named].iter().take_while(|token| token.start < map.start);
            let (kept, marked, tiled) = without_tail(stem, &tokens[..before.count()]);
            rest = &tokens[..kept];
            (is_texture, is_tile) = (is_texture || marked, is_tile || tiled);
        }
        let prefixed = stem.starts_with("T_") || stem.starts_with("TX_");
        let material = rest.iter().map(|token| &stem[token.start..token.end]).collect::<String>();
        Self {
            material: material.to_lowercase(),
            map,
            tail,
            is_texture: is_texture || prefixed || stem.starts_with("t_"),
            is_abbreviated: is_tile || prefixed,
        }
    }
}

/// A piece of a name between separators, or between letters where the case changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token {
    start: usize,
    end: usize,
    /// Whether a separator, or nothing, stands before it.
    is_separate: bool,
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || "_-.()+,".contains(c)
}

/// Splits `Wall_MetallicSmoothness` into `Wall`, `Metallic` and `Smoothness`, but leaves `4K` and
/// `AO` whole.
fn tokens(stem: &str) -> Vec<Token> {
    let letters: Vec<(usize, char)> = stem.char_indices().collect();
    let mut tokens: Vec<Token> = Vec::new();
    let mut open = false;
    for (index, &(at, c)) in letters.iter().enumerate() {
        if is_separator(c) {
            open = false;
            continue;
        }
        let before = if index > 0 { letters[index - 1].1 } else { '_' };
        let next = letters.get(index + 1).map_or('_', |(_, c)| *c);
        let turns = c.is_uppercase()
            && (before.is_lowercase()
                || (before.is_uppercase() || before.is_ascii_digit()) && next.is_lowercase());
        match tokens.last_mut() {
            Some(last) if open && !turns => last.end = at + c.len_utf8(),
            _ => {
                tokens.push(Token { start: at, end: at + c.len_utf8(), is_separate: !open });
                open = true;
            }
        }
    }
    tokens
}

/// How many tokens are left without resolutions, tiles, levels of detail, versions and counters at
/// the end, whether those mark a texture, and whether they name a UDIM tile.
fn without_tail(stem: &str, tokens: &[Token]) -> (usize, bool, bool) {
    let (mut is_texture, mut is_tile) = (false, false);
    let mut left = tokens.len();
    while left > 1 {
        let word = stem[tokens[left - 1].start..tokens[left - 1].end].to_ascii_lowercase();
        match tail(&word) {
            None => break,
            Some(Tail::Plain) => {}
            Some(Tail::Texture) => is_texture = true,
            Some(Tail::Tile) => (is_texture, is_tile) = (true, true),
        }
        left -= 1;
    }
    (left, is_texture, is_tile)
}

/// A word that may follow a map's.
enum Tail {
    /// Pictures have it too.
    Plain,
    /// Only textures have it.
    Texture,
    /// A UDIM tile.
    Tile,
}

fn tail(word: &str) -> Option<Tail> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() <= 5);
    if let Some(number) = number(word) {
        return match number {
            1001..=1999 => Some(Tail::Tile),
            2048 | 4096 | 8192 | 16_384 => Some(Tail::Texture),
            _ if word.len() <= 3 || number.is_power_of_two() => Some(Tail::Plain),
            _ => None,
        };
    }
    let numbered = |prefix: &str| word.strip_prefix(prefix).is_some_and(|n| number(n).is_some());
    let sized = |suffix: &str| word.strip_suffix(suffix).and_then(number);
    let square = |(w, h): (&str, &str)| number(w).is_some() && number(h).is_some();
    if sized("k").is_some_and(|size| (1..=32).contains(&size)) || numbered("lod") {
        return Some(Tail::Texture);
    }
    let plain = sized("px").is_some()
        || sized("bit").is_some()
        || sized("bits").is_some()
        || word.split_once('x').is_some_and(square)
        || ["v", "u", "var", "variant", "ver", "rev"].iter().any(|prefix| numbered(prefix))
        || PLAIN_TAILS.contains(&word);
    plain.then_some(Tail::Plain)
}

/// Formats, encodings, and what people append to a second version.
const PLAIN_TAILS: [&str; 27] = [
    "png", "jpg", "jpeg", "tga", "tif", "tiff", "exr", "webp", "lod", "bit", "udim", "raw", "srgb",
    "linear", "noncolor", "copy", "final", "new", "old", "inverted", "inv", "flipped", "tiled",
    "tileable", "seamless", "lowres", "highres",
];

/// The map's word at the end of these tokens: the longest that is known.
fn map_word(stem: &str, tokens: &[Token]) -> Option<MapWord> {
    let at_most = tokens.len().min(MOST_WORDS);
    let joined = |taken: &[Token]| -> String {
        taken.iter().map(|token| &stem[token.start..token.end]).collect()
    };
    (1..=at_most).rev().find_map(|count| {
        let taken = &tokens[tokens.len() - count..];
        let text = joined(taken);
        // `a_ORM` is the map of a material called `a`, not `AORM`.
        let is_named = taken[0].end - taken[0].start == 1
            && kind(&joined(&taken[1..]).to_ascii_lowercase()).is_some();
        if is_named {
            return None;
        }
        let word = text.to_ascii_lowercase();
        // A letter alone is a picture's name.
        let kind = kind(&word).filter(|_| word.len() > 1 || count < tokens.len())?;
        let Token { start, is_separate, .. } = taken[0];
        // Without a separator, a short word may be the end of another: only `BrickAO` is one.
        let is_clear = is_separate
            || word.len() > 3
            || word.len() > 1 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        is_clear.then_some(MapWord { kind, word, start, is_separate })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_material_and_map() {
        for (stem, material, word) in [
            ("Bricks001_4K-PNG_NormalGL", "bricks001", Some("normalgl")),
            ("Bricks001_4K-PNG", "bricks001", None),
            ("T_Brick_N.1001", "tbrick", Some("n")),
            ("tfzkbb_2K_Normal_LOD0", "tfzkbb", Some("normal")),
            ("Wall_MetallicSmoothness", "wall", Some("metallicsmoothness")),
            ("Rock Ambient Occlusion 2048x2048", "rock", Some("ambientocclusion")),
            ("brickNormal", "brick", Some("normal")),
            ("BrickAO", "brick", Some("ao")),
            ("chaos", "chaos", None),
            ("Sarm", "sarm", None),
            ("normal_2k", "", Some("normal")),
            ("_ao", "", Some("ao")),
            ("münze_nrm (1)", "münze", Some("nrm")),
            ("4K", "4k", None),
            ("", "", None),
        ] {
            let name = TextureName::of(stem);
            let found = name.map.as_ref().map(|map| map.word.as_str());
            assert_eq!((name.material.as_str(), found), (material, word), "{stem}");
        }
    }
}
