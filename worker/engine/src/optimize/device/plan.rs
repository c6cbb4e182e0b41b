//! How much memory a picture takes, and how it is made to fit a budget.

use std::fmt;

use impasto_kernels::Precision;
use impasto_types::{ByteSize, Optimize, Profile};

use super::blend::Masked;
use super::lap::Laps;
use super::tiling::{Candidate, Tiling};
use super::view::View;
use crate::EngineError;
use crate::frame::Frame;
use crate::optimize::optimizer::OptimizerPlan;

/// A picture that is to be painted.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    pub recipe: &'a Optimize,
    pub frame: Frame,
    /// Whether there is a content loss.
    pub content: bool,
    /// Whether a mask says where the picture is painted.
    pub masked: bool,
}

impl Work<'_> {
    /// The canvas's width.
    pub fn width(&self) -> usize {
        self.frame.width()
    }

    /// The canvas's height.
    pub fn height(&self) -> usize {
        self.frame.height()
    }

    /// Values of the canvas: three a pixel.
    pub fn len(&self) -> usize {
        self.width() * self.height() * 3
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The width and the height of what the network sees: of the canvas, or of that unrolled.
    pub fn seen(&self) -> (usize, usize) {
        Laps::of(self.frame).map_or((self.width(), self.height()), |laps| laps.seen())
    }

    /// Whether the canvas wraps, across and down.
    pub fn wraps(&self) -> (bool, bool) {
        (self.frame.wraps_across(), self.frame.wraps_down())
    }

    pub fn view(&self) -> View {
        View::of_canvas(self.recipe, self.frame)
    }
}

/// How a picture is painted. It depends on the work, the network and the budget, but not on the
/// number of threads.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub tiling: Tiling,
    /// In what the features of the content are kept.
    pub content: Precision,
    pub(crate) optimizer: OptimizerPlan,
    /// Memory that all this takes at its peak, the network not counted.
    pub bytes: u64,
}

/// Memory of a tile's pass, of the content's features and of a picture, as a device counts it.
pub(crate) trait Costs {
    /// A pass over a tile of this shape, its pixels and their gradient included.
    fn tile(&self, candidate: &Candidate) -> u64;
    /// The features of the whole content.
    fn content(&self, precision: Precision) -> u64;
    /// The precision that the device's own features have.
    fn precision(&self) -> Precision;
}

/// By what factor a lean plan has to reduce the work to be worth its lower precision.
const WORTH_LEANING: f64 = 1.25;

impl Plan {
    /// Identifies the plan by its serialised form: under another plan the same steps round
    /// differently.
    pub(crate) fn name(&self) -> [u8; 32] {
        let Self { tiling, content, optimizer, bytes: _ } = self;
        let content_bits = 8 * content.bytes();
        let mut hasher = blake3::Hasher::new();
        serde_json::to_writer(&mut hasher, &(tiling.interior, content_bits, optimizer))
            .unwrap_or_else(|error| unreachable!("a plan is plain values: {error}"));
        *hasher.finalize().as_bytes()
    }

    /// The plan of least work within a budget. Where small tiles would cost much more work, the
    /// optimiser remembers in half precision or less, and so do the content's features, to leave
    /// the tiles more room; in profile `exact` neither does, so that results differ between budgets
    /// by rounding alone.
    pub(crate) fn within(
        work: &Work<'_>,
        costs: &impl Costs,
        budget_bytes: u64,
    ) -> Result<Self, EngineError> {
        let (width, height) = work.seen();
        let candidates = Tiling::sane(work.view(), width, height);
        // The picture and its gradient, in single precision.
        let masked = if work.masked { Masked::bytes(work.width(), work.height()) } else { 0 };
        let unrolled = Laps::of(work.frame).map_or(0, |laps| laps.bytes());
        let picture = 2 * 4 * work.len() as u64 + masked + unrolled;
        let content = |precision| if work.content { costs.content(precision) } else { 0 };
        let plan = |precision: Precision, optimizer: OptimizerPlan| {
            let fixed = picture + content(precision) + optimizer.bytes(work.len());
            let left = budget_bytes.checked_sub(fixed)?;
            let best = candidates.iter().find(|candidate| costs.tile(candidate) <= left)?;
            let tiling = Tiling::cut(work.view(), width, height, best.interior)?;
            Some((
                best.work_px,
                Self { tiling, content: precision, optimizer, bytes: fixed + costs.tile(best) },
            ))
        };
        let lean_content = match work.recipe.common.profile {
            Profile::Fast => Precision::Bf16,
            Profile::Exact => costs.precision(),
        };
        let full = plan(costs.precision(), OptimizerPlan::of(work.recipe, work.wraps()));
        if let Some((_, full)) = full.as_ref().filter(|(_, plan)| plan.tiling.is_whole()) {
            return Ok(full.clone());
        }
        // The optimiser gets half of the rest, a quarter, or the least that it needs.
        let left = budget_bytes.saturating_sub(picture + content(lean_content));
        let within =
            |share| OptimizerPlan::within(work.recipe, work.wraps(), work.len(), left / share);
        let optimizers =
            [within(2), within(4), Some(OptimizerPlan::least(work.recipe, work.wraps()))];
        let lean =
            optimizers.into_iter().flatten().find_map(|optimizer| plan(lean_content, optimizer));
        match (full, lean) {
            (Some((full_work, full)), Some((lean_work, lean))) => {
                Ok(if full_work as f64 > WORTH_LEANING * lean_work as f64 { lean } else { full })
            }
            (Some((_, plan)), None) | (None, Some((_, plan))) => Ok(plan),
            (None, None) => {
                let smallest =
                    candidates.iter().map(|candidate| costs.tile(candidate)).min().unwrap_or(0);
                let optimizer = OptimizerPlan::least(work.recipe, work.wraps()).bytes(work.len());
                let least_bytes = picture + content(lean_content) + optimizer + smallest;
                let (width, height) = work.frame.picture();
                Err(EngineError::Memory { width, height, least_bytes, budget_bytes })
            }
        }
    }
}

/// Such as `9 tiles of 704 x 704 at 1.9 times the work, l-bfgs with 5 pairs in bf16, content in
/// bf16, 2.10 GiB`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = self.tiling.interior;
        match self.tiling.tiles.len() {
            1 => write!(f, "in one piece")?,
            tiles => write!(
                f,
                "{tiles} tiles of {width} x {height} at {:.1} times the work",
                self.tiling.overhead()
            )?,
        }
        write!(f, ", {}", self.optimizer)?;
        if self.content == Precision::Bf16 {
            f.write_str(", content in bf16")?;
        }
        write!(f, ", {}", ByteSize(self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::Profile;

    use super::*;
    use crate::Joins;

    const MIB: u64 = 1 << 20;

    /// A device that takes 500 bytes for a tile's pixel, or so many for each of the canvas if that
    /// is more, and for the content's features what they are: 32 or 16 bytes for a pixel of the
    /// canvas.
    struct Plain {
        pixels: u64,
        step_bytes: u64,
    }

    impl Costs for Plain {
        fn tile(&self, candidate: &Candidate) -> u64 {
            u64::max(
                500 * (candidate.largest.width * candidate.largest.height) as u64,
                self.step_bytes * self.pixels,
            )
        }

        fn content(&self, precision: Precision) -> u64 {
            self.pixels * if precision == Precision::Bf16 { 16 } else { 32 }
        }

        fn precision(&self) -> Precision {
            Precision::Fp32
        }
    }

    fn plan(profile: Profile, side: u32, budget_mib: u64) -> Result<Plan, EngineError> {
        plan_with_steps_in(0, profile, side, budget_mib)
    }

    fn plan_with_steps_in(
        step_bytes: u64,
        profile: Profile,
        side: u32,
        budget_mib: u64,
    ) -> Result<Plan, EngineError> {
        let recipe = Optimize::painterly().with(|common| common.profile = profile);
        let frame = Frame::new(&Joins::default(), recipe.padding, side, side);
        let work = Work { recipe: &recipe, frame, content: true, masked: false };
        Plan::within(
            &work,
            &Plain { pixels: (work.len() / 3) as u64, step_bytes },
            budget_mib * MIB,
        )
    }

    #[test]
    fn what_fits_is_painted_whole_and_as_asked() {
        let whole = plan(Profile::Fast, 1024, 2048).expect("it fits");
        assert!(whole.tiling.is_whole());
        assert_eq!(
            (whole.content, whole.optimizer.to_string().as_str()),
            (Precision::Fp32, "l-bfgs with 8 pairs in bf16")
        );
    }

    #[test]
    fn fast_leans_before_tiles_become_small_and_exact_never_does() {
        // The picture, its gradient and the features take 56 MiB a megapixel at full, eight pairs
        // in bf16 132, and in single precision 228.
        let lean = plan(Profile::Fast, 4000, 3000).expect("it fits");
        assert_eq!(lean.content, Precision::Bf16);
        assert!(
            lean.optimizer.bytes(1000)
                < OptimizerPlan::of(&Optimize::painterly(), (true, true)).bytes(1000),
            "{lean}"
        );
        let exact = plan(Profile::Exact, 4000, 4700).expect("it fits");
        assert_eq!(
            (exact.content, exact.optimizer.to_string().as_str()),
            (Precision::Fp32, "l-bfgs with 8 pairs")
        );
        assert!(!exact.tiling.is_whole(), "{exact}");
        assert!(matches!(plan(Profile::Exact, 4000, 3000), Err(EngineError::Memory { .. })));
    }

    #[test]
    fn a_plan_stays_within_its_budget_and_the_least_that_is_named_is_enough() {
        // Where tiles take little, and where a step takes so much that half of what is left is too
        // little for it.
        for (profile, step_bytes) in [(Profile::Fast, 0), (Profile::Exact, 0), (Profile::Fast, 200)]
        {
            let plan = |budget_mib| plan_with_steps_in(step_bytes, profile, 2000, budget_mib);
            let Err(EngineError::Memory { least_bytes, .. }) = plan(1) else {
                panic!("one MiB is too little")
            };
            let least_mib = least_bytes.div_ceil(MIB);
            assert!(plan(least_mib - 2).is_err());
            for budget_mib in (least_mib..8 * least_mib).step_by(97) {
                let plan = plan(budget_mib).expect("the least is enough");
                assert!(plan.bytes <= budget_mib * MIB, "{plan} in {budget_mib} MiB");
            }
        }
    }
}
