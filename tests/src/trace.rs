//! Stepping children.
