//! Finds the sender's columns for a row's fields: once by name, then by index in every batch.

use arrow_schema::Fields;
use bowstring_codec::view::{BatchView, Full, Struct};

use super::mismatch::Mismatch;
use super::types::Field;
use super::value::Value;

/// The sender's columns, or the fields of one of its structs.
#[derive(Debug, Clone, Copy)]
pub struct Lookup<'s> {
    pub(super) fields: &'s Fields,
    /// The path of the struct, and a dot; empty for columns.
    pub(super) prefix: &'s str,
}

/// The place of a field, and the way to read it.
pub struct Found<T: Value> {
    index: Option<usize>,
    plan: T::Plan,
}

impl<T: Value> std::fmt::Debug for Found<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found").field("index", &self.index).field("plan", &self.plan).finish()
    }
}

impl Lookup<'_> {
    /// Finds a field by its name, else by its aliases in their order.
    pub fn find<T: Value>(&self, field: &Field) -> Result<Found<T>, Mismatch> {
        let column = || format!("{}{}", self.prefix, field.name);
        let names = std::iter::once(&field.name).chain(field.aliases);
        for name in names {
            let mut named = self.fields.iter().enumerate().filter(|(_, found)| found.name() == name);
            let Some((index, found)) = named.next() else { continue };
            if let Some((_, other)) = named.next() {
                let found = format!("{}, {}", found.data_type(), other.data_type());
                return Err(Mismatch::Ambiguous { column: column(), expected: T::TYPE.to_string(), found });
            }
            let plan = plan::<T>(found, &column())?;
            return Ok(Found { index: Some(index), plan });
        }
        match T::absent() {
            Some(plan) => Ok(Found { index: None, plan }),
            None => Err(Mismatch::Missing { column: column(), expected: T::TYPE.to_string() }),
        }
    }
}

/// Decides how a field of the sender is read.
pub(super) fn plan<T: Value>(found: &arrow_schema::Field, path: &str) -> Result<T::Plan, Mismatch> {
    let plan = T::plan(found.data_type(), path)?;
    if found.is_nullable() && !T::NULLABLE {
        let (column, found) = (path.to_owned(), found.data_type().to_string());
        return Err(Mismatch::Nullable { column, expected: T::TYPE.to_string(), found });
    }
    Ok(plan)
}

/// Says that a type is none that a field takes.
pub(super) fn refuse<T: Value, R>(found: &arrow_schema::DataType, path: &str) -> Result<R, Mismatch> {
    let (column, found) = (path.to_owned(), found.to_string());
    Err(Mismatch::Type { column, expected: T::TYPE.to_string(), found })
}

/// The columns of a batch, or the fields of a struct column.
#[derive(Debug, Clone, Copy)]
pub enum Parent<'a> {
    /// A batch.
    Batch(BatchView<'a, Full>),
    /// A struct column.
    Struct(Struct<'a, Full>),
    /// A struct column that the sender does not have.
    Absent,
}

impl<'a> Parent<'a> {
    /// Returns a field's column.
    pub fn cells<T: Value>(&self, found: &'a mut Found<T>) -> T::Cells<'a> {
        let column = found.index.and_then(|index| match self {
            Self::Batch(batch) => batch.column(index),
            Self::Struct(parent) => parent.field(index),
            Self::Absent => None,
        });
        T::cells(&mut found.plan, column)
    }
}
