//! The terminal that progress bars are drawn on.

use std::io;

use anstream::ColorChoice;
use console::Term;
use indicatif::TermLike;

/// Stderr, as if it were a few columns narrower. The bar library fills the last row to the width,
/// and a terminal prints `^C` after it when Ctrl-C is pressed: in the full width that begins another
/// row, and the one above is not erased any more.
#[derive(Debug)]
pub(crate) struct NarrowTerm {
    term: Term,
    /// Whether colours are written.
    colors: bool,
}

/// Room for `^C`, and for a second one.
const MARGIN: u16 = 4;

impl NarrowTerm {
    pub(crate) fn stderr() -> Self {
        let colors = anstream::AutoStream::choice(&io::stderr()) != ColorChoice::Never;
        Self { term: Term::buffered_stderr(), colors }
    }

    /// How many columns a progress line may take.
    pub(crate) fn columns() -> usize {
        usize::from(narrowed(&Term::stderr()))
    }

    fn shown(&self, text: &str, write: impl FnOnce(&str) -> io::Result<()>) -> io::Result<()> {
        match self.colors {
            true => write(text),
            false => write(&anstream::adapter::strip_str(text).to_string()),
        }
    }
}

fn narrowed(term: &Term) -> u16 {
    let (_, columns) = term.size();
    columns.saturating_sub(MARGIN).max(1)
}

impl TermLike for NarrowTerm {
    fn width(&self) -> u16 {
        narrowed(&self.term)
    }

    fn height(&self) -> u16 {
        let (rows, _) = self.term.size();
        rows
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.shown(text, |text| self.term.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.shown(text, |text| self.term.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.term.flush()
    }
}
