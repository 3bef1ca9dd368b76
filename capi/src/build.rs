//! Columns that C fills where they will be read.

use std::ffi::c_void;

use arrow_array::downcast_primitive;
use arrow_schema::DataType;
use bowstring_capi_bytes::error::Failure;
use bowstring_table::SendError;
use bowstring_table::codec::BuildError;
use bowstring_table::codec::build::{
    Binaries, Booleans, Fields, Fixed, FixedBytes, ListViews, Lists, Rows, Runs, Strings, Unions,
};

use crate::failure::TableFailure;

pub mod fill;

/// The columns of a batch that is being built, parents before their children. They are numbered from 0 in that order.
pub struct Columns<'c, 'f> {
    fields: &'c mut Fields<'f>,
    taken: Vec<Column<'f>>,
    /// Rows of the columns for which they were set.
    rows: Vec<Option<usize>>,
}

/// One column, by how it is filled.
enum Column<'f> {
    Values(Box<dyn Values + 'f>),
    Booleans(Booleans<'f>),
    FixedBytes(FixedBytes<'f>),
    Strings(Strings<'f>),
    Binaries(Binaries<'f>),
    Rows(Rows<'f>),
    Lists(Lists<'f>),
    ListViews(ListViews<'f>),
    Unions(Box<Unions<'f>>),
    Runs(Runs<'f>),
}

/// A column of native values, of whatever type.
trait Values {
    /// Returns the place of the values, the number that there is room for, and the bytes of each.
    fn place(&mut self) -> (*mut c_void, usize, usize);
    fn validity(&mut self) -> Result<&mut [u8], BuildError>;
    fn finish(self: Box<Self>, rows: usize) -> Result<(), BuildError>;
}

impl<T: arrow_array::ArrowNativeTypeOp> Values for Fixed<'_, T> {
    fn place(&mut self) -> (*mut c_void, usize, usize) {
        let rest = self.rest_mut();
        (rest.as_mut_ptr().cast(), rest.len(), size_of::<T>())
    }

    fn validity(&mut self) -> Result<&mut [u8], BuildError> {
        self.validity_mut()
    }

    fn finish(mut self: Box<Self>, rows: usize) -> Result<(), BuildError> {
        self.advance(rows)?;
        (*self).finish()
    }
}

fn failed(error: BuildError) -> TableFailure {
    SendError::Build(error).into()
}

impl<'c, 'f> Columns<'c, 'f> {
    pub(crate) fn new(fields: &'c mut Fields<'f>) -> Self {
        Columns { fields, taken: Vec::new(), rows: Vec::new() }
    }

    /// An error for the codec when C's builder gave up; `bowstring_table_sender_build` reports that instead.
    pub(crate) fn stopped(&self) -> BuildError {
        BuildError::NoSuchRow { node: self.taken.len(), row: 0 }
    }

    /// Takes columns until number `index` is there.
    fn column(&mut self, index: usize) -> Result<&mut Column<'f>, TableFailure> {
        while self.taken.len() <= index {
            let next = next(self.fields).map_err(failed)?;
            self.taken.push(next);
            self.rows.push(None);
        }
        self.taken.get_mut(index).ok_or(TableFailure::Bytes(Failure::argument("there is no such column")))
    }

    /// Settles every column: those that were filled in place have the rows that were set for them, or `rows`.
    pub(crate) fn finish(mut self, rows: usize) -> Result<(), BuildError> {
        while self.fields.next_type().is_some() {
            self.taken.push(next(self.fields)?);
            self.rows.push(None);
        }
        for (column, own) in self.taken.into_iter().zip(self.rows) {
            let rows = own.unwrap_or(rows);
            match column {
                Column::Values(values) => values.finish(rows)?,
                Column::Booleans(mut booleans) => {
                    booleans.advance(rows)?;
                    booleans.finish();
                }
                Column::FixedBytes(column) => column.finish(),
                Column::Strings(column) => column.finish(),
                Column::Binaries(column) => column.finish(),
                Column::Rows(mut column) => {
                    let pushed = column.len();
                    column.push(rows.saturating_sub(pushed))?;
                    column.finish();
                }
                Column::Lists(column) => column.finish(),
                Column::ListViews(column) => column.finish(),
                Column::Unions(column) => column.finish(),
                Column::Runs(column) => column.finish(),
            }
        }
        Ok(())
    }
}

/// Takes the next column, as what it is.
fn next<'f>(fields: &mut Fields<'f>) -> Result<Column<'f>, BuildError> {
    let data_type = fields.next_type().ok_or(BuildError::NoMoreFields)?;
    macro_rules! values {
        ($t:ty) => {
            values(fields.fixed::<$t>()?)
        };
    }
    Ok(downcast_primitive! {
        data_type => (values),
        DataType::Boolean => Column::Booleans(fields.booleans()?),
        DataType::FixedSizeBinary(_) => Column::FixedBytes(fields.fixed_bytes()?),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Column::Strings(fields.strings()?),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Column::Binaries(fields.binaries()?),
        DataType::Struct(_) | DataType::FixedSizeList(..) | DataType::Null => Column::Rows(fields.rows()?),
        DataType::List(_) | DataType::LargeList(_) | DataType::Map(..) => Column::Lists(fields.lists()?),
        DataType::ListView(_) | DataType::LargeListView(_) => Column::ListViews(fields.list_views()?),
        DataType::Union(..) => Column::Unions(Box::new(fields.unions()?)),
        DataType::RunEndEncoded(..) => Column::Runs(fields.runs()?),
        // Keys need their dictionary, which batches bring along: see `bowstring_table_sender_send`.
        _ => return Err(BuildError::NoMoreFields)
    })
}

fn values<'f, T: arrow_array::ArrowNativeTypeOp>(column: Fixed<'f, T>) -> Column<'f> {
    Column::Values(Box::new(column))
}
