//! Chooses the cards of a sheet that cannot show everything.
//!
//! What needs a look comes first: failures, then what this build made, then what the last sheet
//! showed. Where a kind does not fit whole, it is spread evenly over all rules and styles, so that
//! a rule of three assets is seen beside one of a hundred thousand.

use std::collections::BTreeMap;

/// Why a card is worth a look; the first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    Failed,
    /// Painted or fetched by this build.
    Made,
    /// To be painted by the next build.
    Open,
    /// On the last sheet.
    Shown,
    Rest,
}

/// A possible card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate<'a> {
    pub(super) claim: Claim,
    /// What it stands for beside others: its rule and style.
    pub(super) group: (&'a str, &'a str),
}

/// The places of at most `room` candidates, in the order in which a sheet shows them.
pub(super) fn choose(candidates: &[Candidate<'_>], room: usize) -> Vec<usize> {
    let mut kinds: BTreeMap<Claim, Vec<usize>> = BTreeMap::new();
    for (place, candidate) in candidates.iter().enumerate() {
        kinds.entry(candidate.claim).or_default().push(place);
    }
    let mut chosen = Vec::with_capacity(room.min(candidates.len()));
    for places in kinds.into_values() {
        let left = room - chosen.len();
        match places.len() <= left {
            true => chosen.extend(places),
            false => chosen.extend(spread(candidates, &places, left)),
        }
    }
    chosen
}

/// `room` of these places, evenly from every group.
fn spread(candidates: &[Candidate<'_>], places: &[usize], room: usize) -> Vec<usize> {
    let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for &place in places {
        groups.entry(candidates[place].group).or_default().push(place);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    // What small groups do not use is left to larger ones.
    groups.sort_by_key(Vec::len);
    let mut chosen = Vec::with_capacity(room);
    let waiting = (1..=groups.len()).rev();
    for (group, waiting) in groups.iter().zip(waiting) {
        let share = group.len().min((room - chosen.len()) / waiting);
        chosen.extend((0..share).map(|number| group[number * group.len() / share]));
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    const CLAIMS: [Claim; 5] = [Claim::Failed, Claim::Made, Claim::Open, Claim::Shown, Claim::Rest];

    fn candidates(rows: &[(usize, Claim, &'static str)]) -> Vec<Candidate<'static>> {
        rows.iter()
            .flat_map(|&(count, claim, rule)| vec![Candidate { claim, group: (rule, "") }; count])
            .collect()
    }

    #[test]
    fn rows() {
        for (rows, room, expected) in [
            (vec![(3, Claim::Rest, "walls")], 5, vec![0, 1, 2]),
            (vec![(2, Claim::Rest, "walls"), (1, Claim::Failed, "walls")], 5, vec![2, 0, 1]),
            (vec![(6, Claim::Made, "walls")], 3, vec![0, 2, 4]),
            // The small rule is whole, the rest is divided.
            (vec![(8, Claim::Made, "walls"), (1, Claim::Made, "maps")], 5, vec![0, 2, 4, 6, 8]),
            (
                vec![(4, Claim::Rest, "walls"), (2, Claim::Shown, "walls"), (1, Claim::Made, "a")],
                4,
                vec![6, 4, 5, 0],
            ),
            (vec![(9, Claim::Failed, "walls"), (1, Claim::Made, "a")], 3, vec![0, 3, 6]),
            (vec![(2, Claim::Made, "walls")], 0, vec![]),
            (vec![], 3, vec![]),
        ] {
            assert_eq!(choose(&candidates(&rows), room), expected, "{rows:?}");
        }
    }

    proptest! {
        #[test]
        fn the_room_is_used_and_no_lesser_claim_goes_first(
            drawn in prop::collection::vec((0..5_usize, 0..4_usize), 0..60),
            room in 0..70_usize,
        ) {
            const RULES: [&str; 4] = ["a", "b", "c", "d"];
            let candidates: Vec<Candidate<'_>> = drawn
                .iter()
                .map(|&(claim, rule)| Candidate { claim: CLAIMS[claim], group: (RULES[rule], "") })
                .collect();
            let chosen = choose(&candidates, room);
            prop_assert_eq!(chosen.len(), room.min(candidates.len()));
            let distinct: BTreeSet<&usize> = chosen.iter().collect();
            prop_assert_eq!(distinct.len(), chosen.len());
            let claims: Vec<Claim> = chosen.iter().map(|&place| candidates[place].claim).collect();
            prop_assert!(claims.is_sorted());
            for (place, candidate) in candidates.iter().enumerate() {
                let is_left = !chosen.contains(&place);
                prop_assert!(!is_left || claims.iter().all(|claim| *claim <= candidate.claim));
            }
        }
    }
}
