//! The program as people use it: serving files, putting, getting, following, recovering after kill -9.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use support::{Room, Store, until};

const TRIPS: &str = "id,place\n1,here\n2,there\n3,\n";

#[test]
fn files_are_served_and_read_again_when_they_are_replaced() {
    let room = Room::new();
    room.file("trips.csv", TRIPS);
    let store = Store::serve(&room, &["trips=trips.csv", "--metrics", "0"]);
    assert_eq!(room.out(&["get", "trips", "--csv"]), TRIPS);
    let wanted =
        ["get", "trips", "--columns", "place", "--where", "id between 2 and 9", "--limit", "1", "--json"];
    assert_eq!(room.out(&wanted), "{\"place\":\"there\"}\n");
    assert_eq!(room.out(&["get", "trips", "--where", "place is null", "--count"]), "1\n");
    assert_eq!(room.out(&["schema", "trips"]), "id Int64\nplace Utf8\n");
    assert!(room.out(&["head", "trips", "-n", "1"]).contains("here"));
    let listed = room.out(&["ls"]);
    assert!(listed.contains("trips") && listed.contains("trips.csv"), "{listed}");
    let (exit, said) = room.fails(&["put", "trips", "trips.csv"]);
    assert!(exit == 4 && said.contains("is read from") && said.contains("replaced"), "{said}");
    room.file("trips.csv", "id,place\n7,elsewhere\n");
    until(|| room.out(&["get", "trips", "--csv"]) == "id,place\n7,elsewhere\n");
    // A malformed file leaves the table as it was, and is reported.
    room.file("trips.csv", "PAR1 but not really");
    until(|| room.out(&["ls"]).contains("not read"));
    assert_eq!(room.out(&["get", "trips", "--csv"]), "id,place\n7,elsewhere\n");
    room.file("trips.csv", TRIPS);
    store.signal(Signal::HUP);
    until(|| room.out(&["get", "trips", "--csv"]) == TRIPS);
    assert!(room.out(&["stat"]).contains("bowstring_store_requests_total{kind=\"get\"}"));
    let about = room.out(&["stat", "trips"]);
    assert!(
        about.contains("rows      3\n") && about.contains("segments  1\n") && about.contains("trips.csv"),
        "{about}"
    );
    assert!(room.out(&["top", "--count", "1"]).contains("trips"));
    let (exit, said) = room.fails(&["serve"]);
    assert!(exit == 1 && said.contains(&format!("process {} (bowstring)", store.0.id())), "{said}");
    store.signal(Signal::TERM);
    let mut store = store;
    assert!(store.0.wait().unwrap().success());
    assert!(!room.0.join("s").exists());
}

#[test]
fn tables_are_put_appended_to_followed_and_taken_away() {
    let room = Room::new();
    room.file("a.csv", TRIPS);
    room.file("b.csv", "id,place\n4,d\n");
    let _store = Store::serve(&room, &[]);
    room.out(&["put", "t", "a.csv", "--set", "unit=m"]);
    let mut follow = room.command(&["follow", "t", "--csv", "--limit", "4"]);
    let follow = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| room.out(&["ls", "--json"]).contains("\"followers\":1"));
    room.out(&["append", "t", "b.csv"]);
    let followed = follow.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(followed.stdout).unwrap(), format!("{TRIPS}4,d\n"));
    assert!(String::from_utf8(followed.stderr).unwrap().contains("--since"));
    let mut stdin = room.command(&["put", "piped", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    stdin.stdin.take().unwrap().write_all(TRIPS.as_bytes()).unwrap();
    assert!(stdin.wait().unwrap().success());
    assert_eq!(room.out(&["get", "piped", "--count"]), "3\n");
    for format in ["arrow", "arrows", "parquet", "csv", "jsonl"] {
        let file = format!("out.{format}");
        room.out(&["get", "t", "-o", &file]);
        room.out(&["put", "back", &file]);
        assert_eq!(room.out(&["get", "back", "--csv"]), format!("{TRIPS}4,d\n"));
    }
    assert_eq!(room.fails(&["put", "t", "a.csv", "--create"]).0, 4);
    assert_eq!(room.fails(&["put", "t", "a.csv", "--if-version", "99"]).0, 4);
    assert_eq!(room.fails(&["get", "t", "--columns", "nowhere"]).0, 2);
    assert_eq!(room.fails(&["get", "t", "--where", "nowhere = 1"]).0, 2);
    room.out(&["rename", "t", "u"]);
    room.out(&["rm", "u"]);
    let (exit, said) = room.fails(&["get", "u"]);
    assert!(exit == 2 && said.contains("no table"), "{said}");
}

#[test]
fn a_table_comes_by_the_way_that_there_is_and_says_which() {
    let room = Room::new();
    room.file("trips.csv", TRIPS);
    fs::create_dir(room.0.join("bowstring")).unwrap();
    fs::write(room.0.join("bowstring/tables.toml"), "[tables]\ntrips = \"../trips.csv\"\n").unwrap();
    let get = |more: &[&str]| {
        let output = room.run(&[&["get", "trips", "--csv", "--report"], more].concat());
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), TRIPS);
        let report: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        (report["method"].as_str().unwrap().to_owned(), report["warning"].as_str().map(str::to_owned))
    };
    // No store: the file that the configuration names.
    let (method, warning) = get(&[]);
    assert!(method == "source" && warning.unwrap().contains("no store"));
    assert_eq!(room.fails(&["get", "trips", "--method", "shared,json"]).0, 6);
    let _store = Store::serve(&room, &[]);
    assert_eq!(get(&[]), ("shared".to_owned(), None));
    assert_eq!(get(&["--method", "json"]), ("json".to_owned(), None));
    assert_eq!(get(&["--method", "source"]), ("source".to_owned(), None));
}

#[test]
fn what_was_acknowledged_comes_back_after_kill_9() {
    let room = Room::new();
    let rows = |n: usize| format!("n\n{}", (0..n).map(|n| format!("{n}\n")).collect::<String>());
    room.file("first.csv", &rows(3));
    room.file("more.csv", "n\n3\n");
    for round in 0..4 {
        let store = Store::serve(&room, &["--state", "state"]);
        if round == 0 {
            room.out(&["put", "t", "first.csv"]);
        } else {
            room.out(&["append", "t", "more.csv"]);
        }
        // While another put is in progress.
        let mut other = room.command(&["put", "other", "first.csv"]).stderr(Stdio::null()).spawn().unwrap();
        store.signal(Signal::KILL);
        other.wait().unwrap();
        drop(store);
        let _store = Store::serve(&room, &["--state", "state"]);
        assert_eq!(room.out(&["get", "t", "--count"]), format!("{}\n", 3 + round));
        let output = room.run(&["get", "other", "--count"]);
        assert!(!output.status.success() || output.stdout == b"3\n");
        assert!(Path::new(&room.0.join("state")).exists());
    }
}

#[test]
fn an_earlier_version_and_what_came_since() {
    let room = Room::new();
    room.file("a.csv", TRIPS);
    room.file("b.csv", "id,place\n4,d\n");
    let _store = Store::serve(&room, &["--keep", "2"]);
    room.out(&["put", "t", "a.csv", "--set", "unit=m"]);
    room.out(&["append", "t", "b.csv"]);
    assert_eq!(room.out(&["get", "t", "--version", "1", "--csv"]), TRIPS);
    assert_eq!(room.out(&["get", "t", "--since", "1", "--csv"]), "id,place\n4,d\n");
    assert_eq!(room.out(&["get", "t", "--since", "2", "--count"]), "0\n");
    assert_eq!(room.out(&["schema", "t"]), "id Int64\nplace Utf8\n# unit=m\n");
    room.out(&["put", "t", "b.csv"]);
    assert_eq!(room.out(&["get", "t", "--version", "2", "--csv"]), format!("{TRIPS}4,d\n"));
    // The table was replaced since: its rows are no continuation.
    let (exit, said) = room.fails(&["get", "t", "--since", "2"]);
    assert!(exit == 4 && said.contains("replaced"), "{said}");
    assert_eq!(room.fails(&["get", "t", "--version", "9"]).0, 4);
    assert_eq!(room.fails(&["get", "t", "--since", "x"]).0, 2);
}

#[test]
fn following_goes_on_across_replacing_and_restarts_of_both() {
    let room = Room::new();
    room.file("a.csv", TRIPS);
    room.file("b.csv", "id,place\n4,d\n");
    // What a follower writes, and the position at which it ended.
    let follow = |words: &[&str]| {
        let output = room.run(&[&["follow", "t", "--csv"], words].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let position = said.lines().find_map(|line| line.split("--since ").nth(1)).map(str::to_owned);
        (String::from_utf8(output.stdout).unwrap(), position.unwrap())
    };
    let store = Store::serve(&room, &["--state", "state"]);
    room.out(&["put", "t", "a.csv"]);
    let (first, position) = follow(&["--limit", "3"]);
    assert_eq!(first, TRIPS);
    room.out(&["append", "t", "b.csv"]);
    drop(store);
    let _store = Store::serve(&room, &["--state", "state"]);
    let (then, position) = follow(&["--since", &position, "--limit", "1"]);
    assert_eq!(then, "id,place\n4,d\n");
    // Replaced meanwhile: all of the new one, and said so.
    room.out(&["put", "t", "b.csv"]);
    let (after, _) = follow(&["--since", &position, "--limit", "1"]);
    assert_eq!(after, "id,place\n4,d\n");
    // Other columns are no continuation.
    let mut other = room.command(&["follow", "t", "--csv"]);
    let other = other.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| room.out(&["ls", "--json"]).contains("\"followers\":1"));
    room.file("c.csv", "x\n1\n");
    room.out(&["put", "t", "c.csv"]);
    let ended = other.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(4));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("other columns"));
}
