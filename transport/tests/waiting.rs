//! Waiting for a sender, and what a sender does not do before a receiver is there.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use bowstring_transport::{
    Appearance, Connector, Deliveries, HandshakeConfig, HandshakeError, Listener, SenderConfig, Wait,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary directory for a test.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Room {
        let path = std::env::temp_dir().join(format!("bowstring-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Room(path)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.0.join(name).into_os_string().into_encoded_bytes()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_socket_is_waited_for_even_where_its_directory_is_not_there_yet() {
    let room = Room::new("appearance");
    let path = room.bytes("a/b/s.sock");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut appearance = Appearance::watch(&path);
            let connector = Connector::new(Deliveries::ANY).patience(PATIENCE);
            loop {
                match connector.connect(&path[..]) {
                    Err(e) if e.is_absence() => appearance.wait(PATIENCE).unwrap(),
                    met => return drop(met.unwrap()),
                }
            }
        });
        std::fs::create_dir(room.0.join("a")).unwrap();
        std::fs::create_dir(room.0.join("a/b")).unwrap();
        let listener = Listener::bind(&path).unwrap();
        let mut sender = SenderConfig::new().build().unwrap();
        sender.accept(&listener, &config()).expect("the receiver has come");
    });
}

#[test]
fn a_full_queue_is_waited_for_until_the_deadline() {
    let room = Room::new("queue");
    let path = room.bytes("s.sock");
    let listener = Listener::bind(&path).unwrap();
    let short = Connector::new(Deliveries::ANY).patience(Duration::from_millis(1));
    // Each of these stays in the queue; at last there is no room for one more.
    let full =
        (0..1000).map(|_| short.connect(&path[..]).unwrap_err()).find(|e| *e == HandshakeError::QueueFull);
    assert!(full.is_some_and(|e| e.is_absence()), "the queue never filled");
    std::thread::scope(|scope| {
        let patient = Connector::new(Deliveries::ANY).patience(PATIENCE);
        let path = &path;
        let connecting = scope.spawn(move || patient.connect(&path[..]).map(drop));
        let mut sender = SenderConfig::new().build().unwrap();
        sender.accept(&listener, &config()).expect("the patient one comes in");
        connecting.join().unwrap().expect("it was let in");
    });
}

fn config() -> HandshakeConfig<'static> {
    HandshakeConfig::new(b"").patience(PATIENCE).wait(Wait::sleeping().at_most(PATIENCE))
}

/// Returns the allocated bytes of this process's pools of `size` bytes.
fn memory_of_pools(size: u64) -> Vec<u64> {
    let numbers = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let pools = numbers.filter(|entry| {
        std::fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().contains("memfd:bowstring-pool"))
    });
    let stats = pools.filter_map(|entry| std::fs::metadata(entry.path()).ok());
    stats.filter(|stat| stat.size() == size).map(|stat| stat.blocks() * 512).collect()
}

#[test]
fn a_pool_has_no_memory_before_its_first_receiver() {
    // A size that no other test here has.
    const SIZE: u64 = 8 * (192 << 10);
    let mut sender = SenderConfig::new().slots(8, 192 << 10).build().unwrap();
    assert_eq!(memory_of_pools(SIZE), [0]);
    let (here, there) = bowstring_transport::socket_pair().unwrap();
    std::thread::scope(|scope| {
        let receiving = scope.spawn(|| Connector::new(Deliveries::SLOTS).connect(there).unwrap());
        sender.accept(here, &HandshakeConfig::new(b"")).unwrap();
        let incoming = receiving.join().unwrap();
        let memory = memory_of_pools(SIZE);
        assert!(memory.contains(&SIZE), "{memory:?}");
        drop(incoming);
    });
}
