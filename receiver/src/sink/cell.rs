//! Values as text for a terminal: escaped, and never longer than could be shown.

use std::fmt::{self, Write};

use arrow_array::{Array, ArrayRef};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use bowstring_cli::text;

use super::table::render::Cell;

/// No more of a value is turned into text. Wider than any column is shown, and a value may be a gigabyte.
const LONGEST: usize = 200;

/// Returns the first `count` values of a column, or as many as there are.
pub(super) fn cells(column: &ArrayRef, count: usize) -> Vec<Cell> {
    let options = FormatOptions::new().with_display_error(true).with_null("null");
    let count = count.min(column.len());
    let Ok(formatter) = ArrayFormatter::try_new(column.as_ref(), &options) else {
        return vec![Cell { text: "?".to_owned(), null: true }; count];
    };
    let nulls = column.logical_nulls();
    (0..count)
        .map(|row| {
            let mut clipped = Clipped { text: String::new(), room: LONGEST };
            // An error is that there was enough of it.
            let _ = formatter.value(row).write(&mut clipped);
            let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            Cell { text: text::escaped(&clipped.text), null }
        })
        .collect()
}

/// Takes text until there is enough.
struct Clipped {
    text: String,
    room: usize,
}

impl Write for Clipped {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if more.len() <= self.room {
            self.room -= more.len();
            self.text.push_str(more);
            return Ok(());
        }
        let fits =
            more.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|&end| end <= self.room).last();
        self.text.push_str(&more[..fits.unwrap_or(0)]);
        self.room = 0;
        Err(fmt::Error)
    }
}
