//! Lays textures side by side.
//!
//! One texture is the picture. Several stand on shelves, the tallest first, in a picture that is
//! about square. The same sizes always give the same places: what has been painted by them is found
//! again.

/// Pixels between textures: as far as a painter's brush reaches without seeing its neighbour.
pub(super) const GAP: u64 = 16;

/// The size of the whole, and the corner of each. Sums may be beyond any limit.
pub(super) type Packed = ((u64, u64), Vec<(u64, u64)>);

/// Lays rectangles of these sizes side by side.
pub(super) fn pack(sizes: &[(u32, u32)]) -> Packed {
    let sizes: Vec<(u64, u64)> =
        sizes.iter().map(|&(width, height)| (width.into(), height.into())).collect();
    let area = |&(width, height): &(u64, u64)| ((width + GAP) * (height + GAP)) as f64;
    let square = sizes.iter().map(area).sum::<f64>().sqrt().ceil() as u64;
    let widest = sizes.iter().map(|(width, _)| *width).max().unwrap_or(0);
    // The last one on a shelf needs no gap.
    let most = widest.max(square.saturating_sub(GAP));

    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(sizes.get(at).map(|size| size.1)), at));
    let mut corners = vec![(0, 0); sizes.len()];
    let (mut x, mut y, mut shelf) = (0, 0, 0);
    let mut whole = (0, 0);
    for at in order {
        let (Some(&(width, height)), Some(corner)) = (sizes.get(at), corners.get_mut(at)) else {
            continue;
        };
        if x > 0 && x + width > most {
            (x, y) = (0, y + shelf + GAP);
            shelf = 0;
        }
        *corner = (x, y);
        whole = (whole.0.max(x + width), whole.1.max(y + height));
        x += width + GAP;
        shelf = shelf.max(height);
    }
    (whole, corners)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn textures_stand_on_shelves() {
        let check = |sizes: &[(u32, u32)], whole: (u64, u64), corners: &[(u64, u64)]| {
            assert_eq!(pack(sizes), (whole, corners.to_vec()), "{sizes:?}");
        };
        check(&[], (0, 0), &[]);
        check(&[(64, 32)], (64, 32), &[(0, 0)]);
        check(&[(64, 64), (64, 64)], (64, 144), &[(0, 0), (0, 80)]);
        let four = [(0, 0), (80, 0), (0, 80), (80, 80)];
        check(&[(64, 64); 4], (144, 144), &four);
        // The tallest is first, wherever it is in the file.
        check(&[(8, 8), (64, 64), (8, 8)], (64, 88), &[(0, 80), (0, 0), (24, 80)]);
    }

    proptest! {
        #[test]
        fn none_touches_another_or_leaves_the_whole(
            sizes in prop::collection::vec((1_u32..300, 1_u32..300), 1..30),
        ) {
            let ((width, height), corners) = pack(&sizes);
            let rectangles: Vec<_> = corners
                .iter()
                .zip(&sizes)
                .map(|(&(x, y), &(w, h))| (x, y, x + u64::from(w), y + u64::from(h)))
                .collect();
            for (at, one) in rectangles.iter().enumerate() {
                prop_assert!(one.2 <= width && one.3 <= height);
                for other in &rectangles[..at] {
                    let apart = one.2 + GAP <= other.0
                        || other.2 + GAP <= one.0
                        || one.3 + GAP <= other.1
                        || other.3 + GAP <= one.1;
                    prop_assert!(apart, "{one:?} {other:?}");
                }
            }
            prop_assert!(rectangles.iter().any(|it| it.2 == width));
            prop_assert!(rectangles.iter().any(|it| it.3 == height));
        }
    }
}
