//! Places in a condition's text: the parser counts lines and characters, callers count bytes.

use sqlparser::tokenizer::Location;

/// Returns the byte at which a place begins, from 0; `None` for the parser's mark of no place, which is line 0.
pub(crate) fn byte(sql: &str, place: Location) -> Option<usize> {
    let line = usize::try_from(place.line.checked_sub(1)?).ok()?;
    let column = usize::try_from(place.column.saturating_sub(1)).ok()?;
    let start = match line {
        0 => 0,
        line => sql.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let mut characters = sql.get(start..)?.char_indices().map(|(at, _)| at);
    // The place behind the last character is one too.
    Some(characters.nth(column).map_or(sql.len(), |at| start + at))
}

/// Returns the place that the parser's error names at its end. The end of the text has none there.
pub(crate) fn in_words(sql: &str, words: &str) -> Option<usize> {
    let Some((_, place)) = words.rsplit_once(" at Line: ") else {
        return words.ends_with("found: EOF").then_some(sql.len());
    };
    let (line, column) = place.split_once(", Column: ")?;
    byte(sql, Location { line: line.parse().ok()?, column: column.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_characters_become_bytes() {
        let sql = "\u{e4} = 1\nand b = 2";
        let at = |line, column| byte(sql, Location { line, column });
        assert_eq!(at(0, 0), None);
        assert_eq!(at(1, 1), Some(0));
        assert_eq!(at(1, 2), Some(2));
        assert_eq!(at(2, 5), Some(11));
        assert_eq!(at(2, 99), Some(sql.len()));
        assert_eq!(at(3, 1), None);
        assert_eq!(in_words(sql, "Expected: x, found: and at Line: 2, Column: 1"), Some(7));
        assert_eq!(in_words(sql, "Expected: x, found: EOF"), Some(sql.len()));
        assert_eq!(in_words(sql, "recursion limit exceeded"), None);
    }
}
