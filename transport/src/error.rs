//! Errors: what failed, whose fault it was, and where.

use core::fmt;

use rustix::io::Errno;

/// A system call that this crate makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is named after its call")]
pub enum Call {
    Accept,
    AddSeals,
    Advise,
    Allocate,
    Bind,
    Connect,
    Duplicate,
    Epoll,
    FutexWait,
    GetSeals,
    Inotify,
    Listen,
    Lock,
    Map,
    MemfdCreate,
    Open,
    PeerCredentials,
    PidfdOpen,
    Poll,
    Populate,
    Read,
    Receive,
    Send,
    SetFlags,
    SetMode,
    SetSendBuffer,
    SetSendTimeout,
    Shutdown,
    Socket,
    SocketKind,
    SocketPair,
    Stat,
    StatFs,
    Truncate,
    Unlink,
    Write,
}

impl Call {
    /// Returns the name of the call's manual page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Call::Accept => "accept4",
            Call::AddSeals => "fcntl(F_ADD_SEALS)",
            Call::Advise => "madvise",
            Call::Allocate => "fallocate",
            Call::Bind => "bind",
            Call::Connect => "connect",
            Call::Duplicate => "fcntl(F_DUPFD_CLOEXEC)",
            Call::Epoll => "epoll_create1",
            Call::FutexWait => "futex",
            Call::GetSeals => "fcntl(F_GET_SEALS)",
            Call::Inotify => "inotify",
            Call::Listen => "listen",
            Call::Lock => "flock",
            Call::Map => "mmap",
            Call::MemfdCreate => "memfd_create",
            Call::Open => "open",
            Call::PeerCredentials => "getsockopt(SO_PEERCRED)",
            Call::PidfdOpen => "pidfd_open",
            Call::Poll => "poll",
            Call::Populate => "madvise(MADV_POPULATE)",
            Call::Read => "read",
            Call::Receive => "recvmsg",
            Call::Send => "sendmsg",
            Call::SetFlags => "fcntl",
            Call::SetMode => "fchmod",
            Call::SetSendTimeout => "setsockopt(SO_SNDTIMEO)",
            Call::SetSendBuffer => "setsockopt(SO_SNDBUF)",
            Call::Shutdown => "shutdown",
            Call::Socket => "socket",
            Call::SocketKind => "getsockopt",
            Call::SocketPair => "socketpair",
            Call::Stat => "stat",
            Call::StatFs => "fstatfs",
            Call::Truncate => "ftruncate",
            Call::Unlink => "unlink",
            Call::Write => "pwrite",
        }
    }
}

/// A system call and the error that it returned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OsError {
    call: Call,
    errno: Errno,
}

impl OsError {
    /// Creates the error of a call that a higher crate made itself.
    #[must_use]
    pub const fn new(call: Call, errno: Errno) -> OsError {
        OsError { call, errno }
    }

    /// Returns the call that failed.
    #[must_use]
    pub const fn call(self) -> Call {
        self.call
    }

    /// Returns the error number, as in `errno(3)`.
    #[must_use]
    pub const fn raw_os_error(self) -> i32 {
        self.errno.raw_os_error()
    }

    pub(crate) fn is(self, errno: Errno) -> bool {
        self.errno == errno
    }

    /// Returns the symbol of a common errno, with advice where there is some.
    fn meaning(self) -> &'static str {
        match self.errno {
            Errno::ACCESS => "EACCES: permission denied",
            Errno::PERM => "EPERM: not permitted",
            Errno::NOENT => "ENOENT: no such file; is the other side running?",
            Errno::CONNREFUSED => "ECONNREFUSED: nobody listens there any more",
            Errno::ADDRINUSE => "EADDRINUSE: the name is taken",
            Errno::NOMEM => "ENOMEM: out of memory or address space (see RLIMIT_AS)",
            Errno::NOSPC => "ENOSPC: no memory left for shared files",
            Errno::MFILE => "EMFILE: too many open files in this process (see RLIMIT_NOFILE)",
            Errno::NFILE => "ENFILE: too many open files in the system",
            Errno::FBIG => "EFBIG: larger than RLIMIT_FSIZE allows",
            Errno::TOOMANYREFS => "ETOOMANYREFS: too many descriptors in flight for this user",
            Errno::PROTOTYPE => "EPROTOTYPE: a socket of another kind is there, not a Bowstring program's",
            Errno::PIPE => "EPIPE: the peer has hung up",
            Errno::AGAIN => "EAGAIN: not now",
            Errno::BUSY => "EBUSY: in use",
            Errno::INVAL => "EINVAL: not supported here",
            Errno::NOSYS => "ENOSYS: this kernel does not have it",
            Errno::NAMETOOLONG => "ENAMETOOLONG: a socket's path has at most 107 bytes",
            _ => "",
        }
    }
}

impl fmt::Debug for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OsError({}, {})", self.call.name(), self.errno.raw_os_error())
    }
}

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: ", self.call.name())?;
        match self.meaning() {
            "" => write!(f, "errno {}", self.errno.raw_os_error()),
            meaning => f.write_str(meaning),
        }
    }
}

impl core::error::Error for OsError {}

#[cfg(feature = "std")]
impl From<OsError> for std::io::Error {
    fn from(e: OsError) -> std::io::Error {
        std::io::Error::from_raw_os_error(e.raw_os_error())
    }
}

/// Whose fault an error was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This program asked for something impossible.
    Ours,
    /// The peer broke the protocol, refused, or went away.
    Peer,
    /// The host could not or would not do it.
    Host,
}

/// The memory that a descriptor is supposed to refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionKind {
    /// The slots of a sender.
    Pool,
    /// The publications of a sender to one receiver.
    Board,
    /// The releases of a receiver.
    Ledger,
    /// A sender's stats.
    StatsRegion,
    /// A message in a file of its own.
    Sealed,
    /// A greeting too long for the handshake's datagram.
    Greeting,
}

/// The most slots a pool may have.
pub const MAX_SLOTS: u32 = 1 << 16;

/// Reasons why a geometry is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeometryError {
    /// There must be between 1 and [`MAX_SLOTS`] slots.
    Slots(u32),
    /// A slot must be a multiple of 64 bytes and at least 64.
    SlotSize(u64),
    /// The pool would be larger than the address space or than the stated limit.
    TooLarge {
        /// The pool's bytes, or `u64::MAX` if they overflow.
        bytes: u64,
        /// The limit.
        most: u64,
    },
}

/// Reasons for refusing a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionFault {
    /// It is not a memory file that supports seals, but a device, a socket or a file on disk.
    NotMemory,
    /// It is made of reserved huge pages, which the receiver did not agree to.
    HugeTlb,
    /// It may still shrink: `F_SEAL_SHRINK` is missing.
    MayShrink,
    /// It may still grow: `F_SEAL_GROW` is missing.
    MayGrow,
    /// Processes other than its owner may write to it: `F_SEAL_WRITE` or `F_SEAL_FUTURE_WRITE` is missing.
    MayBeWritten,
    /// Its owner may still change it: `F_SEAL_WRITE` is missing where `F_SEAL_FUTURE_WRITE` is not enough.
    NotFrozen,
    /// Seals may still be added: `F_SEAL_SEAL` is missing.
    MayBeSealed,
    /// It does not have the size that was announced.
    Size {
        /// Its size.
        found: u64,
        /// The size that it should have.
        wanted: u64,
    },
    /// Parts of it have no memory yet; reading them would allocate on the reader's account.
    Holes {
        /// The bytes that have memory.
        allocated: u64,
        /// The bytes that should have.
        wanted: u64,
    },
    /// The kernel failed to inspect it or to map it.
    Os(OsError),
}

impl From<OsError> for RegionFault {
    fn from(e: OsError) -> RegionFault {
        RegionFault::Os(e)
    }
}

impl fmt::Display for RegionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegionFault::NotMemory => f.write_str("it is not a sealable memory file"),
            RegionFault::HugeTlb => {
                f.write_str("it is made of reserved huge pages, which were not agreed to")
            }
            RegionFault::MayShrink => f.write_str("F_SEAL_SHRINK is missing"),
            RegionFault::MayGrow => f.write_str("F_SEAL_GROW is missing"),
            RegionFault::MayBeWritten => f.write_str("F_SEAL_FUTURE_WRITE is missing"),
            RegionFault::NotFrozen => f.write_str("F_SEAL_WRITE is missing"),
            RegionFault::MayBeSealed => f.write_str("F_SEAL_SEAL is missing"),
            RegionFault::Size { found, wanted } => {
                write!(f, "it has {found} bytes where {wanted} were announced")
            }
            RegionFault::Holes { allocated, wanted } => {
                write!(f, "only {allocated} of its {wanted} bytes have memory")
            }
            RegionFault::Os(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for RegionFault {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            RegionFault::Os(e) => Some(e),
            _ => None,
        }
    }
}

impl fmt::Display for RegionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RegionKind::Pool => "pool",
            RegionKind::Board => "board",
            RegionKind::Ledger => "ledger",
            RegionKind::StatsRegion => "stats",
            RegionKind::Sealed => "sealed message",
            RegionKind::Greeting => "greeting",
        })
    }
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GeometryError::Slots(n) => write!(f, "{n} slots: there must be 1 to {MAX_SLOTS}"),
            GeometryError::SlotSize(n) => write!(f, "slots of {n} bytes: they must be multiples of 64 bytes"),
            GeometryError::TooLarge { bytes, most } => {
                write!(f, "a pool of {bytes} bytes: {most} is the most")
            }
        }
    }
}

impl core::error::Error for GeometryError {}
