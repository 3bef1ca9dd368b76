//! Addresses: a name, a path, or a name in the abstract namespace.

use core::ffi::c_char;

use bowstring_transport::fd::OwnedFd;
use bowstring_transport::session;
use bowstring_transport::{Access, Incoming, Listener, HandshakeError, Connector, Observer};

use crate::error::{BOWSTRING_ADDRESS, Failure};
use crate::pointer::text;

/// Where a channel is found.
#[derive(Clone, Copy)]
pub enum Address<'a> {
    /// A path: it has a slash.
    Path(&'a [u8]),
    /// A name in the abstract namespace: it begins with `@`, which does not belong to it.
    Abstract(&'a [u8]),
}

impl<'a> Address<'a> {
    /// Reads an address of the caller's.
    ///
    /// # Safety
    /// Unless it is null, `at` points to bytes up to a zero, which nobody writes to during the call.
    #[allow(unsafe_code)]
    pub unsafe fn read(at: *const c_char) -> Result<Address<'a>, Failure> {
        // SAFETY: the caller's promise.
        let bytes = unsafe { text(at) }?;
        match bytes {
            [] => Err(Failure::Plain(BOWSTRING_ADDRESS, "an empty address")),
            [b'@', name @ ..] => Ok(Address::Abstract(name)),
            path if path.contains(&b'/') => Ok(Address::Path(path)),
            name => Address::named(name),
        }
    }

    fn named(_: &'a [u8]) -> Result<Address<'a>, Failure> {
        Err(Failure::Plain(BOWSTRING_ADDRESS, "an address is a path with a slash, or begins with @"))
    }

    /// Listens there.
    pub fn listen(self) -> Result<Listener, HandshakeError> {
        match self {
            Address::Path(path) => Listener::bind(path),
            Address::Abstract(name) => Listener::bind_abstract(name),
        }
    }

    /// Connects there as a receiver.
    pub fn connect(self, meeting: &Connector<'_>) -> Result<Incoming, HandshakeError> {
        match self {
            Address::Path(path) => meeting.connect(path),
            Address::Abstract(name) => meeting.connect_abstract(name),
        }
    }

    /// Connects a socket there, to meet over as the side that speaks first.
    pub fn dial(self) -> Result<OwnedFd, HandshakeError> {
        match self {
            Address::Path(path) => session::connect(path),
            Address::Abstract(name) => session::connect_abstract(name),
        }
    }

    /// Looks at the sender there.
    pub fn observe(self, access: Access<'_>) -> Result<Observer, HandshakeError> {
        match self {
            Address::Path(path) => Observer::attach(path, access),
            Address::Abstract(name) => Observer::attach_abstract(name, access),
        }
    }
}
