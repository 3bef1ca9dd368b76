//! Shared by the tests of the program: a directory for their files, tables to send, and the program itself.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

pub mod counts;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::types::{Decimal128Type, Int32Type, Int64Type};
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, ListArray, PrimitiveArray,
    RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow_schema::{Field, Schema};
use arrow_select::concat::concat_batches;
use bowstring::transport::{Listener, SenderConfig};
use bowstring::{Hints, SendError, TableSender};

/// A directory of a test's own, with a place for a socket; it goes with the test.
#[derive(Debug)]
pub struct Room {
    pub path: PathBuf,
}

impl Room {
    pub fn new() -> Room {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bowstring-receiver-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Room { path }
    }

    pub fn socket(&self) -> PathBuf {
        self.path.join("s")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns its entries except the socket.
    pub fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.path).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).filter(|name| name != "s").collect()
    }

    pub fn listener(&self) -> Listener {
        Listener::bind(self.socket().as_os_str().as_bytes()).unwrap()
    }

    /// Returns a sender that listens here.
    pub fn sender(&self, schema: &Arc<Schema>) -> TableSender {
        let mut sender = TableSender::new(schema.clone(), SenderConfig::new().slots(8, 64 << 10)).unwrap();
        sender.set_hints(&Hints { name: Some("test".into()), ..Hints::default() });
        sender.listen(self.listener());
        sender
    }

    /// Returns the program, set to connect here.
    pub fn receiver<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = program();
        command.arg("--socket").arg(self.socket()).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Sends a table to the program and returns the outcome.
    pub fn run<S: AsRef<OsStr>>(&self, batches: &[RecordBatch], args: impl IntoIterator<Item = S>) -> Output {
        let mut sender = self.sender(&batches[0].schema());
        let child = self.receiver(args).spawn().unwrap();
        sender.wait_for_receivers(1, None).unwrap();
        for batch in batches {
            match sender.send(batch) {
                Ok(_) => {}
                // It wanted no more.
                Err(SendError::NoReceiver(_)) => break,
                Err(error) => panic!("{error}"),
            }
        }
        drop(sender);
        child.wait_with_output().unwrap()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Returns the program under test.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_receiver"));
    command.env_remove("BOWSTRING_FD");
    command
}

/// A child that is killed when the test is over, however it ends.
#[derive(Debug)]
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Killed {
    pub fn stdout(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.0.stdout.take().unwrap())
    }

    pub fn code(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }

    pub fn stderr(&mut self) -> String {
        let mut text = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

/// Reads this many lines.
pub fn lines(from: &mut impl BufRead, count: usize) -> Vec<String> {
    from.lines().take(count).map(Result::unwrap).collect()
}

/// Returns a batch of flat columns of many types, with nulls; rows are numbered from `first`.
pub fn flat(first: i64, rows: usize) -> RecordBatch {
    let numbers = || first..first + rows as i64;
    let id = Int64Array::from_iter_values(numbers());
    let price: Float64Array = numbers().map(|n| (n % 7 != 0).then_some(n as f64 * 0.25)).collect();
    let name: StringArray = numbers().map(|n| (n % 5 != 0).then(|| format!("näme \"{n}\", ok"))).collect();
    let view: StringViewArray =
        numbers().map(|n| Some(format!("a text of more than twelve bytes, {n}"))).collect();
    let flag: BooleanArray = numbers().map(|n| (n % 3 != 0).then_some(n % 2 == 0)).collect();
    let at =
        TimestampMicrosecondArray::from_iter_values(numbers().map(|n| n * 1_000_000)).with_timezone("UTC");
    let amount: PrimitiveArray<Decimal128Type> = numbers().map(|n| Some(i128::from(n) * 101)).collect();
    let amount = amount.with_precision_and_scale(20, 2).unwrap();
    // One dictionary for all batches: a file cannot have it replaced.
    let keys = numbers().map(|n| (n % 11 != 0).then_some((n % 3) as i32));
    let cities: StringArray = ["Ulm", "Køge", "Żary"].into_iter().map(Some).collect();
    let city = DictionaryArray::new(keys.collect::<PrimitiveArray<Int32Type>>(), Arc::new(cities));
    batch([
        ("id", Arc::new(id) as ArrayRef, false),
        ("price", Arc::new(price), true),
        ("name", Arc::new(name), true),
        ("view", Arc::new(view), true),
        ("flag", Arc::new(flag), true),
        ("at", Arc::new(at), true),
        ("amount", Arc::new(amount), true),
        ("city", Arc::new(city), true),
    ])
}

/// Returns a batch with a list, which CSV cannot hold.
pub fn nested(first: i64, rows: usize) -> RecordBatch {
    let lists = (first..first + rows as i64).map(|n| (n % 4 != 0).then(|| vec![Some(n), None, Some(-n)]));
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(lists);
    batch([
        ("id", Arc::new(Int64Array::from_iter_values(first..first + rows as i64)) as ArrayRef, false),
        ("list", Arc::new(lists), true),
    ])
}

fn batch<const N: usize>(columns: [(&str, ArrayRef, bool); N]) -> RecordBatch {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array, null)| Field::new(*name, array.data_type().clone(), *null))
        .collect();
    let columns = columns.into_iter().map(|(_, array, _)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// Some batches of flat columns.
pub fn flat_table() -> Vec<RecordBatch> {
    vec![flat(0, 1000), flat(1000, 1), flat(1001, 999)]
}

/// All batches as one.
pub fn whole(batches: &[RecordBatch]) -> RecordBatch {
    concat_batches(&batches[0].schema(), batches).unwrap()
}

/// Runs the tests of a file.
pub fn main(trials: Vec<libtest_mimic::Trial>) {
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), trials).exit();
}

/// Returns a trial that fails by panicking.
pub fn trial(name: impl Into<String>, test: impl FnOnce() + Send + 'static) -> libtest_mimic::Trial {
    libtest_mimic::Trial::test(name, move || {
        test();
        Ok(())
    })
}

/// Returns the standard error of a program, and whether it ended as it should have.
pub fn expect_code(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

/// Returns a file's bytes.
pub fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}
