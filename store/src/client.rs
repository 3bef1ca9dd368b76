//! A client: one connection to a store.

mod follow;
mod table;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use bowstring_transport::{Access, Credentials};
use rustix::event::PollFlags;

pub use self::follow::{Event, Follower, Position};
pub use self::table::{Batches, Mapped, Reader, Table};
use crate::error::{Refused, StoreError};
use crate::segment::{Segment, SegmentWriter, Segments, freeze};
use crate::socket::{self, Received, Sent};
use crate::wire::message::{Entry, How, Metadata, Mode, PutHead, Record, Reply, Request, SchemaAt};
use crate::wire::{INLINE_SCHEMA, MAX_SEGMENTS, WireFault};

/// Time that a store may take to reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store's description of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Its process, as it knows itself.
    pub pid: u32,
    /// True if this client may write.
    pub may_write: bool,
    /// True if tables are kept on disk.
    pub durable: bool,
    /// Most bytes of a table.
    pub max_table: u64,
    /// Most bytes of all tables.
    pub max_total: u64,
    /// Most segments of a put.
    pub max_segments: u32,
    /// Its program's name.
    pub program: String,
}

/// The result of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The table's version now.
    pub version: u64,
    /// Its base.
    pub base: u64,
    /// Its rows.
    pub rows: u64,
}

/// A request for a table. The default is the newest version, whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Get {
    /// The version; 0 for the newest.
    pub version: u64,
    /// Rows from here on, if the table was not replaced since.
    pub since: Option<Position>,
}

/// Options of a put.
#[derive(Clone, Debug)]
pub struct Put {
    /// The effect on an existing table.
    pub mode: Mode,
    /// The version that is required; 0 for any.
    pub expected: u64,
    /// Keys and values.
    pub metadata: Metadata,
}

impl Default for Put {
    fn default() -> Put {
        Put { mode: Mode::Put, expected: 0, metadata: Metadata::new() }
    }
}

/// A connection to a store.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use arrow_array::{Int64Array, RecordBatch};
/// use bowstring_store::Client;
/// # let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1])) as _)])?;
/// let mut store = Client::connect("/run/user/1000/bowstring/store.sock".as_ref())?;
/// store.put("numbers", &[batch])?;
/// let table = store.get("numbers")?;
/// for batch in table.batches()? {
///     println!("{} rows, where they were put", batch?.num_rows());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    welcome: Welcome,
    patience: Duration,
    scratch: Vec<u8>,
    /// Set after an error that leaves the other side's state unknown.
    spent: bool,
}

impl Client {
    /// Connects to the store that listens on `path`, or with `@` on a name in the abstract namespace. It must belong to
    /// the same user or to root.
    pub fn connect(path: &Path) -> Result<Client, StoreError> {
        let trusted = [rustix::process::geteuid().as_raw(), 0];
        Client::connect_to(path, &trusted, concat!("bowstring-store ", env!("CARGO_PKG_VERSION")))
    }

    /// Connects to a store of one of these users, as the named program.
    pub fn connect_to(path: &Path, users: &[u32], program: &str) -> Result<Client, StoreError> {
        let socket = socket::connect(path.as_os_str().as_bytes()).map_err(StoreError::NoStore)?;
        let peer = Credentials::of_peer(socket.as_fd()).map_err(|error| StoreError::Io(error.into()))?;
        if !Access::Users(users).permits(peer.uid) {
            return Err(StoreError::Foreign { uid: peer.uid, is_mapped: peer.is_mapped() });
        }
        Client::from_socket(socket, program)
    }

    /// Connects over a connected socket, without checking the user at the other end.
    pub fn from_socket(socket: OwnedFd, program: &str) -> Result<Client, StoreError> {
        socket::set_nonblocking(socket.as_fd())?;
        let welcome = Welcome {
            pid: 0,
            may_write: false,
            durable: false,
            max_table: 0,
            max_total: 0,
            max_segments: 0,
            program: String::new(),
        };
        let mut client = Client { socket, welcome, patience: PATIENCE, scratch: Vec::new(), spent: false };
        let hello = Request::Hello { pid: std::process::id(), program: program.to_owned() };
        client.say(&hello, &[])?;
        match client.hear()? {
            (Reply::Welcome { pid, may_write, durable, max_table, max_total, max_segments, program }, _) => {
                client.welcome =
                    Welcome { pid, may_write, durable, max_table, max_total, max_segments, program };
                Ok(client)
            }
            (other, _) => Err(client.out_of_turn(&other)),
        }
    }

    /// Sets how long the store may take to reply.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Returns the store's description of itself.
    #[must_use]
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Opens the newest version of a table.
    pub fn get(&mut self, name: &str) -> Result<Table, StoreError> {
        self.get_as(name, Get::default())
    }

    /// Opens a version of a table, or the rows added since a position.
    pub fn get_as(&mut self, name: &str, get: Get) -> Result<Table, StoreError> {
        let (base, from_row) = get.since.map_or((0, 0), |position| (position.base, position.row));
        let name = name.to_owned();
        let how = How::Descriptors;
        self.say(&Request::Get { version: get.version, base, from_row, how, limit: 0, name }, &[])?;
        self.table(None, None)
    }

    /// Passes the rows of a table to `take` as lines of JSON, cut anywhere, for programs that cannot take
    /// descriptors. `limit` is the most rows; 0 is unlimited.
    pub fn get_json(
        &mut self,
        name: &str,
        limit: u64,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let (how, name) = (How::JsonLines, name.to_owned());
        self.say(&Request::Get { version: 0, base: 0, from_row: 0, how, limit, name }, &[])?;
        loop {
            match self.hear()?.0 {
                Reply::Rows(bytes) => take(&bytes).inspect_err(|_| self.spent = true)?,
                Reply::End => return Ok(()),
                other => return Err(self.out_of_turn(&other)),
            }
        }
    }

    /// Puts a table, replacing any of that name.
    pub fn put(&mut self, name: &str, batches: &[RecordBatch]) -> Result<Done, StoreError> {
        self.put_batches(name, batches, &Put::default())
    }

    /// Adds rows to a table.
    pub fn append(&mut self, name: &str, batches: &[RecordBatch]) -> Result<Done, StoreError> {
        self.put_batches(name, batches, &Put { mode: Mode::Append, ..Put::default() })
    }

    /// Replaces a version of a table, if it is still the current one.
    pub fn replace(
        &mut self,
        name: &str,
        expected: u64,
        batches: &[RecordBatch],
    ) -> Result<Done, StoreError> {
        self.put_batches(name, batches, &Put { expected, ..Put::default() })
    }

    fn put_batches(&mut self, name: &str, batches: &[RecordBatch], put: &Put) -> Result<Done, StoreError> {
        let Some(first) = batches.first() else {
            return Err(StoreError::Io(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no batch, and so no schema",
            )));
        };
        let mut writer = SegmentWriter::new(first.schema())?;
        batches.iter().try_for_each(|batch| writer.write(batch))?;
        self.put_segments(name, &writer.finish()?, put)
    }

    /// Puts segments that exist already. They are shared, not copied.
    pub fn put_segments(&mut self, name: &str, segments: &Segments, put: &Put) -> Result<Done, StoreError> {
        Refused::check_metadata(&put.metadata).map_err(StoreError::Refused)?;
        let (schema, schema_fd) = match segments.schema.len() {
            0..=INLINE_SCHEMA => (SchemaAt::Inline(segments.schema.to_vec()), None),
            len => {
                let fd = freeze(&segments.schema).map_err(|error| StoreError::Io(error.into()))?;
                (SchemaAt::Descriptor(len as u32), Some(fd))
            }
        };
        let (first, rest) = segments.list.split_at(segments.list.len().min(MAX_SEGMENTS));
        let head = Request::Put(PutHead {
            mode: put.mode,
            expected: put.expected,
            segments: segments.list.len() as u32,
            schema,
            name: name.to_owned(),
            metadata: put.metadata.clone(),
            records: records(first),
        });
        let fds: Vec<BorrowedFd<'_>> = schema_fd.iter().map(AsFd::as_fd).chain(descriptors(first)).collect();
        self.say(&head, &fds)?;
        for part in rest.chunks(MAX_SEGMENTS) {
            let fds: Vec<BorrowedFd<'_>> = descriptors(part).collect();
            self.say(&Request::Segments(records(part)), &fds)?;
        }
        self.done()
    }

    /// Removes a table. Processes that have opened it keep it.
    pub fn remove(&mut self, name: &str, expected: u64) -> Result<Done, StoreError> {
        self.say(&Request::Remove { expected, name: name.to_owned() }, &[])?;
        self.done()
    }

    /// Gives a table another name, which must be free. Followers go on.
    pub fn rename(&mut self, name: &str, to: &str) -> Result<Done, StoreError> {
        self.say(&Request::Rename { name: name.to_owned(), to: to.to_owned() }, &[])?;
        self.done()
    }

    /// Sets keys to values; an empty value removes the key.
    pub fn annotate(&mut self, name: &str, metadata: Metadata) -> Result<Done, StoreError> {
        Refused::check_metadata(&metadata).map_err(StoreError::Refused)?;
        self.say(&Request::Annotate { name: name.to_owned(), metadata }, &[])?;
        self.done()
    }

    /// Lists all tables.
    pub fn list(&mut self) -> Result<Vec<Entry>, StoreError> {
        self.say(&Request::List, &[])?;
        let mut entries = Vec::new();
        loop {
            match self.hear()?.0 {
                Reply::Entry(entry) => entries.push(entry),
                Reply::End => return Ok(entries),
                other => return Err(self.out_of_turn(&other)),
            }
        }
    }

    /// Returns the store's stats, in the text format of Prometheus.
    pub fn stat(&mut self) -> Result<String, StoreError> {
        self.say(&Request::Stat, &[])?;
        match self.hear()?.0 {
            Reply::Stats(text) => Ok(text),
            other => Err(self.out_of_turn(&other)),
        }
    }

    /// Follows a table: its rows from `since` on, or all of them, and then every change.
    pub fn follow(mut self, name: &str, since: Option<Position>) -> Result<Follower, StoreError> {
        let (base, from_row) = since.map_or((0, 0), |position| (position.base, position.row));
        self.say(&Request::Follow { base, from_row, name: name.to_owned() }, &[])?;
        Ok(Follower::new(self, since))
    }

    fn done(&mut self) -> Result<Done, StoreError> {
        match self.hear()?.0 {
            Reply::Done { version, base, rows } => Ok(Done { version, base, rows }),
            other => Err(self.out_of_turn(&other)),
        }
    }

    /// Returns the rest of a table whose first datagram may have been received.
    fn table(
        &mut self,
        heard: Option<(Reply, Vec<OwnedFd>)>,
        before: Option<&table::Known>,
    ) -> Result<Table, StoreError> {
        let heard = match heard {
            Some(heard) => heard,
            None => self.hear()?,
        };
        let (Reply::Table(head), fds) = heard else {
            return Err(self.out_of_turn(&heard.0));
        };
        let mut parts = vec![(head.records.clone(), fds)];
        let mut so_far = head.records.len();
        while so_far < head.segments as usize {
            match self.hear()? {
                (Reply::Segments(records), fds) if !records.is_empty() => {
                    so_far += records.len();
                    parts.push((records, fds));
                }
                (other, _) => return Err(self.out_of_turn(&other)),
            }
        }
        Table::new(head, parts, before).inspect_err(|_| self.spent = true)
    }

    fn out_of_turn(&mut self, reply: &Reply) -> StoreError {
        match reply {
            Reply::Error { code, text } => StoreError::Refused(Refused::new(*code, text.clone())),
            other => {
                self.spent = true;
                StoreError::Protocol(WireFault::OutOfTurn(other.kind()))
            }
        }
    }

    fn say(&mut self, request: &Request, fds: &[BorrowedFd<'_>]) -> Result<(), StoreError> {
        if self.spent {
            return Err(StoreError::Spent);
        }
        let bytes = request.encode();
        let deadline = Instant::now() + self.patience;
        loop {
            match socket::send(self.socket.as_fd(), &bytes, fds) {
                Ok(Sent::Whole) => return Ok(()),
                Ok(Sent::TooManyDescriptors) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                // A store that refuses in between sends its refusal before it takes the rest.
                Ok(_) if socket::wait(self.socket.as_fd(), PollFlags::OUT, Some(deadline))? => {}
                Ok(_) => {
                    self.spent = true;
                    return Err(StoreError::TimedOut);
                }
                // It may have sent the reason.
                Err(_) => {
                    self.spent = true;
                    return match socket::receive(self.socket.as_fd(), &mut self.scratch) {
                        Ok(Received::Datagram(datagram)) => {
                            match Reply::decode(&datagram.bytes, datagram.fds.len()) {
                                Ok(reply @ Reply::Error { .. }) => Err(self.out_of_turn(&reply)),
                                _ => Err(StoreError::HungUp),
                            }
                        }
                        _ => Err(StoreError::HungUp),
                    };
                }
            }
        }
    }

    fn hear(&mut self) -> Result<(Reply, Vec<OwnedFd>), StoreError> {
        let deadline = Instant::now() + self.patience;
        match self.hear_until(Some(deadline))? {
            Some(heard) => Ok(heard),
            None => {
                self.spent = true;
                Err(StoreError::TimedOut)
            }
        }
    }

    /// Returns the next datagram; `None` if the deadline passes.
    fn hear_until(&mut self, deadline: Option<Instant>) -> Result<Option<(Reply, Vec<OwnedFd>)>, StoreError> {
        if self.spent {
            return Err(StoreError::Spent);
        }
        loop {
            match socket::receive(self.socket.as_fd(), &mut self.scratch) {
                Ok(Received::Datagram(datagram)) => {
                    let decoded = match datagram.truncated {
                        true => Err(WireFault::Fields(datagram.bytes.len())),
                        false => Reply::decode(&datagram.bytes, datagram.fds.len()),
                    };
                    let reply = decoded.inspect_err(|_| self.spent = true)?;
                    return Ok(Some((reply, datagram.fds)));
                }
                Ok(Received::HungUp) => {
                    self.spent = true;
                    return Err(StoreError::HungUp);
                }
                Ok(Received::Nothing) => {
                    if !socket::wait(self.socket.as_fd(), PollFlags::IN, deadline)? {
                        return Ok(None);
                    }
                }
                Err(error) => {
                    self.spent = true;
                    return Err(StoreError::Io(error));
                }
            }
        }
    }
}

/// Readable when the store has sent something.
impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn records(segments: &[Segment]) -> Vec<Record> {
    segments.iter().map(|segment| Record { len: segment.len, rows: segment.rows }).collect()
}

fn descriptors(segments: &[Segment]) -> impl Iterator<Item = BorrowedFd<'_>> {
    segments.iter().map(|segment| segment.fd.as_fd())
}
