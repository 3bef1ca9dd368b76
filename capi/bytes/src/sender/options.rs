//! Options for making a sender.
#![allow(unsafe_code)]

use bowstring_transport::region::Pages;
use bowstring_transport::{Deliveries, Delivery, OnSlow, SenderConfig};

use crate::error::Failure;
use crate::pointer;

/// A receiver that is slow is waited for.
pub const BOWSTRING_BLOCK: u32 = 0;

/// A receiver that is slow misses messages.
pub const BOWSTRING_SKIP: u32 = 1;

/// A receiver that is slow is disconnected.
pub const BOWSTRING_DISCONNECT: u32 = 2;

/// The page size of the machine.
pub const BOWSTRING_PAGES_NORMAL: u32 = 0;

/// Transparent huge pages, if the host grants them.
pub const BOWSTRING_PAGES_HUGE: u32 = 1;

/// Pages of 2 MiB from the host's reserve.
pub const BOWSTRING_PAGES_HUGETLB: u32 = 2;

/// Options for making a sender. Zero in a field means its default; NULL in place of the struct means all defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SenderOptions {
    /// `sizeof(bowstring_sender_options)`.
    pub size: usize,
    /// Slots of the pool; 0 means 64.
    pub slots: u32,
    /// `BOWSTRING_PAGES_…`.
    pub pages: u32,
    /// Bytes of a slot, a multiple of 64; 0 means 64 KiB. A message may take several slots, and be as long as the pool.
    pub slot_size: u64,
    /// A set of `BOWSTRING_POOLED`, `BOWSTRING_COPIED` and `BOWSTRING_SEALED` to offer; 0 means all.
    pub deliveries: u32,
    /// The policy for slow receivers: `BOWSTRING_BLOCK`, `BOWSTRING_SKIP`, or `BOWSTRING_DISCONNECT`.
    pub on_slow: u32,
    /// The slots that a receiver may hold before it is skipped or disconnected.
    pub quota: u32,
    /// 0.
    pub reserved: u32,
}

impl SenderOptions {
    const DEFAULT: SenderOptions = SenderOptions {
        size: size_of::<SenderOptions>(),
        slots: 0,
        pages: 0,
        slot_size: 0,
        deliveries: 0,
        on_slow: 0,
        quota: 0,
        reserved: 0,
    };

    /// Reads the caller's options.
    ///
    /// # Safety
    /// Unless it is null, `at` points to options as the header describes them.
    pub unsafe fn read(at: *const SenderOptions) -> Result<SenderOptions, Failure> {
        // SAFETY: the caller's promise; the struct begins with its size and holds numbers only.
        unsafe { pointer::options(at, SenderOptions::DEFAULT) }
    }

    /// The configuration that they describe.
    pub fn config(&self) -> Result<SenderConfig, Failure> {
        let slots = if self.slots == 0 { 64 } else { self.slots };
        let slot_size = if self.slot_size == 0 { 64 << 10 } else { self.slot_size };
        let slot_size = usize::try_from(slot_size).map_err(|_| Failure::argument("a slot is too large"))?;
        let pages = match self.pages {
            BOWSTRING_PAGES_NORMAL => Pages::Normal,
            BOWSTRING_PAGES_HUGE => Pages::Huge,
            BOWSTRING_PAGES_HUGETLB => Pages::HugeTlb,
            _ => return Err(Failure::argument("pages are one of BOWSTRING_PAGES_…")),
        };
        if self.deliveries & !7 != 0 {
            return Err(Failure::argument("deliveries are a set of BOWSTRING_POOLED, _COPIED and _SEALED"));
        }
        let kinds = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];
        let mut chosen = kinds.into_iter().filter(|kind| self.deliveries & *kind as u32 != 0);
        let first = chosen.next().map_or(Deliveries::ANY, Deliveries::only);
        let deliveries = chosen.fold(first, Deliveries::and);
        let config = SenderConfig::new().slots(slots, slot_size).pages(pages).deliveries(deliveries);
        Ok(config.on_slow(self.policy()?))
    }

    /// Returns the policy for slow receivers.
    pub fn policy(&self) -> Result<OnSlow, Failure> {
        policy(self.on_slow, self.quota)
    }
}

pub(super) fn policy(on_slow: u32, quota: u32) -> Result<OnSlow, Failure> {
    Ok(match (on_slow, quota) {
        (BOWSTRING_BLOCK, _) => OnSlow::Block,
        (BOWSTRING_SKIP | BOWSTRING_DISCONNECT, 0) => {
            return Err(Failure::argument("skipping and disconnecting need a quota of slots"));
        }
        (BOWSTRING_SKIP, quota) => OnSlow::Skip { quota },
        (BOWSTRING_DISCONNECT, quota) => OnSlow::CutOff { quota },
        _ => return Err(Failure::argument("on_slow is BOWSTRING_BLOCK, _SKIP or _DISCONNECT")),
    })
}
