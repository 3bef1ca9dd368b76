//! `--compact`: the rows of an input in the smallest types that hold them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_compact::{CompactError, Misfit, OnMisfit, Plan, Report, Survey};

use crate::SourceError;

/// The rows that types are decided over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// All: the inputs are read twice.
    All,
    /// The first rows, which are kept in memory until they are sent.
    Rows(u64),
}

/// Smaller types for the columns of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compact {
    /// The rows that types are decided over.
    pub sample: Sample,
    /// The treatment of a value that does not fit them.
    pub on_misfit: OnMisfit,
}

/// A report that grows while batches are read.
pub(crate) type Shared = Arc<Mutex<Report>>;

/// Converts batches.
#[derive(Debug)]
pub(crate) struct Compacting {
    plan: Plan,
    /// Batches of the sample, before they are converted.
    held: VecDeque<RecordBatch>,
    report: Shared,
    on_misfit: OnMisfit,
    /// The value that ended the table.
    misfit: Option<Misfit>,
}

impl Compacting {
    /// Decides over the batches that `next` returns, and keeps those if they cannot be read again.
    pub(crate) fn survey(
        schema: &SchemaRef,
        Compact { sample, on_misfit }: Compact,
        mut next: impl FnMut() -> Result<Option<RecordBatch>, SourceError>,
    ) -> Result<Compacting, SourceError> {
        let mut survey = Survey::new(schema);
        let mut held = VecDeque::new();
        while sample != Sample::Rows(survey.rows()) {
            let Some(batch) = next()? else { break };
            // Of a batch that goes beyond the sample, the sample has the first part.
            let looked = match sample {
                Sample::All => batch.num_rows(),
                Sample::Rows(rows) => batch.num_rows().min((rows - survey.rows()) as usize),
            };
            survey.look(&batch.slice(0, looked)).map_err(failed)?;
            if let Sample::Rows(_) = sample {
                held.push_back(batch);
            }
        }
        let plan = survey.decide().map_err(failed)?;
        let report = Arc::new(Mutex::new(plan.report()));
        Ok(Compacting { plan, held, report, on_misfit, misfit: None })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        self.plan.schema()
    }

    pub(crate) fn report(&self) -> Shared {
        self.report.clone()
    }

    /// Returns a batch that was kept.
    pub(crate) fn held(&mut self) -> Option<RecordBatch> {
        self.held.pop_front()
    }

    /// Begins again: what is kept will be read.
    pub(crate) fn rewind(&mut self) {
        self.held.clear();
    }

    /// Returns the value that ended the table.
    pub(crate) fn misfit(&self) -> Option<&Misfit> {
        self.misfit.as_ref()
    }

    /// Returns the batches that are kept, and the value that ended the table.
    pub(crate) fn into_rest(self) -> (VecDeque<RecordBatch>, Option<Misfit>) {
        (self.held, self.misfit)
    }

    /// Converts a batch: all of it, or as much as fits. The rest is kept, as it is.
    pub(crate) fn convert(&mut self, batch: &RecordBatch) -> Result<RecordBatch, SourceError> {
        let converted = match self.on_misfit {
            OnMisfit::Error => self.plan.convert(batch).map_err(failed)?,
            OnMisfit::Widen => {
                let (fitting, misfit) = self.plan.convert_fitting(batch).map_err(failed)?;
                if misfit.is_some() {
                    let rows = fitting.num_rows();
                    self.held.push_front(batch.slice(rows, batch.num_rows() - rows));
                    self.misfit = misfit;
                }
                fitting
            }
        };
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = self.plan.report();
        Ok(converted)
    }
}

fn failed(error: CompactError) -> SourceError {
    match error {
        CompactError::Misfit(misfit) => SourceError::malformed("--compact", misfit)
            .advise("`--compact` alone looks at all rows before it sends any; or send the rest as it is, with --compact-misfit widen"),
        error => SourceError::malformed("--compact", error),
    }
}
