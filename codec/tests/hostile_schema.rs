//! Schemas that are wrong, odd, or made to be expensive.

#[path = "support/forge.rs"]
mod forge;

use arrow_buffer::Buffer;
use arrow_ipc as ipc;
use arrow_schema::DataType;
use bowstring_codec::LayoutFault;
use bowstring_codec::decode::{Decoder, MetadataFault, ReadError, SchemaFault};
use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

type Builder = FlatBufferBuilder<'static>;
type FieldOffset = WIPOffset<ipc::Field<'static>>;

/// Returns a field: its type's tag and table, and its children.
fn field(
    fbb: &mut Builder,
    name: &str,
    tag: ipc::Type,
    table: WIPOffset<UnionWIPOffset>,
    children: &[FieldOffset],
) -> FieldOffset {
    let name = fbb.create_string(name);
    let children = fbb.create_vector(children);
    let args = ipc::FieldArgs {
        name: Some(name),
        type_type: tag,
        type_: Some(table),
        children: Some(children),
        nullable: true,
        ..Default::default()
    };
    ipc::Field::create(fbb, &args)
}

fn message(fbb: &mut Builder, fields: &[FieldOffset], endianness: ipc::Endianness) -> Buffer {
    let fields = fbb.create_vector(fields);
    let args = ipc::SchemaArgs { fields: Some(fields), endianness, ..Default::default() };
    let schema = ipc::Schema::create(fbb, &args);
    let args = ipc::MessageArgs {
        version: ipc::MetadataVersion::V5,
        header_type: ipc::MessageHeader::Schema,
        header: Some(schema.as_union_value()),
        ..Default::default()
    };
    let message = ipc::Message::create(fbb, &args);
    fbb.finish(message, None);
    forge::framed(fbb.finished_data(), &[])
}

/// Reads a schema of one field `a`.
fn read(build: impl FnOnce(&mut Builder) -> FieldOffset) -> Result<DataType, ReadError> {
    let mut fbb = Builder::new();
    let field = build(&mut fbb);
    let decoder = Decoder::from_schema_message(&message(&mut fbb, &[field], ipc::Endianness::Little))?;
    Ok(decoder.schema().field(0).data_type().clone())
}

/// Returns the fault of field `a`.
fn fault(build: impl FnOnce(&mut Builder) -> FieldOffset) -> SchemaFault {
    match read(build) {
        Err(ReadError::Schema { path, fault }) => {
            assert_eq!(&*path, "a");
            fault
        }
        other => panic!("no fault of the schema: {other:?}"),
    }
}

fn int(fbb: &mut Builder, name: &str, width: i32, signed: bool) -> FieldOffset {
    let table = ipc::Int::create(fbb, &ipc::IntArgs { bitWidth: width, is_signed: signed });
    field(fbb, name, ipc::Type::Int, table.as_union_value(), &[])
}

fn struct_of(fbb: &mut Builder, name: &str, children: &[FieldOffset]) -> FieldOffset {
    let table = ipc::Struct_::create(fbb, &ipc::Struct_Args {});
    field(fbb, name, ipc::Type::Struct_, table.as_union_value(), children)
}

#[test]
fn types_that_are_not() {
    assert_eq!(read(|fbb| int(fbb, "a", 16, false)), Ok(DataType::UInt16));
    assert_eq!(fault(|fbb| int(fbb, "a", 24, true)), SchemaFault::IntegerWidth(24));
    let unknown = |fbb: &mut Builder| {
        let table = ipc::Null::create(fbb, &ipc::NullArgs {}).as_union_value();
        field(fbb, "a", ipc::Type(99), table, &[])
    };
    assert_eq!(fault(unknown), SchemaFault::UnknownType(99));
    let float = |fbb: &mut Builder| {
        let args = ipc::FloatingPointArgs { precision: ipc::Precision(7) };
        let table = ipc::FloatingPoint::create(fbb, &args).as_union_value();
        field(fbb, "a", ipc::Type::FloatingPoint, table, &[])
    };
    assert_eq!(fault(float), SchemaFault::FloatPrecision(7));
    let time = |fbb: &mut Builder| {
        let args = ipc::TimeArgs { unit: ipc::TimeUnit::NANOSECOND, bitWidth: 32 };
        let table = ipc::Time::create(fbb, &args).as_union_value();
        field(fbb, "a", ipc::Type::Time, table, &[])
    };
    assert_eq!(fault(time), SchemaFault::Unit(ipc::TimeUnit::NANOSECOND.0));
    let binary = |fbb: &mut Builder| {
        let table = ipc::FixedSizeBinary::create(fbb, &ipc::FixedSizeBinaryArgs { byteWidth: -4 });
        field(fbb, "a", ipc::Type::FixedSizeBinary, table.as_union_value(), &[])
    };
    assert_eq!(fault(binary), SchemaFault::NegativeSize(-4));
    let decimal = |precision, scale, width| {
        move |fbb: &mut Builder| {
            let args = ipc::DecimalArgs { precision, scale, bitWidth: width };
            let table = ipc::Decimal::create(fbb, &args).as_union_value();
            field(fbb, "a", ipc::Type::Decimal, table, &[])
        }
    };
    assert_eq!(read(decimal(9, 2, 32)), Ok(DataType::Decimal32(9, 2)));
    assert_eq!(fault(decimal(10, 2, 32)), SchemaFault::DecimalPrecision(10));
    assert_eq!(fault(decimal(0, 2, 64)), SchemaFault::DecimalPrecision(0));
    // Would be 10 if cut to eight bits.
    assert_eq!(fault(decimal(266, 2, 128)), SchemaFault::DecimalPrecision(266));
    assert_eq!(fault(decimal(9, 300, 128)), SchemaFault::DecimalScale(300));
    assert_eq!(fault(decimal(9, 2, 100)), SchemaFault::DecimalWidth(100));
}

#[test]
fn children_that_do_not_fit() {
    let list = |fbb: &mut Builder| {
        let children = [int(fbb, "x", 8, true), int(fbb, "y", 8, true)];
        let table = ipc::List::create(fbb, &ipc::ListArgs {}).as_union_value();
        field(fbb, "a", ipc::Type::List, table, &children)
    };
    assert_eq!(fault(list), SchemaFault::ChildCount { expected: 1, found: 2 });
    let map = |fbb: &mut Builder| {
        // Keys and entries may be null here, as `field` makes them.
        let pair = [int(fbb, "k", 8, true), int(fbb, "v", 8, true)];
        let entries = struct_of(fbb, "entries", &pair);
        let table = ipc::Map::create(fbb, &ipc::MapArgs { keysSorted: false }).as_union_value();
        field(fbb, "a", ipc::Type::Map, table, &[entries])
    };
    assert_eq!(fault(map), SchemaFault::MapEntries);
    let runs = |fbb: &mut Builder| {
        let children = [int(fbb, "run_ends", 32, true), int(fbb, "values", 8, true)];
        let table = ipc::RunEndEncoded::create(fbb, &ipc::RunEndEncodedArgs {}).as_union_value();
        field(fbb, "a", ipc::Type::RunEndEncoded, table, &children)
    };
    assert_eq!(fault(runs), SchemaFault::RunEnds);
    let union = |ids: &'static [i32], children: usize| {
        move |fbb: &mut Builder| {
            let children: Vec<_> = (0..children).map(|_| int(fbb, "x", 8, true)).collect();
            let ids = fbb.create_vector(ids);
            let args = ipc::UnionArgs { mode: ipc::UnionMode::Dense, typeIds: Some(ids) };
            let table = ipc::Union::create(fbb, &args).as_union_value();
            field(fbb, "a", ipc::Type::Union, table, &children)
        }
    };
    assert!(read(union(&[3, 127], 2)).is_ok());
    for (ids, children) in [(&[3][..], 2), (&[3, 3], 2), (&[-1, 3], 2), (&[128, 3], 2), (&[259, 3], 2)] {
        assert_eq!(fault(union(ids, children)), SchemaFault::UnionTypeIds, "{ids:?}");
    }
}

#[test]
fn foreign_byte_order() {
    for endianness in [ipc::Endianness::Big, ipc::Endianness(5)] {
        let mut fbb = Builder::new();
        let field = int(&mut fbb, "a", 32, true);
        let error = Decoder::from_schema_message(&message(&mut fbb, &[field], endianness));
        let error = error.expect_err("not our byte order");
        assert_eq!(error, ReadError::Schema { path: "".into(), fault: SchemaFault::ForeignEndianness });
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| {
        let mut fbb = Builder::new();
        let mut inner = int(&mut fbb, "x", 8, true);
        for _ in 1..depth {
            inner = struct_of(&mut fbb, "x", &[inner]);
        }
        Decoder::from_schema_message(&message(&mut fbb, &[inner], ipc::Endianness::Little)).map(|_| ())
    };
    assert_eq!(nested(bowstring_codec::layout::MAX_DEPTH), Ok(()));
    let error = nested(bowstring_codec::layout::MAX_DEPTH + 1).expect_err("too deep");
    let ReadError::Schema { fault, .. } = error else { panic!("{error}") };
    assert_eq!(fault, SchemaFault::Layout(LayoutFault::TooDeep));
    let error = nested(5000).expect_err("far too deep");
    assert_eq!(error, ReadError::Metadata { at: None, fault: MetadataFault::TooDeep });
}

/// Each level has the one below twice: a few kilobytes that would be read as 2⁴⁰ fields.
#[test]
fn shared_tables_do_not_multiply() {
    let mut fbb = Builder::new();
    let mut inner = int(&mut fbb, "x", 8, true);
    for _ in 0..40 {
        inner = struct_of(&mut fbb, "x", &[inner, inner]);
    }
    let bomb = message(&mut fbb, &[inner], ipc::Endianness::Little);
    assert!(bomb.len() < 8 << 10);
    let error = Decoder::from_schema_message(&bomb).expect_err("a bomb");
    let ReadError::Metadata { fault, .. } = error else { panic!("{error}") };
    assert!(matches!(fault, MetadataFault::TooManyTables | MetadataFault::TooLarge), "{fault:?}");
}

/// Honest schemas share vtables and are not mistaken for bombs, however wide or small.
#[test]
fn wide_schemas_are_read() {
    for columns in [0, 1, 2, 1000, 20_000] {
        let mut fbb = Builder::new();
        let fields: Vec<_> = (0..columns).map(|_| int(&mut fbb, "", 32, true)).collect();
        let schema = message(&mut fbb, &fields, ipc::Endianness::Little);
        let decoder = Decoder::from_schema_message(&schema).expect("an honest schema");
        assert_eq!(decoder.schema().fields().len(), columns);
    }
}

/// A long name above many fields is not repeated in the path of each.
#[test]
fn long_names_do_not_multiply() {
    let mut fbb = Builder::new();
    let children: Vec<_> = (0..1000).map(|_| int(&mut fbb, "é", 8, true)).collect();
    let long = "n".repeat(100_001);
    let parent = struct_of(&mut fbb, &long, &children);
    let schema = message(&mut fbb, &[parent], ipc::Endianness::Little);
    let decoder = Decoder::from_schema_message(&schema).expect("long, but sound");
    let layout = bowstring_codec::Layout::new(decoder.schema()).expect("it lays out");
    let paths: usize = layout.batch().nodes().iter().map(|node| node.path.len()).sum();
    assert!(paths < 1 << 20, "{paths} bytes of paths");
}

/// A dictionary that two fields share is one, and both must agree on it.
#[test]
fn shared_dictionaries() {
    let encoded = |fbb: &mut Builder, name: &str, id: i64, utf8: bool| {
        let index = ipc::Int::create(fbb, &ipc::IntArgs { bitWidth: 8, is_signed: true });
        let args = ipc::DictionaryEncodingArgs { id, indexType: Some(index), ..Default::default() };
        let encoding = ipc::DictionaryEncoding::create(fbb, &args);
        let (tag, table) = match utf8 {
            true => (ipc::Type::Utf8, ipc::Utf8::create(fbb, &ipc::Utf8Args {}).as_union_value()),
            false => (ipc::Type::Binary, ipc::Binary::create(fbb, &ipc::BinaryArgs {}).as_union_value()),
        };
        let name = fbb.create_string(name);
        let args = ipc::FieldArgs {
            name: Some(name),
            type_type: tag,
            type_: Some(table),
            dictionary: Some(encoding),
            nullable: true,
            ..Default::default()
        };
        ipc::Field::create(fbb, &args)
    };
    let read = |second_is_utf8| {
        let mut fbb = Builder::new();
        let fields = [encoded(&mut fbb, "a", -7, true), encoded(&mut fbb, "b", -7, second_is_utf8)];
        Decoder::from_schema_message(&message(&mut fbb, &fields, ipc::Endianness::Little))
    };
    let mut decoder = read(true).expect("they agree");
    let mut values = forge::Forged::rows(2).node(2, 0).buffer(&[]).i32s(&[0, 1, 2]).buffer(b"xy");
    values.dictionary = Some((-7, false));
    assert_eq!(decoder.dictionary(&values.message()).map(|received| received.values), Ok(2));
    let batch = forge::Forged::rows(1).node(1, 0).node(1, 0);
    let batch = batch.buffer(&[]).buffer(&[0]).buffer(&[]).buffer(&[1]).message();
    let view = decoder.decode(&batch).unwrap().validate().unwrap();
    let text = |column| match view.column(column).unwrap().values() {
        bowstring_codec::view::Values::Dictionary(keys) => keys.str(0),
        _ => None,
    };
    assert_eq!((text(0), text(1)), (Some("x"), Some("y")));

    let error = read(false).expect_err("they disagree");
    let fault = SchemaFault::Layout(LayoutFault::DictionaryConflict(-7));
    assert_eq!(error, ReadError::Schema { path: "b".into(), fault });
}
