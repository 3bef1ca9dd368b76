//! A no-alloc channel between Linux processes.
#![no_std]
