//! Sends a batch that is larger than a message as several, each a slice of its rows.

use arrow_array::RecordBatch;

use super::Sender;
use crate::error::SendError;

impl Sender {
    /// Sends a batch in slices that fit into a message. Once one of them is sent, an error keeps the rest.
    #[cold]
    pub(super) fn send_in_slices(&mut self, batch: &RecordBatch, is_rest: bool) -> Result<(), SendError> {
        let rows = batch.num_rows();
        if is_rest {
            self.wishes.mark();
            self.send_dictionaries_of(batch).map_err(|error| self.keep_rest(batch, 0, error))?;
        }
        let len = self.encoder.encoded_len(batch)?;
        let most = self.outlet.most().unwrap_or(usize::MAX);
        // Assumes rows of equal size; a slice that does not fit is halved until it does.
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
            let sent = self.send_whole(&slice, len);
            let left = match sent {
                // Somebody came who may want more of it: it may be longer, and need more dictionaries.
                Ok(false) => {
                    self.wishes.mark();
                    let sent = self.send_dictionaries_of(batch);
                    let begun = is_rest || start > 0;
                    sent.map_err(|error| if begun { self.keep_rest(batch, start, error) } else { error })?;
                    continue;
                }
                // Sent, though some receiver lacks it.
                Ok(true) | Err(SendError::Unfinished(_)) => start + take,
                Err(SendError::Interrupted) if self.outlet.sender.unfinished().is_some() => start + take,
                Err(_) => start,
            };
            if let Err(error) = sent {
                let begun = is_rest || left > 0;
                return Err(if begun { self.keep_rest(batch, left, error) } else { error });
            }
            start = left;
        }
        self.stats.split += 1;
        // A batch without rows is only too large if its schema alone is.
        if rows == 0 { Err(SendError::TooLarge { row: None, len, most }) } else { Ok(()) }
    }

    /// Keeps the rows from `left` on, unless they can never be sent.
    fn keep_rest(&mut self, batch: &RecordBatch, left: usize, error: SendError) -> SendError {
        let rows = batch.num_rows() - left;
        let (kept, error) = match error {
            SendError::TimedOut => (true, SendError::Partly { rows, host: None }),
            SendError::Host(host) => (true, SendError::Partly { rows, host: Some(host) }),
            SendError::Unfinished(_) | SendError::Interrupted => (true, error),
            _ => (false, error),
        };
        self.rest = (kept && rows > 0).then(|| batch.slice(left, rows));
        error
    }
}
