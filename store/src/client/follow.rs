//! Following a table: what is there, then what comes, without a gap and without a repetition.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Client, Table};
use crate::error::StoreError;
use crate::wire::message::Reply;

/// How far a follower has come. Kept over a restart, it lets the next one go on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which line of versions the row belongs to: changes when the table is replaced.
    pub base: u64,
    /// The number of the next row.
    pub row: u64,
}

/// What a follower is given.
#[derive(Clone, Debug)]
pub enum Event {
    /// Rows that came behind those before.
    Rows(Table),
    /// The table was replaced: these rows are all of the new one.
    Replaced(Table),
    /// The table was removed. Nothing comes any more.
    Removed,
}

/// Follows a table.
///
/// ```no_run
/// use bowstring_store::{Client, Event};
/// let store = Client::connect("/run/user/1000/bowstring/store.sock".as_ref())?;
/// let mut ticks = store.follow("ticks", None)?;
/// while let Some(event) = ticks.next_event(None)? {
///     match event {
///         Event::Rows(rows) | Event::Replaced(rows) => println!("{:?}", rows.rows()),
///         Event::Removed => break,
///     }
/// }
/// # Ok::<(), bowstring_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Follower {
    client: Client,
    position: Option<Position>,
    schema: Option<Arc<[u8]>>,
    removed: bool,
}

impl Follower {
    pub(super) fn new(client: Client, position: Option<Position>) -> Follower {
        Follower { client, position, schema: None, removed: false }
    }

    /// Waits for what comes next, up to `patience` or without end. Returns nothing if it took longer.
    pub fn next_event(&mut self, patience: Option<Duration>) -> Result<Option<Event>, StoreError> {
        if self.removed {
            return Ok(Some(Event::Removed));
        }
        let deadline = patience.map(|patience| Instant::now() + patience);
        let Some((reply, fds)) = self.client.hear_until(deadline)? else { return Ok(None) };
        if reply == Reply::End {
            self.removed = true;
            return Ok(Some(Event::Removed));
        }
        let table = self.client.table(Some((reply, fds)), self.schema.as_ref())?;
        self.schema = Some(table.schema_message().clone());
        let before = self.position.replace(table.position());
        let (base, row) = (table.position().base, table.rows().start);
        match before {
            Some(before) if before.base != base => Ok(Some(Event::Replaced(table))),
            // The store says where the rows belong: neither a gap nor a repetition can go unnoticed.
            Some(before) if before.row != row => {
                self.client.spent = true;
                Err(StoreError::Rows)
            }
            _ => Ok(Some(Event::Rows(table))),
        }
    }

    /// Returns how far this has come, to go on from there later.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Returns the connection, for `poll` or an async runtime: readable when something has come.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}
