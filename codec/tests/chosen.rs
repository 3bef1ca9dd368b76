//! Batches that are read for some of their columns, and whose other columns may have been left out.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_schema::{DataType, Field, Schema};
use bowstring_codec::decode::{ColumnFault, Decoder, DictionaryFault, ReadError};
use bowstring_codec::interop::Align;
use bowstring_codec::testing::{Source, batch_of, every_type};
use bowstring_codec::{Dictionaries, EncodeError, Encoder, OnGrowth, Plan};

/// Returns a batch of three columns, with the one in the middle and the last of this type.
fn batch(data_type: &DataType) -> RecordBatch {
    let fields = [("n", &DataType::Int64), ("a", data_type), ("b", data_type)];
    let fields = fields.map(|(name, data_type)| Field::new(name, data_type.clone(), true));
    batch_of(&mut Source::new(b"some choices to make"), &Arc::new(Schema::new(fields.to_vec())), 29)
}

/// Returns the messages of a batch: dictionaries, then the batch, with these columns left out.
fn messages(batch: &RecordBatch, left_out: [bool; 3]) -> Vec<Buffer> {
    let plan = Plan::new(batch.schema()).unwrap();
    let mut encoder = Encoder::new(plan.clone());
    encoder.leave_out(left_out);
    let (mut updates, mut messages) = (Vec::new(), Vec::new());
    let mut dictionaries = Dictionaries::new(plan, OnGrowth::Replace);
    dictionaries.updates_for(batch, |column| !left_out[column], &mut updates).unwrap();
    for update in updates {
        let len = encoder.dictionary_len(update.index, &update.values).unwrap();
        let mut memory = MutableBuffer::from_len_zeroed(len);
        encoder.encode_dictionary(update.index, &update.values, update.delta, &mut memory).unwrap();
        messages.push(memory.into());
    }
    let len = encoder.encoded_len(batch).unwrap();
    let mut memory = MutableBuffer::from_len_zeroed(len);
    assert_eq!(encoder.encode(batch, &mut memory).unwrap(), len);
    // A file that is written in parts holds the same.
    let mut file = vec![0; len];
    let written = encoder.encode_to(batch, |at, parts| {
        let bytes = parts.concat();
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        Ok::<_, EncodeError>(())
    });
    assert_eq!((written, &file[..]), (Ok(len), &memory[..]));
    messages.push(memory.into());
    messages
}

/// Reads them for these columns; for all without any.
fn read(
    batch: &RecordBatch,
    messages: &[Buffer],
    columns: Option<&[usize]>,
) -> Result<RecordBatch, ReadError> {
    let plan = Plan::new(batch.schema()).unwrap();
    let mut decoder = Decoder::from_schema_message(plan.schema_message()).unwrap();
    assert!(columns.is_none_or(|columns| decoder.choose(columns)));
    let (last, dictionaries) = messages.split_last().unwrap();
    for message in dictionaries {
        decoder.dictionary(message)?;
    }
    let view = decoder.decode(last)?;
    assert_eq!(view.num_columns(), columns.map_or(3, <[usize]>::len));
    assert!(view.columns().all(|column| column.len() == 29));
    Ok(view.validate()?.to_record_batch(last, Align::Copy).unwrap().batch)
}

#[test]
fn columns_of_every_type_may_be_left_out_for_who_has_chosen_others() {
    for data_type in every_type() {
        let batch = batch(&data_type);
        let whole = messages(&batch, [false; 3]);
        let narrow = messages(&batch, [false, true, false]);
        let bytes = |messages: &[Buffer]| messages.iter().map(Buffer::len).sum::<usize>();
        assert!(bytes(&narrow) <= bytes(&whole), "{data_type}");
        for messages in [&whole, &narrow] {
            for columns in [&[0, 2][..], &[2, 0], &[2], &[0, 0], &[]] {
                let read =
                    read(&batch, messages, Some(columns)).unwrap_or_else(|e| panic!("{data_type}: {e}"));
                assert_eq!(read, batch.project(columns).unwrap(), "{data_type}");
            }
        }
        // Who has not chosen, or has chosen what is not there, gets an error and no rows.
        for columns in [None, Some(&[1][..]), Some(&[0, 1])] {
            assert_eq!(
                read(&batch, &whole, columns).unwrap(),
                match columns {
                    Some(columns) => batch.project(columns).unwrap(),
                    None => batch.clone(),
                }
            );
            match read(&batch, &narrow, columns) {
                Err(ReadError::Column {
                    path,
                    fault: ColumnFault::RowCount { .. } | ColumnFault::ChildTooShort { .. },
                }) => assert!(path.starts_with('a'), "{path}"),
                outcome => panic!("{data_type}: {outcome:?}"),
            }
        }
    }
}

#[test]
fn a_left_out_column_has_no_rows_or_all() {
    let columns = [0, 1, 2].map(|i| Arc::new(Int64Array::from_iter_values(i..i + 5)) as ArrayRef);
    let [n, a, b] = columns;
    let batch = RecordBatch::try_from_iter([("n", n), ("a", a), ("b", b)]).unwrap();
    let message = messages(&batch, [false; 3]).pop().unwrap();
    // The length in the second node, which the metadata holds as it is.
    let node = |rows: i64| [rows.to_le_bytes(), 0i64.to_le_bytes()].concat();
    let three = node(5).repeat(3);
    let at = message.windows(three.len()).position(|window| window == three).unwrap() + 16;
    for rows in [0, 3, 5] {
        let mut forged = MutableBuffer::from_len_zeroed(message.len());
        forged.copy_from_slice(&message);
        forged[at..at + 16].copy_from_slice(&node(rows));
        let forged = Buffer::from(forged);
        let plan = Plan::new(batch.schema()).unwrap();
        let mut decoder = Decoder::from_schema_message(plan.schema_message()).unwrap();
        assert!(decoder.choose(&[0, 2]));
        let fault = ColumnFault::RowCount { expected: 5, found: rows as usize };
        let outcome = decoder.decode(&forged).map(|view| view.num_rows());
        match rows {
            3 => assert_eq!(outcome, Err(ReadError::Column { path: "a".into(), fault })),
            _ => assert_eq!(outcome, Ok(5)),
        }
    }
}

#[test]
fn values_that_nobody_reads_are_not_checked() {
    let coded = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let batch = batch(&coded);
    let all = messages(&batch, [false; 3]);
    // The dictionaries never came.
    let alone = &all[all.len() - 1..];
    assert_eq!(read(&batch, alone, Some(&[0])).unwrap(), batch.project(&[0]).unwrap());
    assert!(matches!(
        read(&batch, alone, Some(&[0, 1])),
        Err(ReadError::Dictionary { fault: DictionaryFault::Missing, .. })
    ));
}
