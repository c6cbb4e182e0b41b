//! What lies beyond the borders of a view.
//!
//! A view is the picture that a method paints: a texture, a face of a cube map, a tile of a UDIM
//! set. What the network sees beyond its borders decides whether the result can be put together
//! again without a seam. [`Joins`] says it once for each border; [`Frame`](crate::Frame) makes a
//! canvas of it. So another kind of asset brings other joins, and nothing below the canvas changes.

use impasto_types::Tileable;

/// What lies beyond each border of a view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Joins {
    pub left: Join,
    pub right: Join,
    pub top: Join,
    pub bottom: Join,
}

/// What lies beyond one border.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Join {
    /// Nothing: the picture ends here, and the recipe's padding says what the network sees.
    #[default]
    Nothing,
    /// The opposite border of the same view: it repeats.
    Opposite,
    /// A border that continues this one, such as that of the next face of a cube.
    Neighbor(Neighbor),
}

/// A border of a view of the same run, which may be this view itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbor {
    /// The view's place among the run's views.
    pub view: usize,
    pub border: Border,
    /// Whether positions along the two borders run in opposite directions. They are counted from
    /// the left or from the top.
    pub reversed: bool,
}

/// Joins that no canvas can be made of.
#[derive(Debug, thiserror::Error)]
pub enum JoinsError {
    #[error(
        "opposite borders of the picture are joined as {one:?} and as {other:?}; where one \
         repeats, so does the other"
    )]
    Opposite { one: Join, other: Join },
    #[error("a border joins view {view}, but the run has {views}, counted from 0")]
    NoNeighbor { view: usize, views: usize },
}

/// A border of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    Left,
    Right,
    Top,
    Bottom,
}

impl Joins {
    /// A view that repeats across, down, both or not at all.
    pub fn repeating(across: bool, down: bool) -> Self {
        let join = |repeats| if repeats { Join::Opposite } else { Join::Nothing };
        let (x, y) = (join(across), join(down));
        Self { left: x, right: x, top: y, bottom: y }
    }

    /// Whether the left and the right border meet.
    pub fn repeats_across(&self) -> bool {
        self.left == Join::Opposite
    }

    /// Whether the upper and the lower border meet.
    pub fn repeats_down(&self) -> bool {
        self.top == Join::Opposite
    }

    /// Both: across and down.
    pub fn repeats(&self) -> (bool, bool) {
        (self.repeats_across(), self.repeats_down())
    }

    /// Each border with what lies beyond it.
    pub fn borders(&self) -> [(Border, Join); 4] {
        [
            (Border::Left, self.left),
            (Border::Right, self.right),
            (Border::Top, self.top),
            (Border::Bottom, self.bottom),
        ]
    }

    /// Names the joins in a checkpoint.
    pub(crate) fn digest_into(&self, hasher: &mut blake3::Hasher) {
        for (_, join) in self.borders() {
            match join {
                Join::Nothing => hasher.update(&[0]),
                Join::Opposite => hasher.update(&[1]),
                Join::Neighbor(Neighbor { view, border, reversed }) => {
                    let border = match border {
                        Border::Left => 0,
                        Border::Right => 1,
                        Border::Top => 2,
                        Border::Bottom => 3,
                    };
                    hasher.update(&[2, border, reversed.into()]);
                    hasher.update(&(view as u64).to_le_bytes())
                }
            };
        }
    }

    /// Checks the joins of one of a run's `views`.
    ///
    /// # Errors
    /// Where one of two opposite borders repeats and the other does not, or a neighbour is not
    /// among the views.
    pub(crate) fn check(&self, views: usize) -> Result<(), JoinsError> {
        for [one, other] in [[self.left, self.right], [self.top, self.bottom]] {
            if (one == Join::Opposite) != (other == Join::Opposite) {
                return Err(JoinsError::Opposite { one, other });
            }
        }
        for (_, join) in self.borders() {
            if let Join::Neighbor(Neighbor { view, .. }) = join
                && view >= views
            {
                return Err(JoinsError::NoNeighbor { view, views });
            }
        }
        Ok(())
    }
}

impl From<Tileable> for Joins {
    fn from(tileable: Tileable) -> Self {
        Self::repeating(tileable.wraps_x(), tileable.wraps_y())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_that_contradict_themselves_are_refused() {
        assert!(Joins::repeating(true, false).check(1).is_ok());
        let half = Joins { left: Join::Opposite, ..Joins::default() };
        let said = half.check(1).expect_err("the right border does not repeat").to_string();
        assert!(said.contains("Opposite") && said.contains("Nothing"), "{said}");
        let neighbor = Neighbor { view: 1, border: Border::Left, reversed: false };
        let joined = Joins { right: Join::Neighbor(neighbor), ..Joins::default() };
        assert!(joined.check(2).is_ok());
        let said = joined.check(1).expect_err("there is no view 1").to_string();
        assert!(said.contains("view 1"), "{said}");
    }
}
