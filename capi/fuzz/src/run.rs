//! Hands structs over to the C interface, and looks at what comes of it.
//!
//! # Safety
//!
//! The functions are called as C would: with pointers to structs, handles and an error object that live.
#![allow(unsafe_code)]

use std::ptr::{null, null_mut};
use std::sync::atomic::Ordering;

use arrow_array::ffi::FFI_ArrowArray;
use bowstring::receive::{
    bowstring_table_receiver_close, bowstring_table_receiver_meet, bowstring_table_receiver_next,
};
use bowstring::send::batch::bowstring_table_sender_send;
use bowstring::send::{
    bowstring_table_sender_close, bowstring_table_sender_meet, bowstring_table_sender_open,
};
use bowstring_capi_bytes::error::{BOWSTRING_CLOSED, BOWSTRING_OK, BOWSTRING_PANIC};
use bowstring_capi_bytes::listener::bowstring_socket_pair;

use crate::Choices;
use crate::damage::damage;
use crate::made::Made;

/// Makes a table as `bytes` choose, damages it, and sends it.
///
/// # Panics
/// If something does not hold.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let mut made = Made::new(&mut choices);
    damage(&mut made, &mut choices);
    let (schema, array) = (made.schemas[0], made.arrays[0]);
    // SAFETY: a struct that lives, whose owner does not look at it meanwhile.
    let schema_was = unsafe { (*schema).release.is_none() };
    // SAFETY: an array that lives, whose owner does not look at it meanwhile.
    let array_was = unsafe { (*array).release.is_none() };
    // SAFETY: the same array, which still lives.
    let rows = unsafe { (*array).length };
    let mut sender = null_mut();
    // SAFETY: a struct, no options, a place, no error object.
    let code = unsafe { bowstring_table_sender_open(schema.cast(), null(), &raw mut sender, null_mut()) };
    assert_ne!(code, BOWSTRING_PANIC);
    assert_eq!(code == BOWSTRING_OK, !sender.is_null());
    let released = |which: usize| made.released[which].load(Ordering::Relaxed);
    assert_eq!(released(0), usize::from(!schema_was), "the schema is taken and released");
    if sender.is_null() {
        return;
    }
    let mut fds = [-1; 2];
    // SAFETY: room for two.
    assert_eq!(unsafe { bowstring_socket_pair(fds.as_mut_ptr(), null_mut()) }, BOWSTRING_OK);
    let code = std::thread::scope(|scope| {
        let receiver = scope.spawn(|| receive(fds[1]));
        // SAFETY: a sender that lives, and a descriptor of ours.
        let met = unsafe { bowstring_table_sender_meet(sender, fds[0], null_mut()) };
        assert_eq!(met, BOWSTRING_OK);
        // SAFETY: a sender and a struct that live.
        let code = unsafe { bowstring_table_sender_send(sender, array.cast(), null_mut()) };
        // SAFETY: a sender that lives.
        assert_eq!(unsafe { bowstring_table_sender_close(&raw mut sender, null_mut()) }, BOWSTRING_OK);
        let arrived = receiver.join().expect("the receiver does not panic");
        assert_eq!(arrived, if code == BOWSTRING_OK { rows } else { 0 }, "as many rows as were sent");
        code
    });
    assert_ne!(code, BOWSTRING_PANIC);
    assert_eq!(released(1), usize::from(!array_was), "the array is taken and released");
    assert_eq!(released(2), 0, "what belongs to a parent is the parent's to release");
}

/// Receives to the end; returns the number of rows.
fn receive(fd: i32) -> i64 {
    let mut receiver = null_mut();
    let mut error = std::mem::MaybeUninit::<bowstring_capi_bytes::error::Error>::zeroed();
    // SAFETY: a descriptor of ours, no options, a place, an error object.
    let met = unsafe { bowstring_table_receiver_meet(fd, null(), &raw mut receiver, error.as_mut_ptr()) };
    // SAFETY: all zero is an error object.
    let error = unsafe { error.assume_init() };
    let words: String =
        error.message.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8 as char).collect();
    assert_eq!(met, BOWSTRING_OK, "{words}");
    let mut rows = 0;
    loop {
        let mut batch = FFI_ArrowArray::empty();
        // SAFETY: a receiver that lives, and a place.
        match unsafe { bowstring_table_receiver_next(receiver, -1, &raw mut batch, null_mut()) } {
            BOWSTRING_OK => rows += batch.len() as i64,
            code => {
                assert_eq!(code, BOWSTRING_CLOSED);
                // SAFETY: a receiver that lives.
                let closed = unsafe { bowstring_table_receiver_close(&raw mut receiver, null_mut()) };
                assert_eq!(closed, BOWSTRING_OK);
                return rows;
            }
        }
    }
}
