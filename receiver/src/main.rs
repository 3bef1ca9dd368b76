//! The program `receiver`; see the library for what it is made of.

use std::process::ExitCode;

use bowstring::allocations::Counting;

/// Counts, so that the report can say what the hot path asked of the heap.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    bowstring_receiver::main()
}
