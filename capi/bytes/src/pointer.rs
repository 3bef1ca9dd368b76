//! Checks what C hands in before it becomes a reference.
//!
//! # Safety
//!
//! Null, misaligned and too long is found out here. That a pointer points to what its type says, for as long as the
//! call lasts, is the caller's promise, which the header states.
#![allow(unsafe_code)]

use crate::error::Failure;

/// A reference to what the caller may have left out.
///
/// # Safety
/// A pointer that is neither null nor misaligned points to a `T` that is the caller's alone during the call.
pub unsafe fn may<'a, T>(at: *mut T) -> Option<&'a mut T> {
    // SAFETY: checked to be aligned and not null; the rest is the caller's promise.
    if at.is_aligned() { unsafe { at.as_mut() } } else { None }
}

/// A place for a result.
///
/// # Safety
/// As for [`may`], but the `T` need not be initialised.
pub unsafe fn out<'a, T>(at: *mut T) -> Result<Out<'a, T>, Failure> {
    if at.is_null() {
        return Err(Failure::argument("the place for a result is NULL"));
    }
    if !at.is_aligned() {
        return Err(Failure::argument("the place for a result is not aligned"));
    }
    Ok(Out { at, _place: core::marker::PhantomData })
}

/// A place of the caller's that a result goes to.
pub struct Out<'a, T> {
    at: *mut T,
    _place: core::marker::PhantomData<&'a mut T>,
}

impl<T> Out<'_, T> {
    /// Puts the result there. What was there is not dropped: it is C's.
    #[inline]
    pub fn set(self, value: T) {
        // SAFETY: `out` has checked the place, and its caller vouches for the rest.
        unsafe { self.at.write(value) };
    }
}

/// Bytes of the caller's; a null pointer is allowed for none.
///
/// # Safety
/// Unless it is null, `at` points to `len` bytes that nobody writes to during the call.
pub unsafe fn bytes<'a>(at: *const u8, len: usize) -> Result<&'a [u8], Failure> {
    // SAFETY: the caller's promise.
    unsafe { array(at, len) }
}

/// Values of the caller's; a null pointer is allowed for none.
///
/// # Safety
/// Unless it is null, `at` points to `len` values that nobody writes to during the call.
pub unsafe fn array<'a, T>(at: *const T, len: usize) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return Err(Failure::argument("NULL with a length that is not 0"));
    }
    if !at.is_aligned() {
        return Err(Failure::argument("an array is not aligned"));
    }
    if len > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Failure::argument("a length that no memory has"));
    }
    // SAFETY: not null, aligned, of a length that memory can have; the rest is the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(at, len) })
}

/// The longest name or path that is read.
const LONGEST: usize = 4096;
/// The longest of other texts.
const LONGEST_OTHER: usize = 64 << 10;

/// A name or a path, which ends with a zero.
///
/// # Safety
/// Unless it is null, `at` points to bytes up to a zero, which nobody writes to during the call.
pub unsafe fn text<'a>(at: *const core::ffi::c_char) -> Result<&'a [u8], Failure> {
    if at.is_null() {
        return Err(Failure::argument("a name or path is NULL"));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { up_to(at, LONGEST) };
    text.ok_or(Failure::argument("a name or path of more than 4096 bytes"))
}

/// Any other text, which ends with a zero and is UTF-8.
///
/// # Safety
/// As for [`text`].
pub unsafe fn utf8<'a>(at: *const core::ffi::c_char) -> Result<&'a str, Failure> {
    if at.is_null() {
        return Err(Failure::argument("a text is NULL"));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { up_to(at, LONGEST_OTHER) };
    let text = text.ok_or(Failure::argument("a text of more than 65536 bytes"))?;
    str::from_utf8(text).map_err(|_| Failure::argument("a text is not UTF-8"))
}

/// Bytes up to a zero; `None` if that does not come after `longest` bytes at the latest.
///
/// # Safety
/// `at` points to bytes up to a zero, which nobody writes to during the call.
unsafe fn up_to<'a>(at: *const core::ffi::c_char, longest: usize) -> Option<&'a [u8]> {
    let at = at.cast::<u8>();
    let mut len = 0;
    // SAFETY: no byte before this one was zero, so it belongs to the text.
    while unsafe { at.wrapping_add(len).read() } != 0 {
        len += 1;
        if len > longest {
            return None;
        }
    }
    // SAFETY: these bytes have just been read.
    Some(unsafe { core::slice::from_raw_parts(at, len) })
}

/// The options in a struct that begins with its own size; `T::default()`, by `fallback`, if the caller left it out.
///
/// A struct that is shorter than this library's comes from a program that was built against an older header: what it
/// lacks stays as in `fallback`. One that is longer is from a newer header: what is beyond must be zero.
///
/// # Safety
/// Unless it is null, `at` points to a `usize` that says how many bytes there are, itself included, and to as many bytes.
/// Every bit pattern is a `T`, or what the caller filled in is one.
pub unsafe fn options<T: Copy>(at: *const T, fallback: T) -> Result<T, Failure> {
    if at.is_null() {
        return Ok(fallback);
    }
    if !at.is_aligned() {
        return Err(Failure::argument("options are not aligned"));
    }
    // SAFETY: the caller's promise: a size comes first.
    let size = unsafe { at.cast::<usize>().read() };
    if size == size_of::<T>() {
        // SAFETY: as many bytes are there, of which the caller filled in what is a `T`.
        return Ok(unsafe { at.read() });
    }
    if size < size_of::<usize>() || size > 4096 {
        return Err(Failure::argument(
            "the size of an options struct is not set: write {.size = sizeof options}",
        ));
    }
    let known = size.min(size_of::<T>());
    for beyond in known..size {
        // SAFETY: below the size that the caller vouches for.
        if unsafe { at.cast::<u8>().wrapping_add(beyond).read() } != 0 {
            return Err(Failure::Plain(
                crate::error::BOWSTRING_UNSUPPORTED,
                "an option that this version of the library does not know",
            ));
        }
    }
    let mut read = fallback;
    // SAFETY: `known` bytes are there on both sides, by the caller's promise and by the type.
    unsafe { core::ptr::copy_nonoverlapping(at.cast::<u8>(), (&raw mut read).cast::<u8>(), known) };
    Ok(read)
}

/// Writes as much of a result as the caller's struct has room for: its `size` bytes.
///
/// # Safety
/// Unless it is null, `at` points to `size` bytes that are the caller's alone.
pub unsafe fn partly<T: Copy>(at: *mut T, size: usize, value: T) -> Result<(), Failure> {
    if at.is_null() {
        return Err(Failure::argument("the place for a result is NULL"));
    }
    let known = size.min(size_of::<T>());
    // SAFETY: `known` bytes are there on both sides, by the caller's promise and by the type.
    unsafe { core::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), at.cast::<u8>(), known) };
    let beyond = (size - known).min(4096);
    // SAFETY: within the caller's `size` bytes.
    unsafe { core::ptr::write_bytes(at.cast::<u8>().wrapping_add(known), 0, beyond) };
    Ok(())
}
