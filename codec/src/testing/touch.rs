//! Uses everything that a view offers, at any level: what a consumer might do, and a fuzzer should.
//!
//! Nothing here allocates, so counting allocations around it counts those of the views.

use crate::view::{BatchView, ColumnView, Full, Level, Offsets, Values};

/// The most rows to read in a column: a few bytes can declare any number of some types.
const ROWS: usize = 512;

/// Calls every accessor of every column, with rows up to and past the last, and sums up the results.
pub fn touch<L: Level>(batch: &BatchView<'_, L>) -> u64 {
    let mut sum = batch.num_rows() as u64;
    for (index, column) in batch.columns().enumerate() {
        assert_eq!(batch.column(index).map(|column| column.len()), Some(column.len()));
        sum = sum.wrapping_add(touch_column(&column));
    }
    assert!(batch.column(batch.num_columns()).is_none());
    sum
}

/// Calls every accessor of a column and of those below it.
pub fn touch_column<L: Level>(column: &ColumnView<'_, L>) -> u64 {
    let rows = column.len().min(ROWS);
    // One past the last row, and far past it, should be as harmless as any other.
    let ask = || (0..rows).chain([rows, column.len(), usize::MAX]);
    let mut sum = column.path().len() as u64;
    let mut add = |value: usize| sum = sum.wrapping_mul(31).wrapping_add(value as u64);
    add(column.null_count());
    ask().for_each(|row| add(usize::from(column.is_null(row))));
    if let Some(validity) = column.validity() {
        ask().for_each(|row| add(validity.get(row).map_or(2, usize::from)));
        add(validity.count_ones());
    }
    let length =
        |bytes: Option<&[u8]>| bytes.map_or(usize::MAX, |bytes| bytes.iter().map(|b| *b as usize).sum());
    match column.values() {
        Values::Null => {}
        Values::Boolean(bits) => ask().for_each(|row| add(bits.get(row).map_or(2, usize::from))),
        Values::Fixed(fixed) => {
            ask().for_each(|row| add(length(fixed.get(row))));
            add(fixed.as_slice::<u8>().map_or(0, <[u8]>::len));
            add(fixed.as_slice::<u16>().map_or(0, <[u16]>::len));
            add(fixed.as_slice::<u32>().map_or(0, <[u32]>::len));
            add(fixed.as_slice::<u64>().map_or(0, <[u64]>::len));
            add(fixed.as_slice::<[u64; 2]>().map_or(0, <[_]>::len));
            add(fixed.as_slice::<[u64; 4]>().map_or(0, <[_]>::len));
        }
        Values::Bytes(bytes) => {
            ask().for_each(|row| add(length(bytes.get(row))));
            touch_offsets(bytes.offsets(), &mut add);
        }
        Values::Views(views) => {
            ask().for_each(|row| add(length(views.get(row))));
            (0..=views.num_buffers()).for_each(|index| add(views.buffer(index).map_or(0, <[u8]>::len)));
        }
        Values::List(list) => {
            ask().for_each(|row| add(list.range(row).map_or(0, |range| range.len())));
            touch_offsets(list.offsets(), &mut add);
        }
        Values::ListView(list) => {
            ask().for_each(|row| add(list.range(row).map_or(0, |range| range.len())));
            touch_offsets(list.sizes(), &mut add);
        }
        Values::FixedSizeList(list) => {
            ask().for_each(|row| add(list.range(row).map_or(0, |range| range.end)));
        }
        Values::Struct(fields) => add(fields.fields().count()),
        Values::Union(union) => {
            ask().for_each(|row| add(union.get(row).map_or(0, |(child, row)| child ^ row)));
        }
        Values::RunEnd(runs) => {
            ask().for_each(|row| add(runs.run(row).unwrap_or(7)));
            (0..runs.num_runs().min(ROWS)).for_each(|run| add(runs.end(run).unwrap_or(7)));
        }
        Values::Dictionary(keys) => {
            ask().for_each(|row| add(keys.str(row).map_or(1, str::len)));
            ask()
                .filter_map(|row| keys.key(row))
                .for_each(|key| add(keys.value(key).map_or(0, |value| value.1)));
            keys.parts().for_each(|part| add(touch_column(&part) as usize));
        }
    }
    for child in column.children() {
        add(touch_column(&child) as usize);
    }
    sum
}

/// Calls what a full check unlocks, and checks its promise: each row is there.
pub fn touch_full(column: &ColumnView<'_, Full>) {
    for row in 0..column.len().min(ROWS) {
        let there = match column.values() {
            Values::Null | Values::Struct(_) => true,
            Values::Boolean(bits) => bits.get(row).is_some(),
            Values::Fixed(fixed) => fixed.get(row).is_some(),
            Values::Bytes(bytes) => match bytes.is_utf8() {
                true => bytes.str(row).is_some_and(|text| std::str::from_utf8(text.as_bytes()).is_ok()),
                false => bytes.get(row).is_some(),
            },
            Values::Views(views) => match views.is_utf8() {
                true => views.str(row).is_some_and(|text| std::str::from_utf8(text.as_bytes()).is_ok()),
                false => views.get(row).is_some(),
            },
            Values::List(list) => list.range(row).is_some(),
            Values::ListView(list) => list.range(row).is_some(),
            Values::FixedSizeList(list) => {
                list.range(row).is_some_and(|range| range.end <= list.values().len())
            }
            Values::Union(union) => union.get(row).is_some(),
            Values::RunEnd(runs) => runs.run(row).is_some_and(|run| run < runs.values().len()),
            Values::Dictionary(keys) => {
                column.is_null(row) || keys.key(row).and_then(|key| keys.value(key)).is_some()
            }
        };
        assert!(there, "row {row} of {column:?} is not there");
    }
    let nulls = (0..column.len()).take(ROWS).filter(|&row| column.is_null(row)).count();
    if column.len() <= ROWS {
        assert_eq!(nulls, column.null_count(), "nulls of {column:?}");
    }
    for child in column.children() {
        touch_full(&child);
    }
}

fn touch_offsets(offsets: Offsets<'_>, add: &mut impl FnMut(usize)) {
    for index in (0..offsets.len().min(ROWS)).chain([offsets.len(), usize::MAX]) {
        add(offsets.get(index).unwrap_or(3));
    }
}
