//! Arrow tables from one process to another on a Linux host.
//!
//! A [`TableSender`] has a schema and a pool of shared memory; whoever connects is told the schema and then given every
//! batch. A [`TableReceiver`] reads the batches where they lie: as a borrowed view that needs no heap, or as a
//! `RecordBatch` whose buffers are the shared memory itself and which gives it back when the last of them is dropped.
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::{Int64Array, RecordBatch};
//! use bowstring::{TableReceiver, TableSender, transport};
//! use transport::{Deliveries, Connector, SenderConfig};
//!
//! let column = Arc::new(Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
//! let batch = RecordBatch::try_from_iter([("n", column)])?;
//!
//! // Two ends of a connection; usually they are in two processes and meet on a path: `TableSender::listen`.
//! let (here, there) = transport::socket_pair()?;
//! let receiving = std::thread::spawn(move || {
//!     let incoming = Connector::new(Deliveries::ANY).connect_socket(there).unwrap();
//!     let mut receiver = TableReceiver::open(incoming).unwrap();
//!     let mut rows = 0;
//!     while let Some(batch) = receiver.next().unwrap() {
//!         rows += batch.into_record_batch().unwrap().num_rows();
//!     }
//!     rows
//! });
//! let mut sender = TableSender::new(batch.schema(), SenderConfig::new())?;
//! sender.accept_socket(here)?;
//! sender.send(&batch)?;
//! drop(sender);
//! assert_eq!(receiving.join().unwrap(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Map
//!
//! [`protocol`] says what travels; [`hints`] what a sender tells of its table beforehand; `send` and `receive` are the
//! two ends; [`buffer_stats`] counts by address what lies in shared memory and what was copied. Below are two crates that do
//! not know each other: [`transport`] moves bytes, [`codec`] gives them their meaning.

#[cfg(feature = "count-allocations")]
pub mod allocations;
pub mod buffer_stats;
mod error;
mod heap;
pub mod hints;
pub mod protocol;
mod receive;
mod send;

pub use bowstring_codec as codec;
pub use bowstring_codec::decode::Limits;
pub use bowstring_transport as transport;
pub use bowstring_transport::names;

pub use buffer_stats::BufferStats;
pub use error::{ReceiveError, SendError, SetUpError};
pub use hints::Hints;
pub use receive::{Batch, ReceiverStats, TableReceiver};
pub use send::{Interrupt, SenderStats, TableSender};
