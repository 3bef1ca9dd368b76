//! Compiles `ends.c` against the installed library, and loads it.
//!
//! # Safety
//!
//! The functions' types are those that `ends.c` gives them; the two stand in the same directory.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

type OpenMessages = unsafe extern "C" fn(c_int, *const c_char, usize, u32) -> *mut c_void;
type OpenTables = unsafe extern "C" fn(c_int, *const c_char, *const c_char, usize, u32, usize) -> *mut c_void;
type Act = unsafe extern "C" fn(*mut c_void);

/// The functions and handle of an open end.
pub(super) struct Functions {
    ping: Act,
    pong: Act,
    close: Act,
}

impl Functions {
    pub(super) fn ping(&self, end: *mut c_void) {
        // SAFETY: an end that `ends.c` has opened, and that was not closed.
        unsafe { (self.ping)(end) }
    }

    pub(super) fn pong(&self, end: *mut c_void) {
        // SAFETY: as in `ping`.
        unsafe { (self.pong)(end) }
    }

    pub(super) fn close(&self, end: *mut c_void) {
        // SAFETY: as in `ping`; its owner is being dropped.
        unsafe { (self.close)(end) }
    }
}

/// `ends.c`.
pub(super) struct Library {
    open_messages: OpenMessages,
    pub(super) messages: Functions,
    open_tables: OpenTables,
    pub(super) tables: Functions,
}

impl Library {
    pub(super) fn open_messages(&self, asks: c_int, name: &CStr, len: usize, slots: u32) -> *mut c_void {
        // SAFETY: the name ends with a zero and outlives the call.
        unsafe { (self.open_messages)(asks, name.as_ptr(), len, slots) }
    }

    pub(super) fn open_tables(
        &self,
        asks: c_int,
        names: [&CStr; 2],
        rows: usize,
        slots: u32,
        slot_size: usize,
    ) -> *mut c_void {
        let [own, others] = names.map(CStr::as_ptr);
        // SAFETY: the names end with a zero and outlive the call.
        unsafe { (self.open_tables)(asks, own, others, rows, slots, slot_size) }
    }
}

/// The library, compiled and loaded at the first call.
pub(super) fn load() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| open(&compile()))
}

fn succeed(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

/// Returns the folder in which the library is installed; installs it if need be.
fn prefix() -> PathBuf {
    if let Some(prefix) = std::env::var_os("BOWSTRING_PREFIX") {
        return prefix.into();
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let prefix = here.join("target/c");
    succeed(Command::new(here.join("../capi/install")).arg(&prefix));
    prefix
}

fn compile() -> PathBuf {
    let prefix = prefix();
    let program = std::env::temp_dir().join(format!("bowstring-bench-{}.so", std::process::id()));
    let mut cc = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    cc.args(["-std=c11", "-O3", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]);
    cc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/c/ends.c"));
    cc.arg("-I").arg(prefix.join("include")).arg("-L").arg(prefix.join("lib")).arg("-lbowstring");
    cc.arg(format!("-Wl,-rpath,{}", prefix.join("lib").display())).arg("-o").arg(&program);
    succeed(&mut cc);
    program
}

fn open(path: &Path) -> Library {
    let name = CString::new(path.as_os_str().as_bytes()).expect("a path without zeroes");
    // SAFETY: the name ends with a zero; what runs when it is loaded is our own.
    let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
    assert!(!library.is_null(), "{} cannot be loaded", path.display());
    let _ = std::fs::remove_file(path);
    let find = |name: &CStr| {
        // SAFETY: a library that was loaded, and a name that ends with a zero.
        let found = unsafe { libc::dlsym(library, name.as_ptr()) };
        assert!(!found.is_null(), "ends.c has no {name:?}");
        found
    };
    // SAFETY: each of these has the type `Act` in ends.c.
    let act = |name| unsafe { std::mem::transmute::<*mut c_void, Act>(find(name)) };
    Library {
        // SAFETY: the type that it has in ends.c.
        open_messages: unsafe { std::mem::transmute::<*mut c_void, OpenMessages>(find(c"messages_open")) },
        messages: Functions {
            ping: act(c"messages_ping"),
            pong: act(c"messages_pong"),
            close: act(c"messages_close"),
        },
        // SAFETY: the type that it has in ends.c.
        open_tables: unsafe { std::mem::transmute::<*mut c_void, OpenTables>(find(c"tables_open")) },
        tables: Functions {
            ping: act(c"tables_ping"),
            pong: act(c"tables_pong"),
            close: act(c"tables_close"),
        },
    }
}
