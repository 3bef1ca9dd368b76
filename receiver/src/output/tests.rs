//! Files that appear when they are complete, and those that are kept before.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;

/// A directory of a test's own, which goes with it.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Room {
        let path = std::env::temp_dir().join(format!("bowstring-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Room(path)
    }

    fn names(&self) -> Vec<OsString> {
        fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_has_no_name_until_it_is_complete() {
    let room = Room::new("publish");
    let path = room.0.join("a.csv");
    let mut output = Output::create(&path, Arc::default()).unwrap();
    output.write_all(b"one").unwrap();
    output.flush().unwrap();
    assert!(!path.exists());
    output.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(room.names(), ["a.csv"]);
}

#[test]
fn what_was_there_stays_until_then_and_a_draft_dropped_leaves_nothing() {
    let room = Room::new("drop");
    let path = room.0.join("a.csv");
    fs::write(&path, "old").unwrap();
    let mut output = Output::create(&path, Arc::default()).unwrap();
    output.write_all(b"half").unwrap();
    output.flush().unwrap();
    drop(output);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(room.names(), ["a.csv"]);
    // The same where the file system has only named files.
    let draft = Draft { path, temporary: room.0.join(".a.part"), named: true, kept: false };
    fs::write(&draft.temporary, "half").unwrap();
    drop(draft);
    assert_eq!(room.names(), ["a.csv"]);
}

#[test]
fn what_is_kept_is_there_from_the_beginning_and_is_not_written_over() {
    let room = Room::new("kept");
    let path = room.0.join("a.rec");
    let mut output = Output::create_kept(&path, Arc::default()).unwrap();
    output.write_all(b"half").unwrap();
    output.flush().unwrap();
    assert_eq!(fs::read(room.0.join("a.rec.part")).unwrap(), b"half");
    drop(output);
    let refused = Output::create_kept(&path, Arc::default()).unwrap_err();
    assert!(matches!(refused, Failure::Left { part } if part.ends_with("a.rec.part")));
    assert_eq!(room.names(), ["a.rec.part"]);
    fs::remove_file(room.0.join("a.rec.part")).unwrap();
    Output::create_kept(&path, Arc::default()).unwrap().finish().unwrap();
    assert_eq!(room.names(), ["a.rec"]);
}

#[test]
fn a_device_is_written_to_as_it_is_and_its_error_is_remembered() {
    let mut output = Output::create(Path::new("/dev/full"), Arc::default()).unwrap();
    let watch = output.watch();
    let failed = output.write_all(b"x").and_then(|()| output.flush()).unwrap_err();
    let Failure::Output { error, .. } = watch.explain(format!("wrapped: {failed}")) else { panic!() };
    assert_eq!(error.raw_os_error(), Some(Errno::NOSPC.raw_os_error()));
}
