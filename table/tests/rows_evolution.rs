//! Pairs of a sender's schema and a row type: which are read, and what the others are refused with.

use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal64Array, DictionaryArray, Float16Array, Float32Array,
    Int8Array, Int16Array, Int32Array, Int64Array, LargeListArray, LargeStringArray, ListArray, RecordBatch,
    StringArray, StringViewArray, StructArray, TimestampMillisecondArray, UInt8Array, UInt32Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Schema};
use bowstring::rows::{Category, Decimal, Micros, Millis, Mismatch, Reader, Timestamp, Utc, Value};
use bowstring::transport::{SenderConfig, socket_pair};
use bowstring::{Receiver, Row, Sender};
use half::f16;

/// Sends one batch, and makes its receiver a reader.
fn read<T: Row>(batch: &RecordBatch) -> Result<Reader<T>, Mismatch> {
    let mut sender = Sender::new(batch.schema(), SenderConfig::new()).unwrap();
    let (here, there) = socket_pair().unwrap();
    let receiver = std::thread::spawn(move || Receiver::builder().connect_socket(there).unwrap());
    sender.accept_socket(here).unwrap();
    let receiver = receiver.join().unwrap();
    sender.send(batch).unwrap();
    Reader::new(receiver)
}

/// Sends an array as a column `c`.
fn column<T: Row>(array: impl Array + 'static, nullable: bool) -> Result<Reader<T>, Mismatch> {
    let schema = Schema::new(vec![Field::new("c", array.data_type().clone(), nullable)]);
    read(&RecordBatch::try_new(Arc::new(schema), vec![Arc::new(array)]).unwrap())
}

/// Declares a row of one column.
macro_rules! of {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(#[derive(Row, Debug, PartialEq)] struct $name { c: $type })*
    };
}

of!(I8: i8, I16: i16, I32: i32, I64: i64, U8: u8, U16: u16, U32: u32, U64: u64, F16: f16, F32: f32, F64: f64);
of!(Text: String, Cat: Category, Bytes: Vec<u8>, Id: [u8; 4], Flag: bool, List: Vec<i64>, MaybeText: Option<String>);
of!(MaybeI64: Option<i64>, Price: Decimal<12, 2>, At: Timestamp<Micros>, AtUtc: Timestamp<Millis, Utc>, One: Inner);
of!(Inners: Vec<Inner>, MaybeInner: Option<Inner>);

#[derive(Row, Debug, PartialEq)]
struct Inner {
    a: i64,
    b: Option<String>,
}

#[test]
fn numbers_widen_where_every_value_stays_exact() {
    fn types() -> Vec<DataType> {
        use DataType::*;
        vec![Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float16, Float32, Float64]
    }
    /// Bits of value, and whether signed: what a type holds exactly.
    fn exact(data_type: &DataType) -> (i32, i32, bool) {
        use DataType::*;
        match data_type {
            Int8 => (7, 0, true),
            Int16 => (15, 0, true),
            Int32 => (31, 0, true),
            Int64 => (63, 0, true),
            UInt8 => (8, 0, false),
            UInt16 => (16, 0, false),
            UInt32 => (32, 0, false),
            UInt64 => (64, 0, false),
            Float16 => (11, 1, true),
            Float32 => (24, 2, true),
            _ => (53, 3, true),
        }
    }
    fn check<T: Row + std::fmt::Debug>(target: &DataType) {
        for found in types() {
            let array = arrow_array::new_empty_array(&found);
            let schema = Schema::new(vec![Field::new("c", found.clone(), false)]);
            let batch = RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap();
            let ((bits, float, signed), (of_bits, of_float, of_signed)) = (exact(target), exact(&found));
            let fits = bits >= of_bits && float >= of_float && (signed || !of_signed);
            match read::<T>(&batch) {
                Ok(_) => assert!(fits, "{found} as {target}"),
                Err(error) => {
                    assert!(!fits, "{found} as {target}: {error}");
                    let text = format!(r#"column "c": the row has {target}, and the sender has {found}"#);
                    assert_eq!(error.to_string(), text);
                }
            }
        }
    }
    use DataType::*;
    check::<I8>(&Int8);
    check::<I16>(&Int16);
    check::<I32>(&Int32);
    check::<I64>(&Int64);
    check::<U8>(&UInt8);
    check::<U16>(&UInt16);
    check::<U32>(&UInt32);
    check::<U64>(&UInt64);
    check::<F16>(&Float16);
    check::<F32>(&Float32);
    check::<F64>(&Float64);
}

#[test]
fn widened_numbers_are_the_same_numbers() {
    fn values<T: Row, V>(
        reader: Result<Reader<T>, Mismatch>,
        get: impl Fn(&bowstring::rows::Batch<'_, T>) -> Vec<V>,
    ) -> Vec<V> {
        get(&reader.unwrap().next_batch().unwrap().unwrap())
    }
    let found = values(column::<I64>(Int8Array::from(vec![-128, 127]), false), |b| b.c().to_vec());
    assert_eq!(found, [-128, 127]);
    let found = values(column::<F64>(UInt32Array::from(vec![u32::MAX]), false), |b| b.c().to_vec());
    assert_eq!(found, [f64::from(u32::MAX)]);
    let found = values(column::<F64>(Float32Array::from(vec![0.1]), false), |b| b.c().to_vec());
    assert_eq!(found, [f64::from(0.1_f32)]);
    let halves = Float16Array::from(vec![f16::from_f32(1.5)]);
    assert_eq!(values(column::<F32>(halves, false), |b| b.c().to_vec()), [1.5]);
    let found = values(column::<MaybeI64>(Int16Array::from(vec![Some(5), None]), true), |b| {
        (0..2).map(|i| b.c().get(i)).collect()
    });
    assert_eq!(found, [Some(5), None]);
    let cents = Decimal64Array::from(vec![-1250]).with_precision_and_scale(9, 2).unwrap();
    assert_eq!(values(column::<Price>(cents, false), |b| b.c().to_vec()), [Decimal::new(-1250)]);
}

#[test]
fn text_and_lists_are_read_however_they_are_laid_out() {
    fn texts<T: Row>(
        reader: Result<Reader<T>, Mismatch>,
        get: impl Fn(T::View<'_>) -> String,
    ) -> Vec<String> {
        reader.unwrap().next_batch().unwrap().unwrap().iter().map(get).collect()
    }
    let all = ["a", "", "longer than what a view holds"];
    let keys = Int8Array::from(vec![0, 2, 1]);
    let values: ArrayRef = Arc::new(StringArray::from(vec![all[0], all[2], all[1]]));
    let dictionary = || DictionaryArray::<Int8Type>::try_new(keys.clone(), values.clone()).unwrap();
    assert_eq!(texts(column::<Text>(dictionary(), false), |v| v.c.to_owned()), all);
    assert_eq!(texts(column::<Cat>(dictionary(), false), |v| v.c.to_owned()), all);
    let large = || LargeStringArray::from(all.to_vec());
    assert_eq!(texts(column::<Text>(large(), false), |v| v.c.to_owned()), all);
    assert_eq!(texts(column::<Cat>(large(), false), |v| v.c.to_owned()), all);
    assert_eq!(texts(column::<Text>(StringViewArray::from(all.to_vec()), false), |v| v.c.to_owned()), all);
    // A null in the dictionary is a null of the row.
    let with_null: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let array = DictionaryArray::<Int8Type>::try_new(Int8Array::from(vec![1, 0]), with_null).unwrap();
    let found = texts(column::<MaybeText>(array, true), |v| format!("{:?}", v.c));
    assert_eq!(found, ["None", "Some(\"x\")"]);

    let items = Field::new("element", DataType::Int32, false);
    let lists = LargeListArray::new(
        Arc::new(items),
        OffsetBuffer::from_lengths([2, 0, 1]),
        Arc::new(Int32Array::from(vec![1, 2, 3])),
        None,
    );
    let found = texts(column::<List>(lists, false), |v| format!("{:?}", v.c.as_slice()));
    assert_eq!(found, ["[1, 2]", "[]", "[3]"]);
}

/// An earlier version of [`New`].
#[derive(Row)]
struct Old {
    ticker: String,
    size: u16,
    inner: OldInner,
}

#[derive(Row)]
struct OldInner {
    b: i32,
    gone: bool,
    a: i8,
}

#[derive(Row, Debug, PartialEq)]
struct New {
    added: Option<f64>,
    inner: NewInner,
    size: i32,
    #[row(alias = "sym", alias = "ticker")]
    symbol: String,
    added_struct: Option<Inner>,
}

#[derive(Row, Debug, PartialEq)]
struct NewInner {
    a: i64,
    b: f64,
    c: Option<Vec<i8>>,
}

#[test]
fn added_widened_renamed_and_reordered_columns_are_read() {
    let (here, there) = socket_pair().unwrap();
    let reading = std::thread::spawn(move || {
        let mut reader = Reader::<New>::new(Receiver::builder().connect_socket(there).unwrap()).unwrap();
        let batch = reader.next_batch().unwrap().unwrap();
        assert!(batch.added().values().is_none() && batch.inner().c().values().is_none());
        batch.iter().map(NewView::to_owned).collect::<Vec<_>>()
    });
    let mut writer =
        bowstring::rows::Writer::new(bowstring::rows::Writer::<Old>::builder().accept_socket(here).unwrap())
            .unwrap();
    let inner = OldInner { b: -7, gone: true, a: -1 };
    writer.send(&[Old { ticker: "BOW".into(), size: 65535, inner }]).unwrap();
    drop(writer);
    let inner = NewInner { a: -1, b: -7.0, c: None };
    let expected = New { added: None, inner, size: 65535, symbol: "BOW".into(), added_struct: None };
    assert_eq!(reading.join().unwrap(), [expected]);
}

/// Says why a column is refused.
fn refusal<T: Row>(array: impl Array + 'static, nullable: bool) -> String {
    match column::<T>(array, nullable) {
        Err(error) => {
            assert!(error.column().starts_with('c'), "{error}");
            error.to_string()
        }
        Ok(_) => panic!("it is read"),
    }
}

#[test]
fn anything_else_is_refused_by_column_and_types() {
    let texts = || StringArray::from(vec!["a"]);
    let ints = || Int64Array::from(vec![1]);
    assert_eq!(refusal::<F64>(ints(), false), r#"column "c": the row has Float64, and the sender has Int64"#);
    assert_eq!(
        refusal::<I64>(ints(), true),
        r#"column "c": the row has Int64, and the sender has Int64 with nulls; make the field an `Option`"#
    );
    assert_eq!(refusal::<I64>(texts(), false), r#"column "c": the row has Int64, and the sender has Utf8"#);
    assert_eq!(refusal::<Text>(ints(), false), r#"column "c": the row has Utf8, and the sender has Int64"#);
    for (refused, types) in [
        (refusal::<Cat>(ints(), false), "the row has Dictionary(Int32, Utf8), and the sender has Int64"),
        (refusal::<Bytes>(texts(), false), "the row has Binary, and the sender has Utf8"),
        (refusal::<Text>(BinaryArray::from(vec![&b"a"[..]]), false), "has Utf8, and the sender has Binary"),
        (refusal::<Flag>(UInt8Array::from(vec![1]), false), "the row has Boolean, and the sender has UInt8"),
        (
            refusal::<U8>(BooleanArray::from(vec![true]), false),
            "the row has UInt8, and the sender has Boolean",
        ),
        (
            refusal::<Id>(BinaryArray::from(vec![&b"abcd"[..]]), false),
            "has FixedSizeBinary(4), and the sender has",
        ),
        (
            refusal::<At>(TimestampMillisecondArray::from(vec![1]), false),
            "has Timestamp(µs), and the sender has Timestamp(ms)",
        ),
        (
            refusal::<AtUtc>(TimestampMillisecondArray::from(vec![1]), false),
            "and the sender has Timestamp(ms)",
        ),
        (
            refusal::<Price>(Decimal64Array::from(vec![1]).with_precision_and_scale(9, 3).unwrap(), false),
            "the row has Decimal128(12, 2), and the sender has Decimal64(9, 3)",
        ),
        (
            refusal::<Price>(Decimal64Array::from(vec![1]).with_precision_and_scale(13, 2).unwrap(), false),
            "the row has Decimal128(12, 2), and the sender has Decimal64(13, 2)",
        ),
        (refusal::<List>(ints(), false), "and the sender has Int64"),
        (refusal::<One>(ints(), false), "and the sender has Int64"),
    ] {
        assert!(refused.contains(types), "{refused}");
    }
}

#[test]
fn a_refusal_below_structs_and_lists_says_where() {
    let inner = |a: ArrayRef, nullable| {
        let b: ArrayRef = Arc::new(StringArray::from(vec!["b"]));
        StructArray::from(vec![
            (Arc::new(Field::new("b", DataType::Utf8, false)), b),
            (Arc::new(Field::new("a", a.data_type().clone(), nullable)), a),
        ])
    };
    let list = |structs: StructArray, nullable| {
        let item = Arc::new(Field::new("item", structs.data_type().clone(), nullable));
        ListArray::new(item, OffsetBuffer::from_lengths([1]), Arc::new(structs), None)
    };
    let texts = || Arc::new(StringArray::from(vec!["a"])) as ArrayRef;
    let ints = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    let refused = refusal::<One>(inner(texts(), false), false);
    assert!(refused.starts_with(r#"column "c.a": the row has Int64, and the sender has Utf8"#), "{refused}");
    let refused = refusal::<Inners>(list(inner(texts(), false), false), false);
    assert!(refused.starts_with(r#"column "c[].a""#), "{refused}");
    let refused = refusal::<Inners>(list(inner(ints(), true), false), false);
    assert!(refused.contains(r#"column "c[].a": the row has Int64, and the sender has Int64 with nulls"#));
    let refused = refusal::<Inners>(list(inner(ints(), false), true), false);
    assert!(refused.starts_with(r#"column "c[]""#) && refused.contains("with nulls"), "{refused}");
    assert!(column::<Inners>(list(inner(ints(), false), false), false).is_ok());
    let mut reader = column::<MaybeInner>(inner(ints(), false), true).unwrap();
    let batch = reader.next_batch().unwrap().unwrap();
    assert_eq!(batch.get(0).unwrap().to_owned(), MaybeInner { c: Some(Inner { a: 1, b: Some("b".into()) }) });
}

#[test]
fn missing_and_ambiguous_columns_are_refused() {
    let ints = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("d", ints())]).unwrap();
    let error = read::<I64>(&batch).unwrap_err();
    assert!(matches!(&error, Mismatch::Missing { column, .. } if column == "c"), "{error}");
    assert!(read::<MaybeI64>(&batch).is_ok());
    let batch = RecordBatch::try_from_iter([("c", ints()), ("c", ints())]).unwrap();
    let error = read::<I64>(&batch).unwrap_err();
    assert!(matches!(&error, Mismatch::Ambiguous { .. }), "{error}");
    assert!(error.to_string().contains("Int64, Int64"));
    // The column's own name comes before its aliases.
    let other = Arc::new(StringArray::from(vec!["by alias"])) as ArrayRef;
    let own = Arc::new(StringArray::from(vec!["by name"])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("ticker", other), ("symbol", own)]).unwrap();
    #[derive(Row)]
    struct Named {
        #[row(alias = "ticker")]
        symbol: String,
    }
    let mut reader = read::<Named>(&batch).unwrap();
    assert_eq!(reader.next_batch().unwrap().unwrap().symbol().get(0), "by name");
    assert_eq!(<Option<i64> as Value>::TYPE, <i64 as Value>::TYPE);
}
