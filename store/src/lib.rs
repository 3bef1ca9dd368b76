//! Named Arrow tables that any process of this host opens in microseconds, with one copy in memory.
//!
//! A *table* is a schema and a list of *segments*: frozen files in memory that hold Arrow IPC messages. The producer
//! of a table makes and seals its segments; the [store](Server) checks them once and passes their descriptors to
//! clients that ask by name. The rows never pass through the store: the kernel keeps their pages, makes them
//! immutable, counts who uses them, and frees them with the last. So a [client](Client) can harm no other, and what a
//! reader has opened stays, whatever happens to the name, the store or the producer.
//!
//! # Map
//!
//! [`wire`] has the datagrams, `socket` carries them. [`segment`] makes and checks segments. `catalogue` is the
//! contents of a store, without I/O; `state` keeps it on disk; [`Server`] serves it. [`Client`] sends requests;
//! [`Table`] and [`Follower`] are their results.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod catalogue;
mod client;
mod error;
mod json;
pub mod segment;
mod server;
mod socket;
mod state;
pub mod wire;

pub use client::{
    Batches, Client, Done, Event, Follower, Get, Mapped, Position, Put, Reader, Table, Welcome,
};
pub use error::{Refused, StoreError};
pub use segment::{Segment, SegmentWriter, Segments};
pub use server::{Config, Handle, Load, Server, Source};
pub use wire::message::{Code, Entry, Metadata, Mode};
