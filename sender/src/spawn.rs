//! Starting the receiver: it inherits one end of a socket pair and learns its number.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use bowstring::transport;
use bowstring_cli::args::FD_VARIABLE;
use rustix::io::{FdFlags, fcntl_setfd};

use crate::failure::{Exit, Failure};

/// The time that a program may take to end after its sockets are closed.
const LAST_BREATH: Duration = Duration::from_millis(500);

/// A receiver that was started, or none.
#[derive(Debug)]
#[must_use]
pub(crate) struct Started {
    child: Option<Child>,
    name: String,
}

impl Started {
    pub(crate) fn none() -> Started {
        Started { child: None, name: String::new() }
    }

    /// Waits for its end and returns its exit code.
    pub(crate) fn wait(mut self) -> Result<u8, Failure> {
        let Some(child) = &mut self.child else { return Ok(0) };
        let status = child.wait().map_err(|error| Failure::host("cannot wait for the receiver", &error))?;
        match (status.code(), status.signal()) {
            (Some(code), _) => Ok(u8::try_from(code).unwrap_or(Exit::Other as u8)),
            // `head` and its like end the program that writes to them by this signal, which is no crash.
            (None, Some(13)) => Ok(0),
            (None, signal) => {
                let signal = signal.unwrap_or_default();
                Err(Failure::new(Exit::Crashed, format!("{} was ended by signal {signal}", self.name)))
            }
        }
    }

    /// Returns the status of a program that has ended, or ends now: the kernel closes its socket first.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let until = Instant::now() + LAST_BREATH;
        loop {
            match self.child.as_mut()?.try_wait() {
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                ended => return ended.ok().flatten(),
            }
        }
    }

    /// The name of the program.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// Starts the command and returns our end of the pair.
pub(crate) fn start(command: &[OsString]) -> Result<(OwnedFd, Started), Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::usage("no receiver is named after `--`"));
    };
    let name = program.to_string_lossy().into_owned();
    let (here, there) = transport::socket_pair()
        .map_err(|error| Failure::host("cannot make a pair of sockets", &error.into()))?;
    // Only the child's end may be inherited, and only by the child: this program has one thread and starts one program.
    let flags = fcntl_setfd(&there, FdFlags::empty());
    flags.map_err(|error| Failure::host("cannot pass on the socket", &error.into()))?;
    let started =
        Command::new(locate(program)).args(arguments).env(FD_VARIABLE, there.as_raw_fd().to_string()).spawn();
    drop(there);
    match started {
        Ok(child) => Ok((here, Started { child: Some(child), name })),
        Err(error) => Err(Failure::new(Exit::Usage, format!("cannot start {name:?}: {error}"))
            .advise("it is looked for beside this program, then on PATH")),
    }
}

/// Looks for a bare name beside this program first.
fn locate(program: &OsStr) -> PathBuf {
    let bare = Path::new(program).components().count() == 1 && !program.as_encoded_bytes().contains(&b'/');
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(program)));
    match beside {
        Some(beside) if bare && beside.is_file() => beside,
        _ => PathBuf::from(program),
    }
}
