//! `--require-zero-copy`: held to from the first batch to the last.

use arrow_schema::{DataType, Field, Schema};
use bowstring::TableReceiver;
use bowstring::transport::Delivery;

use crate::failure::Failure;

/// Has the receiver refuse what would have to be copied; fails at once if something will be.
///
/// A dictionary stays for the batches to come. Out of a pool it is copied for that: on lease, its slots would lie in the
/// way of longer messages, and count against what this receiver may hold, for as long as the table lasts.
pub(crate) fn demand(receiver: &mut TableReceiver) -> Result<(), Failure> {
    let encoded = encoded_columns(receiver.schema());
    match receiver.delivery() {
        Delivery::Copied => Err(Failure::Copied {
            columns: receiver.schema().fields().iter().map(|field| field.name().clone()).collect(),
            why: "copied delivery copies every column",
            advice: "use --delivery pooled or sealed",
        }),
        Delivery::Pooled if !encoded.is_empty() => Err(Failure::Copied {
            columns: encoded,
            why: "pooled delivery copies dictionaries, which are kept for the batches to come",
            advice: "use --delivery sealed: its messages are kept as they are",
        }),
        Delivery::Pooled | Delivery::Sealed => {
            receiver.refuse_misaligned();
            Ok(())
        }
    }
}

/// Fails if something was copied by now.
pub(crate) fn still_holds(receiver: &TableReceiver) -> Result<(), Failure> {
    if receiver.stats().dictionary_deltas == 0 {
        return Ok(());
    }
    Err(Failure::Copied {
        columns: encoded_columns(receiver.schema()),
        why: "a dictionary grew, and its parts were put together",
        advice: "have the sender send whole dictionaries, or leave --require-zero-copy out",
    })
}

/// Returns the columns in which there is a dictionary.
fn encoded_columns(schema: &Schema) -> Vec<String> {
    let encoded = schema.fields().iter().filter(|field| is_encoded(field));
    encoded.map(|field| field.name().clone()).collect()
}

fn is_encoded(field: &Field) -> bool {
    match field.data_type() {
        DataType::Dictionary(..) => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _)
        | DataType::RunEndEncoded(_, item) => is_encoded(item),
        DataType::Struct(fields) => fields.iter().any(|field| is_encoded(field)),
        DataType::Union(fields, _) => fields.iter().any(|(_, field)| is_encoded(field)),
        _ => false,
    }
}
