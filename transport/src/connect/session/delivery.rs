//! The ways of handing over a message, and sets of them.

/// A way of handing over a message, and with it whom one must trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Delivery {
    /// The receiver reads the sender's slots in place. It has declared the sender honest: not to write to a slot that is
    /// out on lease.
    Pooled = 1,
    /// The receiver copies each message out of the slots and looks at the copy only.
    Copied = 2,
    /// Each message is a file of its own that nobody can change any more.
    Sealed = 4,
}

impl Delivery {
    pub(super) const fn from_bit(bit: u32) -> Option<Delivery> {
        match bit {
            1 => Some(Delivery::Pooled),
            2 => Some(Delivery::Copied),
            4 => Some(Delivery::Sealed),
            _ => None,
        }
    }

    /// Whether messages travel through the sender's slots.
    #[must_use]
    pub const fn uses_slots(self) -> bool {
        !matches!(self, Delivery::Sealed)
    }
}

/// A set of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deliveries(u32);

impl Deliveries {
    /// All three.
    pub const ANY: Deliveries = Deliveries(7);
    /// Pooled and copied: all that goes through slots.
    pub const SLOTS: Deliveries = Deliveries(3);
    /// Sealed only.
    pub const SEALED: Deliveries = Deliveries(4);

    /// One delivery.
    #[must_use]
    pub const fn only(delivery: Delivery) -> Deliveries {
        Deliveries(delivery as u32)
    }

    /// This set and one more.
    #[must_use]
    pub const fn and(self, delivery: Delivery) -> Deliveries {
        Deliveries(self.0 | delivery as u32)
    }

    /// Whether the set contains `delivery`.
    #[must_use]
    pub const fn contains(self, delivery: Delivery) -> bool {
        self.0 & delivery as u32 != 0
    }

    /// Whether any of the set goes through slots.
    #[must_use]
    pub const fn use_slots(self) -> bool {
        self.0 & Deliveries::SLOTS.0 != 0
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}
