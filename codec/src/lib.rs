//! Arrow IPC messages, written into and read from memory that somebody else owns.
