//! The codec against `arrow-ipc`, and against a plain copy of as many bytes.

mod batches;
mod decode;
mod encode;
mod region;
mod report;

use crate::Options;

/// Runs every case.
pub(crate) fn run(options: Options) {
    let mut report = report::Report::new(options);
    encode::metadata(&mut report);
    encode::data(&mut report);
    encode::in_place(&mut report);
    decode::metadata(&mut report);
    decode::validation(&mut report);
}
