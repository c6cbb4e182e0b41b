//! Aligned columns for people.

use std::fmt;

use unicode_width::UnicodeWidthStr;

/// Rows under a heading, padded to the widest cell of each column.
#[derive(Debug, Clone)]
pub(crate) struct Table<const N: usize> {
    heading: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(heading: [&'static str; N]) -> Self {
        Self { heading, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = self.heading.map(width);
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(width(cell));
            }
        }
        let heading = self.heading.map(str::to_owned);
        for (index, row) in std::iter::once(&heading).chain(&self.rows).enumerate() {
            let mut line = String::new();
            for (cell, column) in row.iter().zip(widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', column - width(cell) + 2));
            }
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(line.trim_end())?;
        }
        Ok(())
    }
}

/// The width in terminal columns: two for most Chinese characters, none for combining accents.
fn width(cell: &str) -> usize {
    UnicodeWidthStr::width(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["JOB", "PROJECT"]);
        table.row(["7".to_owned(), "münze".to_owned()]);
        table.row(["1234".to_owned(), "x".to_owned()]);
        assert_eq!(table.to_string(), "JOB   PROJECT\n7     münze\n1234  x");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let mut table = Table::new(["PROJECT", "JOB"]);
        table.row(["レンガ壁".to_owned(), "7".to_owned()]);
        assert_eq!(table.to_string(), "PROJECT   JOB\nレンガ壁  7");
    }
}
