//! The part of a table that a reader wants, and what it accepts in its place.

use std::time::Duration;

use arrow_schema::SchemaRef;
use bowstring::ReceiverBuilder;
use bowstring::transport::Deliveries;
use bowstring_query::{Choice, ConditionError};

/// A reader's options.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) limit: Option<u64>,
    pub(crate) condition: Option<String>,
    /// The column with the name of each row's writer.
    pub(crate) source_column: Option<String>,
    pub(crate) deliveries: Deliveries,
    /// A table that lacks its beginning will do.
    pub(crate) from_now: bool,
    /// A table that lacks batches in between will do.
    pub(crate) allow_gaps: bool,
}

impl Wanted {
    /// Returns the core's options. Writers hear what is wanted; a condition may use any column and any number of rows.
    pub(super) fn builder(&self) -> ReceiverBuilder {
        let mut builder = bowstring::Receiver::builder()
            .deliveries(self.deliveries)
            .handshake_timeout(Duration::MAX)
            .hint("program", concat!("python ", env!("CARGO_PKG_VERSION")));
        if self.condition.is_none() {
            if let Some(columns) = &self.columns {
                builder = builder.columns(columns);
            }
            if let Some(limit) = self.limit {
                builder = builder.rows_wanted(limit);
            }
        }
        builder
    }

    /// Returns what is left to choose from a table that [`builder`](Self::builder) has brought.
    pub(super) fn choice(&self, schema: &SchemaRef) -> Result<Option<Choice>, ConditionError> {
        let names = self.columns.as_deref().filter(|_| self.condition.is_some()).unwrap_or_default();
        if self.limit.is_none() && self.condition.is_none() {
            return Ok(None);
        }
        Choice::new(schema, names, self.limit, self.condition.as_deref()).map(Some)
    }
}
