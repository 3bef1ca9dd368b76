//! Layouts of schemas whose messages are known by heart.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, UnionFields};

use super::*;
use crate::error::LayoutFault;

fn dictionary(values: DataType) -> DataType {
    DataType::Dictionary(Box::new(DataType::Int8), Box::new(values))
}

fn fault(data_type: DataType) -> LayoutFault {
    Layout::new(&Schema::new(vec![Field::new("f", data_type, true)])).unwrap_err().fault
}

#[test]
fn nodes_and_buffers_come_parents_first() {
    let inner = Field::new("x", DataType::Utf8View, true);
    let schema = Schema::new(vec![
        Field::new(
            "a",
            DataType::List(Arc::new(Field::new("item", DataType::Struct(vec![inner].into()), false))),
            true,
        ),
        Field::new("b", DataType::Int16, true),
    ]);
    let layout = Layout::new(&schema).unwrap();
    let tree = layout.batch();
    let paths: Vec<_> = tree.nodes().iter().map(|n| &*n.path).collect();
    assert_eq!(paths, ["a", "a.item", "a.item.x", "b"]);
    assert_eq!(tree.columns(), [0, 3]);
    use BufferKind::*;
    assert_eq!(
        tree.buffers(),
        [Validity, Offsets(OffsetWidth::W32), Validity, Validity, Views, Validity, Fixed(2)]
    );
    assert_eq!(tree.views(), 1);
    assert_eq!(tree.nodes()[3].views_before, 1);
    assert_eq!(tree.buffers_of(&tree.nodes()[3]), [Validity, Fixed(2)]);
    assert_eq!(tree.children_of(0).collect::<Vec<_>>(), [1]);
    assert_eq!(tree.children_of(1).collect::<Vec<_>>(), [2]);
    assert_eq!(tree.children_of(3).count(), 0);
}

#[test]
fn dictionaries_are_numbered_children_first() {
    let inner = Field::new("x", dictionary(DataType::Utf8), true);
    let schema = Schema::new(vec![
        Field::new("a", dictionary(DataType::Struct(vec![inner].into())), true),
        Field::new("b", dictionary(DataType::Int64), true),
    ]);
    let layout = Layout::new(&schema).unwrap();
    let types: Vec<_> = layout.dictionaries().iter().map(|d| (d.id, &*d.values.nodes()[0].path)).collect();
    assert_eq!(types, [(0, "a.x"), (1, "a"), (2, "b")]);
    assert_eq!(layout.batch().nodes()[0].dictionary, Some(1));
    assert_eq!(layout.dictionaries()[1].values.nodes()[1].dictionary, Some(0));
    assert_eq!(layout.dictionary_index(2), Some(2));
    assert_eq!(layout.dictionary_index(-1), None);
}

#[test]
fn ids_from_elsewhere_may_be_shared_and_may_conflict() {
    let two =
        |a, b| Schema::new(vec![Field::new("a", dictionary(a), true), Field::new("b", dictionary(b), true)]);
    let shared = Layout::with_dictionary_ids(&two(DataType::Utf8, DataType::Utf8), &[7, 7]).unwrap();
    assert_eq!(shared.dictionaries().len(), 1);
    assert_eq!(shared.dictionary_index(7), Some(0));
    let conflict = Layout::with_dictionary_ids(&two(DataType::Utf8, DataType::Int8), &[7, 7]).unwrap_err();
    assert_eq!(conflict.fault, LayoutFault::DictionaryConflict(7));
    let missing = Layout::with_dictionary_ids(&two(DataType::Utf8, DataType::Int8), &[7]).unwrap_err();
    assert_eq!((missing.fault, &*missing.path), (LayoutFault::DictionaryIdMissing, "b"));
}

#[test]
fn impossible_types_are_named() {
    let list = |inner| DataType::List(Arc::new(Field::new("item", inner, true)));
    let deep = (0..MAX_DEPTH).fold(DataType::Int8, |inner, _| list(inner));
    assert_eq!(fault(deep), LayoutFault::TooDeep);
    assert_eq!(fault(DataType::FixedSizeBinary(-1)), LayoutFault::NegativeSize(-1));
    assert_eq!(fault(dictionary(dictionary(DataType::Utf8))), LayoutFault::DictionaryOfDictionary);
    assert_eq!(
        fault(DataType::Dictionary(Box::new(DataType::Utf8), Box::new(DataType::Utf8))),
        LayoutFault::DictionaryKey
    );
    assert_eq!(
        fault(DataType::Map(Arc::new(Field::new("e", DataType::Int8, false)), false)),
        LayoutFault::MapEntries
    );
    // Arrow's schemas allow this type, but its arrays do not.
    assert_eq!(fault(DataType::Time32(arrow_schema::TimeUnit::Nanosecond)), LayoutFault::TimeUnit);
    assert_eq!(fault(DataType::Time64(arrow_schema::TimeUnit::Second)), LayoutFault::TimeUnit);
    let ends = Arc::new(Field::new("run_ends", DataType::UInt16, false));
    let values = Arc::new(Field::new("values", DataType::Int8, true));
    assert_eq!(fault(DataType::RunEndEncoded(ends, values)), LayoutFault::RunEnds);
    let empty = Layout::new(&Schema::new(vec![Field::new(
        "u",
        DataType::Union(UnionFields::empty(), arrow_schema::UnionMode::Dense),
        true,
    )]));
    assert_eq!(empty.unwrap().batch().buffers(), [BufferKind::TypeIds, BufferKind::UnionOffsets]);
}
