//! Aggregates of a stream: `count(*), avg(price), max(at) by city`, in memory that does not grow with the rows.

mod keys;
mod parse;
mod state;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_row::{OwnedRow, RowConverter, SortField};
use arrow_schema::{Field, Schema, SchemaRef};

use self::keys::{Room, check, restored};
use self::state::{Accumulator, Function};
use crate::WINDOW;
use crate::compare::one_nan_and_zero;
use crate::error::QueryError;
use crate::eval;
use crate::node::Node;

/// Aggregates over the rows of a schema, for each group.
///
/// The syntax is a list of aggregates as in SQL's `SELECT`, then perhaps `by` and a list of expressions. There are
/// `count(*)`, and `count`, `sum`, `avg`, `min` and `max` of an expression. Types and results are DuckDB's: sums of
/// integers are exact and have 128 bits, averages are floating point, nulls are left out, and without rows everything but
/// a count is null. Groups come in the order of their first row; null is a group.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{Float64Array, RecordBatch, StringArray};
/// use bowstring_query::Aggregates;
/// # let batch = RecordBatch::try_from_iter([
/// #     ("city", Arc::new(StringArray::from(vec!["Oslo", "Rome", "Oslo"])) as _),
/// #     ("price", Arc::new(Float64Array::from(vec![1.0, 2.0, 4.0])) as _),
/// # ])?;
/// let mut aggregates = Aggregates::parse("count(*), avg(price) by city", &batch.schema(), 1000)?;
/// aggregates.add(&batch)?;
/// let result = aggregates.take()?;
/// assert_eq!(result.num_rows(), 2);
/// assert_eq!(result.schema().field(2).name(), "avg(price)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Aggregates {
    columns: Vec<Column>,
    by: Vec<Node>,
    schema: SchemaRef,
    /// Rows of the groups' values, and the group of each.
    keys: RowConverter,
    groups: HashMap<OwnedRow, usize>,
    /// The groups' values in their order.
    order: Vec<OwnedRow>,
    most: usize,
    /// Room for the groups' values, and for the least and greatest.
    room: Room,
}

/// One aggregate.
#[derive(Debug)]
struct Column {
    function: Function,
    /// Its argument; none of `count(*)`.
    argument: Option<Node>,
    accumulator: Accumulator,
}

impl Aggregates {
    /// Parses aggregates and fits them to a schema. There may be `most` groups.
    pub fn parse(sql: &str, schema: &Schema, most: usize) -> Result<Aggregates, QueryError> {
        let parsed = parse::parse(sql, schema)?;
        let mut fields = Vec::new();
        for (name, node) in &parsed.by {
            fields.push(Field::new(name, node.data_type().clone(), true));
        }
        let mut columns = Vec::new();
        for parse::Item { name, function, argument } in parsed.items {
            let accumulator = Accumulator::new(&function, argument.as_ref().map(Node::data_type))?;
            fields.push(Field::new(name, accumulator.data_type(), true));
            columns.push(Column { function, argument, accumulator });
        }
        let by: Vec<Node> = parsed.by.into_iter().map(|(_, node)| node).collect();
        let sort = by.iter().map(|node| SortField::new(node.data_type().clone())).collect();
        let keys = RowConverter::new(sort).map_err(|error| QueryError::Type(format!("by: {error}")))?;
        check(&keys, by.iter().map(Node::data_type))?;
        let schema = Arc::new(Schema::new(fields));
        let (groups, order, room) = (HashMap::new(), Vec::new(), Room::default());
        Ok(Aggregates { columns, by, schema, keys, groups, order, most, room })
    }

    /// Returns the schema of the results: what is grouped by, then the aggregates.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds rows. An error leaves some of them added.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        for start in (0..batch.num_rows()).step_by(WINDOW) {
            self.add_some(&batch.slice(start, WINDOW.min(batch.num_rows() - start)))?;
        }
        Ok(())
    }

    fn add_some(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        let groups = self.groups_of(batch)?;
        for Column { function, argument, accumulator } in &mut self.columns {
            let values = argument.as_ref().map(|node| eval::column(node, batch)).transpose()?;
            let all = self.order.len().max(1);
            accumulator.add(function, values.as_ref(), &groups, all, &mut self.room)?;
        }
        Ok(())
    }

    /// Returns the group of each row.
    fn groups_of(&mut self, batch: &RecordBatch) -> Result<Vec<usize>, QueryError> {
        if self.by.is_empty() {
            return Ok(vec![0; batch.num_rows()]);
        }
        let values: Vec<ArrayRef> = self
            .by
            .iter()
            .map(|node| Ok(one_nan_and_zero(&eval::column(node, batch)?)))
            .collect::<Result<_, QueryError>>()?;
        let rows = self.keys.convert_columns(&values)?;
        let mut groups = Vec::with_capacity(batch.num_rows());
        for row in &rows {
            let row = row.owned();
            if let Some(group) = self.groups.get(&row) {
                groups.push(*group);
                continue;
            }
            let group = self.order.len();
            if group == self.most {
                return Err(QueryError::Value(format!("more than {group} groups")));
            }
            // Once in the order, once to be found.
            self.room.take(2 * row.as_ref().len(), 0)?;
            self.order.push(row.clone());
            self.groups.insert(row, group);
            groups.push(group);
        }
        Ok(groups)
    }

    /// Returns the results and begins again. Without `by` there is always one row.
    pub fn take(&mut self) -> Result<RecordBatch, QueryError> {
        let mut columns = if self.by.is_empty() {
            Vec::new()
        } else {
            let columns = self.keys.convert_rows(self.order.iter().map(OwnedRow::row))?;
            let columns = columns.into_iter().zip(&self.by);
            columns.map(|(column, node)| restored(column, node.data_type())).collect::<Result<_, _>>()?
        };
        let groups = if self.by.is_empty() { 1 } else { self.order.len() };
        for Column { accumulator, .. } in &mut self.columns {
            columns.push(accumulator.take(groups)?);
        }
        self.begin();
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }

    fn begin(&mut self) {
        self.groups.clear();
        self.order.clear();
        self.room = Room::default();
    }
}
