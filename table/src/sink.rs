//! A sender as a sink, for async programs.
//!
//! A batch is sent at once if there is room and nothing else is pending. Otherwise a thread waits in the task's place
//! and wakes it, so the executor is never blocked. Works with every async runtime.

use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, Sender as Jobs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::Builder;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_transport::{Call, OsError};
use futures_sink::Sink;
use rustix::io::Errno;

use crate::error::{SendError, SetUpError};
use crate::send::{Interrupt, Sender};
use crate::serve::Served;

/// The time that closing waits before it checks whether the sink was dropped.
const SLICE: Duration = Duration::from_millis(20);

/// The time to wait for the turn to abandon a table.
const PATIENCE: Duration = Duration::from_secs(1);

/// A sender of batches as a [`Sink`]. Receivers may connect at any time, also while the program sends nothing.
///
/// [`Sink::poll_ready`] is pending while receivers make no room. Flushing waits until the connected receivers were
/// given everything; closing ends the table, and waits for a first receiver if a batch does. Dropping the sink before it
/// is closed abandons the table, so that receivers do not take a part for the whole.
///
/// ```
/// # use std::sync::Arc;
/// # use std::{future::poll_fn, pin::pin};
/// # use arrow_array::{ArrayRef, Int64Array, RecordBatch};
/// use bowstring::{Receiver, Sender};
/// use futures_sink::Sink;
///
/// # let path = std::env::temp_dir().join(format!("bowstring-sink-doc-{}.sock", std::process::id()));
/// # let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef;
/// # let batch = RecordBatch::try_from_iter([("n", column)])?;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let sink = Sender::bind(&path, batch.schema())?.into_sink()?;
/// let receiver = Receiver::connect(&path)?;
/// let mut sink = pin!(sink); // with the crate `futures`: `sink.send(batch).await?`
/// poll_fn(|context| sink.as_mut().poll_ready(context)).await?;
/// sink.as_mut().start_send(batch.clone())?;
/// poll_fn(|context| sink.as_mut().poll_close(context)).await?;
/// assert_eq!(receiver.map(|batch| batch.unwrap()).collect::<Vec<_>>(), [batch]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BatchSink {
    /// `None` once the sink is dropped.
    served: Option<Arc<Served>>,
    jobs: Option<Jobs<Job>>,
    shared: Arc<Mutex<Progress>>,
    interrupt: Interrupt,
    schema: SchemaRef,
    /// True while the thread has a job.
    waits: bool,
    /// True once everything sent was flushed.
    flushed: bool,
    closed: bool,
}

/// Work for the thread.
#[derive(Debug)]
enum Job {
    Send(RecordBatch),
    Flush,
    Finish,
}

/// The result of the last job, and the task that waits for it.
#[derive(Debug, Default)]
struct Progress {
    done: Option<Result<(), SendError>>,
    waker: Option<Waker>,
}

impl Sender {
    /// Converts the sender into a sink that accepts receivers on a thread of its own.
    pub fn into_sink(mut self) -> Result<BatchSink, SetUpError> {
        let schema = self.schema().clone();
        let listener = self.take_listener();
        let served = Arc::new(Served::new(self, listener, 0)?);
        let (jobs, work) = mpsc::channel();
        let (shared, interrupt) = (Arc::<Mutex<Progress>>::default(), Interrupt::default());
        Builder::new()
            .name("bowstring-sink".into())
            .spawn({
                let (served, shared, interrupt) = (served.clone(), shared.clone(), interrupt.clone());
                move || run(&served, &work, &shared, &interrupt)
            })
            .map_err(|error| {
                let errno = Errno::from_io_error(&error).unwrap_or(Errno::AGAIN);
                SetUpError::Host(OsError::new(Call::Epoll, errno))
            })?;
        Ok(BatchSink {
            served: Some(served),
            jobs: Some(jobs),
            shared,
            interrupt,
            schema,
            waits: false,
            flushed: true,
            closed: false,
        })
    }
}

impl BatchSink {
    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the served sender, for its statistics and settings.
    #[must_use]
    pub fn served(&self) -> Option<&Served> {
        self.served.as_deref()
    }

    /// Sends a batch if that needs no waiting; gives it back otherwise.
    fn try_send(&self, batch: RecordBatch) -> Result<Option<RecordBatch>, SendError> {
        let Some(mut serving) = self.served.as_ref().and_then(|served| served.take(Duration::ZERO)) else {
            return Ok(Some(batch));
        };
        // With nothing else pending, an error is about this batch.
        if serving.waiting() > 0 || !serving.sender().is_finished() {
            return Ok(Some(batch));
        }
        match serving.send(&batch, Some(Instant::now()), &self.interrupt) {
            // What is sent in part stays with the sender, which continues it with the next job.
            Ok(()) | Err(SendError::Unfinished(_) | SendError::Partly { host: None, .. }) => Ok(None),
            Err(SendError::TimedOut) => Ok(Some(batch)),
            Err(error) => Err(error),
        }
    }

    /// True if the connected receivers were given everything.
    fn is_flushed(&self) -> bool {
        let serving = self.served.as_ref().and_then(|served| served.take(Duration::ZERO));
        serving.is_some_and(|mut serving| serving.waiting() == 0 && serving.sender().is_finished())
    }

    fn give(&mut self, job: Job) -> Result<(), SendError> {
        let given = self.jobs.as_ref().map(|jobs| jobs.send(job));
        self.waits = matches!(given, Some(Ok(())));
        if self.waits { Ok(()) } else { Err(SendError::Internal("the sink's thread is gone")) }
    }

    fn poll_done(&mut self, context: &Context<'_>) -> Poll<Result<(), SendError>> {
        if !self.waits {
            return Poll::Ready(Ok(()));
        }
        let mut progress = lock(&self.shared);
        let Some(done) = progress.done.take() else {
            progress.waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        self.waits = false;
        Poll::Ready(done)
    }
}

impl Sink<RecordBatch> for BatchSink {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().poll_done(context)
    }

    fn start_send(self: Pin<&mut Self>, batch: RecordBatch) -> Result<(), SendError> {
        let this = self.get_mut();
        if this.closed {
            return Err(SendError::NoReceiver(None));
        }
        if this.waits {
            return Err(SendError::Internal("start_send before poll_ready was ready"));
        }
        this.flushed = false;
        match this.try_send(batch)? {
            Some(batch) => this.give(Job::Send(batch)),
            None => Ok(()),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let this = self.get_mut();
        loop {
            match this.poll_done(context) {
                Poll::Ready(Ok(())) if this.flushed => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
            this.flushed = true;
            if !this.is_flushed() {
                this.give(Job::Flush)?;
            }
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        loop {
            match self.as_mut().poll_flush(context) {
                Poll::Ready(Ok(())) if self.closed => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
            self.closed = true;
            self.as_mut().get_mut().give(Job::Finish)?;
        }
    }
}

impl Drop for BatchSink {
    fn drop(&mut self) {
        self.interrupt.set();
        // The thread drops the last handle, and waits for the end in this one's place.
        self.served = None;
        self.jobs = None;
    }
}

/// Does the sink's waiting, until the sink is dropped.
fn run(served: &Served, work: &Receiver<Job>, shared: &Mutex<Progress>, interrupt: &Interrupt) {
    while let Ok(job) = work.recv() {
        let done = match job {
            Job::Send(batch) => served.send_unless(&batch, None, interrupt),
            Job::Flush => flush(served, interrupt),
            Job::Finish => finish(served, interrupt),
        };
        let mut progress = lock(shared);
        progress.done = Some(done);
        let waker = progress.waker.take();
        drop(progress);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
    if !served.is_finished()
        && let Some(serving) = served.take(PATIENCE)
    {
        serving.keep().abandon();
    }
}

fn flush(served: &Served, interrupt: &Interrupt) -> Result<(), SendError> {
    served.turn_before(None, interrupt)?.flush(None, interrupt)
}

fn finish(served: &Served, interrupt: &Interrupt) -> Result<(), SendError> {
    served.finish();
    while !served.wait_finished(SLICE) {
        if interrupt.is_set() {
            return Err(SendError::Interrupted);
        }
    }
    Ok(())
}

fn lock(shared: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    // Every state of the value is whole, so a panic elsewhere leaves nothing half-done.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
