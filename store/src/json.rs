//! Rows as lines of JSON, for clients that cannot take descriptors.

use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_json::writer::{LineDelimited, WriterBuilder};
use rustix::event::PollFlags;

use crate::catalogue::Version;
use crate::client::{Batches, Mapped};
use crate::error::Refused;
use crate::socket::{self, Sent};
use crate::wire::message::{Code, Reply};

/// Bytes of JSON in a datagram.
const PIECE: usize = 32 << 10;

/// Sends rows of a version, and waits for the client to read them. Returns how many rows were sent; an error without
/// a reason means that the client is gone, or does not read.
pub(crate) fn tell(
    socket: &OwnedFd,
    version: &Version,
    rows: Range<u64>,
    patience: Duration,
) -> (u64, Result<(), Option<Refused>>) {
    let refused = |text: String| Some(Refused::new(Code::Host, text));
    let (pieces, first_row) = version.since_row(rows.start);
    let mapped = pieces.iter().take_while(|piece| piece.first_row < rows.end).map(|piece| {
        crate::segment::map(&piece.segment.fd, piece.segment.len).map(|memory| Mapped { memory })
    });
    let mapped: Result<Vec<Mapped>, _> = mapped.collect();
    let segments: Arc<[Mapped]> = match mapped {
        Ok(mapped) => mapped.into(),
        Err(fault) => return (0, Err(refused(fault.to_string()))),
    };
    let batches = match Batches::new(&version.schema, segments, first_row, rows) {
        Ok(batches) => batches,
        Err(error) => return (0, Err(refused(error.to_string()))),
    };
    let out = Datagrams { socket, patience, buffer: Vec::with_capacity(PIECE), gone: false };
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(out);
    let mut sent = 0;
    for batch in batches {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return (sent, Err(refused(error.to_string()))),
        };
        // Small pieces, so that their JSON stays small.
        for start in (0..batch.num_rows()).step_by(1024) {
            let some = batch.slice(start, 1024.min(batch.num_rows() - start));
            if let Err(error) = writer.write(&some) {
                let gone = writer.into_inner().gone;
                return (sent, Err(if gone { None } else { refused(error.to_string()) }));
            }
            sent += some.num_rows() as u64;
        }
    }
    let finished = writer.finish().is_ok() && writer.into_inner().flush().is_ok();
    (sent, if finished { Ok(()) } else { Err(None) })
}

/// Datagrams of rows, each sent when it is full.
struct Datagrams<'a> {
    socket: &'a OwnedFd,
    patience: Duration,
    buffer: Vec<u8>,
    gone: bool,
}

impl Datagrams<'_> {
    fn send(&mut self) -> io::Result<()> {
        let datagram = Reply::Rows(std::mem::take(&mut self.buffer)).encode();
        let deadline = Instant::now() + self.patience;
        loop {
            match socket::send(self.socket.as_fd(), &datagram, &[])? {
                Sent::Whole => return Ok(()),
                _ => {
                    if !socket::wait(self.socket.as_fd(), PollFlags::OUT, Some(deadline))? {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
            }
        }
    }
}

impl Write for Datagrams<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE - self.buffer.len();
        let taken = bytes.len().min(room);
        self.buffer.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.buffer.len() == PIECE {
            self.send().inspect_err(|_| self.gone = true)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.send().inspect_err(|_| self.gone = true)
    }
}
