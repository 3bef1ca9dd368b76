//! Reading: the metadata of small batches, and the cost of full validation on large ones.

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Utf8Type;
use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use bowstring_codec::decode::Decoder;
use bowstring_codec::interop::Align;
use bowstring_codec::view::{Bytes, Offsets, Structure};
use bowstring_codec::{Dictionaries, Encoder, OnGrowth, Plan};

use super::batches::{COLUMNS, Columns, FEW};
use super::region::Region;
use super::report::Report;

/// The messages of one batch, each in memory of its own.
struct Messages {
    schema: Buffer,
    dictionaries: Vec<Buffer>,
    batch: Buffer,
}

fn messages(batch: &RecordBatch) -> Messages {
    let plan = Plan::new(batch.schema()).expect("a schema that can be planned");
    let mut encoder = Encoder::new(plan.clone());
    let mut updates = Vec::new();
    Dictionaries::new(plan.clone(), OnGrowth::Replace)
        .updates(batch, &mut updates)
        .expect("a batch of the plan");
    let dictionaries = updates.iter().map(|update| {
        let len = encoder.dictionary_len(update.index, &update.values).expect("values of the plan");
        let mut region = Region::new(len);
        encoder
            .encode_dictionary(update.index, &update.values, false, region.bytes())
            .expect("as long as was said");
        Buffer::from_slice_ref(&region.bytes()[..len])
    });
    let dictionaries = dictionaries.collect();
    let len = encoder.encoded_len(batch).expect("a batch of the plan");
    let mut region = Region::new(len);
    encoder.encode(batch, region.bytes()).expect("as long as was said");
    let batch = Buffer::from_slice_ref(&region.bytes()[..len]);
    Messages { schema: Buffer::from_slice_ref(plan.schema_message()), dictionaries, batch }
}

fn decoder(messages: &Messages) -> Decoder {
    let mut decoder = Decoder::from_schema_message(&messages.schema).expect("our own schema");
    for message in &messages.dictionaries {
        decoder.dictionary(message).expect("our own dictionary");
    }
    decoder
}

/// Creates `arrow-ipc`'s decoder, positioned before the batch.
fn stream_decoder(messages: &Messages) -> StreamDecoder {
    let mut decoder = StreamDecoder::new();
    for message in std::iter::once(&messages.schema).chain(&messages.dictionaries) {
        decoder.decode(&mut message.clone()).expect("a message that arrow-ipc reads");
    }
    decoder
}

/// Small batches of ever more columns: the cost of a message without its data.
pub(super) fn metadata(report: &Report) {
    for (title, full) in [("structure checked, as a view", false), ("fully checked, as a RecordBatch", true)]
    {
        report.title(&format!("decode, 8 rows: ours ({title}) / arrow-ipc StreamDecoder::decode"));
        for kind in Columns::ALL {
            for columns in COLUMNS {
                let messages = messages(&kind.batch(columns, FEW));
                let mut decoder = decoder(&messages);
                let mut arrow = stream_decoder(&messages);
                let mut view = || {
                    let view = decoder.decode(&messages.batch).expect("our own batch");
                    assert_eq!(black_box(&view).num_rows(), FEW);
                };
                let mut theirs = || {
                    let batch =
                        arrow.decode(&mut messages.batch.clone()).expect("a batch that arrow-ipc reads");
                    assert_eq!(black_box(batch).map(|batch| batch.num_rows()), Some(FEW));
                };
                let name = if full { "record-batch" } else { "view" };
                let case = format!("decode/{name}/{}/{columns}", kind.name());
                if full {
                    let mut decoder = self::decoder(&messages);
                    let mut whole = || {
                        let batch =
                            decoder.record_batch(&messages.batch, Align::Refuse).expect("our own batch");
                        assert_eq!(black_box(batch).batch.num_rows(), FEW);
                    };
                    report.against(&case, columns, &mut whole, &mut theirs);
                } else {
                    report.against(&case, columns, &mut view, &mut theirs);
                }
            }
        }
    }
}

/// Full validation of large batches, compared with a bare loop over the same data.
pub(super) fn validation(report: &Report) {
    report.title("decode and validate 8 columns fully: ours / a bare loop over the same bytes");
    let rows = 1 << 16;
    let texts = Columns::Strings.batch(8, rows);
    let binaries = texts.columns().iter().map(|column| {
        let (offsets, values, nulls) = column.as_bytes::<Utf8Type>().clone().into_parts();
        Arc::new(BinaryArray::new(offsets, values, nulls)) as ArrayRef
    });
    let binaries =
        RecordBatch::try_from_iter((0..8).map(|i| format!("b{i}")).zip(binaries)).expect("eight columns");

    for (name, texts) in [("ascii", &texts), ("accents", &accented(rows))] {
        let name = format!("validate/utf8 {name}, against simdutf8");
        case(report, &name, texts, data, |data| assert!(simdutf8::basic::from_utf8(data).is_ok()));
    }
    case(report, "validate/offsets, against a sum", &binaries, offsets, |offsets| {
        black_box(offsets.iter().fold(0, |sum: i32, offset| sum.wrapping_add(*offset)));
    });
}

fn data<'a>(column: &Bytes<'a, Structure>) -> &'a [u8] {
    column.data()
}

fn offsets<'a>(column: &Bytes<'a, Structure>) -> &'a [i32] {
    match column.offsets() {
        Offsets::W32(offsets) => offsets,
        Offsets::W64(_) => unreachable!("columns with small offsets"),
    }
}

/// Text of 0 to 60 bytes with many two-byte characters.
fn accented(rows: usize) -> RecordBatch {
    let text = |row: usize| {
        "dès Noël où un zéphyr haï me vêt".chars().cycle().take(row * 7 % 51).collect::<String>()
    };
    let column = || Arc::new(StringArray::from_iter_values((0..rows).map(text))) as ArrayRef;
    RecordBatch::try_from_iter((0..8).map(|i| (format!("a{i}"), column()))).expect("eight columns")
}

/// Runs ours over a message, and `bare` over the data of each column in it.
fn case<T>(
    report: &Report,
    name: &str,
    batch: &RecordBatch,
    part: for<'a> fn(&Bytes<'a, Structure>) -> &'a [T],
    bare: fn(&[T]),
) {
    let messages = messages(batch);
    let mut decoder = self::decoder(&messages);
    let mut ours = || {
        let view = decoder.decode(&messages.batch).and_then(|view| view.validate()).expect("our own batch");
        black_box(view.num_rows());
    };
    let mut other = self::decoder(&messages);
    let view = other.decode(&messages.batch).expect("our own batch");
    let columns = (0..view.num_columns()).filter_map(|index| view.column(index)?.as_bytes());
    let parts: Vec<&[T]> = columns.map(|column| part(&column)).collect();
    let bytes = parts.iter().map(|part| size_of_val(*part)).sum();
    report.against_bare(name, bytes, &mut ours, &mut || black_box(&parts).iter().for_each(|part| bare(part)));
}
