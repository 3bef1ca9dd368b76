//! The ways of delivering a message, and sets of them.

/// A way of delivering a message; it determines whom the receiver must trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Delivery {
    /// The receiver reads the sender's slots in place. It has declared the sender honest: not to write to a leased
    /// slot.
    Pooled = 1,
    /// The receiver copies each message out of the slots and reads only the copy.
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

    /// Returns true if messages travel through the sender's slots.
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
    /// Pooled and copied: all deliveries through slots.
    pub const SLOTS: Deliveries = Deliveries(3);
    /// Sealed only.
    pub const SEALED: Deliveries = Deliveries(4);

    /// Creates a set of one delivery.
    #[must_use]
    pub const fn only(delivery: Delivery) -> Deliveries {
        Deliveries(delivery as u32)
    }

    /// Returns this set with one more delivery.
    #[must_use]
    pub const fn and(self, delivery: Delivery) -> Deliveries {
        Deliveries(self.0 | delivery as u32)
    }

    /// Returns true if the set contains `delivery`.
    #[must_use]
    pub const fn contains(self, delivery: Delivery) -> bool {
        self.0 & delivery as u32 != 0
    }

    /// Returns true if any delivery of the set uses slots.
    #[must_use]
    pub const fn use_slots(self) -> bool {
        self.0 & Deliveries::SLOTS.0 != 0
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}
