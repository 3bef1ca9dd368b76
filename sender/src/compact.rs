//! Reports the bytes that `--compact` saved.

use bowstring_cli::output_options;
use bowstring_source::Source;

/// Prints a line for each column that became smaller, and one for all.
pub(crate) fn say(source: &Source, quiet: bool) {
    if let Some(report) = source.compacted().filter(|_| !quiet) {
        for line in report.to_string().lines() {
            output_options::say(&format!("compact: {line}"));
        }
    }
}
