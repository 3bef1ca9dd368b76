//! The store as a service: its configuration, the socket that it is handed, signals, figures, and other users.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use rustix::process::Signal;
use support::{Room, Store, until};

const TRIPS: &str = "id,place\n1,here\n2,there\n3,\n";

fn configure(room: &Room, text: &str) {
    fs::create_dir_all(room.0.join("bowstring")).unwrap();
    fs::write(room.0.join("bowstring/tables.toml"), text).unwrap();
}

#[test]
fn one_file_serves_the_store_and_its_clients() {
    let room = Room::new();
    room.file("trips.csv", TRIPS);
    let socket = room.0.join("elsewhere.sock");
    configure(
        &room,
        &format!(
            "socket = {socket:?}\nstate = \"../state\"\nmax_table_size = \"4k\"\nkeep = 0\n[tables]\ntrips = \"../trips.csv\"\n"
        ),
    );
    let mut store = Store::serve_as(room.plain(&["serve"]));
    let get = room.plain(&["get", "trips", "--csv", "--method", "shared"]).output().unwrap();
    assert_eq!(String::from_utf8(get.stdout).unwrap(), TRIPS);
    // A limit of the file holds, and its error names it; what the command line says comes first.
    room.file("large.csv", &format!("n\n{}", "1\n".repeat(4000)));
    let put = room.plain(&["put", "large", "large.csv"]).output().unwrap();
    let said = String::from_utf8(put.stderr).unwrap();
    assert!(put.status.code() == Some(4) && said.contains("max_table_size"), "{said}");
    assert!(room.plain(&["put", "small", "trips.csv"]).output().unwrap().status.success());
    assert!(room.0.join("state").is_dir());
    store.signal(Signal::TERM);
    assert_eq!(store.0.wait().unwrap().code(), Some(0));
    let store = Store::serve_as(room.plain(&["serve", "--max-table-size", "1M"]));
    assert!(room.plain(&["put", "large", "large.csv"]).output().unwrap().status.success());
    let ls = room.plain(&["ls"]).output().unwrap();
    let listed = String::from_utf8(ls.stdout).unwrap();
    assert!(listed.contains("small") && listed.contains("large") && listed.contains("trips"), "{listed}");
    drop(store);
    for (text, word) in [
        ("sockett = \"x\"\n", "sockett"),
        ("max_table_size = \"many\"\n", "many"),
        ("[drivers]\noracle = \"x\"\n", "oracle"),
        ("request_timeout = -1\n", "request_timeout"),
    ] {
        configure(&room, text);
        let output = room.plain(&["--socket", "s", "serve"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(word), "{text}: {said}");
    }
}

#[test]
fn a_socket_that_is_handed_down_is_served() {
    let room = Room::new();
    room.file("trips.csv", TRIPS);
    let path = room.0.join("s");
    let script = "
import os, socket, sys
listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listening.bind('s')
listening.listen(16)
if listening.fileno() != 3:
    os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])";
    let mut command = std::process::Command::new("python3");
    command.args([
        "-c",
        script,
        env!("CARGO_BIN_EXE_bowstring"),
        "--socket",
        "s",
        "serve",
        "trips=trips.csv",
    ]);
    command.current_dir(&room.0).env("XDG_CONFIG_HOME", &room.0);
    let mut store = Store::serve_as(command);
    let inode = fs::metadata(&path).unwrap().ino();
    assert_eq!(room.out(&["get", "trips", "--csv"]), TRIPS);
    store.signal(Signal::TERM);
    assert_eq!(store.0.wait().unwrap().code(), Some(0));
    // The socket is the service manager's, and stays.
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
}

#[test]
fn sighup_reads_again_and_sigterm_ends_well_with_readers_undisturbed() {
    let room = Room::new();
    room.file("trips.csv", TRIPS);
    let mut store = Store::serve(&room, &["trips=trips.csv"]);
    let version =
        || room.out(&["ls", "--json"]).parse::<serde_json::Value>().unwrap()["version"].as_u64().unwrap();
    assert_eq!(room.out(&["get", "trips", "--count"]), "3\n");
    let before = version();
    store.signal(Signal::HUP);
    until(|| version() > before);
    let mut follow = room.command(&["follow", "trips", "--csv"]);
    let mut follow = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| room.out(&["ls", "--json"]).contains("\"followers\":1"));
    store.signal(Signal::TERM);
    assert_eq!(store.0.wait().unwrap().code(), Some(0));
    let mut text = String::new();
    follow.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, TRIPS);
    // Its store is gone: that is no end of the table.
    assert_eq!(follow.wait().unwrap().code(), Some(5));
}

/// The content of a scrape: kinds by name, and values by name and labels.
type Figures = (std::collections::BTreeMap<String, String>, std::collections::BTreeMap<String, f64>);

/// Reads Prometheus' text format as its description has it; panics at whatever it does not allow.
fn parse(text: &str) -> Figures {
    let (mut kinds, mut values) = Figures::default();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kinds.insert(name.to_owned(), kind.to_owned()), None, "{name} is described twice");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{line}");
        let labels = series.get(name.len()..).unwrap();
        assert!(labels.is_empty() || (labels.starts_with('{') && labels.ends_with("\"}")), "{line}");
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let family = family.filter(|family| kinds.get(*family).is_some_and(|kind| kind == "histogram"));
        assert!(kinds.contains_key(family.unwrap_or(name)), "{name} is not described");
        assert_eq!(values.insert(series.to_owned(), value.parse().unwrap()), None, "{series} twice");
    }
    (kinds, values)
}

fn scrape(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    assert_eq!(len.parse::<usize>().unwrap(), body.len());
    (head.to_owned(), body.to_owned())
}

#[test]
fn prometheus_can_scrape_it() {
    let room = Room::new();
    room.file("trips.csv", TRIPS);
    let (_store, said) = Store::serve_saying(room.command(&["serve", "trips=trips.csv", "--metrics", "0"]));
    let line = said.lines().find(|line| line.contains("stats at")).unwrap();
    let address = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics");
    assert!(address.starts_with("127.0.0.1:"), "{line}");
    room.out(&["get", "trips", "--count"]);
    room.out(&["get", "trips", "--count", "--method", "json"]);
    room.fails(&["get", "nowhere"]);
    let (head, body) = scrape(address, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    let (kinds, values) = parse(&body);
    assert_eq!(kinds["bowstring_store_get_seconds"], "histogram");
    assert_eq!(kinds["bowstring_store_requests_total"], "counter");
    let value = |name: &str| values[&format!("bowstring_store_{name}")];
    assert!(value("requests_total{kind=\"get\"}") >= 2.0);
    assert!(value("errors_total{kind=\"no_table\"}") >= 1.0, "{body}");
    assert_eq!(value("fallbacks_total{kind=\"json\"}"), 1.0);
    assert_eq!(value("tables"), 1.0);
    assert_eq!(value("versions"), 1.0);
    assert!(value("bytes_shared_total") > 0.0);
    // Buckets only grow, and the last has all.
    let buckets: Vec<f64> = body
        .lines()
        .filter(|line| line.starts_with("bowstring_store_get_seconds_bucket"))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
        .collect();
    assert!(buckets.is_sorted() && buckets.last() == Some(&value("get_seconds_count")), "{buckets:?}");
    assert!(scrape(address, "/nowhere").0.starts_with("HTTP/1.1 404"));
    // One that says nothing keeps nobody from being scraped for long.
    let _silent = TcpStream::connect(address).unwrap();
    assert!(scrape(address, "/metrics").0.starts_with("HTTP/1.1 200"));
}

#[test]
fn other_users_get_in_only_as_they_are_listed() {
    if !rustix::process::geteuid().is_root() {
        return println!("skipped, because another user takes root");
    }
    const READER: u32 = 65_533;
    const WRITER: u32 = 65_532;
    let room = Room::new();
    fs::set_permissions(&room.0, fs::Permissions::from_mode(0o755)).unwrap();
    room.file("trips.csv", TRIPS);
    // The program may lie where others cannot go.
    let program = room.0.join("program");
    fs::copy(env!("CARGO_BIN_EXE_bowstring"), &program).unwrap();
    let readers = READER.to_string();
    let _store =
        Store::serve(&room, &["trips=trips.csv", "--readers", &readers, "--writers", &WRITER.to_string()]);
    fs::set_permissions(room.0.join("s"), fs::Permissions::from_mode(0o666)).unwrap();
    let run = |uid: u32, words: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command.current_dir(&room.0).env("XDG_CONFIG_HOME", &room.0).args(["--socket", "s"]).args(words);
        let output = command.uid(uid).gid(uid).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), said)
    };
    let (_, text, said) = run(READER, &["get", "trips", "--csv"]);
    assert_eq!(text, TRIPS, "{said}");
    let (exit, _, said) = run(READER, &["put", "mine", "trips.csv"]);
    assert!(exit == 7 && said.contains("may only read"), "{exit} {said}");
    assert_eq!(run(READER, &["rm", "trips"]).0, 7);
    let (exit, _, said) = run(WRITER, &["put", "mine", "trips.csv"]);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(run(READER, &["get", "mine", "--csv"]).1, TRIPS);
    assert_eq!(room.out(&["get", "mine", "--csv"]), TRIPS);
    let (exit, _, said) = run(65_531, &["get", "trips"]);
    assert!(exit == 7 && said.contains("not let in"), "{exit} {said}");
}
