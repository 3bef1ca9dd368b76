//! Makes structs wrong, in the ways in which that can be found out.
//!
//! One thing cannot: that a buffer is shorter than its struct says. So lengths and offsets become ones that the buffers have
//! room for, or ones that nothing can have.
#![allow(unsafe_code)]

use std::ptr::null_mut;

use crate::Choices;
use crate::made::{Array, BUFFER, Made, ROWS, Schema};

const FORMATS: [&[u8]; 24] = [
    b"l", b"i", b"u", b"U", b"z", b"vu", b"vz", b"b", b"n", b"w:0", b"w:-1", b"w:5", b"d:38,2", b"d:0,0",
    b"+l", b"+L", b"+s", b"+w:2", b"+w:-1", b"+m", b"+us:0,1", b"+ud:0,1", b"+r", b"+vl",
];

/// A count or a length that is wrong: impossible, or one that the buffers have room for.
fn count(choices: &mut Choices<'_>) -> i64 {
    match choices.below(6) {
        0 => -1,
        1 => i64::MIN,
        2 => i64::MAX,
        3 => (1 << 48) + 1,
        _ => choices.below(ROWS / 2) as i64,
    }
}

/// Damages some of the structs.
pub(crate) fn damage(made: &mut Made, choices: &mut Choices<'_>) {
    for _ in 0..choices.below(5) {
        let node = choices.below(made.arrays.len());
        if choices.byte() & 3 == 0 {
            schema(made, node, choices);
        } else {
            // SAFETY: `made` owns it, and nobody else refers to it.
            array(unsafe { &mut *made.arrays[node] }, made, choices);
        }
    }
}

fn schema(made: &mut Made, node: usize, choices: &mut Choices<'_>) {
    let mut text = FORMATS[choices.below(FORMATS.len())].to_vec();
    if choices.byte() & 7 == 0 {
        let at = choices.below(text.len());
        text[at] = choices.byte();
    }
    let format = made.text(&text);
    let other: *mut Schema = made.schemas[choices.below(made.schemas.len()).max(node)];
    // SAFETY: `made` owns it, and nobody else refers to it.
    let schema = unsafe { &mut *made.schemas[node] };
    match choices.below(9) {
        0 | 1 => schema.format = format,
        2 => schema.format = null_mut(),
        3 => schema.name = if choices.byte() & 1 == 0 { null_mut() } else { format },
        4 => schema.flags = choices.short().into(),
        5 => schema.n_children = impossible(schema.n_children, choices),
        6 => schema.children = null_mut(),
        7 => schema.release = None,
        // One that comes later, so that nothing goes round in circles.
        _ => schema.dictionary = if std::ptr::eq(other, schema) { null_mut() } else { other },
    }
}

/// A number of children or buffers: no more than there are, or one that nothing has.
fn impossible(there: i64, choices: &mut Choices<'_>) -> i64 {
    match choices.below(4) {
        0 => -1,
        1 => i64::MAX,
        _ => choices.below(there.clamp(0, 8) as usize + 1) as i64,
    }
}

fn array(array: &mut Array, made: &Made, choices: &mut Choices<'_>) {
    match choices.below(12) {
        0 => array.length = count(choices),
        1 => array.offset = count(choices),
        2 => array.null_count = count(choices),
        3 => array.n_buffers = impossible(array.n_buffers, choices),
        4 => array.n_children = impossible(array.n_children, choices),
        5 => array.buffers = null_mut(),
        6 => array.children = null_mut(),
        7 => array.release = None,
        8 => array.dictionary = null_mut(),
        9 if (1..8).contains(&array.n_buffers) && !array.buffers.is_null() => {
            let buffer = array.buffers.wrapping_add(choices.below(array.n_buffers as usize));
            // SAFETY: the list has as many entries, since counts only become smaller or impossible.
            unsafe { *buffer = null_mut() };
        }
        10 if (1..8).contains(&array.n_children) && !array.children.is_null() => {
            let child = array.children.wrapping_add(choices.below(array.n_children as usize));
            // SAFETY: the list has as many children, since counts only become smaller or impossible.
            unsafe { *child = null_mut() };
        }
        _ => values(array, choices),
    }
    let _ = made;
}

/// Overwrites bytes of a buffer. As offsets they stay within what every buffer has room for, or become negative.
fn values(array: &Array, choices: &mut Choices<'_>) {
    if !(1..8).contains(&array.n_buffers) || array.buffers.is_null() {
        return;
    }
    let buffer = array.buffers.wrapping_add(choices.below(array.n_buffers as usize));
    // SAFETY: the list has as many entries.
    let buffer = unsafe { *buffer };
    if buffer.is_null() {
        return;
    }
    let word = buffer.cast::<i32>().wrapping_add(choices.below(64));
    let value = i32::from(choices.short());
    // SAFETY: a word among the first of a buffer, which has many more.
    unsafe { word.write(if value < 0 { value } else { value % (BUFFER as i32 / 32) }) };
}
