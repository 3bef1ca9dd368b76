//! Follows a table: its rows, then later ones, without a gap and without a repetition.

use std::time::{Duration, Instant};

use super::table::Known;
use super::{Client, Table};
use crate::error::StoreError;
use crate::wire::message::Reply;

/// The position of a follower. Kept over a restart, it lets the next one continue from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The base of the row's version: changes when the table is replaced.
    pub base: u64,
    /// The number of the next row.
    pub row: u64,
}

/// An event of a followed table.
#[derive(Clone, Debug)]
pub enum Event {
    /// Rows that follow the previous ones.
    Rows(Table),
    /// The table was replaced: these rows are all of the new one.
    Replaced(Table),
    /// The table was removed. There are no more events.
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
    schema: Option<Known>,
    removed: bool,
}

impl Follower {
    pub(super) fn new(client: Client, position: Option<Position>) -> Follower {
        Follower { client, position, schema: None, removed: false }
    }

    /// Waits for the next event, up to `patience` or forever. Returns `None` if it took longer.
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
        self.schema = Some(table.known());
        let before = self.position.replace(table.position());
        let (base, row) = (table.position().base, table.rows().start);
        match before {
            Some(before) if before.base != base => Ok(Some(Event::Replaced(table))),
            // The store states where the rows belong, so neither a gap nor a repetition can go unnoticed.
            Some(before) if before.row != row => {
                self.client.spent = true;
                Err(StoreError::Rows)
            }
            _ => Ok(Some(Event::Rows(table))),
        }
    }

    /// Returns the current position, to continue from there later.
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
