//! The layout of UDIM tiles: tile 1001 is at the bottom left, ten columns make a row.

use crate::Part;

/// The smallest rectangle of tiles that has all tiles of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdimGrid {
    left: u32,
    top: u32,
    pub columns: u32,
    pub rows: u32,
}

/// The number of the first tile.
const FIRST: u16 = 1001;

const COLUMNS: u16 = 10;

impl UdimGrid {
    /// Around tiles with these numbers, 1001 or more; `None` if there is no tile.
    pub fn around(tiles: impl IntoIterator<Item = u16>) -> Option<Self> {
        let mut bounds: Option<[u32; 4]> = None;
        for (column, row) in tiles.into_iter().map(place) {
            let [left, right, bottom, top] = bounds.unwrap_or([column, column, row, row]);
            bounds = Some([left.min(column), right.max(column), bottom.min(row), top.max(row)]);
        }
        let [left, right, bottom, top] = bounds?;
        Some(Self { left, top, columns: right - left + 1, rows: top - bottom + 1 })
    }

    /// Around the tiles among these parts.
    pub fn of_parts(parts: impl IntoIterator<Item = Part>) -> Option<Self> {
        Self::around(parts.into_iter().filter_map(|part| match part {
            Part::Udim(tile) => Some(tile),
            _ => None,
        }))
    }

    /// The column from the left and the row from the top of a tile that it is around.
    pub fn place(&self, tile: u16) -> (u32, u32) {
        let (column, row) = place(tile);
        (column.saturating_sub(self.left), self.top.saturating_sub(row))
    }

    /// The width and height of all places, each of this size; as large as there are numbers at
    /// most.
    pub fn whole(&self, (width, height): (u32, u32)) -> (u32, u32) {
        (width.saturating_mul(self.columns), height.saturating_mul(self.rows))
    }
}

/// Column and row from the bottom.
fn place(tile: u16) -> (u32, u32) {
    let at = tile.saturating_sub(FIRST);
    (u32::from(at % COLUMNS), u32::from(at / COLUMNS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_grow_upwards_and_only_the_used_rectangle_counts() {
        let grid = UdimGrid::around([1002, 1013, 1012]).expect("there are tiles");
        assert_eq!((grid.columns, grid.rows, grid.whole((30, 20))), (2, 2, (60, 40)));
        assert_eq!([1002, 1012, 1013].map(|tile| grid.place(tile)), [(0, 1), (0, 0), (1, 0)]);
        let row = UdimGrid::around(1001..=1010).expect("there are tiles");
        assert_eq!((row.columns, row.rows, row.place(1010)), (10, 1, (9, 0)));
        assert_eq!(UdimGrid::around([]), None);
        let parts = [Part::Color, Part::Udim(1021), Part::Udim(1001)];
        let column = UdimGrid::of_parts(parts).expect("there are tiles");
        assert_eq!((column.columns, column.rows, column.place(1001)), (1, 3, (0, 2)));
    }
}
