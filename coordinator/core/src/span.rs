//! Ranges of amounts of memory.

use std::ops::RangeInclusive;

/// All amounts from `least` to `most`, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Span {
    pub(crate) const ALL: Self = Self { least: 0, most: u64::MAX };

    pub(crate) fn up_to(most: u64) -> Self {
        Self { least: 0, most }
    }

    pub(crate) fn contains(self, bytes: u64) -> bool {
        (self.least..=self.most).contains(&bytes)
    }

    pub(crate) fn range(self) -> RangeInclusive<u64> {
        self.least..=self.most
    }

    /// What both have in common; it may be empty.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.min(other.most) }
    }

    fn is_empty(self) -> bool {
        self.least > self.most
    }
}

/// Ranges that are left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holes(Vec<Span>);

impl Holes {
    /// Leaves this out too.
    pub(crate) fn add(&mut self, hole: Span) {
        self.0.retain(|other| other.least < hole.least || hole.most < other.most);
        self.0.push(hole);
        self.0.sort_unstable();
    }

    /// What is left of `whole`, in order.
    pub(crate) fn gaps(&self, whole: Span) -> impl Iterator<Item = Span> {
        let begin = Some(whole.least);
        let ends = self.0.iter().copied().map(Some).chain([None]);
        let gaps = ends.scan(begin, move |begin, hole| {
            let least = *begin;
            let most = match hole {
                // Nothing is below zero.
                Some(hole) if hole.least == 0 => None,
                Some(hole) => Some(whole.most.min(hole.least - 1)),
                None => Some(whole.most),
            };
            // Nothing is above the end of the last hole if that is the largest number.
            *begin = match hole {
                Some(hole) => least.and_then(|least| Some(least.max(hole.most.checked_add(1)?))),
                None => None,
            };
            Some(least.zip(most).map(|(least, most)| Span { least, most }))
        });
        gaps.flatten().filter(|gap| !gap.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_holes_leave() {
        let span = |least, most| Span { least, most };
        for (holes, whole, expected) in [
            (vec![], span(0, 9), vec![span(0, 9)]),
            (vec![span(3, 4)], span(0, 9), vec![span(0, 2), span(5, 9)]),
            (vec![span(0, 4)], span(0, 9), vec![span(5, 9)]),
            (vec![span(3, u64::MAX)], span(0, 9), vec![span(0, 2)]),
            (vec![span(8, 20), span(0, 2)], span(0, 9), vec![span(3, 7)]),
            (vec![span(2, 7), span(3, 4)], span(0, 9), vec![span(0, 1), span(8, 9)]),
            (vec![span(0, u64::MAX)], Span::ALL, vec![]),
            (vec![span(20, 30)], span(0, 9), vec![span(0, 9)]),
        ] {
            let mut left_out = Holes::default();
            holes.into_iter().for_each(|hole| left_out.add(hole));
            assert_eq!(left_out.gaps(whole).collect::<Vec<_>>(), expected, "{left_out:?}");
        }
    }
}
