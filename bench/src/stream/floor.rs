//! The floors: the same loops with nothing around them.
//!
//! # Safety
//!
//! The memory of a [`Link`] is mapped in both processes for as long as its contenders live. Two words in it are atomics;
//! a slot is touched by one process at a time, which the words hand over.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::turns::{Gives, Link, Takes};
use super::work::{self, Work};

/// A ring of slots and two counts, in memory that both processes may write.
struct Ring {
    start: *mut u8,
    stride: usize,
    slots: usize,
    /// The range of each buffer in a slot.
    places: Vec<Range<usize>>,
    published: &'static AtomicU64,
    taken: &'static AtomicU64,
    /// Batches this process has given, or taken.
    count: u64,
    /// The other's count, as last seen.
    seen: u64,
}

/// Bytes before the slots.
const HEAD: usize = 4096;

/// Returns the ranges of a batch's buffers in a slot, and the length of a slot.
fn places(work: &Work) -> (Vec<Range<usize>>, usize) {
    let mut end = 0_usize;
    let places = work.buffers.iter().map(|buffer| {
        let start = end.next_multiple_of(64);
        end = start + buffer.len();
        start..end
    });
    (places.collect(), end.next_multiple_of(4096))
}

/// Returns the size of the ring's memory.
pub(super) fn memory(work: &Work) -> usize {
    HEAD + work.slots() * places(work).1
}

impl Ring {
    fn new(link: &Link, work: &Work) -> Ring {
        let (places, stride) = places(work);
        // SAFETY: within the memory's first page, aligned to a line, any bits are a number; mapped until the process ends.
        let word = |line: usize| unsafe { AtomicU64::from_ptr(link.memory.wrapping_add(line * 128).cast()) };
        Ring {
            start: link.memory.wrapping_add(HEAD),
            stride,
            slots: work.slots(),
            places,
            published: word(0),
            taken: word(2),
            count: 0,
            seen: 0,
        }
    }

    fn slot(&self) -> *mut u8 {
        self.start.wrapping_add(self.count as usize % self.slots * self.stride)
    }

    /// Waits until the next slot may be written.
    #[inline]
    fn await_room(&mut self) {
        while self.count - self.seen >= self.slots as u64 {
            std::hint::spin_loop();
            self.seen = self.taken.load(Ordering::Acquire);
        }
    }

    #[inline]
    fn publish(&mut self) {
        self.count += 1;
        self.published.store(self.count, Ordering::Release);
    }

    fn take(&mut self) -> u64 {
        while self.seen <= self.count {
            std::hint::spin_loop();
            self.seen = self.published.load(Ordering::Acquire);
        }
        let slot = self.slot();
        let total = self.places.iter().fold(0, |total: u64, place| {
            let at = slot.wrapping_add(place.start);
            // SAFETY: within the slot, which this process has by the counts' order.
            total.wrapping_add(work::sum(unsafe { std::slice::from_raw_parts(at, place.len()) }))
        });
        self.count += 1;
        self.taken.store(self.count, Ordering::Release);
        total
    }
}

struct Taker(Ring);

impl Takes for Taker {
    fn take(&mut self) -> u64 {
        self.0.take()
    }
}

/// Sums the batches in the ring.
pub(super) fn takes(link: &Link, work: &Work) -> Option<Box<dyn Takes>> {
    Some(Box::new(Taker(Ring::new(link, work))))
}

/// Copies from the second to the first, which have the same length.
type CopyBytes = fn(&mut [u8], &[u8]);

struct Giver {
    ring: Ring,
    work: &'static Work,
    copy: CopyBytes,
}

/// Produces batches in the ring, or copies them there.
pub(super) fn gives(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    Some(Box::new(Giver { ring: Ring::new(link, work), work, copy: <[u8]>::copy_from_slice }))
}

/// The same with non-temporal stores, if the processor has them.
pub(super) fn gives_past_caches(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    let copy = past_caches()?;
    Some(Box::new(Giver { ring: Ring::new(link, work), work, copy }))
}

#[cfg(target_arch = "x86_64")]
fn past_caches() -> Option<CopyBytes> {
    use core::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128};
    fn copy(to: &mut [u8], from: &[u8]) {
        let (pieces, rest) = to.as_chunks_mut::<16>();
        let (from, last) = from.as_chunks::<16>();
        for (to, from) in pieces.iter_mut().zip(from) {
            // SAFETY: sixteen bytes, of any alignment.
            let bytes = unsafe { _mm_loadu_si128(from.as_ptr().cast::<__m128i>()) };
            // SAFETY: sixteen bytes; aligned, since buffers begin at multiples of 64.
            unsafe { _mm_stream_si128(to.as_mut_ptr().cast(), bytes) };
        }
        rest.copy_from_slice(last);
        // SAFETY: a fence; every processor of this kind has it.
        unsafe { _mm_sfence() };
    }
    Some(copy)
}

#[cfg(not(target_arch = "x86_64"))]
fn past_caches() -> Option<CopyBytes> {
    None
}

impl Gives for Giver {
    fn give(&mut self, number: u64) {
        self.ring.await_room();
        let slot = self.ring.slot();
        for (place, buffer) in self.ring.places.iter().zip(&self.work.buffers) {
            let at = slot.wrapping_add(place.start);
            if self.work.is_produced() {
                // SAFETY: within the slot, which this process has by the counts' order; 64-byte aligned.
                produce(unsafe { std::slice::from_raw_parts_mut(at.cast(), place.len() / 8) }, number);
            } else {
                // SAFETY: within the slot, which this process has by the counts' order.
                (self.copy)(unsafe { std::slice::from_raw_parts_mut(at, place.len()) }, buffer);
            }
        }
        self.ring.publish();
    }
}

#[inline]
fn produce(column: &mut [i64], number: u64) {
    for (row, place) in column.iter_mut().enumerate() {
        *place = work::value(row, number);
    }
}

/// Does nothing: the other process does everything.
struct Nothing;

impl Gives for Nothing {
    fn give(&mut self, _: u64) {}
}

pub(super) fn nothing(_: &Link, _: &'static Work) -> Option<Box<dyn Gives>> {
    Some(Box::new(Nothing))
}

/// One process, one thread, ordinary memory: the two loops one after the other.
struct Alone {
    columns: Vec<Vec<i64>>,
    number: u64,
}

pub(super) fn alone(_: &Link, work: &Work) -> Option<Box<dyn Takes>> {
    let columns = vec![vec![1; work.batch.num_rows()]; work::COLUMNS];
    Some(Box::new(Alone { columns, number: 0 }))
}

impl Takes for Alone {
    fn take(&mut self) -> u64 {
        for column in &mut self.columns {
            produce(column, self.number);
        }
        self.number += 1;
        black_box(&self.columns).iter().fold(0, |total: u64, column| {
            // SAFETY: the column's integers as bytes, eight each; any byte is a `u8`.
            let bytes = unsafe { std::slice::from_raw_parts(column.as_ptr().cast(), 8 * column.len()) };
            total.wrapping_add(work::sum(bytes))
        })
    }
}
