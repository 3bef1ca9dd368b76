//! The ends of objects, in bytes that come piece by piece.

use memchr::memchr;

use super::plain::end_of_text;
use crate::SourceError;
use crate::csv::{Ends, LONGEST, Scan};

/// The longest line that is looked at as a whole.
const LINE: usize = 4 << 10;

/// Finds the ends of objects, and blanks out what is between them in an array.
#[derive(Debug)]
pub(super) struct JsonScan {
    at: usize,
    depth: u32,
    array: bool,
    quoted: bool,
    line: u64,
    /// The line where the object began, and the line where the next does.
    began: u64,
    begins: u64,
    /// False for a sample, which may end within an object.
    whole: bool,
    /// False where no line ended within [`LINE`] bytes, until the next block.
    lines: bool,
}

impl JsonScan {
    pub(super) fn new(whole: bool) -> JsonScan {
        JsonScan {
            at: 0,
            depth: 0,
            array: false,
            quoted: false,
            line: 1,
            began: 1,
            begins: 1,
            whole,
            lines: true,
        }
    }
}

impl JsonScan {
    /// Looks at each byte of this block.
    #[cfg(test)]
    pub(super) fn forget_lines(&mut self) {
        self.lines = false;
    }

    /// Returns the length of the rest of an object that has its line for itself and nothing nested within, so that one pass
    /// without a branch for each byte finds its end. `rest` begins after the opening brace.
    fn plain_line(&mut self, rest: &[u8]) -> Option<usize> {
        if !self.lines {
            return None;
        }
        let near = &rest[..rest.len().min(LINE)];
        let Some(end) = memchr(b'\n', near) else {
            self.lines = near.len() < LINE;
            return None;
        };
        // In an array, a comma comes behind the object.
        let behind =
            near[..end].iter().rev().take_while(|byte| matches!(byte, b',' | b' ' | b'\t' | b'\r')).count();
        let line = &near[..end - behind];
        let (mut quotes, mut special) = (0, 0);
        for part in line.chunks(128) {
            let (mut part_quotes, mut part_special) = (0_u8, 0_u8);
            for byte in part {
                part_quotes += u8::from(*byte == b'"');
                // Braces, brackets, backslashes; the pipe is taken for one of them.
                part_special += u8::from((byte | 0x20).wrapping_sub(b'{') < 3);
            }
            quotes += u32::from(part_quotes);
            special += u32::from(part_special);
        }
        // The only brace is the last byte, and behind the text that comes before.
        let plain = line.last() == Some(&b'}') && special == 1 && quotes % 2 == 0;
        plain.then_some(line.len())
    }
}

impl Scan for JsonScan {
    fn scan(&mut self, bytes: &mut [u8], rows: u64, ended: bool) -> Ends {
        let mut found = Ends::default();
        while found.rows < rows && self.at < bytes.len() {
            if self.quoted {
                let next = end_of_text(bytes, self.at);
                if next >= bytes.len() {
                    self.at = bytes.len();
                    break;
                }
                if bytes[next] == b'\\' {
                    // The escaped character may not be there yet.
                    if next + 1 == bytes.len() && !ended {
                        self.at = next;
                        break;
                    }
                    self.at = (next + 2).min(bytes.len());
                } else {
                    self.quoted = false;
                    self.at = next + 1;
                }
                continue;
            }
            let byte = &mut bytes[self.at];
            self.at += 1;
            match *byte {
                b'"' => self.quoted = true,
                b'\n' => self.line += 1,
                b'[' if self.depth == 0 && !self.array => {
                    (self.array, self.began) = (true, self.line);
                    *byte = b' ';
                }
                b'{' | b'[' => {
                    if self.depth == 0 {
                        self.began = self.line;
                        if let Some(len) = self.plain_line(&bytes[self.at..]) {
                            self.at += len;
                            found.rows += 1;
                            found.len = self.at;
                            self.begins = self.line;
                            continue;
                        }
                    }
                    self.depth += 1;
                }
                b']' if self.depth == 0 && self.array => {
                    self.array = false;
                    *byte = b' ';
                }
                b',' if self.depth == 0 && self.array => *byte = b' ',
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        found.rows += 1;
                        found.len = self.at;
                        self.begins = self.line;
                    }
                }
                _ => {}
            }
        }
        found.broken =
            ended && self.whole && (self.quoted || self.depth > 0 || self.array) && self.at == bytes.len();
        if ended && found.rows < rows && found.len < bytes.len() && !found.broken {
            found.len = if self.whole { bytes.len() } else { found.len };
        }
        found
    }

    fn cut(&mut self, len: usize) {
        self.at -= len;
        self.lines = true;
    }

    fn next_line(&self) -> u64 {
        self.begins
    }

    fn unfinished(&self, name: &str, ended: bool) -> SourceError {
        let (what, line) = (if self.array && self.depth == 0 { "array" } else { "object" }, self.began);
        SourceError::malformed(
            name,
            match ended {
                true => format!("the {what} that begins in line {line} is never closed"),
                false => {
                    format!("the {what} that begins in line {line} is longer than {} MiB", LONGEST >> 20)
                }
            },
        )
        .advise("it was cut short, or is still being written; --format csv if it is no JSON")
    }
}
