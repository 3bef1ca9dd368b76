//! The bytes layer of the C interface: messages between two processes, as `bowstring.h` declares them.
//!
//! It needs no allocator, and no standard library without the feature `std`: handles live in private mappings of their
//! own, and errors in the caller's memory. `libbowstring` and `libbowstring_transport` are both made of it.
//!
//! # Map
//!
//! `error` fills the caller's error object; `guard` catches panics; `handle` and `pointer` check what C hands in;
//! `handshake` reads the options of a handshake and `address` a name; the others are one object of the header each.

#![cfg_attr(not(feature = "std"), no_std)]

pub mod address;
pub mod calls;
pub mod error;
pub mod guard;
pub mod handle;
pub mod handshake;
pub mod listener;
pub mod message;
pub mod observer;
pub mod pointer;
pub mod receiver;
pub mod sender;
pub mod stats;
pub mod time;
