//! A live view of a user's running channels: `sender top` and `receiver top`.
//!
//! A sender keeps its stats in a region that anyone whom it lets in may map read-only. Looking costs it nothing: it
//! hands over a descriptor once, and is not asked again. A sender without a name is not even asked: its process is found
//! to hold such a region.
//!
//! # Map
//!
//! [`Top`] is what can be said on the command line; `find` looks for sockets; `watch` looks for the senders there and for
//! those without a name, holds on to them and takes samples of them; `text` and `json` show the samples; [`run`] is the loop.

mod args;
mod find;
mod json;
mod text;
mod watch;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use bowstring_cli::signals::Signals;
use bowstring_transport::names::{Address, AddressError};

pub use crate::args::Top;
use crate::watch::{Place, Sample, State, Watch};

/// The longest rest between two looks whether to stop.
const ATTENTION: Duration = Duration::from_millis(50);

/// A reason that there is nothing to show.
#[derive(Debug)]
pub enum TopError {
    /// The only sender that was named is not there, or does not let us look.
    Sender {
        /// Its address.
        address: Address,
        /// The reason.
        error: Box<AddressError>,
    },
    /// The directory of names cannot be used, or what was given is no name.
    Directory(String),
    /// The view could not be written.
    Output(io::Error),
    /// Signals cannot be caught.
    Signals(io::Error),
}

impl From<io::Error> for TopError {
    fn from(error: io::Error) -> TopError {
        TopError::Output(error)
    }
}

impl fmt::Display for TopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopError::Sender { address, error } => write!(f, "{address}: {error}"),
            TopError::Directory(why) => f.write_str(why),
            TopError::Output(error) | TopError::Signals(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TopError {}

/// Shows running channels on standard output: until a signal comes, as many times as `top` says, or until nobody reads any
/// more.
///
/// On a terminal each view takes the place of the one before.
pub fn run(top: &Top) -> Result<(), TopError> {
    let signals = Signals::catch().map_err(TopError::Signals)?;
    let mut out = io::stdout();
    let terminal = out.is_terminal();
    match show(top, &mut out, terminal, &signals) {
        Err(TopError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

fn show(top: &Top, out: &mut impl Write, terminal: bool, signals: &Signals) -> Result<(), TopError> {
    let mut watch = Watch::default();
    let (mut left, mut first) = (top.count, true);
    loop {
        let addresses = find::addresses(&top.channels)?;
        let mut samples = watch.look(&addresses, top.channels.is_empty());
        // Senders may come and go, but one that is asked for by its name should be there at first.
        if first
            && top.channels.len() == 1
            && matches!(&*samples, [Sample { state: State::Absent(_), .. }])
            && let Some(Sample { place: Place::Address(address), state: State::Absent(error) }) =
                samples.pop()
        {
            return Err(TopError::Sender { address, error: Box::new(error) });
        }
        first = false;
        samples.retain(|sample| !matches!(sample.state, State::Absent(_)));
        if top.json {
            for sample in &samples {
                writeln!(out, "{}", json::object(sample))?;
            }
        } else {
            if terminal {
                // Home, and clear what is below: no flicker, unlike clearing all of it.
                out.write_all(b"\x1b[H\x1b[J")?;
            }
            text::view(out, &samples, &find::described(&top.channels))?;
        }
        out.flush()?;
        left = left.map(|left| left.saturating_sub(1));
        let next = Instant::now() + top.interval;
        if left == Some(0) {
            return Ok(());
        }
        loop {
            if signals.caught().is_some() {
                return Ok(());
            }
            let rest = next.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                break;
            }
            std::thread::sleep(rest.min(ATTENTION));
        }
    }
}
