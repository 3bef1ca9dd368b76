//! The requested rows, in batches of at most the requested size.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::Batches;
use crate::SourceError;
use crate::chain::Chain;
use std::collections::VecDeque;

use bowstring_compact::Misfit;

use crate::compact::{Compact, Compacting, Sample, Shared};
use crate::options::Choice;

/// A part of a chain of inputs.
#[derive(Debug)]
pub(crate) struct Window {
    chain: Chain,
    choice: Choice,
    /// Rows still to be skipped.
    before: u64,
    /// Rows still to come, if limited.
    left: Option<u64>,
    /// The rest of a batch that is larger than requested.
    rest: Option<RecordBatch>,
    compacting: Option<Compacting>,
    /// Batches that were read before the table that they begin.
    held: VecDeque<RecordBatch>,
}

impl Window {
    pub(crate) fn new(chain: Chain, choice: Choice) -> Result<Window, SourceError> {
        let mut window = Window {
            chain,
            choice,
            before: 0,
            left: None,
            rest: None,
            compacting: None,
            held: VecDeque::new(),
        };
        window.begin()?;
        Ok(window)
    }

    /// Chooses smaller types, over all rows or a sample, and converts to them from now on.
    pub(crate) fn compact(&mut self, compact: Compact) -> Result<(), SourceError> {
        let schema = self.chain.schema().clone();
        let compacting = Compacting::survey(&schema, compact, || self.read())?;
        if compact.sample == Sample::All {
            self.rewind()?;
        }
        self.compacting = Some(compacting);
        Ok(())
    }

    /// Returns what became of each column, as far as batches were read.
    pub(crate) fn compacted(&self) -> Option<Shared> {
        self.compacting.as_ref().map(Compacting::report)
    }

    /// Goes on with the rows from the first on that did not fit, in the types of the input; returns the value that did not.
    pub(crate) fn widen(&mut self) -> Option<Misfit> {
        let (held, misfit) = self.compacting.take_if(|compacting| compacting.misfit().is_some())?.into_rest();
        self.held = held;
        misfit
    }

    pub(crate) fn rewind(&mut self) -> Result<(), SourceError> {
        if let Some(compacting) = &mut self.compacting {
            compacting.rewind();
        }
        self.chain.rewind()?;
        self.begin()
    }

    fn begin(&mut self) -> Result<(), SourceError> {
        self.rest = None;
        if let Some(batch) = self.choice.batch
            && !self.chain.choose(batch)?
        {
            return Err(SourceError::usage("--batch needs an Arrow file or stream")
                .advise("choose rows with --rows A..B"));
        }
        if let Some(range) = self.choice.rows {
            self.before = range.start - self.chain.skip(range.start)?.min(range.start);
            self.left = range.end.map(|end| end - range.start);
        }
        Ok(())
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        self.compacting.as_ref().map_or(self.chain.schema(), Compacting::schema)
    }

    /// Returns the rows of the window, if known.
    pub(crate) fn rows(&self) -> Option<u64> {
        let (start, end) = self.choice.rows.map_or((0, None), |range| (range.start, range.end));
        match (self.chain.rows().filter(|_| self.choice.batch.is_none()), end) {
            (Some(rows), Some(end)) => Some(rows.min(end).saturating_sub(start)),
            (Some(rows), None) => Some(rows.saturating_sub(start)),
            // There may be fewer.
            (None, _) => None,
        }
    }

    /// Returns the next batch.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        if self.compacting.as_ref().is_some_and(|compacting| compacting.misfit().is_some()) {
            return Ok(None);
        }
        let held = self.compacting.as_mut().and_then(Compacting::held).or_else(|| self.held.pop_front());
        let batch = if held.is_some() { held } else { self.read()? };
        match (batch, &mut self.compacting) {
            (Some(batch), Some(compacting)) => compacting.convert(&batch).map(Some),
            (batch, _) => Ok(batch),
        }
    }

    /// Reads the next batch, in the types of the input.
    fn read(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let batch = match self.rest.take() {
            Some(rest) => rest,
            None => match self.wanted()? {
                Some(batch) => batch,
                None => return Ok(None),
            },
        };
        let most = self.choice.most.unwrap_or(usize::MAX);
        let batch = match batch.num_rows() > most {
            false => batch,
            true => {
                self.rest = Some(batch.slice(most, batch.num_rows() - most));
                batch.slice(0, most)
            }
        };
        if let Some(left) = &mut self.left {
            let rows = batch.num_rows() as u64;
            let take = rows.min(*left);
            *left -= take;
            if take < rows {
                return Ok(Some(batch.slice(0, take as usize)));
            }
        }
        Ok(Some(batch))
    }

    /// Returns the next batch of the inputs, without rows to be skipped.
    fn wanted(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        while let Some(batch) = self.chain.next()? {
            let rows = batch.num_rows() as u64;
            if self.before == 0 {
                return Ok(Some(batch));
            }
            if rows > self.before {
                let start = std::mem::take(&mut self.before) as usize;
                return Ok(Some(batch.slice(start, batch.num_rows() - start)));
            }
            self.before -= rows;
        }
        Ok(None)
    }
}
