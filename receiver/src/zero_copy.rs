//! `--require-zero-copy`: held to from the first batch to the last.

use arrow_schema::{DataType, Field, Schema};
use bowstring::TableReceiver;
use bowstring::transport::Delivery;

use crate::failure::Failure;

/// Has the receiver refuse what would have to be copied; fails if everything would.
pub(crate) fn demand(receiver: &mut TableReceiver) -> Result<(), Failure> {
    if receiver.delivery() == Delivery::Copied {
        return Err(Failure::Copied {
            columns: receiver.schema().fields().iter().map(|field| field.name().clone()).collect(),
            why: "this delivery copies every column",
            advice: "use --delivery pooled or sealed",
        });
    }
    receiver.refuse_misaligned();
    Ok(())
}

/// Fails if something was copied by now.
pub(crate) fn still_holds(receiver: &TableReceiver) -> Result<(), Failure> {
    let figures = receiver.figures();
    if figures.dictionary_bytes_copied > 0 {
        return Err(Failure::Copied {
            columns: encoded_columns(receiver.schema()),
            why: "dictionaries are kept, and so were copied out of the sender's slots, for",
            advice: "use --delivery sealed, whose messages can be kept as they are",
        });
    }
    if figures.dictionary_deltas > 0 {
        return Err(Failure::Copied {
            columns: encoded_columns(receiver.schema()),
            why: "a dictionary grew, and its parts were put together, for",
            advice: "have the sender send whole dictionaries, or leave --require-zero-copy out",
        });
    }
    Ok(())
}

/// The columns in which there is a dictionary.
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
