//! Writing: the metadata of small batches, the data of large ones, and columns computed in place.

use std::hint::black_box;

use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::writer::StreamWriter;
use bowstring_codec::{Encoder, Plan, Shape};

use super::batches::{COLUMNS, Columns, FEW};
use super::region::Region;
use super::report::Report;

fn encoder(batch: &RecordBatch) -> Encoder {
    Encoder::new(Plan::new(batch.schema()).expect("a schema that can be planned"))
}

/// Small batches of ever more columns: the cost of a message without its data.
pub(super) fn metadata(report: &Report) {
    report.title("encode, 8 rows: ours (length, then message) / arrow-ipc StreamWriter::write into a Vec");
    for kind in Columns::ALL {
        for columns in COLUMNS {
            let batch = kind.batch(columns, FEW);
            let mut encoder = encoder(&batch);
            let mut region = Region::new(encoder.encoded_len(&batch).expect("a batch of the plan"));
            let mut writer =
                StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a Vec takes anything");
            let mut ours = || {
                let len = encoder.encoded_len(&batch).expect("a batch of the plan");
                encoder.encode(&batch, &mut region.bytes()[..len]).expect("as long as was said");
                black_box(region.bytes());
            };
            let mut theirs = || {
                writer.get_mut().clear();
                writer.write(&batch).expect("a Vec takes anything");
                black_box(writer.get_ref());
            };
            let case = format!("encode/{}/{columns}", kind.name());
            report.against(&case, columns, &mut ours, &mut theirs);
        }
    }
}

/// Large batches, compared with a bare copy of the same buffers to the same places.
pub(super) fn data(report: &Report) {
    report.title("encode, 8 columns of data: ours / memcpy of the same buffers, and nothing else");
    for (kind, rows) in [
        (Columns::Int64, 1 << 10),
        (Columns::Int64, 1 << 14),
        (Columns::Int64, 1 << 18),
        (Columns::Strings, 1 << 12),
        (Columns::Strings, 1 << 16),
    ] {
        let batch = kind.batch(8, rows);
        let mut encoder = encoder(&batch);
        let len = encoder.encoded_len(&batch).expect("a batch of the plan");
        let mut region = Region::new(len);
        let mut target = Region::new(len);
        let buffers: Vec<Buffer> =
            batch.columns().iter().flat_map(|c| c.to_data().buffers().to_vec()).collect();
        // The same places: the relative alignment of source and target decides how fast a copy is.
        let head = len - buffers.iter().map(|buffer| buffer.len().next_multiple_of(64)).sum::<usize>();
        let mut ours = || {
            encoder.encode(&batch, &mut region.bytes()[..len]).expect("as long as was said");
            black_box(region.bytes());
        };
        let mut copy = || {
            let mut at = head;
            for buffer in black_box(&buffers) {
                target.bytes()[at..][..buffer.len()].copy_from_slice(buffer);
                at += buffer.len().next_multiple_of(64);
            }
            black_box(target.bytes());
        };
        let case = format!("encode/{}/{} KiB", kind.name(), len / 1024);
        report.against_bare(&case, len, &mut ours, &mut copy);
    }
}

/// Columns computed in the message, compared with the same loop on ordinary memory.
pub(super) fn in_place(report: &Report) {
    report.title("build in place, 8 int64 columns: ours / the same loop into eight Vecs that are reused");
    for rows in [1 << 10, 1 << 14, 1 << 18] {
        let schema = Columns::Int64.batch(8, 0).schema();
        let plan = Plan::new(schema).expect("a schema that can be planned");
        let shape = Shape::new(&plan, rows, |_| 0).expect("a shape that fits memory");
        let mut region = Region::new(shape.len());
        let mut plain: Vec<Vec<i64>> = vec![vec![1; rows]; 8];
        let value = |row: usize, seed: i64| row as i64 ^ seed;
        let mut ours = || {
            let seed = black_box(3);
            let mut message = shape.begin(region.bytes()).expect("a region of the shape");
            let mut fields = message.fields();
            for _ in 0..8 {
                let mut column = fields.fixed::<Int64Type>().expect("an int64 column");
                column.fill_with(rows, move |row| value(row, seed)).expect("rows of the shape");
                column.finish().expect("no keys");
            }
            message.finish(rows).expect("all columns are finished");
            black_box(region.bytes());
        };
        let mut ordinary = || {
            let seed = black_box(3);
            for column in &mut plain {
                for (row, place) in column.iter_mut().enumerate() {
                    *place = value(row, seed);
                }
            }
            black_box(&plain);
        };
        let case = format!("build/int64/{} KiB", shape.len() / 1024);
        report.against_bare(&case, 64 * rows, &mut ours, &mut ordinary);
    }
}
