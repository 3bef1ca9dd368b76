//! Drawing a grid of cells.

use std::io::{self, Write};

use super::layout::{self, Shown, Wish};
use super::width;
use crate::screen::Screen;

const BOLD: &str = "\x1b[1m";
/// Cells that the longest name of a plain type takes: `Float64`, `Boolean`.
const PLAIN_TYPE: usize = 7;

const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// A column's heading.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// A second line of heading.
    pub(crate) under: Option<String>,
    /// True if cells are right-aligned.
    pub(crate) right: bool,
    /// True if the cell must not be truncated.
    pub(crate) rigid: bool,
}

/// A cell's text, which has been escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// True if it is null.
    pub(crate) null: bool,
}

/// Headings and rows.
pub(crate) struct Grid<'a> {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: &'a [Vec<Cell>],
}

impl Grid<'_> {
    /// Draws the columns that fit; returns how many did not.
    pub(crate) fn render(&self, out: &mut impl Write, screen: Screen) -> io::Result<usize> {
        let wanted: Vec<Wish> = (0..self.columns.len()).map(|column| self.wish(column)).collect();
        // Each line begins with a space, which is not the layout's.
        let shown = layout::fit(&wanted, screen.width.saturating_sub(1));
        let paint = |style| if screen.colour { style } else { "" };
        let heading = |text: &str, width, right| pad(text, width, right);
        self.line(out, &shown, " │ ", |index, width| {
            let column = &self.columns[index];
            format!("{}{}{}", paint(BOLD), heading(&column.name, width, column.right), paint(PLAIN))
        })?;
        if self.columns.iter().any(|column| column.under.is_some()) {
            self.line(out, &shown, " │ ", |index, width| {
                let column = &self.columns[index];
                let under = column.under.as_deref().unwrap_or("");
                format!("{}{}{}", paint(DIM), heading(under, width, column.right), paint(PLAIN))
            })?;
        }
        let rule: Vec<String> = shown.iter().map(|shown| "─".repeat(shown.width())).collect();
        writeln!(out, "─{}", rule.join("─┼─"))?;
        for row in self.rows {
            self.line(out, &shown, " │ ", |index, width| {
                let Some(cell) = row.get(index) else { return " ".repeat(width) };
                let text = pad(&cell.text, width, self.columns[index].right);
                if cell.null { format!("{}{text}{}", paint(DIM), paint(PLAIN)) } else { text }
            })?;
        }
        Ok(shown.iter().map(|shown| if let Shown::Gap { left_out } = shown { *left_out } else { 0 }).sum())
    }

    /// Returns the width that a column would take if it had its way.
    fn wish(&self, index: usize) -> Wish {
        let column = &self.columns[index];
        let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|cell| width::of(&cell.text));
        let needed = cells.fold(width::of(&column.name), usize::max).max(1);
        match &column.under {
            // What stands under a name is cut before values are.
            Some(under) if !column.rigid => Wish { wanted: needed.max(width::of(under)), rigid: false },
            // The name of a plain type is short, and its first letter says nothing.
            Some(under) if width::of(under) <= PLAIN_TYPE => {
                Wish { wanted: needed.max(width::of(under)), rigid: true }
            }
            _ => Wish { wanted: needed, rigid: column.rigid },
        }
    }

    fn line(
        &self,
        out: &mut impl Write,
        shown: &[Shown],
        between: &str,
        cell: impl Fn(usize, usize) -> String,
    ) -> io::Result<()> {
        let cells: Vec<String> = shown
            .iter()
            .map(|shown| match *shown {
                Shown::Column { index, width } => cell(index, width),
                Shown::Gap { .. } => "…".to_owned(),
            })
            .collect();
        writeln!(out, " {}", cells.join(between).trim_end())
    }
}

impl Shown {
    fn width(self) -> usize {
        match self {
            Shown::Column { width, .. } => width,
            Shown::Gap { .. } => 1,
        }
    }
}

/// Returns the text cut or filled up to `width` cells.
fn pad(text: &str, width: usize, right: bool) -> String {
    let text = width::cut(text, width);
    let filling = " ".repeat(width.saturating_sub(width::of(&text)));
    if right { filling + &text } else { text + &filling }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn draw(columns: Vec<Column>, rows: &[Vec<Cell>], width: usize) -> String {
        let mut out = Vec::new();
        Grid { columns, rows }.render(&mut out, Screen { width, colour: false }).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn cell(text: &str) -> Cell {
        Cell { text: text.to_owned(), null: false }
    }

    #[test]
    fn columns_line_up() {
        let column =
            |name: &str, right| Column { name: name.into(), under: Some("T".into()), right, rigid: right };
        let rows = [vec![cell("1"), cell("数据")], vec![cell("1000"), cell("e\u{301}")]];
        let drawn = draw(vec![column("n", true), column("s", false)], &rows, 80);
        let wanted = "    n │ s\n    T │ T\n──────┼─────\n    1 │ 数据\n 1000 │ e\u{301}\n";
        assert_eq!(drawn, wanted);
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let columns: Vec<Column> =
            (0..30).map(|i| Column { name: format!("column{i}"), ..Column::default() }).collect();
        let rows: Vec<Vec<Cell>> =
            (0..3).map(|r| (0..30).map(|c| cell(&"长x".repeat(r + c))).collect()).collect();
        for width in 20..200 {
            let drawn = draw(columns.clone(), &rows, width);
            for line in drawn.lines() {
                assert!(width::of(line) <= width, "{width}: {line}");
            }
        }
    }
}
