//! Connecting to the sender.

use std::time::{Duration, Instant};

use bowstring::names::AddressError;
use bowstring::transport::{Appearance, Connector, HandshakeError, Incoming};
use bowstring::{SetUpError, TableReceiver};
use bowstring_cli::signals::Signals;

use crate::failure::Failure;
use crate::inherit;
use crate::plan::{Plan, Venue};
use crate::trust;

/// What this program says of itself.
const GREETING: &[u8] = concat!("program=receiver ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// The longest sleep while a sender is waited for: a signal that comes just before a sleep does not end it.
const NAP: Duration = Duration::from_secs(1);

/// The pause between two looks for an abstract name, which nothing tells of.
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
        Venue::At(address) => {
            let path = address.path().map(|path| path.into_os_string().into_encoded_bytes());
            let mut appearance = path.as_deref().map(Appearance::watch);
            let rest = |left: Duration| match &mut appearance {
                // What cannot be slept on is looked at again.
                Some(appearance) => appearance.wait(left.min(NAP)).unwrap_or(()),
                None => std::thread::sleep(left.min(PAUSE)),
            };
            let connect = || Ok(meeting.connect_socket(address.connect()?)?);
            wait_for_sender(&plan.venue, plan.wait, signals, connect, rest)?
        }
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
    connect: impl Fn() -> Result<Incoming, AddressError>,
    mut rest: impl FnMut(Duration),
) -> Result<Incoming, Failure> {
    let begun = Instant::now();
    loop {
        let error = match connect() {
            Ok(incoming) => return Ok(incoming),
            Err(error) if is_absence(&error) => error,
            Err(AddressError::Meet(error)) => {
                return Err(Failure::Connector { venue: venue.clone(), error: error.into() });
            }
            Err(error) => return Err(Failure::Address(error)),
        };
        if let Some(signal) = signals.caught() {
            return Err(Failure::Interrupted(signal));
        }
        let Some(left) = wait.and_then(|wait| wait.checked_sub(begun.elapsed())) else {
            return Err(Failure::NoSender { venue: venue.clone(), error: error.into(), waited: wait });
        };
        rest(left);
    }
}

/// True if nobody is there, or there are so many before this program that it is not let in yet.
fn is_absence(error: &AddressError) -> bool {
    error.nobody_listens() || matches!(error, AddressError::Meet(error) if error.is_absence())
}
