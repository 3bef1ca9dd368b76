//! Putting a table, against writing and sealing the same buffers.

use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use bowstring_transport::region::Appender;

use super::{Place, ROWS, batch, report, turns_of};
use crate::Options;

/// Batches of the table, 128 KiB each.
const BATCHES: usize = 512;

pub(super) fn run(place: &Place, options: Options) {
    let batches: Vec<RecordBatch> = (0..BATCHES).map(|n| batch((n * ROWS) as i64)).collect();
    let buffers: Vec<Buffer> =
        batches.iter().map(|batch| batch.column(0).to_data().buffers()[0].clone()).collect();
    let mut client = place.client();
    let [ours, floor] = turns_of(
        31,
        [
            &mut || {
                client.put("put", &batches).expect("taken");
            },
            &mut || {
                let mut file = Appender::create(c"floor").expect("a file");
                for buffer in &buffers {
                    file.append(buffer).expect("room");
                }
                drop(file.freeze().expect("sealed"));
            },
        ],
    );
    report(options, "put, 64 MiB", &[("put", ours), ("write and seal", floor)]);
    client.remove("put", 0).expect("removed");
}
