//! How much memory a picture takes, and how it is made to fit a budget.

use std::fmt;

use impasto_kernels::{Layer, Precision};
use impasto_types::{ByteSize, Profile};

use super::blend::Masked;
use super::lap::Laps;
use super::reduction::Reduction;
use super::tiling::{Candidate, Tiling};
use super::work::{Look, Work};
use crate::EngineError;
use crate::optimize::optimizer::OptimizerPlan;

/// How a picture is painted. It depends on the work, the network and the budget, but not on the
/// number of threads.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub tiling: Tiling,
    /// How its reduced copy is cut, where some layers are evaluated on one.
    pub copy: Option<Tiling>,
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
    /// The features of the whole content, of this width and height.
    fn content(&self, size: (usize, usize), precision: Precision) -> u64;
    /// The precision that the device's own features have.
    fn precision(&self) -> Precision;
    /// A look as the device cuts it.
    fn cut(&self, look: Look) -> Look {
        look
    }
}

/// By what factor a lean plan has to reduce the work to be worth its lower precision.
const WORTH_LEANING: f64 = 1.25;

impl Plan {
    /// Identifies the plan by its serialised form: under another plan the same steps round
    /// differently.
    pub(crate) fn name(&self) -> [u8; 32] {
        let Self { tiling, copy, content, optimizer, bytes: _ } = self;
        let content_bits = 8 * content.bytes();
        let mut hasher = blake3::Hasher::new();
        let interiors = copy.as_ref().map(|copy| copy.interior);
        serde_json::to_writer(&mut hasher, &(tiling.interior, content_bits, optimizer))
            .and_then(|()| match interiors {
                Some(interior) => serde_json::to_writer(&mut hasher, &interior),
                None => Ok(()),
            })
            .unwrap_or_else(|error| unreachable!("a plan is plain values: {error}"));
        *hasher.finalize().as_bytes()
    }

    /// Whether nothing is cut.
    fn is_whole(&self) -> bool {
        self.tiling.is_whole() && self.copy.as_ref().is_none_or(Tiling::is_whole)
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
        let candidates = |look| Candidates::of(costs.cut(look));
        let looks = (candidates(work.look()), work.copy().map(candidates));
        // The picture and its gradient, in single precision.
        let masked = if work.masked { Masked::bytes(work.width(), work.height()) } else { 0 };
        let unrolled = Laps::of(work.frame).map_or(0, |laps| laps.bytes());
        let reduced = Reduction::of(work).map_or(0, |reduction| reduction.bytes(work.masked));
        let picture = 2 * 4 * work.len() as u64 + masked + unrolled + reduced;
        let measured = [Some(work.look()), work.copy()].into_iter().flatten();
        let content_size = measured.filter(|look| look.content).map(|look| look.size).next();
        let content = |precision| content_size.map_or(0, |size| costs.content(size, precision));
        let plan = |precision: Precision, optimizer: OptimizerPlan| {
            let fixed = picture + content(precision) + optimizer.bytes(work.len());
            let left = budget_bytes.checked_sub(fixed)?;
            // Both looks take the same buffers in turn.
            let full = looks.0.best(costs, left)?;
            let copy = match &looks.1 {
                Some(copy) => Some(copy.best(costs, left)?),
                None => None,
            };
            let tile_bytes = copy.as_ref().map_or(0, |copy| copy.bytes).max(full.bytes);
            let plan = Self {
                bytes: fixed + tile_bytes,
                tiling: full.tiling,
                content: precision,
                optimizer,
                copy: copy.as_ref().map(|copy| copy.tiling.clone()),
            };
            Some((full.work_px + copy.map_or(0, |copy| copy.work_px), plan))
        };
        let lean_content = match work.recipe.common.profile {
            Profile::Fast => Precision::Bf16,
            Profile::Exact => costs.precision(),
        };
        let full = plan(costs.precision(), OptimizerPlan::of(work.recipe, work.wraps()));
        if let Some((_, full)) = full.as_ref().filter(|(_, plan)| plan.is_whole()) {
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
                let of_copy = looks.1.as_ref().map_or(0, |copy| copy.smallest(costs));
                let smallest = looks.0.smallest(costs).max(of_copy);
                let optimizer = OptimizerPlan::least(work.recipe, work.wraps()).bytes(work.len());
                let least_bytes = picture + content(lean_content) + optimizer + smallest;
                let (width, height) = work.frame.picture();
                Err(EngineError::Memory { width, height, least_bytes, budget_bytes })
            }
        }
    }
}

/// The ways to cut what a look sees, those of least work first.
struct Candidates {
    look: Look,
    all: Vec<Candidate>,
}

/// The best of them within a budget.
struct Cut {
    tiling: Tiling,
    work_px: usize,
    bytes: u64,
}

impl Candidates {
    fn of(look: Look) -> Self {
        let (width, height) = look.size;
        Self { look, all: Tiling::sane(look.view, width, height) }
    }

    fn best(&self, costs: &impl Costs, budget_bytes: u64) -> Option<Cut> {
        let best = self.all.iter().find(|candidate| costs.tile(candidate) <= budget_bytes)?;
        let (width, height) = self.look.size;
        let tiling = Tiling::cut(self.look.view, width, height, best.interior)?;
        Some(Cut { tiling, work_px: best.work_px, bytes: costs.tile(best) })
    }

    fn smallest(&self, costs: &impl Costs) -> u64 {
        self.all.iter().map(|candidate| costs.tile(candidate)).min().unwrap_or(0)
    }
}

/// Such as `9 tiles of 704 x 704 at 1.9 times the work, l-bfgs with 5 pairs in bf16, content in
/// bf16, 2.10 GiB`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.tiling)?;
        if self.copy.is_some() || self.tiling.deepest < Layer::Relu5_1 {
            let deepest = format!("{:?}", self.tiling.deepest).to_lowercase();
            write!(f, " up to {deepest}")?;
        }
        if let Some(copy) = &self.copy {
            let (width, height) = copy.size();
            write!(f, ", deeper layers on a copy of {width} x {height} {copy}")?;
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
    use impasto_types::{Optimize, Profile};

    use super::*;
    use crate::{Frame, Joins};

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

        fn content(&self, (width, height): (usize, usize), precision: Precision) -> u64 {
            (width * height) as u64 * if precision == Precision::Bf16 { 16 } else { 32 }
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
    fn shallow_looks_are_cut_with_small_halos() {
        let plan = |rules: &str, budget_mib: u64| {
            let layers_by_scale = rules.parse().expect("they are rules");
            let recipe = Optimize { layers_by_scale, ..Optimize::painterly() };
            let frame = Frame::new(&Joins::default(), recipe.padding, 4000, 4000);
            let work = Work { recipe: &recipe, frame, content: true, masked: false };
            Plan::within(&work, &Plain { pixels: 0, step_bytes: 0 }, budget_mib * MIB)
        };
        let budget_mib = 2500;
        let (deep, shallow) = (plan("", budget_mib), plan("256:relu3_1:half", budget_mib));
        let (deep, shallow) = (deep.expect("it fits"), shallow.expect("it fits"));
        assert!(shallow.bytes <= budget_mib * MIB);
        let copy = shallow.copy.as_ref().expect("there is one");
        assert_eq!((shallow.tiling.deepest, copy.deepest), (Layer::Relu3_1, Layer::Relu5_1));
        assert!(
            deep.tiling.overhead() > 1.5 && shallow.tiling.overhead() < 1.2,
            "{deep}; {shallow}"
        );
        let told = shallow.to_string();
        assert!(told.contains(" up to relu3_1, deeper layers on a copy of 2016 x 2016 "), "{told}");
        // Another cut of the copy is another plan.
        let mut other = shallow.clone();
        other.copy = None;
        assert_ne!(other.name(), shallow.name());
        // What is nowhere evaluated takes no memory.
        let nowhere = plan("256:relu3_1:none", budget_mib).expect("it fits");
        assert!(nowhere.copy.is_none() && nowhere.bytes <= budget_mib * MIB, "{nowhere}");
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
