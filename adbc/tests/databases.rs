//! Real databases, made by Python and by PostgreSQL's own programs, and real locks on them.
//!
//! `PYTHON` names the Python whose packages have the drivers. What is not installed is skipped, and said.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use bowstring_adbc::{AdbcError, Drivers, Origin};

fn python() -> PathBuf {
    std::env::var_os("PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// A directory that goes with the value.
struct Room(PathBuf);

impl Room {
    fn new() -> Room {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bowstring-adbc-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Room(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Python code that runs until its standard input ends, once it has said that it is ready.
struct Running(Child);

impl Running {
    fn start(code: &str, words: &[&str]) -> Option<Running> {
        let code = format!("{code}\nprint('ready', flush=True)\nsys.stdin.read()\n");
        let mut command = Command::new(python());
        command.args(["-c", &format!("import sys\n{code}")]).args(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let running = Running(child);
        (line == "ready\n").then_some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Runs Python code to its end; returns false if it fails, for example without a module.
fn run(code: &str, words: &[&str]) -> bool {
    let mut command = Command::new(python());
    command.args(["-c", code]).args(words).stdin(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn opened(text: &str) -> Result<Vec<RecordBatch>, AdbcError> {
    let origin = Origin::parse(text)?.unwrap();
    origin.open(&Drivers::default())?.collect()
}

/// Returns the rows of what is read, or a reason to pass over the test.
fn read(text: &str) -> Option<Vec<RecordBatch>> {
    match opened(text) {
        Ok(batches) => Some(batches),
        Err(error @ (AdbcError::NoDriver { .. } | AdbcError::Driver { .. })) => {
            println!("skipped, because {error} ({})", error.advice().unwrap_or_default());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn numbers(batches: &[RecordBatch], column: &str) -> Vec<Option<i64>> {
    let of = |batch: &RecordBatch| {
        let array = batch.column_by_name(column).unwrap();
        let array = array.as_primitive::<Int64Type>();
        array.iter().collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

const SQLITE: &str = "
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute('create table orders (id integer, price real, place text, raw blob)')
rows = [(n, n / 4, None if n % 3 == 0 else f'place {n}', bytes([n % 256])) for n in range(100000)]
db.executemany('insert into orders values (?, ?, ?, ?)', rows)
db.execute('create table \"odd name#\" (n integer)')
db.execute('insert into \"odd name#\" values (7)')
db.commit()
db.close()
";

#[test]
fn sqlite_tables_and_queries() {
    let room = Room::new();
    let path = room.path("app#1.db");
    assert!(run(SQLITE, &[&path]), "Python has sqlite3");
    let Some(batches) = read(&format!("{path}#orders")) else { return };
    assert_eq!(numbers(&batches, "id"), (0..100_000).map(Some).collect::<Vec<_>>());
    let schema = batches[0].schema();
    let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::Int64, DataType::Float64, DataType::Utf8, DataType::Binary]);
    let places: usize = batches.iter().map(|batch| batch.column(2).null_count()).sum();
    assert_eq!(places, 33_334);
    assert_eq!(numbers(&opened(&format!("{path}#odd name#")).unwrap(), "n"), [Some(7)]);
    let query = "select sum(id) as total from orders where price < 2";
    assert_eq!(numbers(&opened(&format!("{path}#{query}")).unwrap(), "total"), [Some(28)]);
    let error = opened(&format!("{path}#nowhere")).unwrap_err();
    assert!(matches!(&error, AdbcError::Refused { why, .. } if why.contains("nowhere")), "{error}");
    assert!(matches!(opened(&path), Err(AdbcError::NoTable { .. })));
    // It is opened for reading only.
    let error = opened(&format!("{path}#with a as (select 1) insert into orders select 1, 2, 3, 4 from a"));
    assert!(error.unwrap_err().to_string().contains("readonly"));
}

#[test]
fn a_locked_sqlite_database_names_who_holds_it() {
    let room = Room::new();
    let path = room.path("app.db");
    assert!(run(SQLITE, &[&path]), "Python has sqlite3");
    if read(&format!("{path}#orders")).is_none() {
        return;
    }
    let lock = "import sqlite3\ndb = sqlite3.connect(sys.argv[1])\ndb.execute('begin exclusive')";
    let held = Running::start(lock, &[&path]).unwrap();
    let error = opened(&format!("{path}#orders")).unwrap_err();
    let AdbcError::Locked { holder: Some(holder), .. } = &error else { panic!("{error}") };
    assert_eq!(holder.pid, held.0.id());
    assert!(error.to_string().contains(&format!("process {} (python", holder.pid)), "{error}");
    drop(held);
    assert_eq!(numbers(&opened(&format!("{path}#orders")).unwrap(), "id").len(), 100_000);
}

#[test]
fn locks_of_open_files_are_found_too() {
    let room = Room::new();
    let path = room.path("file");
    fs::write(&path, "text").unwrap();
    assert_eq!(bowstring_adbc::lock::holder(Path::new(&path)), None);
    let lock = "
import fcntl, struct
file = open(sys.argv[1], 'r+')
fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))";
    let held = Running::start(lock, &[&path]).unwrap();
    assert_eq!(bowstring_adbc::lock::holder(Path::new(&path)).unwrap().pid, held.0.id());
    drop(held);
    assert_eq!(bowstring_adbc::lock::holder(Path::new(&path)), None);
}

const DUCKDB: &str = "
import duckdb, sys
db = duckdb.connect(sys.argv[1])
db.execute('create table readings as select i as id, i / 7.0 as reading from range(300000) t(i)')
db.close()
";

#[test]
fn duckdb_tables_and_its_lock() {
    let room = Room::new();
    let path = room.path("x.duckdb");
    if !run(DUCKDB, &[&path]) {
        return println!("skipped, because Python has no duckdb (PYTHON names another)");
    }
    let Some(batches) = read(&format!("{path}#readings")) else { return };
    assert_eq!(numbers(&batches, "id"), (0..300_000).map(Some).collect::<Vec<_>>());
    let query = "from readings select max(id) as last where reading < 10";
    assert_eq!(numbers(&opened(&format!("{path}#{query}")).unwrap(), "last"), [Some(69)]);
    let held = Running::start("import duckdb\ndb = duckdb.connect(sys.argv[1])", &[&path]).unwrap();
    let error = opened(&format!("{path}#readings")).unwrap_err();
    let AdbcError::Locked { holder: Some(holder), .. } = &error else { panic!("{error}") };
    assert_eq!(holder.pid, held.0.id());
}

/// A server of its own in a directory, as long as the value lives.
struct Postgres(Child);

impl Postgres {
    fn start(room: &Room) -> Result<Postgres, String> {
        let programs = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let found =
            programs.map(|version| version.path().join("bin")).find(|bin| bin.join("initdb").is_file());
        let bin = found.ok_or("there is no PostgreSQL server under /usr/lib/postgresql")?;
        let data = room.path("data");
        // The server refuses to run as root.
        let root = is_root();
        let command = |program: &str| {
            let program = bin.join(program);
            if !root {
                return Command::new(program);
            }
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]).arg(program);
            command
        };
        if root {
            let owned = Command::new("chown").args(["nobody:nogroup", room.0.to_str().unwrap()]).status();
            owned.map_err(|error| error.to_string())?;
        }
        let mut make = command("initdb");
        make.args(["-D", &data, "-U", "me", "--auth", "trust", "-N"]).current_dir(&room.0);
        let made = make.output().map_err(|error| format!("initdb: {error}"))?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
        }
        let mut serve = command("postgres");
        serve.args(["-D", &data, "-k", room.0.to_str().unwrap(), "-c", "listen_addresses="]);
        let serve = serve.current_dir(&room.0).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = serve.spawn().map_err(|error| error.to_string())?;
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let server = Postgres(child);
        let mut line = String::new();
        while !line.contains("ready to accept connections") {
            line.clear();
            if said.read_line(&mut line).unwrap_or(0) == 0 {
                return Err("the server ended".to_owned());
            }
        }
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Ok(server)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Not SIGKILL, upon which it leaves a segment of shared memory.
        let _ = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

#[test]
fn postgresql_tables_and_queries() {
    let room = Room::new();
    let _server = match Postgres::start(&room) {
        Ok(server) => server,
        Err(why) => return println!("skipped, because {why}"),
    };
    let uri = format!("postgresql://me@/postgres?host={}", room.0.display());
    let mut psql = Command::new("psql").args(["-q", &uri]).stdin(Stdio::piped()).spawn().unwrap();
    let script = "create table orders (id bigint, place text);
        insert into orders select n, case when n % 3 > 0 then 'place ' || n end from generate_series(0, 99999) n;";
    psql.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(psql.wait().unwrap().success());
    let Some(batches) = read(&format!("{uri}#orders")) else { return };
    assert_eq!(numbers(&batches, "id"), (0..100_000).map(Some).collect::<Vec<_>>());
    let query = "select count(place) as places from orders";
    assert_eq!(numbers(&opened(&format!("{uri}#{query}")).unwrap(), "places"), [Some(66_666)]);
    assert!(opened(&format!("{uri}#nowhere")).unwrap_err().to_string().contains("nowhere"));
    let nobody = format!("postgresql://me@/postgres?host={}/no#orders", room.0.display());
    assert!(matches!(opened(&nobody), Err(AdbcError::Refused { .. })));
}
