//! The options of a handshake, for either side.

use core::ffi::c_void;
use core::time::Duration;

use bowstring_transport::{
    Access, ConnectRequest as Request, Connector as Wanted, Decision, Deliveries, Delivery, HandshakeConfig,
};

use crate::error::Failure;
use crate::pointer;

/// Messages are read in the sender's slots, in place. The sender is declared honest: not to write to a message that has
/// not been released. Everything else about it is checked.
pub const BOWSTRING_POOLED: u32 = 1;
/// Messages are copied out of the sender's slots before they are read. Safe with any sender.
pub const BOWSTRING_COPIED: u32 = 2;
/// Each message is an immutable file. Safe with any sender.
pub const BOWSTRING_SEALED: u32 = 4;

/// A process that asks to connect.
#[repr(C)]
pub struct ConnectRequest {
    /// Its process; 0 if this process cannot see it.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
    /// Its greeting: bytes that belong to the application.
    pub greeting: *const u8,
    /// Bytes of that.
    pub greeting_len: usize,
    /// 1 if it only wants to see the statistics.
    pub observer: u32,
    /// 0.
    pub reserved: u32,
}

/// Options for a handshake. Zero in a field means its default; NULL in place of the struct means all defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HandshakeOptions {
    /// `sizeof(bowstring_handshake_options)`.
    pub size: usize,
    /// A greeting for the other application.
    pub greeting: *const u8,
    /// Bytes of that.
    pub greeting_len: usize,
    /// The users to talk to; none means processes of the same user.
    pub users: *const u32,
    /// Their number.
    pub users_len: usize,
    /// The time that the handshake may take, in nanoseconds; 0 means two seconds.
    pub patience: u64,
    /// Receivers: a set of `BOWSTRING_POOLED`, `BOWSTRING_COPIED` and `BOWSTRING_SEALED`; the first that the sender offers
    /// too is chosen. 0 means copied or sealed, which are safe with any sender.
    pub deliveries: u32,
    /// Receivers: 1 accepts a pool of reserved huge pages.
    pub huge_tlb: u32,
    /// Receivers: the largest pool to map, in bytes; 0 means 64 GiB.
    pub max_pool: u64,
    /// Listeners: returns 0 to let a connector in, anything else to refuse it; NULL lets everybody in who is of an allowed
    /// user. Must return: no `longjmp`, no C++ exception. It must not use the handle it is called for.
    pub decide: Option<unsafe extern "C" fn(context: *mut c_void, request: *const ConnectRequest) -> i32>,
    /// Handed to `decide`.
    pub context: *mut c_void,
}

impl HandshakeOptions {
    const DEFAULT: HandshakeOptions = HandshakeOptions {
        size: size_of::<HandshakeOptions>(),
        greeting: core::ptr::null(),
        greeting_len: 0,
        users: core::ptr::null(),
        users_len: 0,
        patience: 0,
        deliveries: 0,
        huge_tlb: 0,
        max_pool: 0,
        decide: None,
        context: core::ptr::null_mut(),
    };
}

/// The options of a handshake, checked.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    options: HandshakeOptions,
    /// The greeting.
    pub greeting: &'a [u8],
    /// The users to talk to.
    pub access: Access<'a>,
}

impl<'a> Terms<'a> {
    /// Reads the caller's options.
    ///
    /// # Safety
    /// Unless it is null, `at` points to options as the header describes them.
    #[allow(unsafe_code)]
    pub unsafe fn read(at: *const HandshakeOptions) -> Result<Terms<'a>, Failure> {
        // SAFETY: the caller's promise; the struct begins with its size, and its pointers are checked before use.
        let options = unsafe { pointer::options(at, HandshakeOptions::DEFAULT) }?;
        if options.deliveries & !7 != 0 {
            return Err(Failure::argument("deliveries are a set of BOWSTRING_POOLED, _COPIED and _SEALED"));
        }
        // SAFETY: the caller's promise.
        let greeting = unsafe { pointer::bytes(options.greeting, options.greeting_len) }?;
        // SAFETY: the caller's promise.
        let users = unsafe { pointer::array(options.users, options.users_len) }?;
        let access = if users.is_empty() { Access::SameUser } else { Access::Users(users) };
        Ok(Terms { options, greeting, access })
    }

    /// Returns the time that the handshake may take.
    #[must_use]
    pub fn patience(&self) -> Duration {
        match self.options.patience {
            0 => Duration::from_secs(2),
            nanos => Duration::from_nanos(nanos),
        }
    }

    /// The options of a side that sends.
    pub fn introduction(&self) -> HandshakeConfig<'a> {
        HandshakeConfig::new(self.greeting).access(self.access).patience(self.patience())
    }

    /// The options of a side that receives.
    pub fn wanted(&self) -> Wanted<'a> {
        let set = match self.options.deliveries {
            0 => BOWSTRING_COPIED | BOWSTRING_SEALED,
            set => set,
        };
        let kinds = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];
        let mut chosen = kinds.into_iter().filter(|kind| set & *kind as u32 != 0);
        let first = chosen.next().map_or(Deliveries::ANY, Deliveries::only);
        let wanted = Wanted::new(chosen.fold(first, Deliveries::and));
        let wanted = wanted.access(self.access).greeting(self.greeting).patience(self.patience());
        let wanted = if self.options.max_pool == 0 { wanted } else { wanted.max_pool(self.options.max_pool) };
        if self.options.huge_tlb == 0 { wanted } else { wanted.allow_huge_tlb() }
    }

    /// The answer to a connector.
    pub fn answer(&self, request: &Request<'_>) -> Decision<'a> {
        let Some(decide) = self.options.decide else { return Decision::Welcome(self.greeting) };
        let shown = ConnectRequest {
            pid: request.peer.pid,
            uid: request.peer.uid,
            greeting: request.greeting.as_ptr(),
            greeting_len: request.greeting.len(),
            observer: request.observer.into(),
            reserved: 0,
        };
        // SAFETY: a function of the caller's, with its own context and a request that lives until it returns.
        #[allow(unsafe_code)]
        let verdict = unsafe { decide(self.options.context, &raw const shown) };
        if verdict == 0 {
            Decision::Welcome(self.greeting)
        } else {
            Decision::Refuse("the application said no")
        }
    }
}
