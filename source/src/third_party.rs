//! Isolates libraries that read foreign formats.
//!
//! No input makes our own readers panic. That is not known of other libraries, so a panic in one of them is caught
//! and reported as an input that the library could not handle.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::SourceError;

thread_local! {
    /// True while a foreign library runs on this thread: its panics are reported as errors, and not here.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs a foreign library.
///
/// After a panic the caller gives up the input, so nobody sees the state that the library was left in.
pub(crate) fn guard<R>(
    name: &str,
    library: &str,
    work: impl FnOnce() -> Result<R, SourceError>,
) -> Result<R, SourceError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |why| {
            if !QUIET.get() {
                others(why);
            }
        }));
    });
    let before = QUIET.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    outcome.unwrap_or_else(|why| {
        let why = why.downcast_ref::<&str>().map(|why| (*why).to_owned());
        let why = why.unwrap_or_else(|| "no reason given".to_owned());
        Err(SourceError::malformed(name, format!("the {library} library broke off: {why}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn a_panic_is_a_malformed_input() {
        let failure =
            guard("x.csv", "CSV", || -> Result<(), _> { panic!("index out of bounds") }).unwrap_err();
        assert_eq!(failure.kind, Kind::Malformed);
        assert_eq!(failure.what, "x.csv: the CSV library broke off: index out of bounds");
        assert_eq!(guard("x.csv", "CSV", || Ok(7)), Ok(7));
    }
}
