//! Arrow tables from one process to another on a Linux host.
//!
//! A [`Sender`] has a schema and a pool of shared memory. Each receiver that connects gets the schema, and then every
//! batch. A [`Receiver`] reads the batches in place: as `RecordBatch`es whose buffers are the shared memory, which
//! goes back to the sender when the last of them is dropped, or as borrowed views that need no heap.
//!
//! The sender gives the table a name:
//!
//! ```no_run
//! use std::sync::Arc;
//! use bowstring::Sender;
//! use bowstring::arrow_array::{ArrayRef, Int64Array, RecordBatch};
//!
//! let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef;
//! let batch = RecordBatch::try_from_iter([("n", column)])?;
//! let mut sender = Sender::bind("ticks", batch.schema())?;
//! sender.send(&batch)?; // waits for a first receiver
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Receivers connect by it:
//!
//! ```no_run
//! use bowstring::Receiver;
//!
//! let mut receiver = Receiver::connect("ticks")?;
//! for batch in &mut receiver {
//!     println!("{} rows", batch?.num_rows());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`names`] defines where names live. A text with a `/` in it is the path of a socket instead. The two ends can also
//! connect over a socket pair: [`SenderBuilder::accept_socket`], [`ReceiverBuilder::connect_socket`].
//!
//! # Map
//!
//! [`protocol`] describes the messages; [`hints`] are what a sender announces about its table; `send` and `receive`
//! are the two ends; [`Merge`] receives from several senders; `rows` makes a Rust struct a schema (feature `derive`);
//! [`buffer_stats`] counts by address what is in shared memory and what was copied. Below are two crates that do not
//! know each other: [`transport`] moves bytes,
//! [`codec`] gives them their meaning.

#[cfg(feature = "count-allocations")]
pub mod allocations;
pub mod buffer_stats;
#[cfg(feature = "ffi")]
pub mod c_data;
mod copy;
mod error;
mod heap;
pub mod hints;
mod merge;
pub mod protocol;
mod receive;
#[cfg(feature = "derive")]
pub mod rows;
mod send;
pub mod serve;
pub mod share;
#[cfg(feature = "tokio")]
mod sink;
#[cfg(feature = "tokio")]
mod stream;
pub mod turn;
mod wish;

pub use arrow_array;
pub use arrow_schema;
pub use bowstring_codec as codec;
pub use bowstring_codec::decode::Limits;
pub use bowstring_transport as transport;
pub use bowstring_transport::names;

pub use bowstring_transport::BreakOff;
pub use buffer_stats::BufferStats;
pub use copy::{CopyError, copy_batch};
pub use error::{ReceiveError, SendError, SetUpError};
pub use hints::Hints;
pub use merge::{Arrived, Merge, MergeError, MergeSource};
pub use receive::{
    Batch, Connecting, Keep, Kept, Missed, Outstanding, Receiver, ReceiverBuilder, ReceiverStats,
    SchemaMismatch, in_forked_child,
};
pub use send::{Draft, Interrupt, Sender, SenderBuilder, SenderStats};

pub use wish::Wish;

#[cfg(feature = "derive")]
pub use bowstring_derive::Row;
#[cfg(feature = "derive")]
pub use rows::Row;

#[cfg(feature = "tokio")]
pub use sink::BatchSink;
#[cfg(feature = "tokio")]
pub use stream::BatchStream;

#[doc(hidden)]
pub use receive::Receiver as TableReceiver;
#[doc(hidden)]
pub use send::Sender as TableSender;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
