//! Private memory without an allocator: values, shared values and byte buffers in private mappings.
//!
//! # Safety
//!
//! A private mapping is zeroed, page-aligned and seen by nobody else, so it can hold any Rust value; each type below
//! owns its mapping and states when the value in it is dropped.

// claim: address-sanitizer, memcheck
#![allow(unsafe_code)]

use core::fmt;
use core::mem::{ManuallyDrop, align_of, size_of};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use super::map::Mapping;
use crate::error::OsError;

/// The smallest page size of any machine; a mapping is aligned to it.
const PAGE: usize = 4096;

fn mapped_bytes<T>(count: usize) -> usize {
    size_of::<T>().saturating_mul(count).max(1)
}

fn map_for<T>(count: usize) -> Result<Mapping, OsError> {
    const { assert!(align_of::<T>() <= PAGE) };
    let bytes = mapped_bytes::<T>(count);
    let map = Mapping::private(bytes)?;
    // Fault the pages in at set-up; if the kernel cannot, the first touch does.
    let _ = map.populate(0, bytes);
    Ok(map)
}

/// A value in a private mapping of its own: a box for programs without an allocator.
pub struct MapBox<T> {
    map: Mapping,
    _value: core::marker::PhantomData<T>,
}

impl<T> MapBox<T> {
    /// Moves a value into a mapping of its own.
    pub fn new(value: T) -> Result<MapBox<T>, OsError> {
        let map = map_for::<T>(1)?;
        // SAFETY: mapped, large enough, aligned (checked when compiled), and nobody else's.
        unsafe { map.at(0).cast::<T>().write(value) };
        Ok(MapBox { map, _value: core::marker::PhantomData })
    }

    /// Moves the value out.
    #[must_use]
    pub fn into_inner(self) -> T {
        let value = self.map.start().cast::<T>();
        // Read out and then freed without being dropped in place.
        let taken = ManuallyDrop::new(self);
        // SAFETY: `new` has put a value there, which nobody drops: `taken` is never dropped.
        let value = unsafe { value.read() };
        // SAFETY: the mapping is moved out once, of what is never dropped.
        drop(unsafe { core::ptr::read(&taken.map) });
        value
    }

    /// Converts the box into a pointer to its value, which [`from_raw`](Self::from_raw) takes back.
    ///
    /// ```
    /// use bowstring_transport::region::MapBox;
    /// let raw = MapBox::new(7)?.into_raw();
    /// // SAFETY: the pointer has just come from `into_raw`.
    /// assert_eq!(*unsafe { MapBox::from_raw(raw) }, 7);
    /// # Ok::<(), bowstring_transport::OsError>(())
    /// ```
    #[must_use]
    pub fn into_raw(self) -> NonNull<T> {
        ManuallyDrop::new(self).map.start().cast()
    }

    /// Takes back a box from its pointer.
    ///
    /// # Safety
    /// 1. The pointer came from [`into_raw`](Self::into_raw), of the same type.
    /// 2. Nobody else uses it any more, and this is the only time that it is taken back.
    #[must_use]
    pub unsafe fn from_raw(value: NonNull<T>) -> MapBox<T> {
        // SAFETY: by 1. a mapping of that size begins there, and by 2. it is this box's alone.
        let map = unsafe { Mapping::from_parts(value.cast(), mapped_bytes::<T>(1)) };
        MapBox { map, _value: core::marker::PhantomData }
    }
}

impl<T> Deref for MapBox<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: `new` has put a value there, which stays until the drop of `self`.
        unsafe { &*self.map.at(0).cast::<T>() }
    }
}

impl<T> DerefMut for MapBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: `new` has put a value there, which stays until the drop of `self`; `&mut self` makes the reference
        // unique.
        unsafe { &mut *self.map.at(0).cast::<T>() }
    }
}

impl<T> Drop for MapBox<T> {
    fn drop(&mut self) {
        // SAFETY: the value is there and dropped once, here; the mapping goes after it.
        unsafe { self.map.at(0).cast::<T>().drop_in_place() };
    }
}

impl<T: fmt::Debug> fmt::Debug for MapBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A value in a mapping of its own, shared by counted handles as with `Arc`.
pub(crate) struct MapArc<T> {
    inner: NonNull<Counted<T>>,
}

struct Counted<T> {
    handles: AtomicUsize,
    value: T,
    map: Mapping,
}

// SAFETY: as for `Arc`: a handle gives `&T` to any thread and drops the `T` on whichever thread is last.
unsafe impl<T: Send + Sync> Send for MapArc<T> {}
// SAFETY: as with `Arc`: `&MapArc` gives `&T` to any thread, and clones of it may drop the `T` on any.
unsafe impl<T: Send + Sync> Sync for MapArc<T> {}

impl<T> MapArc<T> {
    pub(crate) fn new(value: T) -> Result<MapArc<T>, OsError> {
        let map = map_for::<Counted<T>>(1)?;
        let at = map.at(0).cast::<Counted<T>>();
        // SAFETY: mapped, large enough, aligned, and nobody else's. The mapping's own handle lives inside it.
        unsafe { at.write(Counted { handles: AtomicUsize::new(1), value, map }) };
        // SAFETY: `at` came from a mapping, which never lies at address 0.
        Ok(MapArc { inner: unsafe { NonNull::new_unchecked(at) } })
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: the last handle frees it, and this is a handle.
        unsafe { self.inner.as_ref() }
    }
}

impl<T> Clone for MapArc<T> {
    fn clone(&self) -> MapArc<T> {
        let before = self.counted().handles.fetch_add(1, Ordering::Relaxed);
        // As in `Arc`: this many handles can only have been forgotten, and an overflow would free the value under
        // them.
        assert!(before < usize::MAX / 2, "too many handles");
        MapArc { inner: self.inner }
    }
}

impl<T> Deref for MapArc<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T> Drop for MapArc<T> {
    fn drop(&mut self) {
        if self.counted().handles.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        // Everything other handles did happens before the drop of the value.
        fence(Ordering::Acquire);
        // SAFETY: this was the last handle, so the value is ours alone; it is moved out, its mapping with it, and
        // dropped in the order of the fields: the value first. The `read` leaves bytes that are unmapped unread.
        let Counted { handles: _, value, map } = unsafe { self.inner.as_ptr().read() };
        drop(value);
        drop(map);
    }
}

impl<T: fmt::Debug> fmt::Debug for MapArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A slice of plain values in a mapping of its own, with a fixed size.
pub(crate) struct MapSlice<T> {
    map: Mapping,
    count: usize,
    _values: core::marker::PhantomData<T>,
}

impl<T: Copy + Default> MapSlice<T> {
    pub(crate) fn new(count: usize) -> Result<MapSlice<T>, OsError> {
        let map = map_for::<T>(count)?;
        for i in 0..count {
            // SAFETY: `i < count`, and the mapping has room for `count` values, aligned.
            let at = unsafe { map.at(0).cast::<T>().add(i) };
            // SAFETY: `at` is in bounds and aligned (`i < count`); `T` is `Copy`, so no old value needs a drop.
            unsafe { at.write(T::default()) };
        }
        Ok(MapSlice { map, count, _values: core::marker::PhantomData })
    }
}

impl MapSlice<u8> {
    /// Creates zeroes whose pages are allocated as they are touched, or by [`populate`](Self::populate).
    pub(crate) fn lazy(count: usize) -> Result<MapSlice<u8>, OsError> {
        Ok(MapSlice { map: Mapping::private(count.max(1))?, count, _values: core::marker::PhantomData })
    }

    /// Faults in the pages of the first `count` bytes.
    pub(crate) fn populate(&self, count: usize) {
        // If the kernel cannot (before 5.14), the first touch of each page does it.
        let _ = self.map.populate(0, count.min(self.map.len()));
    }
}

impl<T> Deref for MapSlice<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: mapped, aligned, and each of the `count` values was written (or is a zero byte).
        unsafe { core::slice::from_raw_parts(self.map.at(0).cast::<T>(), self.count) }
    }
}

impl<T> DerefMut for MapSlice<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: mapped, aligned, and each of the `count` values was written (or is a zero byte); `&mut self` makes
        // the reference unique.
        unsafe { core::slice::from_raw_parts_mut(self.map.at(0).cast::<T>(), self.count) }
    }
}

impl<T> fmt::Debug for MapSlice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MapSlice({} values)", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct CountsDrops<'a>(&'a AtomicUsize);
    impl Drop for CountsDrops<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_value_goes_with_the_last_handle_and_once() {
        let drops = AtomicUsize::new(0);
        let first = MapArc::new(CountsDrops(&drops)).unwrap();
        let second = first.clone();
        drop(first);
        assert_eq!(drops.load(Ordering::Relaxed), 0);
        drop(second);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        drop(MapBox::new(CountsDrops(&drops)).unwrap());
        assert_eq!(drops.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_slice_is_zeroed_and_writable_to_its_end() {
        let mut slice = MapSlice::<u64>::new(1000).unwrap();
        assert!(slice.iter().all(|&v| v == 0));
        slice[999] = 7;
        assert_eq!((slice.len(), slice[999]), (1000, 7));
    }
}
