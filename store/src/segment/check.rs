//! Checking the segments that a client put.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arrow_schema::SchemaRef;
use bowstring_codec::decode::{Decoder, MessageKind, ReadError};
use bowstring_transport::RegionFault;

use super::{Segment, map};

/// Faults of segments that a client put.
#[derive(Debug)]
pub(crate) enum SegmentFault {
    /// The schema message is malformed.
    Schema(ReadError),
    /// The file is not frozen, too short, or has holes.
    Region {
        /// The index of the segment.
        segment: usize,
        /// The fault.
        fault: RegionFault,
    },
    /// A message is malformed.
    Message {
        /// The index of the segment.
        segment: usize,
        /// The byte at which the message begins.
        at: usize,
        /// The fault.
        error: ReadError,
    },
    /// A message that is neither a dictionary nor a batch.
    Kind {
        /// The index of the segment.
        segment: usize,
        /// The byte at which the message begins.
        at: usize,
    },
    /// A segment has a different number of rows than stated.
    Rows {
        /// The index of the segment.
        segment: usize,
        /// The number of rows that it has.
        found: u64,
        /// The number stated.
        stated: u64,
    },
    /// An empty segment.
    Empty {
        /// The index of the segment.
        segment: usize,
    },
    /// The check took longer than is allowed.
    Late,
}

impl fmt::Display for SegmentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => write!(f, "the schema: {error}"),
            Self::Region { segment, fault } => write!(f, "segment {segment}: {fault}"),
            Self::Message { segment, at, error } => {
                write!(f, "segment {segment}, message at byte {at}: {error}")
            }
            Self::Kind { segment, at } => {
                write!(f, "segment {segment}, message at byte {at}: neither a dictionary nor a batch")
            }
            Self::Rows { segment, found, stated } => {
                write!(f, "segment {segment} has {found} rows, not {stated}")
            }
            Self::Empty { segment } => write!(f, "segment {segment} is empty"),
            Self::Late => f.write_str("checking it took longer than request_timeout"),
        }
    }
}

impl std::error::Error for SegmentFault {}

/// Checks the segments of one put or append: their seals, and the structure of every message.
///
/// Only metadata are read, and dictionaries, whose values are checked in full. Readers check batches in full.
pub(crate) fn check(
    schema: &[u8],
    segments: &[Segment],
    deadline: Option<Instant>,
) -> Result<SchemaRef, SegmentFault> {
    let mut decoder = Decoder::from_schema_message(schema).map_err(SegmentFault::Schema)?;
    for (segment, Segment { fd, len, rows }) in segments.iter().enumerate() {
        if *len == 0 {
            return Err(SegmentFault::Empty { segment });
        }
        let memory = map(fd, *len).map_err(|fault| SegmentFault::Region { segment, fault })?;
        let (mut at, mut found) = (0, 0_u64);
        while at < memory.len() {
            let message = memory.slice(at);
            let in_message = |error| SegmentFault::Message { segment, at, error };
            let (kind, len) = decoder.measure(&message).map_err(in_message)?;
            match kind {
                MessageKind::Dictionary => {
                    decoder.dictionary(&message).map_err(in_message)?;
                }
                MessageKind::Batch => {
                    let batch = decoder.decode(&message).map_err(in_message)?;
                    found = found.saturating_add(batch.num_rows() as u64);
                }
                _ => return Err(SegmentFault::Kind { segment, at }),
            }
            // Messages are whole multiples of 8 bytes; `measure` has checked that all of it is there.
            at = at.saturating_add(len.max(1));
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(SegmentFault::Late);
            }
        }
        if found != *rows {
            return Err(SegmentFault::Rows { segment, found, stated: *rows });
        }
    }
    Ok(Arc::clone(decoder.schema()))
}
