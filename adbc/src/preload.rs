//! Loading a library so that those loaded later find its symbols.
//!
//! # Safety
//!
//! A library runs code of its own when it is loaded. The only one that is loaded here is Python's, from where Python says
//! that it is. It starts no interpreter by being loaded, and it is never unloaded.
#![allow(unsafe_code)]

use std::path::PathBuf;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY};

/// Loads a library for all; true if it could be loaded.
pub(crate) fn global(path: &PathBuf) -> bool {
    // SAFETY: Python's library has initialisers that only set up its own memory.
    let library = unsafe { Library::open(Some(path), RTLD_LAZY | RTLD_GLOBAL) };
    library.map(std::mem::forget).is_ok()
}
