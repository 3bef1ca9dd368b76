//! `libbowstring`: the C interface. `include/bowstring.h` is what it is for C, and `include/bowstring.hpp` for C++.
//!
//! It has no logic of its own: `bowstring_capi_bytes` is its layer of bytes, and the modules here are its layer of tables,
//! thin over `bowstring`.

pub mod build;
pub mod choice;
pub mod failure;
pub mod receive;
pub mod send;
pub mod store;
mod stream;

pub use bowstring_capi_bytes as bytes;
