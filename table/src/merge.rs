//! The tables of several senders as one.

// claim: merge

mod error;
mod source;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bowstring_transport::Wait;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

pub use self::error::MergeError;
pub use self::source::MergeSource;
use crate::{Batch, Keep, Kept, Missed, ReceiveError, Receiver, ReceiverStats, SchemaMismatch};

/// Receives from several senders at once, as an iterator of batches in the order in which they arrive.
///
/// All tables must have the same columns. A sender's batches stay in their order; those of senders that are ready at
/// the same time take turns, so a fast sender cannot hold up a slow one. The clean end of a sender ends its part only,
/// and so does its error, which is an item: the others are received to their ends.
///
/// No thread is needed for each sender, and nothing is polled while nothing comes.
///
/// ```no_run
/// use bowstring::{Merge, Receiver};
///
/// let names = ["north", "south", "west"];
/// let receivers = names.map(|name| Receiver::connect(name).map(|receiver| (name, receiver)));
/// let receivers = receivers.into_iter().collect::<Result<Vec<_>, _>>()?;
/// for arrived in Merge::new(receivers)?.with_source_column("source")? {
///     match arrived {
///         Ok((place, batch)) => println!("{}: {} rows", names[place], batch.num_rows()),
///         Err(error) => eprintln!("{error}"), // names the sender; the others go on
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Merge {
    sources: Vec<MergeSource>,
    schema: SchemaRef,
    /// The names, as the values of a dictionary; `None` without a column for them.
    column: Option<ArrayRef>,
    /// The place of the sender that is looked at first.
    turn: usize,
    /// A sender's clean end is an error too.
    tells_ends: bool,
}

impl Merge {
    /// Receives from named senders. The names are for errors and for
    /// [`with_source_column`](Self::with_source_column).
    ///
    /// A column may be null if it may be in one of the tables. Metadata is that of the first.
    pub fn new<N: Into<String>>(
        receivers: impl IntoIterator<Item = (N, Receiver)>,
    ) -> Result<Merge, MergeError> {
        let mut sources: Vec<MergeSource> = Vec::new();
        let mut schema: Option<Schema> = None;
        for (name, receiver) in receivers {
            let name = name.into();
            schema = Some(match schema {
                None => receiver.schema().as_ref().clone(),
                Some(so_far) => match SchemaMismatch::check_types(&so_far, receiver.schema()) {
                    Ok(()) => either_null(so_far, receiver.schema()),
                    Err(mismatch) => {
                        let first = sources.first().map(|first| first.name.clone()).unwrap_or_default();
                        return Err(MergeError::Schema { name, first, mismatch });
                    }
                },
            });
            let place = sources.len();
            sources.push(MergeSource::new(name.clone(), receiver).map_err(|error| MergeError::Receive {
                place,
                name,
                error,
            })?);
        }
        match schema {
            Some(schema) if i32::try_from(sources.len()).is_ok() => {
                Ok(Merge { sources, schema: Arc::new(schema), column: None, turn: 0, tells_ends: false })
            }
            _ => Err(MergeError::Count(sources.len())),
        }
    }

    /// Adds a last column with the name of each row's sender, encoded by one dictionary for all batches.
    pub fn with_source_column(mut self, name: &str) -> Result<Merge, MergeError> {
        if self.schema.column_with_name(name).is_some() {
            return Err(MergeError::ColumnTaken(name.to_owned()));
        }
        let names = self.sources.iter().map(|source| Some(source.name.as_str()));
        self.column = Some(Arc::new(names.collect::<StringArray>()));
        let data_type = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut fields = self.schema.fields().to_vec();
        fields.push(Arc::new(Field::new(name, data_type, false)));
        self.schema = Arc::new(Schema::new_with_metadata(fields, self.schema.metadata().clone()));
        Ok(self)
    }

    /// Also returns [`MergeError::Ended`] when a table has come to its end, so that another sender can
    /// [go on](Self::continue_with) in its place.
    #[must_use]
    pub fn with_ends(self) -> Merge {
        Merge { tells_ends: true, ..self }
    }

    /// Returns the schema of every batch.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the senders, in the order in which they were given.
    #[must_use]
    pub fn sources(&self) -> &[MergeSource] {
        &self.sources
    }

    /// Returns the counts of all senders together.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        self.sources.iter().map(MergeSource::stats).fold(ReceiverStats::default(), |sum, stats| sum + stats)
    }

    /// Ends the parts of all senders: nothing more is received.
    pub fn end(&mut self) {
        self.sources.iter_mut().for_each(MergeSource::end);
    }

    /// Goes on with another sender in the place of one that has ended or is gone (see
    /// [`ReceiveError::is_gone`]). Its columns must be the same except for metadata; if they are not, nothing changes.
    /// Returns what it had sent before.
    ///
    /// Nobody knows how two senders' rows relate: see [`Receiver::continue_with`].
    ///
    /// # Errors
    /// [`MergeError::NoPlace`] if there is no such place, [`MergeError::Changed`] if the columns differ.
    pub fn continue_with(&mut self, place: usize, next: Receiver) -> Result<Missed, MergeError> {
        self.sources.get_mut(place).ok_or(MergeError::NoPlace(place))?.continue_with(place, next)
    }

    /// Waits for the next batch of any sender, and returns its sender's place too. `None` once all have ended.
    pub fn next_batch(&mut self) -> Result<Option<(usize, RecordBatch)>, MergeError> {
        self.next_batch_with(None, &[])
    }

    /// Waits for the next batch at most for `limit`, and until one of `wake` is readable: see [`MergeError::TimedOut`]
    /// and [`MergeError::Woken`].
    pub fn next_batch_with(
        &mut self,
        limit: Option<Duration>,
        wake: &[BorrowedFd<'_>],
    ) -> Result<Option<(usize, RecordBatch)>, MergeError> {
        let arrived = self.next_by(limit, wake, |batch| Ok((batch.into_record_batch()?, ())))?;
        Ok(arrived.map(|(place, batch, ())| (place, batch)))
    }

    /// Waits for the next batch at most for `limit`. Its arrays may be kept: see [`Batch::into_kept`].
    pub fn next_kept(&mut self, limit: Option<Duration>, keep: Keep) -> Result<Option<Arrived>, MergeError> {
        let arrived = self.next_by(limit, &[], |batch| {
            let kept = batch.into_kept(keep)?;
            Ok((kept.batch.clone(), kept))
        })?;
        Ok(arrived.map(|(place, batch, kept)| Arrived { place, kept: Kept { batch, ..kept } }))
    }

    /// Waits for the next batch, of which `convert` makes arrays and whatever else.
    fn next_by<T>(
        &mut self,
        limit: Option<Duration>,
        wake: &[BorrowedFd<'_>],
        mut convert: impl FnMut(Batch<'_>) -> Result<(RecordBatch, T), ReceiveError>,
    ) -> Result<Option<(usize, RecordBatch, T)>, MergeError> {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            if let Some((place, batch, rest)) = self.take(&mut convert)? {
                return Ok(Some((place, batch, rest)));
            }
            if self.sources.iter().all(|source| source.receiver.is_none()) {
                return Ok(None);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(MergeError::TimedOut);
            }
            self.sleep(left, wake)?;
        }
    }

    /// Takes a batch that is there already. After a sender's turn the next one's comes.
    fn take<T>(
        &mut self,
        mut convert: impl FnMut(Batch<'_>) -> Result<(RecordBatch, T), ReceiveError>,
    ) -> Result<Option<(usize, RecordBatch, T)>, MergeError> {
        let now = Wait::sleeping().spins(0).at_most(Duration::ZERO);
        for _ in 0..self.sources.len() {
            let place = self.turn;
            self.turn = (place + 1) % self.sources.len();
            let Some(source) = self.sources.get_mut(place) else { continue };
            let Some((receiver, _)) = &mut source.receiver else { continue };
            let received = match receiver.next_batch_with(now) {
                Ok(Some(batch)) => convert(batch).map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            match received {
                Ok(Some((batch, rest))) => {
                    return self.adopt(place, batch).map(|batch| Some((place, batch, rest)));
                }
                Err(ReceiveError::TimedOut) => {}
                Ok(None) => {
                    source.end();
                    if self.tells_ends {
                        return Err(MergeError::Ended { place });
                    }
                }
                Err(error) => {
                    source.end();
                    return Err(MergeError::Receive { place, name: source.name.clone(), error });
                }
            }
        }
        Ok(None)
    }

    /// Returns the descriptors to sleep on, after [`arm`](Self::arm): each is readable when its sender has sent something or
    /// is gone. That of a sender whose part has ended is closed.
    pub fn pollables(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.open().map(|(_, ready)| ready.as_fd())
    }

    fn open(&self) -> impl Iterator<Item = &(Receiver, OwnedFd)> {
        self.sources.iter().filter_map(|source| source.receiver.as_ref())
    }

    /// Announces to all senders that this side will sleep on their [`pollables`](Self::pollables). Returns `false`, and has
    /// announced nothing, if there is something to receive already, or the end.
    pub fn arm(&self) -> bool {
        let mut armed = 0;
        let quiet = self.open().all(|(receiver, _)| {
            armed += 1;
            receiver.arm()
        });
        if !quiet {
            self.open().take(armed).for_each(|(receiver, _)| receiver.disarm());
        }
        quiet && armed > 0
    }

    /// Ends the sleep that [`arm`](Self::arm) announced.
    pub fn disarm(&self) {
        self.open().for_each(|(receiver, _)| receiver.disarm());
    }

    /// Sleeps until some sender has sent something or is gone, one of `wake` is readable, or the time is over.
    fn sleep(&self, left: Option<Duration>, wake: &[BorrowedFd<'_>]) -> Result<(), MergeError> {
        if !self.arm() {
            return Ok(());
        }
        let all = self.pollables().chain(wake.iter().copied());
        let mut fds: Vec<_> = all.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let left = left.map(|left| Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 }));
        let slept = match poll(&mut fds, left.as_ref()) {
            Ok(_) if fds.iter().rev().take(wake.len()).any(|fd| !fd.revents().is_empty()) => {
                Err(MergeError::Woken)
            }
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(MergeError::Poll(error.into())),
        };
        self.disarm();
        slept
    }

    /// Returns a sender's batch under the common schema.
    fn adopt(&mut self, place: usize, batch: RecordBatch) -> Result<RecordBatch, MergeError> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let (_, mut columns, rows) = batch.into_parts();
        if let Some(names) = &self.column {
            // Their count was checked.
            let keys = PrimitiveArray::<Int32Type>::from_value(place as i32, rows);
            columns.push(Arc::new(DictionaryArray::new(keys, names.clone())));
        }
        match RecordBatch::try_new_with_options(self.schema.clone(), columns, &options) {
            Ok(batch) => Ok(batch),
            Err(error) => {
                let source = &mut self.sources[place];
                source.end();
                Err(MergeError::Arrow { name: source.name.clone(), error })
            }
        }
    }
}

/// A batch of one of several senders.
#[derive(Debug)]
pub struct Arrived {
    /// The place of the sender.
    pub place: usize,
    /// The batch under the common schema, and where it lies.
    pub kept: Kept,
}

/// Returns the schema with each column nullable that is in one of both.
fn either_null(first: Schema, other: &Schema) -> Schema {
    let fields = first.fields().iter().zip(other.fields()).map(|(a, b)| match b.is_nullable() {
        true if !a.is_nullable() => Arc::new(a.as_ref().clone().with_nullable(true)),
        _ => a.clone(),
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), first.metadata)
}

impl Iterator for Merge {
    type Item = Result<(usize, RecordBatch), MergeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}
