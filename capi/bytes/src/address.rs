//! Addresses: a name, a path, or a name in the abstract namespace.

use core::ffi::c_char;

use bowstring_transport::fd::OwnedFd;
use bowstring_transport::{Access, Listener, Observer};

use crate::error::Failure;
use crate::pointer::text;

/// The address of a channel.
pub struct Address<'a>(Inner<'a>);

impl<'a> Address<'a> {
    /// Reads an address of the caller's.
    ///
    /// # Safety
    /// Unless it is null, `at` points to bytes up to a zero, which nobody writes to during the call.
    #[allow(unsafe_code)]
    pub unsafe fn read(at: *const c_char) -> Result<Address<'a>, Failure> {
        // SAFETY: the caller's promise.
        let bytes = unsafe { text(at) }?;
        parse(bytes).map(Address)
    }

    /// Listens there.
    pub fn listen(&self) -> Result<Listener, Failure> {
        Ok(self.0.listen()?)
    }

    /// Connects a socket there, to meet over as the side that speaks first.
    pub fn dial(&self) -> Result<OwnedFd, Failure> {
        Ok(self.0.connect()?)
    }

    /// Looks at the sender there.
    pub fn observe(&self, access: Access<'_>) -> Result<Observer, Failure> {
        Ok(self.0.observe(access)?)
    }
}

#[cfg(feature = "std")]
use named::{Inner, parse};

/// With a standard library, names too.
#[cfg(feature = "std")]
mod named {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use bowstring_transport::names::{self, AddressError, NameError};

    use crate::error::{BOWSTRING_ADDRESS, Failure, os_failure};

    pub(super) type Inner<'a> = WithLifetime<'a>;

    /// An address, which is owned here and borrowed where there is no heap.
    pub(super) struct WithLifetime<'a>(names::Address, core::marker::PhantomData<&'a ()>);

    impl core::ops::Deref for WithLifetime<'_> {
        type Target = names::Address;
        fn deref(&self) -> &names::Address {
            &self.0
        }
    }

    pub(super) fn parse<'a>(bytes: &'a [u8]) -> Result<Inner<'a>, Failure> {
        let address = names::Address::parse(OsStr::from_bytes(bytes)).map_err(AddressError::Name)?;
        Ok(WithLifetime(address, core::marker::PhantomData))
    }

    impl From<AddressError> for Failure {
        fn from(e: AddressError) -> Failure {
            let why = match e {
                AddressError::Meet(e) => return e.into(),
                AddressError::Name(NameError::Directory { error, .. }) => return os_failure(&error),
                AddressError::Name(NameError::Unsafe { why, .. }) => why,
                AddressError::Name(NameError::Reserved) => "that name is the store's",
                AddressError::Name(NameError::TooLong { .. }) => {
                    "the socket's path is too long for the kernel"
                }
                _ => "not an address: NAME of letters, digits, `.`, `_`, `-`; a path with a slash; or @NAME",
            };
            Failure::Plain(BOWSTRING_ADDRESS, why)
        }
    }
}

#[cfg(not(feature = "std"))]
use bare::{Inner, parse};

/// Without one, what the kernel understands.
#[cfg(not(feature = "std"))]
mod bare {
    use core::time::Duration;

    use bowstring_transport::fd::OwnedFd;
    use bowstring_transport::{Access, Endpoint, HandshakeError, Listener, Observer};

    use crate::error::{BOWSTRING_ADDRESS, Failure};

    pub(super) enum Inner<'a> {
        Path(&'a [u8]),
        Abstract(&'a [u8]),
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Inner<'_>, Failure> {
        match bytes {
            [b'@', name @ ..] if !name.is_empty() => Ok(Inner::Abstract(name)),
            path if path.contains(&b'/') => Ok(Inner::Path(path)),
            _ => Err(Failure::Plain(
                BOWSTRING_ADDRESS,
                "not an address: a path with a slash, or @NAME (names need the full library)",
            )),
        }
    }

    impl Inner<'_> {
        pub(super) fn listen(&self) -> Result<Listener, HandshakeError> {
            match self {
                Inner::Path(path) => Listener::bind(path),
                Inner::Abstract(name) => Listener::bind_abstract(name),
            }
        }

        pub(super) fn connect(&self) -> Result<OwnedFd, HandshakeError> {
            self.endpoint().open(Duration::from_secs(2))
        }

        pub(super) fn observe(&self, access: Access<'_>) -> Result<Observer, HandshakeError> {
            Observer::attach(self.endpoint(), access)
        }

        fn endpoint(&self) -> Endpoint<'_> {
            match self {
                Inner::Path(path) => Endpoint::Path(path),
                Inner::Abstract(name) => Endpoint::Abstract(name),
            }
        }
    }
}
