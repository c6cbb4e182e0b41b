//! The decisions of L-BFGS: which steps are accepted, which pairs are kept, the next direction and
//! its length. It holds scalars and no vectors; see `curvature.rs`.

use std::collections::VecDeque;

use super::curvature::{Combination, Curvature, Products};

/// The root mean square of the first step, in levels: there is no curvature to go by yet.
pub(crate) const FIRST_STEP_RMS: f64 = 4.0;

/// A step may climb above the highest of this many losses before it is taken back (Grippo,
/// Lampariello and Lucidi, "A nonmonotone line search technique for Newton's method", 1986):
/// insisting on descent in each step costs evaluations and gains nothing here.
const REMEMBERED_LOSSES: usize = 4;

/// How many times in a row a step is shortened before the memory is thought wrong and dropped.
const MAX_SHORTENINGS: u32 = 3;

/// How much shorter a step becomes when it is taken back.
const SHORTENING: f32 = 0.25;

/// The decisions of one run. Each evaluation is first put to [`Control::judge`]; a step that stands
/// is then measured, and [`Control::advance`] says how to move on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Control {
    learning_rate: f32,
    curvature: Curvature,
    losses: VecDeque<f64>,
    last: Option<Move>,
}

/// A way from where the step began: `length` times a direction, with pixels held in range.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Move {
    pub(crate) direction: Combination,
    pub(crate) length: f32,
    shortenings: u32,
}

/// What becomes of the step that led to a loss.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// It stands. The pair that it gives is to be put into the slot; there is none where no step
    /// led here, or a false one.
    Stands { pair: Option<usize> },
    /// It climbed too high: back to where it began, and by this way instead.
    TakeBack(Move),
}

impl Control {
    pub(crate) fn new(learning_rate: f32, history: usize) -> Self {
        Self {
            learning_rate,
            curvature: Curvature::new(history),
            losses: VecDeque::with_capacity(REMEMBERED_LOSSES + 1),
            last: None,
        }
    }

    /// The slots whose pairs are in use, oldest first. A slot that a verdict just named is not
    /// among them.
    pub(crate) fn slots(&self) -> &[usize] {
        self.curvature.order()
    }

    pub(crate) fn judge(&mut self, loss: f64) -> Verdict {
        let highest = self.losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut last = self.last.take();
        if let Some(step) = &mut last
            && loss > highest
        {
            if step.shortenings < MAX_SHORTENINGS {
                step.shortenings += 1;
                step.length *= SHORTENING;
                self.last = last.clone();
                return Verdict::TakeBack(last.unwrap_or_default());
            }
            // Even a short step raises the loss: the pairs no longer describe its curvature.
            // Restart from here.
            self.curvature.forget();
            self.losses.clear();
            last = None;
        }
        self.losses.push_back(loss);
        if self.losses.len() > REMEMBERED_LOSSES {
            self.losses.pop_front();
        }
        Verdict::Stands { pair: last.map(|_| self.curvature.free_slot()) }
    }

    /// The next step, from the products of the pairs in use and of the one in `pair`, the slot that
    /// [`Control::judge`] named.
    pub(crate) fn advance(&mut self, pair: Option<usize>, products: &Products) -> Move {
        if let Some(slot) = pair {
            self.curvature.take(slot, products);
        }
        let direction = self.curvature.direction(products);
        let mut length = self.learning_rate;
        if self.curvature.order().is_empty() {
            length *= (FIRST_STEP_RMS / products.own_rms) as f32;
        }
        // Where nothing pulls, nothing moves; a gradient too small to divide by is none.
        if !length.is_finite() {
            length = 0.0;
        }
        let step = Move { direction, length, shortenings: 0 };
        self.last = Some(step.clone());
        step
    }

    /// Whether a step was taken from a place that is remembered.
    pub(crate) fn has_moved(&self) -> bool {
        self.last.is_some()
    }

    /// All that it holds, as numbers.
    pub(crate) fn scalars(&self) -> Vec<f64> {
        let mut scalars = vec![self.losses.len() as f64];
        scalars.extend(&self.losses);
        scalars.extend(self.curvature.scalars());
        if let Some(Move { direction, length, shortenings }) = &self.last {
            scalars.extend([
                f64::from(*length),
                f64::from(*shortenings),
                f64::from(direction.own),
                direction.pairs.len() as f64,
            ]);
            scalars.extend(direction.pairs.iter().flat_map(|&(slot, [step, change])| {
                [slot as f64, f64::from(step), f64::from(change)]
            }));
        }
        scalars
    }

    /// One of the same settings with the numbers that [`Control::scalars`] gave; `None` where they
    /// are not such numbers.
    pub(crate) fn recalled(&self, scalars: &[f64]) -> Option<Self> {
        let history = self.curvature.capacity();
        let mut scalars = scalars.iter().copied();
        let mut control = Self::new(self.learning_rate, history);
        let losses = scalars.next()?;
        if losses > REMEMBERED_LOSSES as f64 {
            return None;
        }
        for _ in 0..losses as usize {
            control.losses.push_back(scalars.next()?);
        }
        control.curvature = Curvature::recall(history, &mut scalars)?;
        if let Some(length) = scalars.next() {
            let (shortenings, own, pairs) = (scalars.next()?, scalars.next()?, scalars.next()?);
            if pairs > history as f64 {
                return None;
            }
            let mut direction = Combination { own: own as f32, pairs: Vec::new() };
            for _ in 0..pairs as usize {
                let slot = scalars.next().filter(|&slot| slot >= 0.0 && slot < history as f64)?;
                direction
                    .pairs
                    .push((slot as usize, [scalars.next()? as f32, scalars.next()? as f32]));
            }
            control.last =
                Some(Move { direction, length: length as f32, shortenings: shortenings as u32 });
        }
        scalars.next().is_none().then_some(control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn products(slots: usize) -> Products {
        let pairs = (0..slots).map(|i| super::super::curvature::PairProducts {
            step_change: 1.0,
            change_change: 1.0 + i as f64,
            step_own: 0.5,
            change_own: 0.25,
        });
        Products {
            pairs: pairs.collect(),
            own: 1.0,
            own_rms: 4.0,
            step_square: 1.0,
            change_square: 1.0,
        }
    }

    #[test]
    fn a_climbing_step_is_shortened_three_times_and_then_all_is_forgotten() {
        let mut control = Control::new(1.0, 3);
        assert_eq!(control.judge(10.0), Verdict::Stands { pair: None });
        assert_eq!(control.advance(None, &products(3)).length, 1.0);
        assert_eq!(control.judge(9.0), Verdict::Stands { pair: Some(0) });
        control.advance(Some(0), &products(3));
        assert_eq!(control.slots(), [0]);
        for shortenings in 1..=3 {
            let Verdict::TakeBack(back) = control.judge(11.0) else {
                panic!("11 is above 10 and 9")
            };
            assert_eq!(back.length, SHORTENING.powi(shortenings));
        }
        assert_eq!(control.judge(11.0), Verdict::Stands { pair: None });
        assert_eq!(control.slots(), [0_usize; 0]);
        // What was forgotten does not count: 12 is above the only loss that is left.
        control.advance(None, &products(3));
        assert!(matches!(control.judge(12.0), Verdict::TakeBack(_)));
    }

    #[test]
    fn a_step_may_climb_up_to_the_highest_of_the_last_four_losses() {
        let mut control = Control::new(1.0, 3);
        for loss in [10.0, 5.0, 6.0, 7.0, 9.9] {
            let Verdict::Stands { pair } = control.judge(loss) else {
                panic!("{loss} is not too high")
            };
            control.advance(pair, &products(3));
        }
        // The first loss has been forgotten by now.
        assert!(matches!(control.judge(9.95), Verdict::TakeBack(_)));
    }

    #[test]
    fn without_a_gradient_there_is_no_step() {
        for own_rms in [0.0, 1e-200, 1e-45] {
            let mut control = Control::new(1.0, 3);
            for loss in [10.0, 10.0, 10.0, 10.0] {
                let Verdict::Stands { pair } = control.judge(loss) else { panic!("none climbs") };
                let none = Products { own: 0.0, own_rms, ..Products::default() };
                let none = Products { pairs: vec![Default::default(); 3], ..none };
                let step = control.advance(pair, &none);
                assert_eq!((step.length, control.slots().len()), (0.0, 0), "{own_rms}");
            }
        }
    }

    #[test]
    fn recalled_numbers_decide_the_same() {
        let mut control = Control::new(1.0, 3);
        for loss in [10.0, 9.0, 8.0, 7.0, 6.0] {
            let Verdict::Stands { pair } = control.judge(loss) else { panic!("the loss falls") };
            control.advance(pair, &products(3));
            let scalars = control.scalars();
            assert_eq!(Control::new(1.0, 3).recalled(&scalars).as_ref(), Some(&control));
            assert_eq!(control.recalled(&scalars[..scalars.len() - 1]), None);
            assert_eq!(control.recalled(&[&scalars[..], &[0.0]].concat()), None);
        }
        assert_eq!(Control::new(1.0, 2).recalled(&control.scalars()), None);
    }
}
