//! L-BFGS without its vectors: the two-loop recursion on inner products.
//!
//! Of each step a pair is kept: the step `s_i`, and `u_i = M y_i`, where `y_i` is the change of
//! gradient over it and `M` the first guess at the inverse Hessian, fixed and symmetric (see
//! `smoothing.rs`). The direction `-H q` is then a linear combination of `M q`, the `s_i` and the
//! `u_i`, and its coefficients need inner products alone (Chen, Wang and Zhou, "Large-scale L-BFGS
//! using MapReduce", NIPS 2014, where `M` is the identity). Of all products the recursion touches
//! `s_i . y_j` where pair `j` is no older than pair `i`, `u_i . y_j`, and those with `q`; `s_i .
//! s_j` never occurs. The raw `y` is needed in the one pass in which its pair is new, and never
//! again.
//!
//! Each product is summed once, from the vectors that are stored, and kept until one of its pairs
//! goes. Products are never updated incrementally, so errors do not accumulate: the result differs
//! from the recursion on vectors by rounding alone.
//!
//! This file holds numbers and no vectors: whoever keeps the pairs, in host memory or on a device,
//! makes one pass for the [`Products`] and one for the [`Combination`].

/// A pair is left out if the cosine between its step and its change of gradient is below this: the
/// curvature along it is not safely positive.
const LEAST_COSINE: f64 = 1e-8;

/// The inner products of the pairs that are kept. A pair lives in a slot; the slots are a ring.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curvature {
    capacity: usize,
    /// The slots in use, oldest pair first.
    order: Vec<usize>,
    /// `s_i . y_j` at `i * capacity + j`; only where pair `j` is no older than pair `i`.
    step_change: Vec<f64>,
    /// `u_i . y_j` at `i * capacity + j`.
    change_change: Vec<f64>,
}

/// What one pass over the pairs sums, where `y` is the newest pair's change of gradient and `q` the
/// gradient.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Products {
    /// By slot, the newest pair's among them; what stands at a slot that is not in use does not
    /// matter.
    pub(crate) pairs: Vec<PairProducts>,
    /// `q . M q`.
    pub(crate) own: f64,
    /// The root mean square of `M q`.
    pub(crate) own_rms: f64,
    /// `s . s` and `y . y` of the newest pair, before it was rounded.
    pub(crate) step_square: f64,
    pub(crate) change_square: f64,
}

/// A stored pair's products.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct PairProducts {
    /// `s_i . y`.
    pub(crate) step_change: f64,
    /// `u_i . y`.
    pub(crate) change_change: f64,
    /// `s_i . q`.
    pub(crate) step_own: f64,
    /// `u_i . q`.
    pub(crate) change_own: f64,
}

/// A direction: `own * M q + sum over slots of (step * s_i + change * u_i)`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Combination {
    pub(crate) own: f32,
    /// A slot, and the coefficients of its step and of its change.
    pub(crate) pairs: Vec<(usize, [f32; 2])>,
}

impl Products {
    /// Adds the sums over another part of the picture.
    pub(crate) fn add(&mut self, other: &Self) {
        self.own += other.own;
        self.step_square += other.step_square;
        self.change_square += other.change_square;
        self.pairs.iter_mut().zip(&other.pairs).for_each(|(pair, &other)| pair.add(other));
    }
}

impl PairProducts {
    pub(crate) fn add(&mut self, other: Self) {
        self.step_change += other.step_change;
        self.change_change += other.change_change;
        self.step_own += other.step_own;
        self.change_own += other.change_own;
    }
}

impl Curvature {
    pub(crate) fn new(capacity: usize) -> Self {
        let square = capacity * capacity;
        Self {
            capacity,
            order: Vec::with_capacity(capacity),
            step_change: vec![0.0; square],
            change_change: vec![0.0; square],
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The slots in use, oldest pair first.
    pub(crate) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Frees a slot for a new pair: the one after the newest, whose pair is the oldest where all
    /// are in use.
    pub(crate) fn free_slot(&mut self) -> usize {
        if self.order.len() == self.capacity {
            return self.order.remove(0);
        }
        self.order.last().map_or(0, |newest| (newest + 1) % self.capacity)
    }

    /// Takes up the pair that was put into `slot`, unless the loss does not curve upwards along it:
    /// its slot is free again then.
    pub(crate) fn take(&mut self, slot: usize, products: &Products) {
        let Products { pairs, step_square, change_square, .. } = products;
        let curvature = pairs[slot].step_change;
        // Written so that a product that is not a number leaves the pair out as well.
        let upwards = curvature > LEAST_COSINE * step_square.sqrt() * change_square.sqrt()
            && pairs[slot].change_change > 0.0;
        if !upwards {
            return;
        }
        self.order.push(slot);
        for &other in &self.order {
            self.step_change[other * self.capacity + slot] = pairs[other].step_change;
            self.change_change[other * self.capacity + slot] = pairs[other].change_change;
            self.change_change[slot * self.capacity + other] = pairs[other].change_change;
        }
    }

    pub(crate) fn forget(&mut self) {
        self.order.clear();
    }

    /// The direction `-H q`.
    pub(crate) fn direction(&self, products: &Products) -> Combination {
        let pairs = &products.pairs;
        let step_change = |i: usize, j: usize| self.step_change[i * self.capacity + j];
        let change_change = |i: usize, j: usize| self.change_change[i * self.capacity + j];
        let scale = self
            .order
            .last()
            .map_or(1.0, |&newest| step_change(newest, newest) / change_change(newest, newest));
        // From the newest pair to the oldest: q - sum of alpha_j y_j.
        let mut alpha = vec![0.0; self.order.len()];
        for (age, &i) in self.order.iter().enumerate().rev() {
            let newer = self.order[age + 1..].iter().zip(&alpha[age + 1..]);
            let taken: f64 = newer.map(|(&j, alpha)| alpha * step_change(i, j)).sum();
            alpha[age] = (pairs[i].step_own - taken) / step_change(i, i);
        }
        // From the oldest to the newest: scale * M (q - sum of alpha_j y_j) + sum of gamma_j s_j.
        let mut gamma = vec![0.0; self.order.len()];
        for (age, &i) in self.order.iter().enumerate() {
            let taken: f64 =
                self.order.iter().zip(&alpha).map(|(&j, alpha)| alpha * change_change(i, j)).sum();
            let older = self.order[..age].iter().zip(&gamma[..age]);
            let given: f64 = older.map(|(&j, gamma)| gamma * step_change(j, i)).sum();
            gamma[age] =
                alpha[age] - (scale * (pairs[i].change_own - taken) + given) / step_change(i, i);
        }

        let mut slope = -scale * products.own;
        let mut combined = Vec::with_capacity(self.order.len());
        for ((&i, alpha), gamma) in self.order.iter().zip(alpha).zip(gamma) {
            let (step, change) = (-gamma, scale * alpha);
            slope += step * pairs[i].step_own + change * pairs[i].change_own;
            combined.push((i, [step as f32, change as f32]));
        }
        // H is positive definite, so only rounding can turn the direction uphill; the scaled
        // gradient never points there.
        if slope >= 0.0 || slope.is_nan() {
            combined.clear();
        }
        Combination { own: -scale as f32, pairs: combined }
    }

    /// All that it holds, as numbers.
    pub(crate) fn scalars(&self) -> impl Iterator<Item = f64> {
        let order = self.order.iter().map(|&slot| slot as f64);
        let products = self.order.iter().flat_map(move |&i| {
            self.order.iter().flat_map(move |&j| {
                [self.step_change[i * self.capacity + j], self.change_change[i * self.capacity + j]]
            })
        });
        std::iter::once(self.order.len() as f64).chain(order).chain(products)
    }

    /// Takes up numbers that [`Self::scalars`] gave; `None` where they are none of its own.
    pub(crate) fn recall(capacity: usize, scalars: &mut impl Iterator<Item = f64>) -> Option<Self> {
        let mut recalled = Self::new(capacity);
        let below = |number: f64, bound: usize| {
            (number >= 0.0 && number < bound as f64).then_some(number as usize)
        };
        let pairs = below(scalars.next()?, capacity + 1)?;
        for _ in 0..pairs {
            let slot = below(scalars.next()?, capacity)?;
            if recalled.order.contains(&slot) {
                return None;
            }
            recalled.order.push(slot);
        }
        for &i in &recalled.order {
            for &j in &recalled.order {
                recalled.step_change[i * capacity + j] = scalars.next()?;
                recalled.change_change[i * capacity + j] = scalars.next()?;
            }
        }
        Some(recalled)
    }
}
