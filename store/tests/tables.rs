//! Putting, getting, appending, replacing, following: the promises of each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use arrow_array::{Array, RecordBatch};
use bowstring_codec::testing::{Source, batch_of, every_type};
use bowstring_store::{Client, Code, Config, Event, Follower, Get, Mode, Put, SegmentWriter};
use support::{Store, code, first_column, numbers, read};

const SOON: Option<Duration> = Some(Duration::from_secs(20));

#[test]
fn what_is_put_comes_back_in_the_memory_it_was_put_in() {
    let store = Store::new(Config::default());
    let mut client = store.client();
    let done = client.put("a", &[numbers(0..10), numbers(10..1000)]).unwrap();
    assert_eq!((done.version, done.rows), (1, 1000));
    let table = client.get("a").unwrap();
    assert_eq!(read(&table), (0..1000).collect::<Vec<_>>());
    // Every buffer is in a segment's mapping, and keeps it.
    let batch = table.batches().unwrap().nth(1).unwrap().unwrap();
    let segment = table.segments()[0].bytes().as_ptr_range();
    for column in batch.columns() {
        let data = column.to_data();
        let buffers = data.buffers().iter().chain(data.nulls().map(|nulls| nulls.buffer()));
        for buffer in buffers {
            assert!(segment.contains(&buffer.as_ptr()));
        }
    }
    drop((table, client, store));
    assert_eq!(first_column(&batch), (10..1000).collect::<Vec<_>>());
}

#[test]
fn every_type_goes_through() {
    let store = Store::new(Config::default());
    let mut client = store.client();
    for (i, data_type) in every_type().into_iter().enumerate() {
        let field = arrow_schema::Field::new("c", data_type, true);
        let schema = std::sync::Arc::new(arrow_schema::Schema::new(vec![field]));
        let bytes: Vec<u8> = (0..250_u8).map(|b| b.wrapping_mul(2 * i as u8 + 1)).collect();
        let mut source = Source::new(&bytes);
        let batches = [30, 0, 7].map(|rows| batch_of(&mut source, &schema, rows));
        client.put("t", &batches).unwrap();
        let table = client.get("t").unwrap();
        let back: Vec<RecordBatch> = table.batches().unwrap().map(Result::unwrap).collect();
        assert_eq!(back.iter().map(RecordBatch::num_rows).sum::<usize>(), 37);
        for (batch, back) in batches.iter().zip(&back) {
            assert_eq!(batch.columns(), back.columns(), "{schema:?}");
        }
    }
}

#[test]
fn a_reader_keeps_what_it_opened() {
    let store = Store::new(Config::default());
    let mut client = store.client();
    client.put("a", &[numbers(0..100)]).unwrap();
    let first = client.get("a").unwrap();
    client.put("a", &[numbers(500..600)]).unwrap();
    let second = client.get("a").unwrap();
    client.remove("a", 0).unwrap();
    assert_eq!(code(client.get("a")), Code::NoTable);
    drop((client, store));
    assert_eq!(read(&first), (0..100).collect::<Vec<_>>());
    assert_eq!(read(&second), (500..600).collect::<Vec<_>>());
}

#[test]
fn appending_adds_rows_and_earlier_versions_stay() {
    let store = Store::new(Config { merge_from: 8, ..Config::default() });
    let mut client = store.client();
    let mut versions = vec![client.put("a", &[numbers(0..5)]).unwrap()];
    for n in 1..60 {
        versions.push(client.append("a", &[numbers(n * 5..n * 5 + 5)]).unwrap());
    }
    for (n, done) in versions.iter().enumerate() {
        let table = client.get_as("a", Get { version: done.version, since: None }).unwrap();
        assert_eq!(read(&table), (0..(n as i64 + 1) * 5).collect::<Vec<_>>());
        assert_eq!(table.position().row, done.rows);
        let since = client.get_as("a", Get { version: 0, since: Some(table.position()) }).unwrap();
        assert_eq!(read(&since), (table.position().row as i64..300).collect::<Vec<_>>());
    }
    // They were merged meanwhile, without anybody noticing.
    let entry = client.list().unwrap().remove(0);
    assert_eq!((entry.rows, entry.columns), (300, 2));
    assert!(entry.segments < 60, "{}", entry.segments);
    let other = RecordBatch::try_from_iter([("x", numbers(0..1).column(0).clone())]).unwrap();
    assert_eq!(code(client.append("a", &[other])), Code::Schema);
}

#[test]
fn a_put_may_insist_on_what_it_finds() {
    let store = Store::new(Config::default());
    let mut client = store.client();
    let create = Put { mode: Mode::Create, ..Put::default() };
    let segments = |range| {
        let batch = numbers(range);
        let mut writer = SegmentWriter::new(batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap()
    };
    let first = client.put_segments("a", &segments(0..1), &create).unwrap();
    assert_eq!(code(client.put_segments("a", &segments(1..2), &create)), Code::Exists);
    let second = client.replace("a", first.version, &[numbers(2..3)]).unwrap();
    assert_eq!(code(client.replace("a", first.version, &[numbers(3..4)])), Code::Version);
    assert_eq!(code(client.remove("a", first.version)), Code::Version);
    assert_eq!(read(&client.get("a").unwrap()), [2]);
    // The previous version is kept, older ones are not.
    let old = Get { version: first.version, since: None };
    assert_eq!(read(&client.get_as("a", old).unwrap()), [0]);
    client.replace("a", second.version, &[numbers(4..5)]).unwrap();
    assert_eq!(code(client.get_as("a", old)), Code::Version);
}

#[test]
fn names_move_and_keys_are_kept() {
    let store = Store::new(Config::default());
    let mut client = store.client();
    let put = Put { metadata: vec![("unit".into(), "m s".into())], ..Put::default() };
    let mut writer = SegmentWriter::new(numbers(0..1).schema()).unwrap();
    writer.write(&numbers(0..1)).unwrap();
    client.put_segments("a", &writer.finish().unwrap(), &put).unwrap();
    client.annotate("a", vec![("by".into(), "me".into()), ("unit".into(), String::new())]).unwrap();
    client.put("b", &[numbers(7..8)]).unwrap();
    assert_eq!(code(client.rename("a", "b")), Code::Exists);
    assert_eq!(code(client.rename("a", "../x")), Code::Name);
    client.rename("a", "c").unwrap();
    let table = client.get("c").unwrap();
    assert_eq!(*table.metadata(), [("by".to_owned(), "me".to_owned())]);
    assert_eq!(read(&table), [0]);
    let names: Vec<String> = client.list().unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["b", "c"]);
}

fn rows(follower: &mut Follower) -> (bool, Vec<i64>) {
    match follower.next_event(SOON).unwrap() {
        Some(Event::Rows(table)) => (false, read(&table)),
        Some(Event::Replaced(table)) => (true, read(&table)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn followers_miss_nothing_and_see_nothing_twice() {
    let store = Store::new(Config { merge_from: 8, ..Config::default() });
    let mut client = store.client();
    client.put("a", &[numbers(0..10)]).unwrap();
    let mut follower = store.client().follow("a", None).unwrap();
    assert_eq!(rows(&mut follower), (false, (0..10).collect()));
    client.append("a", &[numbers(10..20)]).unwrap();
    assert_eq!(rows(&mut follower), (false, (10..20).collect()));
    // A restart continues where it was, through appends that were merged meanwhile.
    let position = follower.position();
    drop(follower);
    for n in 20..60 {
        client.append("a", &[numbers(n..n + 1)]).unwrap();
    }
    let mut follower = store.client().follow("a", position).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 40 {
        seen.extend(rows(&mut follower).1);
    }
    assert_eq!(seen, (20..60).collect::<Vec<_>>());
    // A replacement is reported as one; a restart across it gets the rest of the old table first.
    client.append("a", &[numbers(60..61)]).unwrap();
    let position = follower.position();
    client.put("a", &[numbers(500..502)]).unwrap();
    assert_eq!(rows(&mut follower), (false, vec![60]));
    assert_eq!(rows(&mut follower), (true, vec![500, 501]));
    let mut late = store.client().follow("a", position).unwrap();
    assert_eq!(rows(&mut late), (false, vec![60]));
    assert_eq!(rows(&mut late), (true, vec![500, 501]));
    client.rename("a", "b").unwrap();
    client.append("b", &[numbers(502..503)]).unwrap();
    assert_eq!(rows(&mut late), (false, vec![502]));
    client.remove("b", 0).unwrap();
    assert!(matches!(late.next_event(SOON).unwrap(), Some(Event::Removed)));
}

#[test]
fn a_follower_that_sleeps_is_given_all_of_it_later() {
    let store = Store::new(Config::default());
    let mut client = store.client();
    client.put("a", &[numbers(0..1)]).unwrap();
    let mut follower = store.client().follow("a", None).unwrap();
    for n in 1..2000 {
        client.append("a", &[numbers(n..n + 1)]).unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 2000 {
        seen.extend(rows(&mut follower).1);
    }
    assert_eq!(seen, (0..2000).collect::<Vec<_>>());
}

#[test]
fn tables_of_many_segments_and_schemas_of_many_columns_take_several_datagrams() {
    let store = Store::new(Config { merge_from: usize::MAX, ..Config::default() });
    let mut client = store.client();
    let mut all = bowstring_store::Segments { schema: [].into(), list: Vec::new() };
    for n in 0..700 {
        let batch = numbers(n..n + 1);
        let mut writer = SegmentWriter::new(batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        let segments = writer.finish().unwrap();
        all.schema = segments.schema;
        all.list.extend(segments.list);
    }
    client.put_segments("a", &all, &Put::default()).unwrap();
    let table = client.get("a").unwrap();
    assert_eq!(table.segments().len(), 700);
    assert_eq!(read(&table), (0..700).collect::<Vec<_>>());
    let wide = (0..2000).map(|n| (format!("column {n}"), numbers(n..n + 1).column(0).clone()));
    let wide = RecordBatch::try_from_iter(wide).unwrap();
    client.put("wide", std::slice::from_ref(&wide)).unwrap();
    let back = client.get("wide").unwrap().batches().unwrap().next().unwrap().unwrap();
    assert_eq!(back.columns(), wide.columns());
}

#[test]
fn many_may_write_to_one_table_at_once() {
    let store = Store::new(Config { max_clients_of_process: 1000, ..Config::default() });
    store.client().put("a", &[numbers(0..1)]).unwrap();
    // A put that takes long to check holds the name, and the small ones behind it wait.
    let mut long = SegmentWriter::new(numbers(0..1).schema()).unwrap();
    for n in 0..20_000 {
        long.write(&numbers(n..n + 1)).unwrap();
    }
    let long = long.finish().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let append = Put { mode: Mode::Append, ..Put::default() };
                store.client().put_segments("a", &long, &append).unwrap();
            });
        }
        for n in 0..100 {
            let mut client = store.client();
            scope.spawn(move || client.append("a", &[numbers(n..n + 1)]).unwrap());
        }
    });
    let table = store.client().get("a").unwrap();
    assert_eq!(read(&table).len(), 1 + 2 * 20_000 + 100);
    assert_eq!(store.client().list().unwrap()[0].rows, 40_101);
}

#[test]
fn an_empty_table_is_a_table() {
    let store = Store::new(Config::default());
    let mut client = store.client();
    let writer = SegmentWriter::new(numbers(0..1).schema()).unwrap();
    client.put_segments("a", &writer.finish().unwrap(), &Put::default()).unwrap();
    let table = client.get("a").unwrap();
    assert_eq!((table.schema().fields().len(), table.batches().unwrap().count()), (2, 0));
    client.append("a", &[numbers(0..3)]).unwrap();
    assert_eq!(read(&client.get("a").unwrap()), [0, 1, 2]);
}

#[test]
fn rows_come_as_json_over_the_same_socket() {
    let store = Store::new(Config::default());
    let mut client = store.client();
    client.put("a", &[numbers(0..5000)]).unwrap();
    let mut text = Vec::new();
    let mut take = |bytes: &[u8]| {
        text.extend_from_slice(bytes);
        Ok(())
    };
    client.get_json("a", 4000, &mut take).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().count(), 4000);
    assert_eq!(text.lines().nth(4).unwrap(), r#"{"n":4,"word":"word 4"}"#);
    assert_eq!(text.lines().nth(3).unwrap(), r#"{"n":3,"word":null}"#);
    // The connection goes on.
    assert_eq!(read(&client.get("a").unwrap()).len(), 5000);
}

#[test]
fn limits_are_named_and_leave_nothing_half_done() {
    let limits = Config { max_table: 100_000, max_tables: 2, max_clients_of_process: 3, ..Config::default() };
    let store = Store::new(limits);
    let mut client = store.client();
    client.put("a", &[numbers(0..10)]).unwrap();
    assert_eq!(code(client.put("a", &[numbers(0..100_000)])), Code::Limit);
    assert_eq!(code(client.append("a", &[numbers(0..100_000)])), Code::Limit);
    assert_eq!(read(&client.get("a").unwrap()).len(), 10);
    client.put("b", &[numbers(0..10)]).unwrap();
    let Err(refused) = client.put("c", &[numbers(0..10)]) else { panic!() };
    assert_eq!(refused.to_string(), "over the limit tables = 2");
    let _others = [store.client(), store.client()];
    assert_eq!(code(Client::connect(&store.socket())), Code::Full);
}

#[test]
fn columns_that_are_not_read_are_not_checked() {
    let store = Store::new(Config::default());
    let mut client = store.client();
    // The second column's text is no UTF-8: what a client may put, and whoever reads it finds out.
    let mut writer = bowstring_store::SegmentWriter::new(numbers(0..1).schema()).unwrap();
    writer.write(&numbers(0..30)).unwrap();
    let sound = writer.finish().unwrap();
    let mut bytes = vec![0; sound.list[0].len as usize];
    std::os::unix::fs::FileExt::read_exact_at(
        &std::fs::File::from(sound.list[0].fd.try_clone().unwrap()),
        &mut bytes,
        0,
    )
    .unwrap();
    let place = bytes.windows(6).position(|window| window == b"word 1").unwrap();
    bytes[place] = 0xFF;
    let mut file = bowstring_transport::region::Appender::create(c"altered").unwrap();
    file.append(&bytes).unwrap();
    let segment =
        bowstring_store::Segment { fd: file.freeze().unwrap().into_fd(), len: bytes.len() as u64, rows: 30 };
    let segments = bowstring_store::Segments { schema: sound.schema, list: vec![segment] };
    client.put_segments("t", &segments, &Put::default()).unwrap();
    let table = client.get("t").unwrap();
    assert!(matches!(
        table.batches().unwrap().next(),
        Some(Err(bowstring_store::StoreError::Message { .. }))
    ));
    assert!(table.batches_of(&[1]).unwrap().next().unwrap().is_err());
    let batch = table.batches_of(&[0]).unwrap().next().unwrap().unwrap();
    assert_eq!((batch.num_columns(), support::first_column(&batch)), (1, (0..30).collect()));
    assert_eq!(*batch.schema(), table.schema().project(&[0]).unwrap());
    let none = table.batches_of(&[]).unwrap().next().unwrap().unwrap();
    assert_eq!((none.num_columns(), none.num_rows()), (0, 30));
    assert!(matches!(table.batches_of(&[2]), Err(bowstring_store::StoreError::NoColumn)));
}
