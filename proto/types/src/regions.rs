//! Regions of a picture that are painted in styles of their own, by the colours of an ID map.

use serde::{Deserialize, Serialize};

use crate::{HexColor, Recipe, RecipeError, StyleRef};

/// How an asset is painted whose ID map, [`Part::Regions`](crate::Part::Regions), names regions by
/// colours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regions {
    /// At least one, in the order of their colours.
    pub named: Vec<Region>,
    /// How far each channel of a pixel may be from a region's colour, in levels of 255.
    pub tolerance: u8,
    /// Over how many pixels of the asset neighbouring regions blend into each other.
    pub softness: u8,
    /// Whether what has none of these colours stays as it is, and is not painted like an asset
    /// without regions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_others: bool,
}

/// What one colour of an ID map stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    pub color: HexColor,
    /// None if the region stays as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub styles: Vec<StyleRef>,
    /// The recipe, if it is not the action's: of the same method, for a result of the same size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
}

/// Why regions cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RegionsError {
    #[error("regions: there are {0} colours, not 1 to {most}", most = Regions::MOST)]
    Count(usize),
    #[error("regions: {0} stands before {1}")]
    Order(HexColor, HexColor),
    #[error("regions: {field} is {value}, not 0 to {most}")]
    Range { field: &'static str, value: u8, most: u8 },
    #[error("regions: {color}: {error}")]
    Recipe { color: HexColor, error: RecipeError },
    #[error("regions: {0} has a recipe, but no styles")]
    Unused(HexColor),
    #[error("regions: {0} stays as it is, but nothing is there before the texture is made")]
    Nothing(String),
    /// What the whole picture has in common, and one region's recipe has otherwise.
    #[error("regions: {color} has another {what} than the rest of the picture")]
    Differs { color: HexColor, what: &'static str },
}

impl Regions {
    /// More than artists tell apart, and fewer than the levels of a byte.
    pub const MOST: usize = 64;
    /// Colours that are further apart are two regions to anyone.
    pub const MOST_TOLERANCE: u8 = 96;
    pub const MOST_SOFTNESS: u8 = 64;
    /// What JPEG does to a plain colour.
    pub const TOLERANCE: u8 = 8;
    pub const SOFTNESS: u8 = 4;

    /// Checks what types cannot. `recipe` is the action's.
    ///
    /// # Errors
    /// The first value that is out of range, or that the picture cannot have beside the others.
    pub fn check(&self, recipe: &Recipe) -> Result<(), RegionsError> {
        if !(1..=Self::MOST).contains(&self.named.len()) {
            return Err(RegionsError::Count(self.named.len()));
        }
        let unordered = self.named.windows(2).find(|pair| pair[0].color >= pair[1].color);
        if let Some([one, other]) = unordered {
            return Err(RegionsError::Order(one.color, other.color));
        }
        for (field, value, most) in [
            ("tolerance", self.tolerance, Self::MOST_TOLERANCE),
            ("softness", self.softness, Self::MOST_SOFTNESS),
        ] {
            if value > most {
                return Err(RegionsError::Range { field, value, most });
            }
        }
        if !recipe.method().takes_content() {
            let kept = self.named.iter().find(|region| region.is_kept());
            let kept = kept.map(|region| region.color.to_string());
            if let Some(kept) =
                kept.or(self.keeps_others.then(|| "what no region names".to_owned()))
            {
                return Err(RegionsError::Nothing(kept));
            }
        }
        self.named.iter().try_for_each(|region| region.check(recipe))
    }

    /// What the recipe of a part of a picture must not have otherwise than that of the rest, if it
    /// does.
    pub fn difference(whole: &Recipe, part: &Recipe) -> Option<&'static str> {
        let (own, others) = (whole.common(), part.common());
        [
            ("method", whole.method() != part.method()),
            ("size", own.size != others.size),
            ("tileable", own.tileable != others.tileable),
            ("alpha", own.alpha != others.alpha),
            ("channels", own.channels != others.channels),
            ("color_key", own.color_key != others.color_key),
            ("profile", own.profile != others.profile),
            ("init", whole.init() != part.init()),
        ]
        .into_iter()
        .find_map(|(what, differs)| differs.then_some(what))
    }
}

impl Region {
    /// Whether it stays as it is.
    pub fn is_kept(&self) -> bool {
        self.styles.is_empty()
    }

    fn check(&self, whole: &Recipe) -> Result<(), RegionsError> {
        let Some(recipe) = &self.recipe else { return Ok(()) };
        let color = self.color;
        if self.is_kept() {
            return Err(RegionsError::Unused(color));
        }
        recipe.check().map_err(|error| RegionsError::Recipe { color, error })?;
        match Regions::difference(whole, recipe) {
            None => Ok(()),
            Some(what) => Err(RegionsError::Differs { color, what }),
        }
    }
}

/// Whether two pictures have the same shape, as far as whole pixels allow.
pub fn is_same_shape(one: (u32, u32), other: (u32, u32)) -> bool {
    let product = |one: u32, other: u32| u64::from(one) * u64::from(other);
    let skew = product(one.0, other.1).abs_diff(product(one.1, other.0));
    skew < u64::from(one.0.max(one.1).max(other.0).max(other.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlobRef, Preset};

    fn regions() -> Regions {
        let style = StyleRef::whole(BlobRef::of(b"moss"), 1.0);
        let color = |text: &str| text.parse().expect("a colour");
        Regions {
            named: vec![
                Region { color: color("#0000ff"), styles: vec![], recipe: None },
                Region { color: color("#FF8000"), styles: vec![style], recipe: None },
            ],
            tolerance: Regions::TOLERANCE,
            softness: Regions::SOFTNESS,
            keeps_others: false,
        }
    }

    #[test]
    fn shapes_are_the_same_up_to_rounding() {
        assert!(is_same_shape((512, 512), (64, 64)) && is_same_shape((333, 100), (1000, 300)));
        assert!(!is_same_shape((512, 256), (64, 64)) && !is_same_shape((96, 48), (96, 96)));
    }

    #[test]
    fn what_a_picture_cannot_have_in_parts_is_named() {
        let recipe = Preset::Painterly.recipe();
        let refused = |change: fn(&mut Regions)| {
            let mut changed = regions();
            change(&mut changed);
            changed.check(&Preset::Painterly.recipe()).expect_err("it is refused").to_string()
        };
        assert_eq!(regions().check(&recipe), Ok(()));
        assert!(refused(|regions| regions.named.clear()).contains("0 colours"));
        assert!(refused(|regions| regions.named.reverse()).contains("#ff8000 stands before"));
        assert!(refused(|regions| regions.tolerance = 97).contains("tolerance is 97"));
        assert!(refused(|regions| regions.softness = 65).contains("softness is 65"));
        let with = |change: fn(&mut Recipe)| {
            let mut changed = regions();
            let mut recipe = Preset::Painterly.recipe();
            change(&mut recipe);
            changed.named[1].recipe = Some(recipe);
            changed.check(&Preset::Painterly.recipe()).map_err(|error| error.to_string())
        };
        assert_eq!(with(|recipe| recipe.common_mut().palette = 0.9), Ok(()));
        let error = with(|recipe| recipe.common_mut().size = Some(64)).expect_err("a size");
        assert_eq!(error, "regions: #ff8000 has another size than the rest of the picture");
        let error = with(|recipe| recipe.common_mut().palette = 2.0).expect_err("a palette");
        assert!(error.contains("#ff8000: palette"), "{error}");
        let of_nothing = |change: fn(&mut Regions)| {
            let mut changed = regions();
            change(&mut changed);
            let texture = Recipe::Synthesize(crate::Optimize::painterly());
            changed.check(&texture).expect_err("it is refused").to_string()
        };
        let kept = of_nothing(|_| ());
        assert!(kept.contains("#0000ff stays as it is, but nothing is there"), "{kept}");
        let others = of_nothing(|regions| {
            regions.named.remove(0);
            regions.keeps_others = true;
        });
        assert!(others.contains("what no region names stays as it is"), "{others}");
        let unused = refused(|regions| {
            regions.named[0].recipe = Some(Preset::Painterly.recipe());
        });
        assert!(unused.contains("#0000ff has a recipe, but no styles"), "{unused}");
    }
}
