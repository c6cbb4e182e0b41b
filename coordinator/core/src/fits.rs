//! Which waiting tasks may fit on a free worker, during one pass of the scheduler.

use std::collections::BTreeMap;

use impasto_types::MethodVersion;

use crate::class::Class;
use crate::span::{Holes, Span};

/// Grants only reduce room, so what does not fit now does not fit later in the pass: amounts of
/// memory are only ever left out.
#[derive(Debug)]
pub(crate) struct Fits {
    /// By method, the most unreserved memory of a free worker when the pass began.
    room: BTreeMap<MethodVersion, u64>,
    unfit: BTreeMap<Class, Holes>,
}

impl Fits {
    pub(crate) fn new(room: BTreeMap<MethodVersion, u64>) -> Self {
        Self { room, unfit: BTreeMap::new() }
    }

    /// The amounts of memory that a task of this class may need.
    pub(crate) fn spans(&self, class: &Class) -> impl Iterator<Item = Span> {
        let most = self.room.get(&class.method).copied();
        // Even a task that has to wait for an idle worker takes its turn: it holds one back.
        let whole = most.map(|most| if class.alone { Span::ALL } else { Span::up_to(most) });
        let unfit = self.unfit.get(class);
        let (plain, cut) = match unfit {
            None => (whole, None),
            Some(holes) => (None, whole.map(|whole| holes.gaps(whole))),
        };
        plain.into_iter().chain(cut.into_iter().flatten())
    }

    /// Leaves out tasks of a class for the rest of the pass.
    pub(crate) fn leave_out(&mut self, class: Class, hole: Span) {
        self.unfit.entry(class).or_default().add(hole);
    }
}
