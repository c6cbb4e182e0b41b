//! Coats: what is painted in one run. A view is painted in one coat, or in one for each of its
//! regions. Those of an asset lie side by side, and are put together when all are dry. Those of a
//! texture that is made from nothing but a map lie on each other, so that each fits to those below.

use std::collections::VecDeque;

use impasto_engine::{Image, Mask};
use impasto_types::Regions;

use crate::adapter::{product, resized};
use crate::regions::{IdMap, Owner};
use crate::{AdapterError, View};

/// The views of an asset, and in what coats they are painted.
#[derive(Debug)]
pub(crate) struct Coats {
    /// None once its only coat has been taken.
    views: Vec<Option<View>>,
    counts: Vec<Count>,
    waiting: VecDeque<Coat>,
    /// That the map names no region.
    warning: Option<String>,
}

/// How many coats a view gets, and how they lie.
#[derive(Debug, Clone, Copy)]
struct Count {
    coats: usize,
    lie: Lie,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// One, over all of the view.
    Whole,
    /// Each on a part of the view.
    SideBySide,
    /// The first over all of the view, and each on those before it.
    Stacked,
}

/// What one run paints.
#[derive(Debug)]
struct Coat {
    view: usize,
    brush: usize,
    /// Where; none means where the view says.
    mask: Option<Mask>,
}

/// A view to paint, and what with.
#[derive(Debug)]
pub(crate) struct Stroke {
    pub(crate) view: View,
    /// The index of the style that paints it: 0 for the asset's own, and 1 for the first region's.
    pub(crate) brush: usize,
}

impl Coats {
    /// One coat for each view.
    pub(crate) fn plain(views: Vec<View>) -> Self {
        let coat = |view| Coat { view, brush: 0, mask: None };
        let counts = vec![Count { coats: 1, lie: Lie::Whole }; views.len()];
        let waiting = (0..views.len()).map(coat).collect();
        let views = views.into_iter().map(Some).collect();
        Self { views, counts, waiting, warning: None }
    }

    /// One coat for each region that is painted and has pixels, of each view. `size` is that of a
    /// texture that is made from nothing.
    ///
    /// # Errors
    /// If the map has another shape than a view.
    pub(crate) fn by_regions(
        mut views: Vec<View>,
        map: &IdMap,
        regions: &Regions,
        size: (usize, usize),
    ) -> Result<Self, AdapterError> {
        let (mut counts, mut waiting, mut meets_any) = (Vec::new(), VecDeque::new(), false);
        for (index, view) in views.iter_mut().enumerate() {
            let own = view.image.as_ref().map(|image| (image.width, image.height));
            let mut shares = map.shares(regions, own.unwrap_or(size), &view.joins)?.shares;
            meets_any |= shares.iter().any(|(owner, _)| *owner != Owner::Others);
            let before = waiting.len();
            if own.is_none() {
                view.image = Some(Image::filled(size.0, size.1, [0.0; 3]));
                shares = stacked(shares);
            }
            for (owner, share) in shares {
                let brush = match owner {
                    Owner::Others if regions.keeps_others => None,
                    Owner::Others => Some(0),
                    Owner::Named(at) => {
                        let at = usize::from(at);
                        Some(at + 1).filter(|_| !regions.named[at].is_kept())
                    }
                };
                let (Some(brush), Some(mask)) = (brush, Painted::of(view, share)) else { continue };
                let Painted(mask) = mask;
                waiting.push_back(Coat { view: index, brush, mask });
            }
            let coats = waiting.len() - before;
            let is_whole = coats == 1 && waiting.back().is_some_and(|coat| coat.mask.is_none());
            let lie = match own {
                None => Lie::Stacked,
                Some(_) if is_whole => Lie::Whole,
                Some(_) => Lie::SideBySide,
            };
            counts.push(Count { coats, lie });
        }
        let warning = (!meets_any).then(|| map.without_named());
        Ok(Self { views: views.into_iter().map(Some).collect(), counts, waiting, warning })
    }

    /// The weight of each pixel of the first view in all of its coats, where these lie side by
    /// side.
    pub(crate) fn painted(&self) -> Option<Vec<f32>> {
        let view = self.views.first()?.as_ref()?;
        let image = view.image.as_ref().filter(|_| self.counts[0].lie == Lie::SideBySide)?;
        let mut sum = vec![0.0_f32; image.pixels()];
        for coat in self.waiting.iter().filter(|coat| coat.view == 0) {
            match &coat.mask {
                Some(mask) => {
                    sum.iter_mut().zip(mask.weights()).for_each(|(sum, weight)| *sum += weight);
                }
                None => sum.fill(1.0),
            }
        }
        sum.iter_mut().for_each(|weight| *weight = weight.min(1.0));
        Some(sum)
    }

    /// What the user should know, once.
    pub(crate) fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Leaves out coats that were painted before.
    pub(crate) fn skip(&mut self, painted: usize) {
        for coat in self.waiting.drain(..painted.min(self.waiting.len())) {
            if self.counts[coat.view].lie == Lie::Whole {
                self.views[coat.view] = None;
            }
        }
    }

    /// The next coat, after those that are `painted`.
    pub(crate) fn next(&mut self, painted: &[Image]) -> Option<Stroke> {
        let Coat { view: index, brush, mask } = self.waiting.pop_front()?;
        let Count { coats, lie } = self.counts[index];
        let mut view = match lie {
            Lie::Whole => self.views[index].take(),
            Lie::SideBySide | Lie::Stacked => self.views[index].clone(),
        }?;
        let others = self.waiting.iter().filter(|coat| coat.view == index).count();
        if lie == Lie::Stacked && others + 1 < coats {
            view.image = painted.last().cloned();
        }
        view.mask = mask.or(view.mask);
        Some(Stroke { view, brush })
    }

    /// Frees those of the painted coats that are covered, and leaves their places.
    pub(crate) fn free_covered(&self, painted: &mut [Image]) {
        let is_stacked = |count: &Count| count.lie == Lie::Stacked;
        if let ([_, ..], Some((_, covered))) = (&self.counts[..], painted.split_last_mut())
            && self.counts.iter().all(is_stacked)
        {
            covered.iter_mut().for_each(|image| *image = Image::filled(0, 0, [0.0; 3]));
        }
    }

    /// Whether a later coat takes this brush.
    pub(crate) fn needs(&self, brush: usize) -> bool {
        self.waiting.iter().any(|coat| coat.brush == brush)
    }

    /// Whether anything is left to be painted.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The pixels of each coat, in order.
    pub(crate) fn pixels(&self) -> Vec<usize> {
        let pixels = |coat: &Coat| {
            let view = self.views[coat.view].as_ref();
            view.and_then(|view| view.image.as_ref()).map_or(1, Image::pixels)
        };
        self.waiting.iter().map(pixels).collect()
    }

    /// Memory of what waits.
    pub(crate) fn bytes(&self) -> u64 {
        let masks = self.waiting.iter().filter_map(|coat| coat.mask.as_ref()).map(Mask::bytes);
        self.views.iter().flatten().map(View::bytes).sum::<u64>() + masks.sum::<u64>()
    }

    /// The painted views, from the painted coats in order. `size` is the result's of a view that
    /// gets no coat at all.
    pub(crate) fn dry(
        self,
        painted: Vec<Image>,
        size: impl Fn(&Image) -> (usize, usize),
    ) -> Vec<Image> {
        let mut painted = painted.into_iter();
        let mut dried = Vec::with_capacity(self.views.len());
        for (view, Count { coats, lie }) in self.views.into_iter().zip(self.counts) {
            let mut coats = painted.by_ref().take(coats);
            match view {
                Some(View { image: Some(image), coverage, joins, .. })
                    if lie == Lie::SideBySide =>
                {
                    let coats: Vec<Image> = coats.collect();
                    let size =
                        coats.first().map_or_else(|| size(&image), |one| (one.width, one.height));
                    let own = resized(image, coverage.as_ref(), &joins, size);
                    dried.push(put_together(own, &coats));
                }
                _ if lie == Lie::Stacked => dried.extend(coats.by_ref().last()),
                _ => dried.extend(coats),
            }
        }
        dried
    }
}

/// The same shares as they show when each lies on those before it, without a mask for the first:
/// what there is most of is the ground of the rest.
fn stacked(mut shares: Vec<(Owner, Option<Mask>)>) -> Vec<(Owner, Option<Mask>)> {
    shares.sort_by(|(_, one), (_, other)| area(other).total_cmp(&area(one)));
    let mut sums: Vec<f32> = Vec::new();
    for (at, (_, share)) in shares.iter_mut().enumerate() {
        let Some(mask) = share.take() else { continue };
        if at == 0 {
            sums = mask.weights().to_vec();
            continue;
        }
        sums.iter_mut().zip(mask.weights()).for_each(|(sum, weight)| *sum += weight);
        // What lies on it takes its part of all that is there so far.
        let part = |(weight, sum): (&f32, &f32)| if *sum > 0.0 { weight / sum } else { 0.0 };
        let weights = mask.weights().iter().zip(&sums).map(part).map(|part| part.min(1.0));
        *share = Mask::new(mask.width(), mask.height(), weights.collect()).ok();
    }
    shares
}

/// How many pixels a region has; one without a mask has all.
fn area(share: &Option<Mask>) -> f64 {
    let sum = |mask: &Mask| mask.weights().iter().map(|weight| f64::from(*weight)).sum();
    share.as_ref().map_or(f64::INFINITY, sum)
}

/// Where a region of a view is painted, if anywhere; no mask means everywhere.
struct Painted(Option<Mask>);

impl Painted {
    fn of(view: &View, share: Option<Mask>) -> Option<Self> {
        let Some(weights) = product(view.mask.as_ref(), share.as_ref()) else {
            return Some(Self(None));
        };
        let size = view.mask.as_ref().or(share.as_ref()).map(|mask| (mask.width(), mask.height()));
        let (width, height) = size?;
        // None where nothing of it is painted.
        Mask::new(width, height, weights).ok().map(|mask| Self(Some(mask)))
    }
}

/// A picture with the paint of all its coats. Each coat is the picture itself as far as it does not
/// cover it, within the range that runs paint in, so what they add is added up.
fn put_together(own: Image, coats: &[Image]) -> Image {
    let mut shown = own.clone();
    shown.clamp();
    let mut whole = own;
    for (at, (value, shown)) in whole.rgb.iter_mut().zip(&shown.rgb).enumerate() {
        let added: f32 = coats.iter().map(|coat| coat.rgb[at] - shown).sum();
        if added != 0.0 {
            *value = (shown + added).clamp(0.0, 255.0);
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use impasto_assets::Limits;
    use impasto_engine::Joins;
    use impasto_types::{BlobRef, HexColor, OutputSpec, Part, Region, StyleRef};

    use super::*;
    use crate::Source;

    const SIDE: usize = 16;
    /// There is no texture that is made from nothing.
    const NONE: (usize, usize) = (0, 0);

    /// Red on the left, blue in the middle, green on the right.
    fn map() -> IdMap {
        let rgb = (0..SIDE * SIDE).flat_map(|at| match at % SIDE {
            0..=5 => [255.0, 0.0, 0.0],
            6..=10 => [0.0, 0.0, 255.0],
            _ => [0.0, 255.0, 0.0],
        });
        let picture = impasto_assets::Picture {
            width: SIDE as u32,
            height: SIDE as u32,
            rgb: rgb.collect(),
            alpha: None,
            extra: vec![],
            origin: impasto_assets::Origin::synthetic(
                "id.png",
                impasto_types::ContainerFormat::Png,
            ),
        };
        let spec = OutputSpec {
            part: Part::Color,
            format: impasto_types::ContainerFormat::Png,
            quality: 90,
        };
        let bytes = impasto_assets::encode(&picture, spec).expect("it encodes");
        assert!(impasto_assets::decode(&bytes, "id.png", &Limits::default()).is_ok());
        IdMap::read(&Source { name: "id.png".to_owned(), bytes }, None).expect("it reads")
    }

    fn regions(keeps_others: bool) -> Regions {
        let style = StyleRef::whole(BlobRef::of(b"style"), 1.0);
        let region = |color, styles| Region { color: HexColor(color), styles, recipe: None };
        Regions {
            named: vec![region([0, 0, 255], vec![]), region([255, 0, 0], vec![style])],
            tolerance: 8,
            softness: 2,
            keeps_others,
        }
    }

    fn view(mask: Option<Mask>) -> View {
        let image = Some(Image::filled(SIDE, SIDE, [100.0; 3]));
        View { image, coverage: None, mask, joins: Joins::default(), channel: None }
    }

    /// Paints every coat in a level of its brush, as a run does: by its mask.
    fn painted(mut coats: Coats) -> (Vec<usize>, Vec<f32>) {
        let (mut brushes, mut runs) = (Vec::new(), Vec::new());
        while let Some(Stroke { view, brush }) = coats.next(&runs) {
            brushes.push(brush);
            let mut image = view.image.expect("it is there");
            let level = 200.0 + 10.0 * brush as f32;
            for (at, pixel) in image.rgb.chunks_exact_mut(3).enumerate() {
                let weight = view.mask.as_ref().map_or(1.0, |mask| mask.weights()[at]);
                pixel.iter_mut().for_each(|value| *value += weight * (level - *value));
            }
            runs.push(image);
        }
        let dried = coats.dry(runs, |image| (image.width, image.height));
        let [image] = &dried[..] else { panic!("there is one view") };
        (brushes, image.rgb.iter().step_by(3).take(SIDE).copied().collect())
    }

    #[test]
    fn each_region_has_its_own_paint_and_a_kept_one_none() {
        let coats = |keeps| Coats::by_regions(vec![view(None)], &map(), &regions(keeps), NONE);
        let painted_at = |keeps| coats(keeps).expect("it fits").painted().expect("in parts");
        assert_eq!([2, 8, 14].map(|x| painted_at(false)[x]), [1.0, 0.0, 1.0]);
        assert_eq!([2, 8, 14].map(|x| painted_at(true)[x]), [1.0, 0.0, 0.0]);
        assert_eq!(Coats::plain(vec![view(None)]).painted(), None);
        let (brushes, row) = painted(coats(false).expect("it fits"));
        assert_eq!(brushes, [2, 0]);
        assert_eq!((row[2], row[8], row[14]), (220.0, 100.0, 200.0));
        assert!((row[5] - 190.0).abs() < 1e-3, "a soft edge: {row:?}");
        let (brushes, row) = painted(coats(true).expect("it fits"));
        assert_eq!((brushes, row[14]), (vec![2], 100.0));
    }

    #[test]
    fn a_mask_holds_for_all_regions() {
        let weights = (0..SIDE * SIDE).map(|at| if at % SIDE < 3 { 0.5 } else { 0.0 }).collect();
        let mask = Mask::new(SIDE, SIDE, weights).expect("it is a mask");
        let coats = Coats::by_regions(vec![view(Some(mask))], &map(), &regions(false), NONE);
        let (brushes, row) = painted(coats.expect("it fits"));
        assert_eq!((brushes, row[0], row[4]), (vec![2], 160.0, 100.0));
    }

    #[test]
    fn a_map_without_the_named_colours_is_a_warning() {
        let mut regions = regions(false);
        let mut coats =
            Coats::by_regions(vec![view(None)], &map(), &regions, NONE).expect("it fits");
        assert_eq!(coats.take_warning(), None);
        regions.named.truncate(1);
        regions.named[0].color = HexColor([9, 9, 9]);
        let mut coats =
            Coats::by_regions(vec![view(None)], &map(), &regions, NONE).expect("it fits");
        let expected = "`id.png` has none of the colours of `regions`; most of it is #ff0000";
        assert_eq!(coats.take_warning().as_deref(), Some(expected));
        assert_eq!(painted(coats).0, [0]);
    }

    #[test]
    fn a_texture_is_made_from_its_largest_region_up() {
        let nothing = || View { image: None, ..view(None) };
        let mut regions = regions(false);
        let style = StyleRef::whole(BlobRef::of(b"other"), 1.0);
        regions.named[0].styles.push(style);
        let size = (2 * SIDE, 2 * SIDE);
        let coats = || Coats::by_regions(vec![nothing()], &map(), &regions, size).expect("it fits");
        assert_eq!(coats().pixels(), [4 * SIDE * SIDE; 3]);
        let (brushes, row) = painted(coats());
        // Red and blue have six and five columns, green the other five.
        assert_eq!(brushes, [2, 1, 0]);
        assert_eq!([0, 11, 12, 15].map(|x| row[x]), [220.0, 217.5, 212.5, 210.0]);
        // Between two that lie on the ground, nothing of it shows.
        let whole = coats();
        let masks: Vec<_> = whole.waiting.iter().map(|coat| coat.mask.as_ref()).collect();
        for x in 20..24 {
            let [None, Some(blue), Some(green)] = masks[..] else { panic!("the first has all") };
            let ground = (1.0 - blue.weights()[x]) * (1.0 - green.weights()[x]);
            assert!(ground.abs() < 1e-6, "{x}: {ground}");
        }
        let mut resumed = coats();
        resumed.skip(1);
        let below = Image::filled(size.0, size.1, [7.0; 3]);
        let mut dry = vec![Image::filled(size.0, size.1, [3.0; 3]), below.clone()];
        resumed.free_covered(&mut dry);
        assert_eq!((dry[0].pixels(), &dry[1]), (0, &below));
        let stroke = resumed.next(std::slice::from_ref(&below)).expect("two are left");
        assert_eq!((stroke.brush, stroke.view.image), (1, Some(below)));
        let wide = Coats::by_regions(vec![nothing()], &map(), &regions, (2 * SIDE, SIDE));
        assert!(wide.is_err());
    }

    #[test]
    fn what_was_painted_before_is_not_painted_again() {
        let mut coats =
            Coats::by_regions(vec![view(None)], &map(), &regions(false), NONE).expect("it fits");
        assert_eq!(coats.pixels(), [SIDE * SIDE; 2]);
        coats.skip(1);
        assert!(coats.needs(0) && !coats.needs(2) && !coats.is_done());
        assert_eq!(coats.next(&[]).map(|stroke| stroke.brush), Some(0));
        assert!(coats.is_done());
        let mut plain = Coats::plain(vec![view(None), view(None)]);
        plain.skip(1);
        let bytes = plain.bytes();
        assert_eq!(bytes, view(None).bytes());
        assert!(plain.next(&[]).is_some() && plain.next(&[]).is_none());
        let painted = vec![Image::filled(8, 8, [1.0; 3]), Image::filled(9, 8, [2.0; 3])];
        assert_eq!(plain.dry(painted.clone(), |_| (0, 0)), painted);
    }
}
