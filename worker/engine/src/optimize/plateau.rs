//! When a scale ends early: its loss hardly falls any more.

/// How many steps a loss is watched for.
const STEPS: usize = 10;

/// Whether the best loss of the last steps is less than `share` better than the best before them.
pub(crate) fn on_a_plateau(losses: &[f64], share: f64) -> bool {
    let Some(before) = losses.len().checked_sub(STEPS).filter(|before| *before > 0) else {
        return false;
    };
    let best = |losses: &[f64]| losses.iter().copied().fold(f64::INFINITY, f64::min);
    share > 0.0 && best(&losses[before..]) > (1.0 - share) * best(&losses[..before])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plateau_is_ten_steps_that_gain_too_little() {
        let falling = |rate: f64| (0..40).map(|step| rate.powi(step)).collect::<Vec<_>>();
        assert!(!on_a_plateau(&falling(0.98), 0.1));
        assert!(on_a_plateau(&falling(0.999), 0.1));
        assert!(!on_a_plateau(&falling(0.999), 0.0), "a share of zero never ends a scale");
        assert!(!on_a_plateau(&falling(0.999)[..STEPS], 0.1), "too early to tell");
        let mut bump = falling(0.9);
        bump.push(5.0);
        assert!(!on_a_plateau(&bump, 0.1), "one bad step is no plateau");
    }
}
