//! Random tables come back as they were; a mixed table is at least three times smaller.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, NullArray, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use bowstring_codec::testing::{self, Source};
use bowstring_compact::{CompactError, OnMisfit, Survey, compact, compact_over};
use proptest::prelude::*;

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(nullable).unwrap()
}

/// Compacts a table in pieces, restores it, and returns the compacted types.
fn there_and_back(batch: &RecordBatch) -> Vec<DataType> {
    let rows = batch.num_rows();
    let pieces = [batch.slice(0, rows / 3), batch.slice(rows / 3, rows - rows / 3)];
    let mut survey = Survey::new(&batch.schema());
    for piece in &pieces {
        survey.look(piece).unwrap();
    }
    let mut plan = survey.decide().unwrap();
    for piece in &pieces {
        let compacted = plan.convert(piece).unwrap();
        for column in compacted.columns() {
            column.to_data().validate_full().unwrap();
        }
        let back = plan.restore(&compacted).unwrap();
        for (index, (was, is)) in piece.columns().iter().zip(back.columns()).enumerate() {
            // By data: equal arrays of floats have equal bits here, NaN included.
            assert!(same(was, is), "{:?}: {was:?} {is:?}", plan.schema().field(index));
        }
    }
    plan.schema().fields().iter().map(|field| field.data_type().clone()).collect()
}

fn same(a: &ArrayRef, b: &ArrayRef) -> bool {
    let float = |array: &ArrayRef| match array.data_type() {
        DataType::Float64 => Some(
            arrow_array::cast::as_primitive_array::<arrow_array::types::Float64Type>(array)
                .iter()
                .map(|v| v.map(f64::to_bits))
                .collect::<Vec<_>>(),
        ),
        _ => None,
    };
    a.data_type() == b.data_type() && (float(a).is_some_and(|a| Some(a) == float(b)) || a == b)
}

fn strings() -> impl Strategy<Value = Vec<Option<String>>> {
    let one = prop_oneof![
        Just("true".to_owned()),
        Just("false".to_owned()),
        "[ab]{0,2}",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]",
        "20[0-9]{2}-0[1-9]-0[1-9]",
        "[0-2][0-9]:[0-5][0-9]:[0-5][0-9]",
        "20[0-9]{2}-0[1-9]-0[1-9][T ]1[0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?Z?",
        any::<String>(),
    ];
    // Columns of one kind of text, repeated, and of all kinds.
    let alike = one
        .clone()
        .prop_flat_map(|text| prop::collection::vec(prop::option::weighted(0.8, Just(text)), 0..100));
    let dates = prop::collection::vec(prop::option::of("20[0-9]{2}-0[1-9]-0[1-9]"), 0..100);
    let stamps = prop::collection::vec(
        prop::option::of("20[0-9]{2}-0[1-9]-0[1-9]T1[0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}"),
        0..100,
    );
    let flags = prop::collection::vec(prop::option::of("true|false"), 0..100);
    prop_oneof![prop::collection::vec(prop::option::of(one), 0..100), alike, dates, stamps, flags]
}

fn integers() -> impl Strategy<Value = Vec<Option<i64>>> {
    let range = prop_oneof![
        Just((0, 1)),
        Just((7, 7)),
        Just((-128, 127)),
        Just((0, 255)),
        Just((-129, 0)),
        Just((0, 65535)),
        Just((i64::from(i32::MIN), i64::from(i32::MAX))),
        Just((0, i64::from(u32::MAX))),
        Just((i64::MIN, i64::MAX))
    ];
    range.prop_flat_map(|(low, high)| {
        let value = prop_oneof![low..=high, Just(low), Just(high)];
        prop::collection::vec(prop::option::weighted(0.9, value), 0..100)
    })
}

fn floats() -> impl Strategy<Value = Vec<Option<f64>>> {
    let value = prop_oneof![
        any::<f32>().prop_map(f64::from),
        (-100_i8..100).prop_map(|n| f64::from(n) / 4.0),
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        Just(-0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
    ];
    prop_oneof![
        prop::collection::vec(prop::option::of(value), 0..100),
        prop::collection::vec(prop::option::of((-100_i8..100).prop_map(|n| f64::from(n) / 4.0)), 0..100),
        prop::collection::vec(any::<f32>().prop_map(|v| Some(f64::from(v))), 0..100),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_comes_back(values in strings()) {
        there_and_back(&table(vec![("c", Arc::new(StringArray::from(values)))]));
    }

    #[test]
    fn integers_come_back(values in integers()) {
        let unsigned: UInt64Array = values.iter().map(|v| v.map(|v| v.unsigned_abs())).collect();
        there_and_back(&table(vec![("c", Arc::new(Int64Array::from(values))), ("u", Arc::new(unsigned))]));
    }

    #[test]
    fn floats_come_back_bit_by_bit(values in floats()) {
        there_and_back(&table(vec![("c", Arc::new(Float64Array::from(values)))]));
    }

    /// Any type that the codec's generator knows, with rows repeated so that there are runs.
    #[test]
    fn tables_of_every_type_come_back(seed in prop::collection::vec(any::<u8>(), 64..400), index in 0..testing::every_type().len(), each in 1_usize..30) {
        let data_type = testing::every_type().swap_remove(index);
        let schema = Arc::new(Schema::new(vec![Field::new("c", data_type, true)]));
        let batch = testing::batch_of(&mut Source::new(&seed), &schema, 20);
        let rows = arrow_array::UInt64Array::from_iter_values((0..20 * each as u64).map(|row| row / each as u64));
        // Not every type can be taken from.
        if let Ok(column) = arrow_select::take::take(batch.column(0), &rows, None) {
            let batch = RecordBatch::try_new(schema.clone(), vec![column]).unwrap();
            there_and_back(&batch);
        }
        there_and_back(&batch);
    }
}

#[test]
fn each_kind_of_column_gets_its_type() {
    let rows = 1000;
    let text =
        |f: &dyn Fn(usize) -> String| Arc::new(StringArray::from_iter_values((0..rows).map(f))) as ArrayRef;
    let int =
        |f: &dyn Fn(i64) -> i64| Arc::new(Int64Array::from_iter_values((0..rows as i64).map(f))) as ArrayRef;
    let float = |f: &dyn Fn(f64) -> f64| {
        Arc::new(Float64Array::from_iter_values((0..rows).map(|n| f(n as f64)))) as ArrayRef
    };
    let day = |n: usize| format!("2026-0{}-1{}", 1 + n % 9, n % 10);
    let runs = |data_type: DataType| bowstring_runs(data_type);
    let keys = |key: DataType| DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8));
    let cases: Vec<(&str, ArrayRef, DataType)> = vec![
        ("i8", int(&|n| n % 100 - 50), DataType::Int8),
        ("u8", int(&|n| n % 256), DataType::UInt8),
        ("i16", int(&|n| -n), DataType::Int16),
        ("u16", int(&|n| n * 60), DataType::UInt16),
        ("i32", int(&|n| n * -100_000), DataType::Int32),
        ("i64", int(&|n| n << 40), DataType::Int64),
        ("flag", int(&|n| n % 2), DataType::Boolean),
        ("f16", float(&|n| n / 4.0), DataType::Float16),
        ("f32", float(&|n| f64::from((n / 7.0) as f32)), DataType::Float32),
        ("f64", float(&|n| n / 7.0), DataType::Float64),
        ("bool", text(&|n| ["true", "false"][n % 2].to_owned()), DataType::Boolean),
        ("date", text(&day), DataType::Date32),
        (
            "time",
            text(&|n| format!("12:{:02}:00.000", n % 60)),
            DataType::Time32(arrow_schema::TimeUnit::Millisecond),
        ),
        (
            "at",
            text(&|n| format!("{}T00:00:00Z", day(n))),
            DataType::Timestamp(arrow_schema::TimeUnit::Second, Some("UTC".into())),
        ),
        ("mixed", text(&|n| if n == 500 { "x".to_owned() } else { day(n) }), keys(DataType::Int8)),
        ("city", text(&|n| ["Oslo", "Rome"][n % 2].to_owned()), keys(DataType::Int8)),
        ("many", text(&|n| format!("value number {}", n % 200)), keys(DataType::Int16)),
        ("unique", text(&|n| format!("{n}")), DataType::Utf8),
        ("constant", text(&|_| "the same for all".to_owned()), runs(DataType::Utf8)),
        ("long", int(&|n| n / 200), runs(DataType::Int8)),
        ("null", Arc::new(Int64Array::from(vec![None::<i64>; rows])), DataType::Null),
        (
            "mostly_null",
            Arc::new(Float64Array::from_iter((0..rows).map(|n| (n == 7).then_some(0.1)))),
            runs(DataType::Float64),
        ),
        ("already_null", Arc::new(NullArray::new(rows)), DataType::Null),
        (
            "already_bool",
            Arc::new(BooleanArray::from_iter((0..rows).map(|n| Some(n % 3 == 0)))),
            DataType::Boolean,
        ),
    ];
    let batch = table(cases.iter().map(|(name, array, _)| (*name, array.clone())).collect());
    for (found, (name, _, expected)) in there_and_back(&batch).iter().zip(&cases) {
        assert_eq!(found, expected, "{name}");
    }
}

fn bowstring_runs(values: DataType) -> DataType {
    let ends = Field::new("run_ends", DataType::Int32, false);
    DataType::RunEndEncoded(Arc::new(ends), Arc::new(Field::new("values", values, true)))
}

#[test]
fn a_mixed_table_is_three_times_smaller() {
    let rows = 100_000;
    let text =
        |f: &dyn Fn(usize) -> String| Arc::new(StringArray::from_iter_values((0..rows).map(f))) as ArrayRef;
    let int =
        |f: &dyn Fn(i64) -> i64| Arc::new(Int64Array::from_iter_values((0..rows as i64).map(f))) as ArrayRef;
    let batch = table(vec![
        ("id", int(&|n| n)),
        ("quantity", int(&|n| n * 7 % 100)),
        (
            "price",
            Arc::new(Float64Array::from_iter_values((0..rows).map(|n| (n * 31 % 10_007) as f64 / 100.0))),
        ),
        ("rate", Arc::new(Float64Array::from_iter_values((0..rows).map(|n| f64::from(n as u16 % 64) / 4.0)))),
        ("city", text(&|n| ["Oslo", "Rome", "Bern", "Kiel"][n * 7 % 4].to_owned())),
        ("day", text(&|n| format!("2026-{:02}-{:02}", 1 + n / 9000, 1 + n % 28))),
        ("paid", text(&|n| (n % 3 == 0).to_string())),
        ("status", text(&|n| ["shipped", "delivered", "returned"][n * 5 % 3].to_owned())),
        ("source", text(&|n| format!("file {}", n / 20_000))),
        ("note", Arc::new(StringArray::from_iter((0..rows).map(|n| (n % 1000 == 0).then_some("see above"))))),
        ("key", text(&|n| format!("{n:x}"))),
    ]);
    let compacted = compact(&[batch]).unwrap();
    let (before, after) = (compacted.report.bytes_before(), compacted.report.bytes_after());
    println!("{}", compacted.report);
    assert!(before >= 3 * after, "{before} {after}");
}

#[test]
fn a_value_that_the_sample_did_not_show_is_an_error_that_says_so() {
    let misfit = |sample: ArrayRef, later: ArrayRef| {
        let (sample, later) = (table(vec![("c", sample)]), table(vec![("c", later)]));
        let mut survey = Survey::new(&sample.schema());
        survey.look(&sample).unwrap();
        let mut plan = survey.decide().unwrap();
        plan.convert(&sample).unwrap();
        match plan.convert(&later).unwrap_err() {
            CompactError::Misfit(misfit) => misfit.to_string(),
            other => panic!("{other}"),
        }
    };
    let int = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let float = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
    let text = |values: Vec<&str>| Arc::new(StringArray::from(values)) as ArrayRef;
    let nulls = Arc::new(Int64Array::from(vec![None::<i64>; 3])) as ArrayRef;
    let says = |text: &str| format!("{text}, which the first 3 rows led to");
    assert_eq!(
        misfit(int(vec![1, 2, -3]), int(vec![1, 128])),
        says(r#"row 4, column "c": 128 does not fit Int8"#)
    );
    assert_eq!(
        misfit(int(vec![0, 1, 0]), int(vec![2])),
        says(r#"row 3, column "c": 2 does not fit Boolean"#)
    );
    assert_eq!(
        misfit(float(vec![0.5, 1.5, 2.5]), float(vec![0.1])),
        says(r#"row 3, column "c": 0.1 does not fit Float16"#)
    );
    assert_eq!(misfit(nulls, int(vec![5])), says(r#"row 3, column "c": 5 does not fit Null"#));
    let dates = || text(vec!["2026-01-01", "2026-02-01", "2026-01-03"]);
    assert_eq!(misfit(dates(), text(vec!["soon"])), says(r#"row 3, column "c": soon does not fit Date32"#));
}

/// Every row is in exactly one of the two tables, in its order.
#[test]
fn rows_from_the_first_misfit_on_may_stay_as_they_are() {
    let batch = |numbers: Vec<i64>, words: Vec<&str>| {
        let (numbers, words): (ArrayRef, ArrayRef) =
            (Arc::new(Int64Array::from(numbers)), Arc::new(StringArray::from(words)));
        table(vec![("n", numbers), ("flag", words)])
    };
    let batches = [
        batch(vec![2, 3], vec!["true", "false"]),
        // The second column has a misfit before that of the first.
        batch(vec![4, 5, 6, 1000], vec!["true", "true", "maybe", "true"]),
        batch(vec![7], vec!["false"]),
    ];
    let schema = batches[0].schema();
    let compacted = compact_over(&schema, &batches, 2, OnMisfit::Widen).unwrap();
    let types: Vec<_> = compacted.schema.fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::Int8, DataType::Boolean]);
    let rows = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>();
    assert_eq!((rows(&compacted.batches), compacted.report.rows), (vec![2, 2], 4));
    assert_eq!(compacted.report.bytes_before(), {
        let first = compact(&[batches[0].clone(), batches[1].slice(0, 2)]).unwrap();
        first.report.bytes_before()
    });
    let rest = compacted.rest.unwrap();
    assert_eq!((rest.misfit.row, &rest.misfit.column[..], &rest.misfit.value[..]), (4, "flag", "maybe"));
    assert_eq!(rest.batches, [batches[1].slice(2, 2), batches[2].clone()]);

    let refused = compact_over(&schema, &batches, 2, OnMisfit::Error).unwrap_err();
    assert!(matches!(refused, CompactError::Misfit(_)));
    let whole = compact_over(&schema, &batches, 6, OnMisfit::Widen).unwrap();
    assert!(whole.rest.is_none());
    assert_eq!(rows(&whole.batches), [2, 4, 1]);
}
