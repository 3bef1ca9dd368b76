//! Blocks of text, parsed by several threads and put back into the order of the input.
//!
//! One thread reads and cuts at the ends of rows; others parse. At most [`AHEAD`] blocks for each thread are in
//! flight, so memory is bounded however fast the input comes.

use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use arrow_array::RecordBatch;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;

use crate::SourceError;

/// Blocks in flight for each thread.
const AHEAD: usize = 2;

/// Whole rows of text.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    /// The number of its first row, counted from 1.
    pub(crate) row: u64,
    /// The number of its first line, counted from 1.
    pub(crate) line: u64,
}

/// Cuts an input into blocks.
pub(crate) trait Split: Send {
    /// Returns the next block, or `None` at the end, or once `stop` is readable.
    fn next(&mut self, stop: &OwnedFd) -> Result<Option<Block>, SourceError>;
}

/// Parses a block into a batch.
pub(crate) trait Parse: Send + Sync {
    fn parse(&self, block: Block) -> Result<RecordBatch, SourceError>;
}

type Outcome = Result<RecordBatch, SourceError>;

/// An input being parsed.
pub(crate) struct Pipeline {
    /// Batches in flight, in order.
    order: Option<Receiver<Receiver<Outcome>>>,
    stop: Arc<OwnedFd>,
}

impl Pipeline {
    /// Starts reading and parsing.
    pub(crate) fn start(
        mut split: impl Split + 'static,
        parse: Arc<impl Parse + 'static>,
        threads: usize,
    ) -> Result<Pipeline, SourceError> {
        let failed = |error: &std::io::Error| SourceError::host("cannot start a thread", error);
        let stop = eventfd(0, EventfdFlags::CLOEXEC).map_err(|error| failed(&error.into()))?;
        let stop = Arc::new(stop);
        let workers = if threads < 2 { 0 } else { threads };
        let (give_order, order) = sync_channel::<Receiver<Outcome>>(AHEAD * threads.max(1));
        let (give_work, work) = sync_channel::<(Block, SyncSender<Outcome>)>(AHEAD * threads.max(1));
        let work = Arc::new(Mutex::new(work));
        for _ in 0..workers {
            let (work, parse) = (work.clone(), parse.clone());
            let spawned = thread::Builder::new().name("parse".to_owned()).spawn(move || {
                loop {
                    let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((block, done)) = next else { return };
                    // Nobody waits for it any more if the source was dropped.
                    let _ = done.send(parse.parse(block));
                }
            });
            spawned.map_err(|error| failed(&error))?;
        }
        drop(work);
        let stopped = stop.clone();
        let spawned = thread::Builder::new().name("read".to_owned()).spawn(move || {
            loop {
                let (done, outcome) = sync_channel(1);
                let next = split.next(&stopped);
                let ended = next.is_err();
                let block = match next {
                    Ok(None) => return,
                    Ok(Some(block)) => Some(block),
                    Err(error) => {
                        let _ = done.send(Err(error));
                        None
                    }
                };
                match block {
                    Some(block) if workers > 0 => {
                        if give_order.send(outcome).is_err() || give_work.send((block, done)).is_err() {
                            return;
                        }
                    }
                    Some(block) => {
                        let _ = done.send(parse.parse(block));
                        if give_order.send(outcome).is_err() {
                            return;
                        }
                    }
                    None => drop(give_order.send(outcome)),
                }
                if ended {
                    return;
                }
            }
        });
        spawned.map_err(|error| failed(&error))?;
        Ok(Pipeline { order: Some(order), stop })
    }

    /// Returns the next batch as soon as it is parsed.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let Some(next) = self.order.as_ref().and_then(|order| order.recv().ok()) else { return Ok(None) };
        match next.recv() {
            Ok(batch) => batch.map(Some),
            Err(_) => Err(SourceError::internal("a thread that parses has broken off")),
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.order = None;
        // A counter that cannot be raised is raised already.
        let _ = rustix::io::write(self.stop.as_fd(), &1_u64.to_ne_bytes());
    }
}

/// Examines the blocks of an input with several threads, until `rows` rows were seen. The results are in order.
pub(crate) fn survey<S: Send>(
    split: &mut impl Split,
    threads: usize,
    rows: Option<u64>,
    look: impl Fn(Block) -> Result<S, SourceError> + Sync,
) -> Result<Vec<S>, SourceError> {
    let stop = eventfd(0, EventfdFlags::CLOEXEC)
        .map_err(|error| SourceError::host("cannot make an event", &error.into()))?;
    let (give, work) = sync_channel::<(usize, Block)>(AHEAD * threads.max(1));
    let work = Mutex::new(work);
    let seen = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((index, block)) = next else { return };
                    let look = look(block);
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push((index, look));
                }
            });
        }
        let give = give;
        for index in 0.. {
            let Some(block) = split.next(&stop)? else { return Ok(()) };
            if rows.is_some_and(|rows| block.row > rows) {
                return Ok(());
            }
            // The threads take everything until the channel closes.
            let _ = give.send((index, block));
        }
        Ok(())
    })?;
    let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    seen.sort_by_key(|(index, _)| *index);
    seen.into_iter().map(|(_, look)| look).collect()
}
