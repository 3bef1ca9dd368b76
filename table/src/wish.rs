//! A receiver's wish: which columns it reads and how many rows. It stands in the receiver's greeting, in lines of
//! `key=value`, and binds nobody: a sender may send more.

use arrow_schema::Schema;

use crate::hints::pairs;

/// The most bytes of column names: a greeting has to go into a datagram.
const MOST: usize = 16 << 10;

/// The longest greeting that is searched for a wish. A sender looks each name up, so what a peer may make it do is bounded.
const LONGEST: usize = 4 * MOST;

/// The columns and rows that a receiver wants. A sender that knows of such wishes sends no column that none of its
/// receivers reads.
///
/// ```
/// use bowstring::Wish;
/// let wish = Wish { columns: Some(vec!["id".into(), "price".into()]), rows: Some(10) };
/// assert_eq!(wish.lines(), "wants-column=id\nwants-column=price\nwants-rows=10\n");
/// assert_eq!(Wish::parse(wish.lines().as_bytes()), wish);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// The names of the columns that it reads; all of them if `None`.
    pub columns: Option<Vec<String>>,
    /// The rows after which it wants no more.
    pub rows: Option<u64>,
}

impl Wish {
    /// Returns the wish as lines. Columns are left out, as if all were wanted, if there is none, if a name has a line feed
    /// in it, or if they take more than 16 KiB.
    #[must_use]
    pub fn lines(&self) -> String {
        let names = self.columns.iter().flatten();
        let mut lines: String = match names.clone().any(|name| name.contains('\n')) {
            true => String::new(),
            false => names.map(|name| format!("wants-column={name}\n")).collect(),
        };
        if lines.len() > MOST {
            lines.clear();
        }
        if let Some(rows) = self.rows {
            lines.push_str(&format!("wants-rows={rows}\n"));
        }
        lines
    }

    /// Parses lines; ignores unknown keys and malformed values, and lines of more than 64 KiB in all.
    #[must_use]
    pub fn parse(lines: &[u8]) -> Wish {
        let mut wish = Wish::default();
        if lines.len() > LONGEST {
            return wish;
        }
        for (key, value) in pairs(lines) {
            match key {
                "wants-column" => wish.columns.get_or_insert_default().push(value.to_owned()),
                "wants-rows" => wish.rows = value.parse().ok(),
                _ => {}
            }
        }
        wish
    }

    /// Returns for each column of a schema whether it is wanted; `None` if all are, or if the schema lacks one of them:
    /// such a receiver is not what it seems.
    pub(crate) fn of(&self, schema: &Schema) -> Option<Box<[bool]>> {
        let names = self.columns.as_ref()?;
        let mut wanted = vec![false; schema.fields().len()];
        for name in names {
            // As everywhere in Arrow, a name means the first column that has it.
            wanted[schema.index_of(name).ok()?] = true;
        }
        (!wanted.iter().all(|wanted| *wanted)).then(|| wanted.into())
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use super::*;

    #[test]
    fn what_cannot_be_told_is_not() {
        let told = |columns: &[&str]| {
            let columns = Some(columns.iter().map(|&name| name.to_owned()).collect());
            Wish::parse(Wish { columns, rows: Some(7) }.lines().as_bytes())
        };
        assert_eq!(told(&["a=b", ""]).columns, Some(vec!["a=b".into(), String::new()]));
        for columns in [&[][..], &["a", "b\nwants-rows=9"], &[&"x".repeat(MOST)]] {
            assert_eq!(told(columns), Wish { columns: None, rows: Some(7) });
        }
        assert_eq!(Wish::parse("wants-rows=7\n".repeat(LONGEST / 13 + 1).as_bytes()), Wish::default());
        assert_eq!(
            Wish::parse(b"wants-column\n\xff=1\nwants-rows=-1\nwants-rows=many\nprogram=x"),
            Wish::default()
        );
    }

    #[test]
    fn columns_are_found_by_name() {
        let fields = ["a", "b", "a"].map(|name| Field::new(name, DataType::Int8, true));
        let schema = Schema::new(fields.to_vec());
        let of = |names: &[&str]| {
            Wish { columns: Some(names.iter().map(|&name| name.to_owned()).collect()), rows: None }
                .of(&schema)
        };
        assert_eq!(of(&["b"]).as_deref(), Some(&[false, true, false][..]));
        assert_eq!(of(&["a", "a"]).as_deref(), Some(&[true, false, false][..]));
        assert_eq!(of(&["b", "c"]), None);
        assert_eq!(Wish::default().of(&schema), None);
    }
}
