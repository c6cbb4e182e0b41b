//! Where pixels lie in a picture that may repeat.

/// The size of a picture in pixels, and whether its opposite borders meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) wraps: (bool, bool),
}

/// Where a pixel's colour lies, from where it is shown: to the right, and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset(isize, isize);

/// A rectangle of a picture, which may reach around one that repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Its left column and its upper row.
    pub(super) start: (usize, usize),
    pub(super) size: (usize, usize),
}

impl Extent {
    pub(super) fn size(self) -> (usize, usize) {
        (self.width, self.height)
    }

    pub(super) fn pixels(self) -> usize {
        self.width * self.height
    }

    /// The index of a pixel, which may lie around a picture that repeats.
    pub(super) fn place(self, (x, y): (usize, usize)) -> usize {
        (y % self.height) * self.width + x % self.width
    }

    /// The pixel at an offset from another, if there is one.
    pub(super) fn moved(self, place: usize, Offset(right, down): Offset) -> Option<usize> {
        let shifted = |at: usize, by: isize, len: usize, wraps: bool| match wraps {
            true => Some((at as isize + by).rem_euclid(len as isize) as usize),
            false => at.checked_add_signed(by).filter(|at| *at < len),
        };
        let x = shifted(place % self.width, right, self.width, self.wraps.0)?;
        let y = shifted(place / self.width, down, self.height, self.wraps.1)?;
        Some(y * self.width + x)
    }

    /// Whether a pixel of a window is at its border, and the picture goes on beyond that.
    pub(super) fn is_border(self, window: Window, at: usize) -> bool {
        let Window { start, size } = window;
        let is_end = |at: usize, start: usize, size: usize, len: usize, wraps: bool| {
            let begins = at == 0 && (wraps || start > 0);
            begins || (at + 1 == size && (wraps || start + size < len))
        };
        is_end(at % size.0, start.0, size.0, self.width, self.wraps.0)
            || is_end(at / size.0, start.1, size.1, self.height, self.wraps.1)
    }

    /// Whether a pixel of a window lies in its middle half along both axes. Where the picture ends,
    /// so does the middle.
    pub(super) fn is_middle(self, window: Window, at: usize) -> bool {
        let Window { start, size } = window;
        let is_middle = |at: usize, start: usize, size: usize, len: usize, wraps: bool| {
            let begins = if start == 0 && !wraps { 0 } else { size };
            let ends = if start + size == len && !wraps { 4 * size } else { 3 * size };
            (begins..ends).contains(&(4 * at))
        };
        is_middle(at % size.0, start.0, size.0, self.width, self.wraps.0)
            && is_middle(at / size.0, start.1, size.1, self.height, self.wraps.1)
    }

    /// All pairs of neighbours, those across borders that meet among them.
    pub(super) fn neighbors(self) -> impl Iterator<Item = (usize, usize)> {
        let whole = Window { start: (0, 0), size: self.size() };
        whole.neighbors().map(|(at, next, _)| (at, next)).chain(self.meeting())
    }

    /// The pairs across borders that meet.
    fn meeting(self) -> impl Iterator<Item = (usize, usize)> {
        let Self { width, height, wraps } = self;
        let rows = (0..height).filter(move |_| wraps.0);
        let columns = (0..width).filter(move |_| wraps.1);
        let across = rows.map(move |y| (y * width + width - 1, y * width));
        across.chain(columns.map(move |x| ((height - 1) * width + x, x)))
    }

    /// A pixel and the up to eight beside it.
    pub(super) fn beside(self, place: usize) -> impl Iterator<Item = usize> {
        let around = (-1..=1).flat_map(|down| (-1..=1).map(move |right| Offset(right, down)));
        around.filter_map(move |offset| self.moved(place, offset))
    }

    /// Whether each pixel has a marked one at most `reach` away, along both axes.
    pub(super) fn around(self, marked: &[bool], reach: usize) -> Vec<bool> {
        let Self { width, height, wraps } = self;
        let rows = marked.chunks_exact(width).map(|row| spread(row, reach, wraps.0));
        let mut near: Vec<bool> = rows.flatten().collect();
        for x in 0..width {
            let column: Vec<bool> = near.iter().skip(x).step_by(width).copied().collect();
            for (y, is_near) in spread(&column, reach, wraps.1).into_iter().enumerate() {
                near[y * width + x] = is_near;
            }
        }
        debug_assert_eq!(near.len(), width * height);
        near
    }

    /// The pixel of this picture where a larger one of the same has the pixel `place`.
    pub(super) fn reduced(self, larger: Self, place: usize) -> usize {
        let (x, y) = (place % larger.width, place / larger.width);
        (y * self.height / larger.height) * self.width + x * self.width / larger.width
    }
}

/// Of a line that may be a ring, whether each place has a marked one at most `reach` away.
fn spread(marked: &[bool], reach: usize, wraps: bool) -> Vec<bool> {
    let len = marked.len();
    let mut near = vec![false; len];
    let turns = if wraps { 2 } else { 1 };
    // The last marked place before each, and then, from the other end, the next one after it.
    for is_after in [false, true] {
        let mut last = None;
        for step in 0..turns * len {
            let at = if is_after { len - 1 - step % len } else { step % len };
            if marked[at] {
                last = Some(step);
            }
            near[at] |= last.is_some_and(|last| step - last <= reach);
        }
    }
    near
}

impl Offset {
    pub(super) const NONE: Self = Self(0, 0);

    /// From one pixel to another.
    pub(super) fn between(from: (usize, usize), to: (usize, usize)) -> Self {
        Self(to.0 as isize - from.0 as isize, to.1 as isize - from.1 as isize)
    }

    pub(super) fn plus(self, right: isize, down: isize) -> Self {
        Self(self.0 + right, self.1 + down)
    }

    /// The same in a larger picture.
    pub(super) fn enlarged(self, from: Extent, to: Extent) -> Self {
        let scaled = |by: isize, from: usize, to: usize| {
            (by as f64 * to as f64 / from as f64).round() as isize
        };
        Self(scaled(self.0, from.width, to.width), scaled(self.1, from.height, to.height))
    }
}

impl Window {
    /// Its pixels, row by row.
    pub(super) fn places(self, extent: Extent) -> impl Iterator<Item = usize> {
        let Self { start, size } = self;
        let row =
            move |y: usize| (0..size.0).map(move |x| extent.place((start.0 + x, start.1 + y)));
        (0..size.1).flat_map(row)
    }

    /// All pairs of neighbours, counted in the window, and whether they lie side by side; otherwise
    /// one above the other.
    pub(super) fn neighbors(self) -> impl Iterator<Item = (usize, usize, bool)> {
        let (width, height) = self.size;
        (0..width * height).flat_map(move |at| {
            let right = (at % width + 1 < width).then_some((at, at + 1, true));
            let below = (at + width < width * height).then_some((at, at + width, false));
            right.into_iter().chain(below)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(marked: &[bool]) -> String {
        marked.iter().map(|marked| if *marked { 'x' } else { '.' }).collect()
    }

    #[test]
    fn what_is_near_is_so_on_both_sides_and_around() {
        let check = |line: &str, reach: usize, wraps: bool, expected: &str| {
            let marked: Vec<bool> = line.chars().map(|letter| letter == 'x').collect();
            assert_eq!(drawn(&spread(&marked, reach, wraps)), expected, "{line} {reach}");
        };
        check("...x.....", 2, false, ".xxxxx...");
        check("x........", 2, false, "xxx......");
        check("x........", 2, true, "xxx....xx");
        check("........x", 1, true, "x......xx");
        check("...x.....", 0, true, "...x.....");
        check(".........", 5, true, ".........");
        check("x........", 90, true, "xxxxxxxxx");
        let extent = Extent { width: 4, height: 3, wraps: (true, false) };
        let mut marked = [false; 12];
        marked[0] = true;
        assert_eq!(drawn(&extent.around(&marked, 1)), "xx.xxx.x....");
    }

    #[test]
    fn neighbours_meet_around_a_picture_that_repeats() {
        let count = |wraps| Extent { width: 5, height: 3, wraps }.neighbors().count();
        assert_eq!(count((false, false)), 4 * 3 + 5 * 2);
        assert_eq!(count((true, false)), 5 * 3 + 5 * 2);
        assert_eq!(count((true, true)), 5 * 3 + 5 * 3);
    }

    #[test]
    fn the_middle_reaches_to_where_a_picture_ends() {
        let middle = |start: usize, wraps: bool| -> String {
            let extent = Extent { width: 12, height: 1, wraps: (wraps, false) };
            let window = Window { start: (start, 0), size: (8, 1) };
            drawn(&(0..8).map(|at| extent.is_middle(window, at)).collect::<Vec<_>>())
        };
        assert_eq!(middle(2, false), "..xxxx..");
        assert_eq!(middle(0, false), "xxxxxx..");
        assert_eq!(middle(4, false), "..xxxxxx");
        assert_eq!(middle(0, true), "..xxxx..");
    }
}
