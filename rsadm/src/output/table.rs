//! `-o table`: columns that fit their contents.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table as Drawing, presets};

/// The widths of columns are known when all rows are; a longer listing is drawn in parts with
/// titles of their own, so that memory does not grow with it.
const ROWS: usize = 2000;

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Table {
    titles: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these titles.
    pub(crate) fn new(titles: &[(&'static str, Align)]) -> Self {
        Self { titles: titles.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with a text for each title.
    pub(crate) fn row(&mut self, out: &mut impl Write, row: Vec<String>) -> io::Result<()> {
        if self.rows.len() == ROWS {
            self.draw(out)?;
            out.write_all(b"\n")?;
        }
        self.rows.push(row);
        Ok(())
    }

    /// Draws what is left; a table without rows is its titles.
    pub(crate) fn finish(mut self, out: &mut impl Write) -> io::Result<()> {
        self.draw(out)
    }

    fn draw(&mut self, out: &mut impl Write) -> io::Result<()> {
        let mut drawing = Drawing::new();
        drawing.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let alignments: Vec<_> = self
            .titles
            .iter()
            .map(|(_, align)| match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            })
            .collect();
        let cell = |(text, align): (String, &CellAlignment)| Cell::new(text).set_alignment(*align);
        let titles = self.titles.iter().map(|(title, _)| (*title).to_owned());
        drawing.set_header(titles.zip(&alignments).map(cell));
        for row in self.rows.drain(..) {
            drawing.add_row(row.into_iter().zip(&alignments).map(cell));
        }
        for column in drawing.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for line in drawing.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: usize) -> String {
        let mut table = Table::new(&[("NAME", Align::Left), ("COUNT", Align::Right)]);
        let mut out = Vec::new();
        for row in 0..rows {
            let row = vec![format!("n{row}"), (row * 1000).to_string()];
            table.row(&mut out, row).expect("memory");
        }
        table.finish(&mut out).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn columns_fit() {
        assert_eq!(drawn(2), "NAME  COUNT\nn0        0\nn1     1000\n");
        assert_eq!(drawn(0), "NAME  COUNT\n");
    }

    #[test]
    fn long_tables_come_in_parts() {
        let text = drawn(2001);
        assert_eq!(text.matches("NAME").count(), 2);
        assert_eq!(text.lines().filter(|line| line.starts_with('n')).count(), 2001);
    }
}
