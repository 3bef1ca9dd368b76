//! Measures text in columns of a terminal.

use unicode_width::UnicodeWidthChar;

/// Terminal cells that the text takes.
pub(crate) fn of(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Returns the text cut to `most` cells, with an ellipsis if anything was cut.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if of(text) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut room = most.saturating_sub(1);
    for c in text.chars() {
        let Some(left) = room.checked_sub(char_width(c)) else { break };
        out.push(c);
        room = left;
    }
    if most > 0 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_cells_and_not_letters() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        // Each of these takes two cells; a half of one cannot be shown.
        assert_eq!(cut("数据传输", 6), "数据…");
        assert_eq!(of(&cut("数据传输", 6)), 5);
        assert_eq!(cut("abc", 0), "");
        // A letter with an accent that is a character of its own.
        assert_eq!(of("e\u{301}"), 1);
    }
}
