//! The store killed at every system call of a put, an append, a replacement, a renaming and a removal, and started again:
//! the table is the old one or the new one, whole; it is the new one if that was acknowledged, or if a follower has seen
//! it; and a follower that goes on where it was misses nothing and sees nothing twice.
//!
//! A killed process leaves what it wrote in the kernel's hands. What a loss of power leaves is not tested here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

// checks: store-kill

mod support;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bowstring_store::{Client, Config, Done, Event, Mode, Position, Put, SegmentWriter, Server, StoreError};
use bowstring_tests::trace::{Stop, Stopped, Threads, Tracee, ask_and_stop, mark};
use bowstring_transport::Listener;
use libtest_mimic::{Arguments, Failed, Trial};
use support::{Room, Store, numbers, read};

const OLD: std::ops::Range<i64> = 0..40;
const NEW: std::ops::Range<i64> = 40..60;
const LATER: std::ops::Range<i64> = 60..61;
/// Only tells a store that has stopped serving.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

const CHANGES: [&str; 5] = ["put", "append", "replace", "rename", "remove"];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let [_, child, room, state] = words.as_slice()
        && child == "child"
    {
        ask_and_stop();
        serve(Path::new(room), Path::new(state));
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    // A child is stepped by the thread that it is a child of, and that thread waits for any of its children.
    arguments.test_threads = Some(1);
    let trial = |change| {
        let title = format!("the store killed at every system call of: {change}");
        Trial::test(title, move || every_system_call(change))
    };
    libtest_mimic::run(&arguments, CHANGES.map(trial).into()).exit_code()
}

fn config(state: &Path) -> Config {
    // One worker: more of them would wait for tasks beside it, and be stepped through that.
    Config { state: Some(state.to_owned()), workers: 1, ..Config::default() }
}

/// The work of the child.
fn serve(room: &Path, state: &Path) {
    let listener = Listener::bind(room.join("store.sock").as_os_str().as_encoded_bytes()).unwrap();
    let (mut server, wrong) = Server::new(listener, config(state)).unwrap();
    assert_eq!(wrong, Vec::<String>::new());
    mark();
    server.run().unwrap();
}

/// The names of a table and the numbers in it.
type Content = Vec<(String, Vec<i64>)>;

fn content(client: &mut Client) -> Content {
    let entries = client.list().unwrap();
    entries.into_iter().map(|entry| (entry.name.clone(), read(&client.get(&entry.name).unwrap()))).collect()
}

fn every_system_call(change: &'static str) -> Result<(), Failed> {
    let before = Room::new();
    let store = Store::within(Room::new(), config(before.path()));
    let version = store.client().put("t", &[numbers(OLD)])?.version;
    drop(store);
    let old: Content = vec![("t".into(), OLD.collect())];
    let new: Content = match change {
        "append" => vec![("t".into(), (OLD.start..NEW.end).collect())],
        "rename" => vec![("u".into(), OLD.collect())],
        "remove" => Vec::new(),
        _ => vec![("t".into(), NEW.collect())],
    };
    let (mut stayed, mut changed) = (0, 0);
    for at in 0.. {
        let state = Room::new();
        for file in std::fs::read_dir(before.path())?.flatten() {
            std::fs::copy(file.path(), state.path().join(file.file_name()))?;
        }
        let (seen, done, over) = killed_at(change, version, state.path(), at);
        let wrong = |what: &str, found: &dyn std::fmt::Debug| {
            Err(format!("{change}, killed at {at}: {what}: {found:?}; {done:?}, {seen:?}").into())
        };
        let store = Store::within(Room::new(), config(state.path()));
        let mut client = store.client();
        let found = content(&mut client);
        if found != old && found != new {
            return wrong("neither the old nor the new", &found);
        }
        if found != new && (done.is_ok() || seen.change) {
            return wrong("what was acknowledged or seen is not there", &found);
        }
        if over && done.is_err() {
            return wrong("nobody was killed, and it failed", &found);
        }
        let drafts = std::fs::read_dir(state.path())?.flatten().map(|entry| entry.file_name());
        let drafts: Vec<_> = drafts.filter(|name| name.to_string_lossy().ends_with(".part")).collect();
        if !drafts.is_empty() {
            return wrong("left behind", &drafts);
        }
        stayed += u32::from(found == old);
        changed += u32::from(found == new);
        if let Some((name, numbers_there)) = found.first() {
            client.append(name, &[numbers(LATER)])?;
            let whole: Vec<i64> = numbers_there.iter().copied().chain(LATER).collect();
            let rows = go_on(store.client(), name, &seen, whole.len())?;
            if rows != whole {
                return wrong("a follower that went on has", &rows);
            }
        }
        if over {
            eprintln!(
                "{change}: {at} steps, the old table after {stayed} of them, the new one after {changed}"
            );
            break;
        }
    }
    if stayed < 10 || changed < 2 {
        return Err(format!("the old table {stayed} times, the new one {changed} times").into());
    }
    Ok(())
}

/// The part of a table that a follower has seen.
#[derive(Debug, Default)]
struct Seen {
    rows: Vec<i64>,
    position: Option<Position>,
    /// Something of the change.
    change: bool,
}

impl Seen {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Rows(table) => {
                self.rows.extend(read(table));
                self.position = Some(table.position());
            }
            Event::Replaced(table) => {
                self.rows = read(table);
                self.position = Some(table.position());
            }
            Event::Removed => {}
        }
    }
}

/// Starts a store and lets it make a change, killed at one of its steps on the way. Returns what a follower has seen of it,
/// what the writer was told, and true if the change was over before.
fn killed_at(change: &str, version: u64, state: &Path, at: usize) -> (Seen, Result<Done, StoreError>, bool) {
    let room = Room::new();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("child").args([room.path(), state]).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = Tracee::of(command.spawn().unwrap().id());
    assert_eq!(child.await_stop(), Stop::Signal(libc::SIGSTOP));
    let mut child = Threads::of(child);
    while child.step() != Stopped::Mark {}
    let socket = room.path().join("store.sock");
    let follows = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        let (socket, follows) = (&socket, &follows);
        let follower = scope.spawn(move || {
            follow(socket, change, || {
                follows.store(true, Ordering::Release);
                tell.send(()).unwrap();
            })
        });
        let writer = scope.spawn(move || {
            told.recv().unwrap();
            write(socket, change, version)
        });
        // Only the change is stepped: connecting and following are steps of it too, those of the writer.
        let (mut steps, mut over) = (0, false);
        while steps <= at && !over {
            let stopped = child.step();
            assert_eq!(stopped, Stopped::SystemCall, "the store ended by itself");
            steps += usize::from(follows.load(Ordering::Acquire));
            over = follower.is_finished() && writer.is_finished();
        }
        child.kill();
        (follower.join().unwrap(), writer.join().unwrap(), over)
    })
}

/// Follows the table until it has changed or the store is gone.
fn follow(socket: &Path, change: &str, ready: impl FnOnce()) -> Seen {
    let mut seen = Seen::default();
    let follower = Client::connect(socket).and_then(|client| client.follow("t", None));
    let mut follower = follower.unwrap();
    seen.take(&follower.next_event(PATIENCE).unwrap().unwrap());
    assert_eq!(seen.rows, OLD.collect::<Vec<_>>());
    ready();
    // A follower does not notice that its table has another name.
    while change != "rename" && !seen.change {
        let Ok(event) = follower.next_event(PATIENCE) else { break };
        seen.take(&event.unwrap());
        seen.change = true;
    }
    seen
}

fn write(socket: &Path, change: &str, version: u64) -> Result<Done, StoreError> {
    let mut client = Client::connect(socket)?;
    let put = match change {
        "rename" => return client.rename("t", "u"),
        "remove" => return client.remove("t", 0),
        "append" => Put { mode: Mode::Append, ..Put::default() },
        "replace" => Put { expected: version, ..Put::default() },
        _ => Put::default(),
    };
    // Two segments, so that a part of them can be on its way.
    let mut both = segment(NEW.start..50);
    both.list.extend(segment(50..NEW.end).list);
    client.put_segments("t", &both, &put)
}

fn segment(rows: std::ops::Range<i64>) -> bowstring_store::Segments {
    let mut writer = SegmentWriter::new(numbers(0..1).schema()).unwrap();
    writer.write(&numbers(rows)).unwrap();
    writer.finish().unwrap()
}

/// Goes on following from where a follower was, until it has that number of rows.
fn go_on(client: Client, name: &str, seen: &Seen, rows: usize) -> Result<Vec<i64>, Failed> {
    let mut follower = client.follow(name, seen.position)?;
    let mut now = Seen { rows: seen.rows.clone(), ..Seen::default() };
    loop {
        let event = follower.next_event(PATIENCE)?.ok_or("the store says nothing")?;
        now.take(&event);
        // The last row is the later one's: what came before it has come.
        if now.rows.len() >= rows || now.rows.last() == Some(&LATER.start) {
            return Ok(now.rows);
        }
    }
}
