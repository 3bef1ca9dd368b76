//! Handles: what C holds a pointer to, in a private mapping of its own, used by one thread at a time.
//!
//! # Safety
//!
//! A handle's pointer comes from [`Handle::give`] and goes back in [`Handle::close`], which sets the caller's pointer to
//! null. In between, [`Handle::enter`] lets one thread in: a second that comes meanwhile is turned away. The mark is
//! set without a locked instruction, which would cost as much as a hand-off; two threads that come at the very same
//! moment may both get in. Keeping them apart is the caller's duty, which the header states.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use bowstring_transport::region::MapBox;

use crate::error::{BOWSTRING_BUSY, Failure};

const FREE: u32 = 0x0b05_7a1e;
const TAKEN: u32 = 0x0b05_7a1f;

/// A value that C holds a pointer to.
pub struct Handle<T> {
    mark: AtomicU32,
    value: UnsafeCell<T>,
}

/// A handle that this thread is in; dropping it leaves.
pub struct Entered<'a, T> {
    handle: &'a Handle<T>,
}

impl<T> Handle<T> {
    /// Makes a handle and gives it to C.
    pub fn give(value: T) -> Result<*mut Handle<T>, Failure> {
        let handle = Handle { mark: AtomicU32::new(FREE), value: UnsafeCell::new(value) };
        Ok(MapBox::new(handle)?.into_raw().as_ptr())
    }

    /// Enters a handle of C's.
    ///
    /// # Safety
    /// Unless it is null, `at` came from [`give`](Self::give) and was not closed since.
    #[inline(always)]
    pub unsafe fn enter<'a>(at: *mut Handle<T>) -> Result<Entered<'a, T>, Failure> {
        if at.is_null() {
            return Err(Failure::argument("a handle is NULL: never opened, or closed"));
        }
        if !at.is_aligned() {
            return Err(Failure::argument("a handle is not one"));
        }
        // SAFETY: not null, and by the caller's promise a handle that lives.
        let handle = unsafe { &*at };
        match handle.mark.load(Ordering::Acquire) {
            FREE => {}
            TAKEN => {
                return Err(Failure::Plain(BOWSTRING_BUSY, "another thread is using this handle"));
            }
            _ => return Err(Failure::argument("a handle is not one")),
        }
        handle.mark.store(TAKEN, Ordering::Relaxed);
        Ok(Entered { handle })
    }

    /// Closes a handle and sets the caller's pointer to null; `may` can refuse, and then nothing happens. Does nothing
    /// if the pointer is null already.
    ///
    /// # Safety
    /// Unless it is null, `place` points to a pointer as for [`enter`](Self::enter), which is the caller's alone.
    pub unsafe fn close(
        place: *mut *mut Handle<T>,
        may: impl FnOnce(&mut T) -> Result<(), Failure>,
    ) -> Result<Option<T>, Failure> {
        // SAFETY: the caller's promise.
        let Some(place) = (unsafe { crate::pointer::may(place) }) else {
            return Err(Failure::argument("the handle to close is NULL: pass the address of its pointer"));
        };
        let Some(handle) = NonNull::new(*place) else { return Ok(None) };
        {
            // SAFETY: the caller's promise.
            let mut entered = unsafe { Handle::enter(handle.as_ptr()) }?;
            may(&mut entered)?;
        }
        *place = core::ptr::null_mut();
        // SAFETY: it came from `give`, nobody is in, and its only pointer has just been set to null.
        let taken = unsafe { MapBox::from_raw(handle) };
        Ok(Some(MapBox::into_inner(taken).value.into_inner()))
    }
}

impl<T> Deref for Entered<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the mark keeps other threads out, and the borrow of `self` other references of this thread.
        unsafe { &*self.handle.value.get() }
    }
}

impl<T> DerefMut for Entered<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the mark keeps other threads out; `&mut self` makes the reference unique on this one.
        unsafe { &mut *self.handle.value.get() }
    }
}

impl<T> Drop for Entered<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.handle.mark.store(FREE, Ordering::Release);
    }
}
