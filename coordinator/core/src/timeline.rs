//! The time of the core, made from two clocks.
//!
//! The core's time runs like the steady clock, so a wall clock that is set neither holds back nor
//! hurries a lease. It begins at the wall clock, or at the time of the last stored fact if that is
//! later: so it never goes back, not even if the wall clock was set back while no coordinator ran.
//! As long as nobody sets the wall clock, both are the same.

use crate::Millis;

/// A wall clock is adjusted all the time by a few milliseconds; that is no step.
const IGNORED_MS: Millis = 1_000;

/// Converts readings of the clocks to times of the core, and those to times for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    begin: Millis,
    /// The steady clock at `begin`.
    steady: Millis,
}

/// How far the wall clock is from the core's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew(i64);

impl Timeline {
    /// A timeline that begins now: `steady` and `wall` are what the clocks say, and `last` is
    /// [`Core::last_at`](crate::Core::last_at) after a restart.
    pub fn begin(steady: Millis, wall: Millis, last: Millis) -> Self {
        Self { begin: wall.max(last), steady }
    }

    /// The core's time when the steady clock says `steady`.
    pub fn at(&self, steady: Millis) -> Millis {
        self.begin.saturating_add(steady.saturating_sub(self.steady))
    }

    /// How long after `steady` the core's time is `due`; 0 if that has passed.
    pub fn until(&self, due: Millis, steady: Millis) -> Millis {
        due.saturating_sub(self.at(steady))
    }

    /// The skew when the clocks say `steady` and `wall`.
    pub fn skew(&self, steady: Millis, wall: Millis) -> Skew {
        let now = self.at(steady);
        if now.abs_diff(wall) <= IGNORED_MS { Skew(0) } else { Skew(wall.wrapping_sub(now) as i64) }
    }
}

impl Skew {
    /// A time of the core by the present wall clock, so that people read its right age.
    pub fn wall(self, at: Millis) -> Millis {
        at.saturating_add_signed(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Millis = 3_600_000;
    const NOON: Millis = 1_700_000_000_000;

    #[test]
    fn the_core_sees_no_step_of_the_wall_clock() {
        let timeline = Timeline::begin(5, NOON, 0);
        assert_eq!((timeline.at(5), timeline.at(1_005)), (NOON, NOON + 1_000));
        assert_eq!(timeline.at(0), NOON, "a steady clock that fails does not go back");
        for (wall, shown) in [
            (NOON + 1_000, NOON),
            (NOON + 1_900, NOON),
            (NOON + 1_000 - HOUR, NOON - HOUR),
            (NOON + 1_000 + HOUR, NOON + HOUR),
        ] {
            assert_eq!(timeline.skew(1_005, wall).wall(NOON), shown, "wall clock at {wall}");
        }
    }

    #[test]
    fn a_restart_does_not_go_back() {
        for (wall, last, begin) in
            [(NOON, NOON - 9, NOON), (NOON - HOUR, NOON, NOON), (NOON + HOUR, NOON, NOON + HOUR)]
        {
            assert_eq!(Timeline::begin(7, wall, last).at(7), begin, "{wall}");
        }
    }
}
