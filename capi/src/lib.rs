//! `libbowstring`: the C interface. `include/bowstring.h` is what it is for C, and `include/bowstring.hpp` for C++.
//!
//! It has no logic of its own. `bowstring_capi_bytes` is its layer of bytes.

pub use bowstring_capi_bytes as bytes;
