//! Datagrams, field by field. Nothing here checks anything.

use bowstring_transport::session::wire::{Kind, MAGIC, PARAMETERS, PREFIX, VERSION};

/// Returns the common prefix of a datagram of `len` bytes.
#[must_use]
pub fn prefix(version: u16, kind: u16, len: usize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes.extend(u32::try_from(len).expect("a datagram").to_le_bytes());
    bytes
}

/// Returns a datagram that is only the prefix.
#[must_use]
pub fn bare(kind: Kind) -> Vec<u8> {
    prefix(VERSION, kind as u16, PREFIX)
}

/// Returns a datagram of `kind` with `words` after the prefix.
#[must_use]
pub fn with(kind: Kind, words: &[u32]) -> Vec<u8> {
    let mut bytes = prefix(VERSION, kind as u16, PREFIX + 4 * words.len());
    bytes.extend(words.iter().flat_map(|w| w.to_le_bytes()));
    bytes
}

/// Returns the announcement of a sealed message.
#[must_use]
pub fn message(number: u64, len: u64) -> Vec<u8> {
    let mut bytes = prefix(VERSION, Kind::Message as u16, 48);
    bytes.extend([number, len, 0, 0].iter().flat_map(|w| w.to_le_bytes()));
    bytes
}

/// The parameters in a HELLO or a WELCOME. [`receiver`](Parameters::receiver) and [`sender`](Parameters::sender) make correct
/// ones.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are those of the protocol")]
pub struct Parameters {
    pub version: u16,
    pub features: u64,
    pub pid: u32,
    pub observer: u32,
    pub offers: u32,
    pub slots: u32,
    pub slot_size: u64,
    pub first: u64,
    pub pool_is_huge: u32,
    pub takes_huge: u32,
    pub wants: u32,
    pub reserved: [u32; 3],
    pub max_pool: u64,
    pub greeting_says: u32,
    pub greeting_in_descriptor: u32,
    pub greeting: Vec<u8>,
}

/// The bit of pooled delivery.
pub const POOLED: u32 = 1;
/// The bit of copied delivery.
pub const COPIED: u32 = 2;
/// The bit of sealed delivery.
pub const SEALED: u32 = 4;

/// The shape of the pools in these tests.
pub const SLOTS: u32 = 8;
/// See [`SLOTS`].
pub const SLOT_SIZE: u64 = 4096;

impl Parameters {
    fn silent() -> Parameters {
        Parameters {
            version: VERSION,
            features: 0,
            pid: std::process::id(),
            observer: 0,
            offers: 0,
            slots: 0,
            slot_size: 0,
            first: 0,
            pool_is_huge: 0,
            takes_huge: 0,
            wants: 0,
            reserved: [0; 3],
            max_pool: 0,
            greeting_says: 0,
            greeting_in_descriptor: 0,
            greeting: Vec::new(),
        }
    }

    /// Returns the parameters of a side that only receives.
    #[must_use]
    pub fn receiver(wants: u32) -> Parameters {
        Parameters { wants, max_pool: 1 << 30, ..Parameters::silent() }
    }

    /// Returns the parameters of a side that only sends.
    #[must_use]
    pub fn sender(offers: u32) -> Parameters {
        if offers == SEALED {
            return Parameters { offers, ..Parameters::silent() };
        }
        Parameters { offers, slots: SLOTS, slot_size: SLOT_SIZE, first: 1, ..Parameters::silent() }
    }

    /// Returns the datagram.
    #[must_use]
    pub fn datagram(&self, kind: Kind) -> Vec<u8> {
        let mut bytes = prefix(self.version, kind as u16, PARAMETERS + self.greeting.len());
        bytes.extend(self.features.to_le_bytes());
        bytes.extend([self.pid, self.observer, self.offers, self.slots].iter().flat_map(|w| w.to_le_bytes()));
        bytes.extend([self.slot_size, self.first].iter().flat_map(|w| w.to_le_bytes()));
        bytes.extend(
            [self.pool_is_huge, self.takes_huge, self.wants, self.reserved[0]]
                .iter()
                .flat_map(|w| w.to_le_bytes()),
        );
        bytes.extend(self.max_pool.to_le_bytes());
        bytes.extend(
            [self.greeting_says, self.greeting_in_descriptor, self.reserved[1], self.reserved[2]]
                .iter()
                .flat_map(|w| w.to_le_bytes()),
        );
        bytes.extend(&self.greeting);
        bytes
    }

    /// Like [`datagram`](Self::datagram), cut after `len` bytes and truthful about it.
    #[must_use]
    pub fn cut(&self, kind: Kind, len: usize) -> Vec<u8> {
        let mut bytes = self.datagram(kind);
        bytes.truncate(len);
        bytes[12..16].copy_from_slice(&u32::try_from(len).expect("a datagram").to_le_bytes());
        bytes
    }
}
