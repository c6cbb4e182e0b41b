//! Which layers of the network a scale is painted by.
//!
//! Coarse scales have settled what deep layers see, so a large scale need not take the whole
//! picture through all of the network: it can end at a shallow layer, and look at a reduced copy
//! of the picture for the deeper ones.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::MAX_SIDE;

/// A layer of VGG-19 whose features a loss looks at, in order of depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VggLayer {
    Relu1_1,
    Relu2_1,
    Relu3_1,
    Relu4_1,
    Relu4_2,
    Relu5_1,
}

impl VggLayer {
    /// Every layer, shallowest first.
    pub const ALL: [Self; 6] =
        [Self::Relu1_1, Self::Relu2_1, Self::Relu3_1, Self::Relu4_1, Self::Relu4_2, Self::Relu5_1];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relu1_1 => "relu1_1",
            Self::Relu2_1 => "relu2_1",
            Self::Relu3_1 => "relu3_1",
            Self::Relu4_1 => "relu4_1",
            Self::Relu4_2 => "relu4_2",
            Self::Relu5_1 => "relu5_1",
        }
    }

    /// Multiply-adds of the convolutions up to this layer, for each pixel of the picture.
    pub fn multiply_adds(self) -> u64 {
        match self {
            Self::Relu1_1 => 1_728,
            Self::Relu2_1 => 57_024,
            Self::Relu3_1 => 112_320,
            Self::Relu4_1 => 241_344,
            Self::Relu4_2 => 278_208,
            Self::Relu5_1 => 361_152,
        }
    }
}

/// Where layers are evaluated that are deeper than those evaluated at full size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deeper {
    /// Nowhere: they have no say at this scale.
    Nowhere,
    /// On a copy of the picture at half its size.
    Half,
    /// On one at a quarter of its size.
    Quarter,
}

impl Deeper {
    const ALL: [Self; 3] = [Self::Nowhere, Self::Half, Self::Quarter];

    fn as_str(self) -> &'static str {
        match self {
            Self::Nowhere => "none",
            Self::Half => "half",
            Self::Quarter => "quarter",
        }
    }

    /// By what the copy is smaller, where there is one.
    pub(super) fn divisor(self) -> Option<u32> {
        match self {
            Self::Nowhere => None,
            Self::Half => Some(2),
            Self::Quarter => Some(4),
        }
    }
}

/// What scales beyond a size are painted by. Written as `256:relu3_1:half`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScaleLayers {
    /// It holds for scales whose longer side has more pixels than this.
    pub above_px: u32,
    /// The deepest layer that is evaluated at full size.
    pub full_size: VggLayer,
    pub deeper: Deeper,
}

impl fmt::Display for ScaleLayers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.above_px, self.full_size.as_str(), self.deeper.as_str())
    }
}

impl FromStr for ScaleLayers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |fault: &str| {
            format!(
                "`{text}` {fault}; it takes SIDE:LAYER:COPY, such as 256:relu3_1:half, with a \
                 layer from relu1_1 to relu5_1 and half, quarter or none"
            )
        };
        let parts: Vec<_> = text.split(':').map(str::trim).collect();
        let [side, layer, deeper] = parts[..] else {
            return Err(refused("does not have three parts"));
        };
        let above_px = side.parse().map_err(|_| refused("begins with no number of pixels"))?;
        let full_size = VggLayer::ALL.into_iter().find(|known| known.as_str() == layer);
        let deeper = Deeper::ALL.into_iter().find(|known| known.as_str() == deeper);
        Ok(Self {
            above_px,
            full_size: full_size.ok_or_else(|| refused("names no layer"))?,
            deeper: deeper.ok_or_else(|| refused("names no copy"))?,
        })
    }
}

impl TryFrom<String> for ScaleLayers {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ScaleLayers> for String {
    fn from(rule: ScaleLayers) -> Self {
        rule.to_string()
    }
}

/// Rules for scales beyond some sizes; without one, a scale is painted by all layers at full size.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayersByScale(pub Vec<ScaleLayers>);

impl LayersByScale {
    /// Scales of one run differ by a factor of 1.1 at least, but no picture has use for so many.
    const MOST: usize = 16;

    /// Whether the rules are few, and each is for larger scales than the one before it.
    pub(super) fn is_ordered(&self) -> bool {
        self.0.len() <= Self::MOST
            && self.0.is_sorted_by(|a, b| a.above_px < b.above_px)
            && self.0.iter().all(|rule| rule.above_px <= MAX_SIDE)
    }
}

impl FromStr for LayersByScale {
    type Err = String;

    /// From rules between commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        rules.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimize, Recipe};

    fn rules(text: &str) -> LayersByScale {
        text.parse().expect("they are rules")
    }

    fn recipe(text: &str) -> Optimize {
        Optimize { layers_by_scale: rules(text), ..Optimize::painterly() }
    }

    #[test]
    fn rules_survive_text_and_json() {
        let text = "256:relu3_1:half, 1024:relu2_1:quarter,2048:relu4_2:none";
        let parsed = rules(text);
        assert_eq!(
            parsed.0[1],
            ScaleLayers { above_px: 1024, full_size: VggLayer::Relu2_1, deeper: Deeper::Quarter }
        );
        let recipe = Recipe::Optimize(recipe(text));
        let json = serde_json::to_string(&recipe).expect("it serialises");
        let written = r#"["256:relu3_1:half","1024:relu2_1:quarter","2048:relu4_2:none"]"#;
        assert!(json.contains(&format!("\"layers_by_scale\":{written}")), "{json}");
        assert_eq!(serde_json::from_str::<Recipe>(&json).expect("it parses"), recipe);
    }

    #[test]
    fn a_recipe_without_rules_is_written_as_before() {
        let json = serde_json::to_string(&Optimize::painterly()).expect("it serialises");
        assert!(!json.contains("layers_by_scale"), "{json}");
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said() {
        for (text, fault) in [
            ("256:relu3_1", "`256:relu3_1` does not have three parts"),
            ("x:relu3_1:half", "`x:relu3_1:half` begins with no number of pixels"),
            ("-1:relu3_1:half", "begins with no number of pixels"),
            ("256:relu3_2:half", "`256:relu3_2:half` names no layer"),
            ("256:relu3_1:third", "`256:relu3_1:third` names no copy"),
        ] {
            let said = text.parse::<LayersByScale>().expect_err("it is wrong");
            assert!(said.contains(fault) && said.contains("such as 256:relu3_1:half"), "{said}");
        }
        for text in ["512:relu3_1:half,256:relu2_1:none", "256:relu3_1:half,256:relu3_1:half"] {
            let said = recipe(text).check().expect_err("they are not in order").to_string();
            assert!(said.starts_with("layers_by_scale is ["), "{said}");
        }
        assert!(recipe("40000:relu3_1:half").check().is_err());
        assert_eq!(recipe("0:relu1_1:none,32768:relu3_1:half").check(), Ok(()));
    }
}
