//! A schema and an array of it that are right.
//!
//! # Safety
//!
//! The structs point into a [`Made`], which owns all of them and their buffers and stays until nobody has them any more.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Choices;

/// Bytes of every buffer: enough for the longest array, whatever its type.
pub(crate) const BUFFER: usize = 16 << 10;
/// The most rows, offset included: of the widest type, 32 bytes, a buffer has room for this many.
pub(crate) const ROWS: usize = BUFFER / 32 - 1;

/// `ArrowSchema`.
#[repr(C)]
pub(crate) struct Schema {
    pub(crate) format: *const c_char,
    pub(crate) name: *const c_char,
    pub(crate) metadata: *const c_char,
    pub(crate) flags: i64,
    pub(crate) n_children: i64,
    pub(crate) children: *mut *mut Schema,
    pub(crate) dictionary: *mut Schema,
    pub(crate) release: Option<unsafe extern "C" fn(*mut Schema)>,
    pub(crate) private_data: *mut c_void,
}

/// `ArrowArray`.
#[repr(C)]
pub(crate) struct Array {
    pub(crate) length: i64,
    pub(crate) null_count: i64,
    pub(crate) offset: i64,
    pub(crate) n_buffers: i64,
    pub(crate) n_children: i64,
    pub(crate) buffers: *mut *mut c_void,
    pub(crate) children: *mut *mut Array,
    pub(crate) dictionary: *mut Array,
    pub(crate) release: Option<unsafe extern "C" fn(*mut Array)>,
    pub(crate) private_data: *mut c_void,
}

/// Counts the release of a schema.
unsafe extern "C" fn release_schema(schema: *mut Schema) {
    // SAFETY: whoever releases a struct hands it over whole, and its `private_data` is its `Made`'s counter.
    let schema = unsafe { &mut *schema };
    // SAFETY: `private_data` points to the counter, which outlives the struct.
    unsafe { &*schema.private_data.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
    schema.release = None;
}

/// Counts the release of an array.
unsafe extern "C" fn release_array(array: *mut Array) {
    // SAFETY: as in `release_schema`.
    let array = unsafe { &mut *array };
    // SAFETY: as in `release_schema`.
    unsafe { &*array.private_data.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
    array.release = None;
}

/// Structs, and all that they point to. The first of each kind is the table's.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) schemas: Vec<*mut Schema>,
    pub(crate) arrays: Vec<*mut Array>,
    buffers: Vec<Box<[u64]>>,
    lists: Vec<Box<[*mut c_void]>>,
    texts: Vec<CString>,
    /// Releases of the table's schema and of its array; of all others there must be none.
    pub(crate) released: Box<[AtomicUsize; 3]>,
}

impl Made {
    /// A table of a few columns.
    pub(crate) fn new(choices: &mut Choices<'_>) -> Made {
        let mut made = Made::default();
        let rows = choices.below(40);
        let table = made.node("+s", "");
        let columns: Vec<_> = (0..=choices.below(3)).map(|_| made.column(choices, rows, 0)).collect();
        made.shape(table, rows, &[None], &columns);
        let (schema, array) = (made.schemas[0], made.arrays[0]);
        // SAFETY: just made.
        unsafe { (*schema).private_data = (&raw const made.released[0]).cast_mut().cast() };
        // SAFETY: just made.
        unsafe { (*array).private_data = (&raw const made.released[1]).cast_mut().cast() };
        made
    }

    pub(crate) fn text(&mut self, text: &[u8]) -> *const c_char {
        let text = CString::new(text.split(|byte| *byte == 0).next().unwrap_or(&[])).unwrap_or_default();
        let at = text.as_ptr();
        self.texts.push(text);
        at
    }

    /// Adds an empty schema and array; returns their index.
    fn node(&mut self, format: &str, name: &str) -> usize {
        let (format, name) = (self.text(format.as_bytes()), self.text(name.as_bytes()));
        let counter: *mut c_void = (&raw const self.released[2]).cast_mut().cast();
        self.schemas.push(Box::into_raw(Box::new(Schema {
            format,
            name,
            metadata: null_mut(),
            flags: 2,
            n_children: 0,
            children: null_mut(),
            dictionary: null_mut(),
            release: Some(release_schema),
            private_data: counter,
        })));
        self.arrays.push(Box::into_raw(Box::new(Array {
            length: 0,
            null_count: -1,
            offset: 0,
            n_buffers: 0,
            n_children: 0,
            buffers: null_mut(),
            children: null_mut(),
            dictionary: null_mut(),
            release: Some(release_array),
            private_data: counter,
        })));
        self.schemas.len() - 1
    }

    fn list<T>(&mut self, items: impl Iterator<Item = *mut T>) -> *mut *mut T {
        let mut list: Box<[*mut c_void]> = items.map(<*mut T>::cast).collect();
        let at = list.as_mut_ptr();
        self.lists.push(list);
        at.cast()
    }

    /// Gives a node its rows, its buffers (`None` is null) and its children.
    fn shape(&mut self, node: usize, rows: usize, buffers: &[Option<&[u8]>], children: &[usize]) {
        let buffers: Vec<*mut c_void> = buffers.iter().map(|bytes| self.buffer(*bytes)).collect();
        let (count, at) = (buffers.len() as i64, self.list(buffers.into_iter()));
        let arrays: Vec<_> = children.iter().map(|child| self.arrays[*child]).collect();
        let schemas: Vec<_> = children.iter().map(|child| self.schemas[*child]).collect();
        let (arrays, schemas) = (self.list(arrays.into_iter()), self.list(schemas.into_iter()));
        // SAFETY: made by `node`, and nobody else refers to it.
        let array = unsafe { &mut *self.arrays[node] };
        (array.length, array.n_buffers, array.buffers) = (rows as i64, count, at);
        (array.n_children, array.children) = (children.len() as i64, arrays);
        // SAFETY: made by `node`, and nobody else refers to the schema.
        let schema = unsafe { &mut *self.schemas[node] };
        (schema.n_children, schema.children) = (children.len() as i64, schemas);
    }

    fn buffer(&mut self, bytes: Option<&[u8]>) -> *mut c_void {
        let Some(bytes) = bytes else { return null_mut() };
        let mut buffer = vec![0_u64; BUFFER / 8].into_boxed_slice();
        for (word, bytes) in buffer.iter_mut().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(whole);
        }
        let at = buffer.as_mut_ptr().cast();
        self.buffers.push(buffer);
        at
    }

    fn column(&mut self, choices: &mut Choices<'_>, rows: usize, depth: usize) -> usize {
        let bits: Vec<u8> = (0..rows.div_ceil(8)).map(|_| choices.byte()).collect();
        let valid = (choices.byte() & 1 == 1).then_some(&bits[..]);
        let values: Vec<u8> = (0..rows * 2).map(|_| choices.byte()).collect();
        let lens: Vec<usize> = (0..rows).map(|_| choices.below(4)).collect();
        let offsets: Vec<u8> = std::iter::once(0)
            .chain(lens.iter().scan(0, |end, len| {
                *end += *len as i32;
                Some(*end)
            }))
            .flat_map(i32::to_le_bytes)
            .collect();
        let total = lens.iter().sum();
        const FLAT: [&str; 7] = ["l", "b", "c", "w:5", "d:38,2,256", "tsu:UTC", "g"];
        let kind = choices.below(if depth < 3 { 19 } else { 10 });
        match kind {
            0..7 => {
                let node = self.node(FLAT[kind], "flat");
                self.shape(node, rows, &[valid, Some(&values)], &[]);
                node
            }
            7 => {
                let node = self.node("u", "text");
                self.shape(node, rows, &[valid, Some(&offsets), Some(&vec![b'a'; total])], &[]);
                node
            }
            8 => {
                let node = self.node("n", "null");
                self.shape(node, rows, &[], &[]);
                node
            }
            9 => {
                // Up to twelve bytes lie in the view itself; longer ones in the only other buffer.
                let mut views = Vec::new();
                for len in &lens {
                    let words =
                        if *len == 3 { [20, 0x6161_6161, 0, 4] } else { [*len as u32, 0x0061_6161, 0, 0] };
                    let words = if *len < 3 {
                        [*len as u32, 0x0061_6161 & !(u32::MAX << (8 * len)), 0, 0]
                    } else {
                        words
                    };
                    views.extend(words.iter().flat_map(|word| word.to_le_bytes()));
                }
                let node = self.node("vu", "view");
                let len = 64_i64.to_le_bytes();
                self.shape(node, rows, &[valid, Some(&views), Some(&[b'a'; 64]), Some(&len)], &[]);
                node
            }
            10 | 11 => {
                let node = self.node("+l", "list");
                let child = self.column(choices, total, depth + 1);
                self.shape(node, rows, &[valid, Some(&offsets)], &[child]);
                node
            }
            12 => {
                let node = self.node("+s", "struct");
                let children = [self.column(choices, rows, depth + 1), self.column(choices, rows, depth + 1)];
                self.shape(node, rows, &[valid], &children);
                node
            }
            13 => {
                let node = self.node("+w:2", "pair");
                let child = self.column(choices, rows * 2, depth + 1);
                self.shape(node, rows, &[valid], &[child]);
                node
            }
            14 | 15 => {
                let node = self.node("c", "word");
                let dictionary = self.column(choices, 4, 3);
                let keys: Vec<u8> = lens.iter().map(|len| *len as u8).collect();
                self.shape(node, rows, &[valid, Some(&keys)], &[]);
                // SAFETY: made by `node`, and nobody else refers to it.
                unsafe { (*self.arrays[node]).dictionary = self.arrays[dictionary] };
                // SAFETY: made by `node`, and nobody else refers to the schema.
                unsafe { (*self.schemas[node]).dictionary = self.schemas[dictionary] };
                node
            }
            16 => {
                let node = self.node("+us:0,1", "union");
                let children = [self.column(choices, rows, depth + 1), self.column(choices, rows, depth + 1)];
                let types: Vec<u8> = lens.iter().map(|len| *len as u8 & 1).collect();
                self.shape(node, rows, &[Some(&types)], &children);
                node
            }
            17 => {
                let node = self.node("+r", "runs");
                let ends = self.node("i", "run_ends");
                let runs = rows.min(2);
                let places: Vec<u8> =
                    [1, rows as i32].iter().skip(2 - runs).flat_map(|end| end.to_le_bytes()).collect();
                self.shape(ends, runs, &[None, Some(&places)], &[]);
                // SAFETY: made by `node`, and nobody else refers to it. Run ends are never null.
                unsafe { (*self.schemas[ends]).flags = 0 };
                let values = self.column(choices, runs, depth + 1);
                self.shape(node, rows, &[], &[ends, values]);
                node
            }
            _ => {
                let node = self.node("+m", "map");
                let entries = self.node("+s", "entries");
                let keys = self.node("w:5", "key");
                let bytes = vec![b'k'; total * 5];
                self.shape(keys, total, &[None, Some(&bytes)], &[]);
                let values = self.column(choices, total, 3);
                self.shape(entries, total, &[None], &[keys, values]);
                for never_null in [entries, keys] {
                    // SAFETY: made by `node`, and nobody else refers to it.
                    unsafe { (*self.schemas[never_null]).flags = 0 };
                }
                self.shape(node, rows, &[valid, Some(&offsets)], &[entries]);
                node
            }
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for schema in self.schemas.drain(..) {
            // SAFETY: from `Box::into_raw` in `node`, and taken back once.
            drop(unsafe { Box::from_raw(schema) });
        }
        for array in self.arrays.drain(..) {
            // SAFETY: an array from `Box::into_raw` in `node`, taken back once.
            drop(unsafe { Box::from_raw(array) });
        }
    }
}
