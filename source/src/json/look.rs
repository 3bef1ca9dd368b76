//! The kinds of values that plain objects have, for inferring types without building every value.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::big::MARK;
use super::plain::{self, Objects, Value, unescape};

/// The columns of a block, and the kinds of their values.
#[derive(Debug)]
pub(super) struct Look {
    columns: Vec<Column>,
    index: HashMap<Vec<u8>, usize>,
    /// Rows seen so far, and the most to look at.
    pub(super) rows: u64,
    most: u64,
    /// The column that comes next if the fields are in order.
    next: usize,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Column {
    name: String,
    kinds: u8,
    /// The row of its last value.
    row: u64,
}

const NULL: u8 = 1;
const BOOLEAN: u8 = 1 << 1;
const TEXT: u8 = 1 << 2;
const NATURAL: u8 = 1 << 3;
const NEGATIVE: u8 = 1 << 4;
const FLOAT: u8 = 1 << 5;
/// An integer beyond `i64`, and one beyond `u64` too.
const BIG: u8 = 1 << 6;
const HUGE: u8 = 1 << 7;

impl Look {
    /// Looks at the first `most` objects of a block, or gives up if they are not plain.
    pub(super) fn at(block: &[u8], most: u64) -> Option<Look> {
        str::from_utf8(block).ok()?;
        let (columns, index) = (Vec::new(), HashMap::new());
        let mut look = Look { columns, index, rows: 0, most, next: 0, scratch: Vec::new() };
        // It also gives up when it has seen enough.
        let read = plain::read(block, &mut look);
        (read.is_some() || look.rows == most).then_some(look)
    }

    /// Returns the names of the columns, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Returns rows from which the same types are inferred: each column has a value of each kind.
    pub(super) fn examples(&self) -> Vec<Json> {
        let kinds = [NULL, BOOLEAN, TEXT, NATURAL, NEGATIVE, FLOAT, BIG, HUGE];
        let row = |kind: &u8| {
            let columns = self.columns.iter().filter(|column| column.kinds & kind != 0);
            let row: Map<_, _> = columns.map(|column| (column.name.clone(), example(*kind))).collect();
            (!row.is_empty()).then_some(Json::Object(row))
        };
        kinds.iter().filter_map(row).collect()
    }
}

fn example(kind: u8) -> Json {
    match kind {
        NULL => Json::Null,
        BOOLEAN => json!(true),
        NATURAL => json!(1),
        NEGATIVE => json!(-1),
        FLOAT => json!(0.5),
        BIG => json!(format!("{MARK}{}", u64::MAX)),
        _ => json!(""),
    }
}

impl Objects for Look {
    fn value(&mut self, key: &[u8], value: Value<'_>) -> Option<()> {
        let kind = match value {
            Value::Null => NULL,
            Value::Boolean(_) => BOOLEAN,
            Value::Number(number) => kind(number)?,
            Value::Text(text) if controlled(text) => return None,
            Value::Text(_) => TEXT,
            Value::Escaped(text) => {
                self.scratch.clear();
                unescape(text, &mut self.scratch).filter(|()| !controlled(text))?;
                TEXT
            }
        };
        let mut at = self.next;
        if self.columns.get(at).is_none_or(|column| column.name.as_bytes() != key) {
            at = match self.index.get(key) {
                Some(at) => *at,
                None => {
                    let name = str::from_utf8(key).ok().filter(|_| !controlled(key))?.to_owned();
                    self.index.insert(key.to_vec(), self.columns.len());
                    self.columns.push(Column { name, kinds: 0, row: u64::MAX });
                    self.columns.len() - 1
                }
            };
        }
        let column = &mut self.columns[at];
        // Of a field that is named twice, the last value counts.
        if column.row == self.rows {
            return None;
        }
        (column.row, column.kinds) = (self.rows, column.kinds | kind);
        self.next = at + 1;
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        self.next = 0;
        self.rows += 1;
        (self.rows < self.most).then_some(())
    }
}

/// True if there are control characters, which JSON has only escaped.
fn controlled(text: &[u8]) -> bool {
    text.iter().any(|byte| *byte < b' ')
}

/// Returns the kind of a number, or gives up if it is none.
fn kind(number: &[u8]) -> Option<u8> {
    let text = str::from_utf8(number).ok()?;
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, mut rest) = rest.split_at(digits(rest));
    if whole.is_empty() || whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    if rest.is_empty() {
        return Some(match (whole.len() < 19, negative) {
            // Only a float has a negative zero.
            (_, true) if whole == "0" => FLOAT,
            (true, true) => NEGATIVE,
            (true, false) => NATURAL,
            (false, true) => {
                if text.parse::<i64>().is_ok() {
                    NEGATIVE
                } else {
                    HUGE
                }
            }
            (false, false) if text.parse::<i64>().is_ok() => NATURAL,
            (false, false) => {
                if text.parse::<u64>().is_ok() {
                    BIG
                } else {
                    HUGE
                }
            }
        });
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        let len = digits(fraction);
        rest = &fraction[len..];
        if len == 0 {
            return None;
        }
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        rest = &exponent[digits(exponent)..];
        if exponent.is_empty() {
            return None;
        }
    }
    let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
    (rest.is_empty() && finite).then_some(FLOAT)
}
