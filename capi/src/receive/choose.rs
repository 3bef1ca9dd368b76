//! Choosing columns and rows of a table that is received.
#![allow(unsafe_code)]

use bowstring_capi_bytes::error::Error;
use bowstring_capi_bytes::guard::guard_as;
use bowstring_capi_bytes::handle::Handle;

use super::TableReceiver;
use crate::choice::{Asked, Choice};
use crate::failure::TableFailure;

/// Chooses the columns and rows of all batches that come from now on, and of the schema: call it before the first batch.
/// NULL in place of the choice wants everything again. `BOWSTRING_CHOICE` if there is no such column, or if the condition
/// is not one or does not fit the table: the message says why and `position` where. The choice from before then stays.
///
/// Columns are not copied. A condition copies the rows that it keeps, unless it keeps all rows of a batch.
///
/// Threads: one at a time for each receiver.
///
/// # Safety
/// As for `bowstring_table_receiver_connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bowstring_table_receiver_choose(
    receiver: *mut Handle<TableReceiver>,
    choice: *const Choice,
    error: *mut Error,
) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let asked = unsafe { Asked::read(choice) }?;
        // SAFETY: the caller's promise.
        let mut receiver = unsafe { Handle::enter(receiver) }?;
        receiver.choice = asked.map(|asked| asked.of(receiver.inner.schema())).transpose()?;
        Ok::<(), TableFailure>(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard_as(error, body) }
}
