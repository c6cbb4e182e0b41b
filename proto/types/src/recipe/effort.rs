//! How much work a picture is worth.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Method, Optimize};

/// How much work a picture is worth: it picks a method, and what its preset says of steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Effort {
    /// A likeness at once, by method `arbitrary`. Where another method is named: in half of the
    /// steps.
    Draft,
    /// As the preset has it.
    #[default]
    Good,
    /// In twice the steps.
    Best,
}

impl Effort {
    pub const ALL: [Self; 3] = [Self::Draft, Self::Good, Self::Best];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Good => "good",
            Self::Best => "best",
        }
    }

    /// The method where none is named.
    pub(super) fn method(self) -> Method {
        match self {
            Self::Draft => Method::Arbitrary,
            Self::Good | Self::Best => Method::Optimize,
        }
    }

    /// The steps where a preset has so many.
    fn steps(self, good: u32) -> u32 {
        match self {
            Self::Draft => good.div_ceil(2),
            Self::Good => good,
            Self::Best => good.saturating_mul(2).min(Optimize::MAX_ITERATIONS),
        }
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Optimize {
    /// A preset with the steps of an effort.
    pub(super) fn with_effort(self, effort: Effort) -> Self {
        let (fine, coarse) = (self.iterations, self.coarse_iterations);
        Self { iterations: effort.steps(fine), coarse_iterations: effort.steps(coarse), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Preset;
    use super::*;

    #[test]
    fn an_effort_picks_the_steps() {
        let painterly = Optimize::painterly();
        let steps = |effort: Effort| {
            let own = painterly.clone().with_effort(effort);
            (own.iterations, own.coarse_iterations)
        };
        assert_eq!(steps(Effort::Draft), (4, 8));
        assert_eq!(painterly.clone().with_effort(Effort::Good), painterly);
        assert_eq!(steps(Effort::Best), (16, 32));
    }

    #[test]
    fn every_preset_is_in_range_at_every_effort() {
        for (preset, effort) in
            Preset::ALL.into_iter().flat_map(|preset| Effort::ALL.map(|effort| (preset, effort)))
        {
            let own = preset.optimize().with_effort(effort);
            assert_eq!(own.check(), Ok(()), "{preset:?} {effort:?}");
        }
    }
}
