//! The codec, compared with `arrow-ipc` and with a plain copy of the same number of bytes.

mod batches;
mod decode;
mod encode;
mod region;
mod report;

use crate::Options;

/// Runs every case.
pub(crate) fn run(options: Options) {
    let report = report::Report::new(options);
    encode::metadata(&report);
    encode::data(&report);
    encode::in_place(&report);
    decode::metadata(&report);
    decode::validation(&report);
}
