//! Connecting to the sender.

use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use bowstring::transport::{Connector, HandshakeError, Incoming};
use bowstring::{SetUpError, TableReceiver};
use bowstring_cli::place::Place;
use bowstring_cli::signals::Signals;

use crate::failure::Failure;
use crate::inherit;
use crate::plan::{Plan, Venue};
use crate::trust;

/// What this program says of itself.
const GREETING: &[u8] = concat!("program=receiver ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// How long to rest between two looks for a sender that is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// Meets the sender at the plan's venue, and hears what table it sends.
pub(crate) fn meet(plan: &Plan, signals: &Signals) -> Result<TableReceiver, Failure> {
    let meeting = Connector::new(plan.deliveries).access(trust::ACCESS).greeting(GREETING);
    let incoming = match &plan.venue {
        Venue::Inherited(number) => {
            let met = inherit::adopt(*number).ok_or(HandshakeError::WrongSocket);
            met.and_then(|socket| meeting.connect_socket(socket))
                .map_err(|error| Failure::Connector { venue: plan.venue.clone(), error: error.into() })?
        }
        Venue::At(place) => wait_for_sender(&plan.venue, plan.wait, signals, || match place {
            Place::Abstract(name) => meeting.connect_abstract(name),
            Place::Path(path) => meeting.connect(path.as_os_str().as_bytes()),
        })?,
    };
    let opened = trust::open(incoming).map_err(SetUpError::Host);
    let receiver = opened.and_then(TableReceiver::from_opened);
    receiver.map_err(|error| Failure::SetUp { venue: plan.venue.clone(), error: error.into() })
}

/// Connects, and if nobody is there tries again for as long as was said.
fn wait_for_sender(
    venue: &Venue,
    wait: Option<Duration>,
    signals: &Signals,
    connect: impl Fn() -> Result<Incoming, HandshakeError>,
) -> Result<Incoming, Failure> {
    let begun = Instant::now();
    loop {
        let error = match connect() {
            Ok(incoming) => return Ok(incoming),
            Err(error) if is_absence(&error) => error,
            Err(error) => return Err(Failure::Connector { venue: venue.clone(), error: error.into() }),
        };
        if let Some(signal) = signals.caught() {
            return Err(Failure::Interrupted(signal));
        }
        let Some(left) = wait.and_then(|wait| wait.checked_sub(begun.elapsed())) else {
            return Err(Failure::NoSender { venue: venue.clone(), error: error.into(), waited: wait });
        };
        std::thread::sleep(left.min(PAUSE));
    }
}

/// Whether the error says that nobody is there: no socket, or one that its sender has left behind.
fn is_absence(error: &HandshakeError) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error, HandshakeError::Os(error)
        if matches!(std::io::Error::from(*error).kind(), NotFound | ConnectionRefused))
}
