//! What a convolution reads beyond the border, along one axis, however far.

/// What is beyond a border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Border {
    Zero,
    /// The border pixel again.
    Replicate,
    /// The mirrored picture, without repeating the border pixel; beyond its end, mirrored again.
    Reflect,
    /// The opposite border.
    Wrap,
}

impl Border {
    /// The pixel that a position reads, of `len`; none if it reads zero.
    pub(super) fn source(self, position: isize, len: usize) -> Option<usize> {
        let end = len as isize;
        if (0..end).contains(&position) {
            return Some(position as usize);
        }
        let source = match self {
            Self::Zero => return None,
            Self::Replicate => position.clamp(0, end - 1),
            Self::Wrap => position.rem_euclid(end),
            Self::Reflect if len == 1 => 0,
            Self::Reflect => {
                let there = position.rem_euclid(2 * end - 2);
                there.min(2 * end - 2 - there)
            }
        };
        Some(source as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_border_reads_what_it_says() {
        let check = |border: Border, len, expected: [Option<usize>; 6]| {
            let found = [-5, -2, -1, 3, 4, 8].map(|position| border.source(position, len));
            assert_eq!(found, expected, "{border:?} {len}");
        };
        check(Border::Zero, 3, [None; 6]);
        check(Border::Replicate, 3, [0, 0, 0, 2, 2, 2].map(Some));
        check(Border::Reflect, 3, [1, 2, 1, 1, 0, 0].map(Some));
        check(Border::Reflect, 1, [0; 6].map(Some));
        check(Border::Wrap, 3, [1, 1, 2, 0, 1, 2].map(Some));
    }
}
