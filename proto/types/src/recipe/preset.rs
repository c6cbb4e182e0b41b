//! Presets: named recipes to start from.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AlphaUse, Channels, Common, GreenAxis, Init, LayersByScale, LossNorm, Optimize, Optimizer,
    Padding, Pooling, PreserveColor, Profile, Recipe, STYLE_LAYERS, Tileable,
};

/// A named recipe to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The best picture for photographs, paintings and other scenes.
    Painterly,
    /// For surfaces that tile: bricks, rock, cloth. Every joint and crack stays.
    Texture,
    /// The paper's loss, to compare with other programs.
    Gatys,
}

impl Preset {
    pub const ALL: [Self; 3] = [Self::Painterly, Self::Texture, Self::Gatys];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Painterly => "painterly",
            Self::Texture => "texture",
            Self::Gatys => "gatys",
        }
    }

    /// The preset's parameters.
    pub fn recipe(self) -> Recipe {
        Recipe::Optimize(self.optimize())
    }

    /// The preset's parameters of VGG optimisation.
    pub fn optimize(self) -> Optimize {
        match self {
            Self::Painterly => Optimize::painterly(),
            Self::Texture => Optimize::texture(),
            Self::Gatys => Optimize::gatys(),
        }
    }
}

impl Optimize {
    /// [`Preset::Painterly`].
    pub fn painterly() -> Self {
        Self {
            common: Common {
                size: None,
                relief: 0.0,
                green: GreenAxis::Auto,
                preserve_color: PreserveColor::None,
                palette: 0.3,
                tileable: Tileable::None,
                alpha: AlphaUse::Coverage,
                channels: Channels::default(),
                color_key: None,
                style_size: None,
                texel_density: None,
                profile: Profile::Fast,
                seed: 0,
            },
            iterations: 8,
            coarse_iterations: 16,
            plateau: 0.01,
            min_scale: 64,
            scale_factor: 1.9,
            pooling_grids: 1,
            detail: 1.0,
            content_weight: 1.0,
            style_weight: 2.0,
            stats_weight: 1.0,
            tv_weight: 0.0,
            style_layers: [1.0; STYLE_LAYERS],
            layers_by_scale: LayersByScale::default(),
            values: 0.0,
            evenness: 0.0,
            pattern: 0.0,
            style_scale: 1.0,
            loss_norm: LossNorm::Relative,
            pooling: Pooling::Max,
            padding: Padding::Ring,
            optimizer: Optimizer::Lbfgs,
            learning_rate: 1.0,
            history: 8,
            averaging: 0.92,
            init: Init::Content,
        }
    }

    /// [`Preset::Texture`].
    ///
    /// Average pooling keeps the edges of small forms. The palette is matched first, since strokes
    /// alone leave patches of the old colours. Adam moves all pixels equally: L-BFGS would gather
    /// light and dark in large blots, which show when the texture repeats. The asset's values are
    /// held, so that dark and light textures stay so beside each other.
    pub fn texture() -> Self {
        let painterly = Self::painterly();
        Self {
            common: Common { palette: 1.0, ..painterly.common },
            iterations: 9,
            coarse_iterations: 12,
            min_scale: 128,
            detail: 0.75,
            style_weight: 1.5,
            values: 1.0,
            evenness: 1.0,
            loss_norm: LossNorm::Variance,
            averaging: 0.85,
            pooling_grids: 2,
            pooling: Pooling::Average,
            optimizer: Optimizer::Adam,
            ..painterly
        }
    }

    /// [`Preset::Gatys`].
    pub fn gatys() -> Self {
        let painterly = Self::painterly();
        Self {
            common: Common { palette: 0.0, ..painterly.common },
            iterations: 300,
            coarse_iterations: 300,
            min_scale: 0,
            detail: 0.0,
            content_weight: 0.01,
            style_weight: 10.0,
            stats_weight: 0.0,
            loss_norm: LossNorm::Absolute,
            padding: Padding::Zero,
            history: 20,
            plateau: 0.0,
            ..painterly
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_in_range() {
        for preset in Preset::ALL {
            assert_eq!(preset.recipe().check(), Ok(()), "{preset:?}");
        }
    }
}
