//! Bounds on what a message may cost its reader.
//!
//! Most rows are paid for: a row of a boolean column takes a bit, a row of anything else that has values takes a byte
//! or more, so a message's length bounds them. Some rows are free: those of the null type, of structs without fields,
//! of fixed-size values of size 0, of run-end encoded columns, and of a batch without columns. A message of 200 bytes
//! could claim 2⁴⁰ of them, and a program that makes something of each row (a bitmap, a line of text) would take
//! memory and time for 2⁴⁰. So free rows are counted over all fields of a message, and limited.

// claim: rows-bounded

/// Limits of a decoder.
///
/// ```
/// use bowstring_codec::decode::Limits;
///
/// // A batch of a billion nulls is to be read.
/// let limits = Limits { rows: 1_000_000_000, ..Limits::default() };
/// # assert!(limits.rows > Limits::default().rows);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of metadata in one message. Scratch of up to this size is kept.
    pub metadata: usize,
    /// The most rows that a message may claim without having bytes for them, over all its fields, in addition to
    /// eight for each byte of its body.
    ///
    /// Such rows are those of nulls, of structs without fields, of fixed-size values of size 0, of run-end encoded
    /// columns, and of batches without columns. The sum of a list view's sizes has the same bound, once more for each
    /// column, when it is fully checked.
    pub rows: usize,
}

impl Default for Limits {
    /// Returns 64 MiB of metadata, enough for over half a million columns, and 2²⁷ (134 million) free rows.
    fn default() -> Self {
        Self { metadata: 64 << 20, rows: 1 << 27 }
    }
}

impl Limits {
    /// Returns the rows that a message with a body of this many bytes may claim for free, where `rows` is the limit.
    pub(crate) fn free_rows(rows: usize, body: usize) -> usize {
        body.saturating_mul(8).saturating_add(rows)
    }
}
