//! Connecting to the sender.

use std::time::{Duration, Instant};

use bowstring::TableReceiver;
use bowstring::names::{Address, AddressError};
use bowstring::transport::{Appearance, Connector, HandshakeError, Incoming, Observer, RefusalCode};
use bowstring_cli::output_options;
use bowstring_cli::signals::Signals;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::failure::{Failure, is_no_socket};
use crate::inherit;
use crate::plan::{Endpoint, Plan};
use crate::trust;

/// This program's greeting.
const GREETING: &[u8] = concat!("program=receiver ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// The pause before trying again where somebody hung up.
const RETRY: Duration = Duration::from_millis(100);

/// The pause between two looks for an abstract name, which nothing tells of.
const PAUSE: Duration = Duration::from_millis(20);

/// Meets the sender at the plan's endpoint, and hears what table it sends.
pub(crate) fn meet(plan: &Plan, signals: &Signals) -> Result<TableReceiver, Failure> {
    let greeting = greeting(plan);
    let incoming = match &plan.endpoint {
        Endpoint::Inherited(number) => {
            let met = inherit::adopt(*number).ok_or(HandshakeError::WrongSocket);
            met.and_then(|socket| connector(plan, &greeting).connect(socket)).map_err(|error| {
                Failure::Connector { endpoint: plan.endpoint.clone(), error: error.into() }
            })?
        }
        Endpoint::At(address) => {
            let connect = || Ok(connector(plan, &greeting).connect(address.connect()?)?);
            wait_for_sender(plan, address, Patience { wait: plan.wait, again: false }, signals, connect)?
        }
    };
    open(plan, incoming)
}

/// Meets another sender at the plan's endpoint after one is gone; `None` if none comes in time.
pub(crate) fn again(
    plan: &Plan,
    wait: Duration,
    signals: &Signals,
) -> Result<Option<TableReceiver>, Failure> {
    let Endpoint::At(address) = &plan.endpoint else { return Ok(None) };
    let greeting = greeting(plan);
    let connect = || Ok(connector(plan, &greeting).connect(address.connect()?)?);
    let patience = Patience { wait: Some(wait), again: true };
    match wait_for_sender(plan, address, patience, signals, connect) {
        Ok(incoming) => open(plan, incoming).map(Some),
        Err(Failure::NoSender { .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Sleeps for a while, or until a signal comes.
pub(crate) fn pause(time: Duration, signals: &Signals) {
    let mut fds = [PollFd::from_borrowed_fd(signals.wake(), PollFlags::IN)];
    let time = Timespec::try_from(time).ok();
    // A signal is looked for afterwards, whatever ended the sleep.
    let _ = poll(&mut fds, time.as_ref());
}

fn connector<'a>(plan: &'a Plan, greeting: &'a [u8]) -> Connector<'a> {
    Connector::new(plan.deliveries).access(trust::access(&plan.users)).greeting(greeting)
}

/// Returns the greeting for the sender: this program, and what it wants.
fn greeting(plan: &Plan) -> Vec<u8> {
    [GREETING, plan.wish().lines().as_bytes()].concat()
}

fn open(plan: &Plan, incoming: Incoming) -> Result<TableReceiver, Failure> {
    let mut receiver = trust::open(incoming)
        .map_err(|error| Failure::SetUp { endpoint: plan.endpoint.clone(), error: error.into() })?;
    if let Some(columns) = plan.wish().columns {
        // Where the table lacks one of them, the choice of rows and columns names it.
        receiver.choose_columns(&columns);
    }
    Ok(receiver)
}

/// Attaches to the sender at the plan's endpoint without being one of its receivers. `None` if the sender shows nothing to
/// those, or over a socket that only a receiver can use.
pub(crate) fn observe(plan: &Plan, signals: &Signals) -> Result<Option<Observer>, Failure> {
    let Endpoint::At(address) = &plan.endpoint else { return Ok(None) };
    let observe = || address.observe(trust::access(&plan.users));
    let patience = Patience { wait: plan.wait, again: false };
    match wait_for_sender(plan, address, patience, signals, observe) {
        Ok(observer) => Ok(Some(observer)),
        // A sender in another language need not know of observers.
        Err(Failure::Connector { error, .. }) if !matches!(*error, HandshakeError::Denied { .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The patience with a place where nobody is.
#[derive(Clone, Copy, Debug)]
struct Patience {
    wait: Option<Duration>,
    /// A sender was there. One that hangs up, or has no place, may be about to end.
    again: bool,
}

/// Connects, and if nobody is there tries again for as long as was said.
fn wait_for_sender<T>(
    plan: &Plan,
    address: &Address,
    Patience { wait, again }: Patience,
    signals: &Signals,
    connect: impl Fn() -> Result<T, AddressError>,
) -> Result<T, Failure> {
    let endpoint = &plan.endpoint;
    let path = address.path().map(|path| path.into_os_string().into_encoded_bytes());
    let mut appearance = path.as_deref().map(Appearance::watch);
    let mut rest = |left: Duration| match &mut appearance {
        // What cannot be slept on is looked at again.
        Some(appearance) => appearance.wait_with(left, Some(signals.wake())).unwrap_or(()),
        None => std::thread::sleep(left.min(PAUSE)),
    };
    let begun = Instant::now();
    let mut said = false;
    loop {
        let error = match connect() {
            Ok(met) => return Ok(met),
            Err(error) if is_absence(&error) || again && is_passing(&error) => error,
            Err(AddressError::Meet(error)) => {
                return Err(Failure::Connector { endpoint: endpoint.clone(), error: error.into() });
            }
            Err(error) => return Err(Failure::Address(error)),
        };
        if let Some(signal) = signals.caught() {
            return Err(Failure::Interrupted(signal));
        }
        let left = wait.and_then(|wait| wait.checked_sub(begun.elapsed()));
        // What is no socket will not become one.
        let Some(left) = left.filter(|_| !is_no_socket(endpoint)) else {
            return Err(Failure::NoSender { endpoint: endpoint.clone(), error: error.into(), waited: wait });
        };
        if !std::mem::replace(&mut said, true) && !again && !plan.output_options.quiet {
            output_options::say(&format!(
                "receiver: waiting up to {} s for a sender: {endpoint}",
                left.as_secs_f64().round()
            ));
        }
        // Nothing appears where somebody is about to go.
        rest(if is_absence(&error) { left } else { left.min(RETRY) });
    }
}

/// True if nobody is there, or its queue is full of others.
fn is_absence(error: &AddressError) -> bool {
    error.nobody_listens() || matches!(error, AddressError::Meet(error) if error.is_absence())
}

/// True if a sender is there that may be gone soon.
fn is_passing(error: &AddressError) -> bool {
    match error {
        AddressError::Meet(HandshakeError::HungUp | HandshakeError::TimedOut(_)) => true,
        AddressError::Meet(HandshakeError::Refused(refusal)) => refusal.code == RefusalCode::Full,
        _ => false,
    }
}
