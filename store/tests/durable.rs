//! Tables on disk: acknowledged puts survive, and others leave nothing behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;

use bowstring_store::{Config, Get, Put, SegmentWriter, Server};
use bowstring_transport::Listener;
use support::{Room, Store, numbers, read};

fn config(room: &Room) -> Config {
    Config { state: Some(room.path().join("state")), merge_from: 8, ..Config::default() }
}

fn files(room: &Room) -> Vec<String> {
    let entries = std::fs::read_dir(room.path().join("state")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_store_comes_back_with_what_it_had() {
    let room = Room::new();
    let store = Store::within(Room::new(), config(&room));
    let mut client = store.client();
    let first = client.put("a", &[numbers(0..10)]).unwrap();
    for n in 10..40 {
        client.append("a", &[numbers(n..n + 1)]).unwrap();
    }
    // A merge comes before the next change of its table.
    assert!(client.list().unwrap()[0].segments <= 8, "small segments are merged on disk too");
    client.put("b", &[numbers(0..3)]).unwrap();
    client.put("b", &[numbers(3..5)]).unwrap();
    client.put("gone", &[numbers(0..3)]).unwrap();
    client.remove("gone", 0).unwrap();
    client.rename("b", "c").unwrap();
    client.annotate("c", vec![("a key".into(), "a\nvalue %".into())]).unwrap();
    let empty = SegmentWriter::new(numbers(0..1).schema()).unwrap().finish().unwrap();
    client.put_segments("empty", &empty, &Put::default()).unwrap();
    let before = client.get("a").unwrap();
    drop(client);
    store.stop();
    let store = Store::within(Room::new(), config(&room));
    let mut client = store.client();
    let names: Vec<String> = client.list().unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["a", "c", "empty"]);
    let table = client.get("a").unwrap();
    assert_eq!(read(&table), (0..40).collect::<Vec<_>>());
    // Positions and versions mean the same as before.
    assert_eq!((table.position(), table.version()), (before.position(), before.version()));
    let old = client.get_as("a", Get { version: first.version, since: None }).unwrap();
    assert_eq!(read(&old), (0..10).collect::<Vec<_>>());
    let table = client.get("c").unwrap();
    assert_eq!(*table.metadata(), [("a key".to_owned(), "a\nvalue %".to_owned())]);
    assert_eq!(read(&table), [3, 4]);
    assert_eq!(read(&client.get("empty").unwrap()), [0_i64; 0]);
    let done = client.append("c", &[numbers(5..6)]).unwrap();
    assert!(done.version > table.version());
}

#[test]
fn what_a_crash_leaves_is_cleared_away_and_what_is_damaged_is_left_and_said() {
    let room = Room::new();
    let store = Store::within(Room::new(), config(&room));
    store.client().put("a", &[numbers(0..10)]).unwrap();
    store.client().put("b", &[numbers(0..10)]).unwrap();
    store.stop();
    let state = room.path().join("state");
    let whole = files(&room);
    for rubbish in ["99-7.arrows", "a.table.part", "99.schema", "99-8.arrows.part"] {
        std::fs::write(state.join(rubbish), "half").unwrap();
    }
    Store::within(Room::new(), config(&room)).stop();
    assert_eq!(files(&room), whole);
    // Each byte of b's segment that matters, one at a time.
    let manifest = std::fs::read_to_string(state.join("b.table")).unwrap();
    let line = manifest.lines().find(|line| line.starts_with("segment")).unwrap();
    let segment = state.join(line.split(' ').nth(1).unwrap());
    let bytes = std::fs::read(&segment).unwrap();
    let damaged: [(PathBuf, Vec<u8>); 4] = [
        (segment.clone(), bytes[..bytes.len() - 1].to_vec()),
        (segment.clone(), [&[1], &bytes[1..]].concat()),
        (segment.clone(), [&bytes[..], &[0]].concat()),
        (state.join("b.table"), manifest.replace("end\n", "").into_bytes()),
    ];
    for (path, damage) in damaged {
        let good = std::fs::read(&path).unwrap();
        std::fs::write(&path, damage).unwrap();
        let socket = Room::new();
        let listener = Listener::bind(socket.path().join("s").as_os_str().as_encoded_bytes()).unwrap();
        let (_, wrong) = Server::new(listener, config(&room)).unwrap();
        assert!(matches!(&wrong[..], [one] if one.contains("b.table")), "{wrong:?}");
        std::fs::write(&path, good).unwrap();
    }
    let store = Store::within(Room::new(), config(&room));
    assert_eq!(read(&store.client().get("b").unwrap()).len(), 10);
}

#[test]
fn two_stores_do_not_share_a_directory() {
    let room = Room::new();
    let _store = Store::within(Room::new(), config(&room));
    let socket = Room::new();
    let listener = Listener::bind(socket.path().join("s").as_os_str().as_encoded_bytes()).unwrap();
    assert!(Server::new(listener, config(&room)).is_err());
}
