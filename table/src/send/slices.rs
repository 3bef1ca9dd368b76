//! A batch that is larger than a message may be: sent as several, each a slice of its rows.

use arrow_array::RecordBatch;

use super::Sender;
use crate::error::SendError;

impl Sender {
    /// Sends a batch of `len` bytes in slices of up to `most`.
    #[cold]
    pub(super) fn send_in_slices(
        &mut self,
        batch: &RecordBatch,
        len: usize,
        most: usize,
    ) -> Result<(), SendError> {
        let rows = batch.num_rows();
        // Rows are taken to be of a size; where they are not, a slice is halved until it fits.
        let usual = rows.checked_div(len.div_ceil(most)).unwrap_or(rows).max(1);
        let mut start = 0;
        while start < rows {
            let mut take = usual.min(rows - start);
            let (slice, len) = loop {
                let slice = batch.slice(start, take);
                let len = self.encoder.encoded_len(&slice)?;
                match len <= most {
                    true => break (slice, len),
                    false if take == 1 => return Err(SendError::TooLarge { row: Some(start), len, most }),
                    false => take /= 2,
                }
            };
            self.send_whole(&slice, len)?;
            start += take;
        }
        self.stats.split += 1;
        // A batch without rows that is too large has a schema whose very description is.
        if rows == 0 { Err(SendError::TooLarge { row: None, len, most }) } else { Ok(()) }
    }
}
