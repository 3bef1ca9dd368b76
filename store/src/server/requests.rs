//! The requests of clients.

use std::os::fd::OwnedFd;
use std::time::Instant;

use super::Server;
use super::connection::{Following, Stand};
use super::jobs::Job;
use super::put::Change;
use crate::catalogue::Catalogue;
use crate::wire::WireFault;
use crate::wire::message::{Code, How, Reply, Request};

impl Server {
    /// Handles one request.
    pub(super) fn ask(&mut self, token: u64, request: Request, fds: Vec<OwnedFd>, begun: Instant) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let in_turn = match (&connection.stand, &request) {
            (Stand::Greeting, Request::Hello { .. }) => true,
            (Stand::Greeting, _) | (_, Request::Hello { .. }) => false,
            (Stand::Ready, Request::Segments(_)) => false,
            (Stand::Ready, _) => true,
            (Stand::Putting(_), Request::Segments(_)) => true,
            _ => false,
        };
        if !in_turn {
            let text = WireFault::OutOfTurn(request.kind()).to_string();
            return self.dismiss(token, Code::Protocol, &text);
        }
        self.stats.asked(&request);
        match request {
            Request::Hello { .. } => {
                connection.stand = Stand::Ready;
                let reply = Reply::Welcome {
                    pid: std::process::id(),
                    may_write: connection.may_write,
                    durable: self.state.is_some(),
                    max_table: self.config.max_table,
                    max_total: self.config.max_total,
                    max_segments: self.config.max_segments as u32,
                    program: self.config.program.clone(),
                };
                self.say(token, &reply);
            }
            Request::Put(head) => self.put(token, head, fds),
            Request::Segments(records) => self.more_segments(token, &records, fds),
            Request::Remove { expected, name } => self.change(token, name, Change::Remove { expected }),
            Request::Rename { name, to } => self.change(token, name, Change::Rename { to }),
            Request::Annotate { name, metadata } => self.change(token, name, Change::Annotate(metadata)),
            Request::List => {
                let entries = self.catalogue.tables.iter().map(|(name, table)| Catalogue::entry(name, table));
                let entries: Vec<_> = entries.collect();
                let Some(connection) = self.connections.get_mut(&token) else { return };
                entries.into_iter().for_each(|entry| connection.say(&Reply::Entry(entry)));
                self.say(token, &Reply::End);
            }
            Request::Stat => {
                let text = self.stats.text(&self.catalogue, self.locked.len() + self.queue.len());
                self.say(token, &Reply::Stats(text));
            }
            Request::Get { .. } | Request::Follow { .. } => {
                self.read(token, request);
                self.stats.took(begun.elapsed());
            }
        }
    }

    /// Sends a table, or lets the client wait while its source is read for the first time.
    pub(super) fn read(&mut self, token: u64, request: Request) {
        let (Request::Get { name, .. } | Request::Follow { name, .. }) = &request else { return };
        if let Some(table) = self.catalogue.tables.get_mut(name) {
            table.requests += 1;
            if table.current.is_none() && table.trouble.is_none() {
                if let Some(connection) = self.connections.get_mut(&token) {
                    connection.stand = Stand::Parked(request);
                    connection.begin();
                }
                return self.wait_for(token);
            }
        }
        match request {
            Request::Get { version, base, from_row, how, limit, name } => {
                let found = self.catalogue.version(&name, version);
                let (found, rows) = match found {
                    Ok(found) => found,
                    Err(refused) => return self.refuse(token, refused.code, &refused.text),
                };
                if (base != 0 && base != found.base) || from_row > rows {
                    let text = format!("{name} was replaced: its rows count from another base now");
                    return self.refuse(token, Code::Version, &text);
                }
                match how {
                    How::Descriptors => self.deliver(token, &name, &found, from_row..rows),
                    How::JsonLines => {
                        self.stats.json += 1;
                        let Some(connection) = self.connections.get_mut(&token) else { return };
                        let Ok(socket) = connection.socket.try_clone() else {
                            return self.refuse(token, Code::Host, "out of descriptors");
                        };
                        connection.stand = Stand::Waiting;
                        connection.deadline = None;
                        let rows = from_row..rows.min(match limit {
                            0 => u64::MAX,
                            limit => from_row.saturating_add(limit),
                        });
                        let patience = self.config.request_timeout;
                        self.wait_for(token);
                        self.jobs.give(Job::Tell { token, socket, version: found, rows, patience });
                    }
                }
            }
            Request::Follow { base, from_row, name } => {
                if let Err(refused) = self.catalogue.newest(&name) {
                    return self.refuse(token, refused.code, &refused.text);
                }
                let table = self.catalogue.tables.get_mut(&name);
                // The rest of a replaced table may still be here.
                let behind = table.and_then(|table| {
                    table.followers += 1;
                    table.earlier.iter().find(|version| version.base == base).cloned()
                });
                let introduced = false;
                if let Some(connection) = self.connections.get_mut(&token) {
                    connection.stand = Stand::Following(Following {
                        name,
                        base,
                        row: from_row,
                        introduced,
                        behind,
                        gone: false,
                    });
                }
                self.flush(token);
            }
            _ => {}
        }
    }
}
