//! Named Arrow tables that any process of this host opens in microseconds, with one copy in memory.
//!
//! A *table* is a schema and a list of *segments*: frozen files in memory that hold Arrow IPC messages. Whoever puts a
//! table makes and seals its segments; the [store](Server) checks them once and hands their descriptors to whoever asks
//! by name. The rows never pass through the store: the kernel keeps their pages, makes them immutable, counts who uses
//! them, and frees them with the last. So a [client](Client) can hurt no other, and what a reader has opened stays,
//! whatever happens to the name, the store or the producer.
//!
//! # Map
//!
//! [`wire`] has the datagrams, `socket` carries them. [`segment`] makes and checks segments. `catalogue` is what a store
//! has, without I/O; `state` keeps it on disk; [`Server`] serves it. [`Client`] asks; [`Table`] and [`Follower`] are what
//! it gets.

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
