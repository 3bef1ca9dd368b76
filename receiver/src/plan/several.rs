//! Several tables on one command line.

use super::{Endpoint, Handling, SinkPlan, named};
use crate::args::{MeetingArgs, SinkArgs, Validate};
use crate::failure::Failure;

/// The most channels of a recording.
const RECORDED: usize = 64;

/// Returns the tables, if there are several, or one whose rows are to say so. Refuses what is for one table only.
pub(super) fn channels(
    args: &MeetingArgs,
    sink: &SinkArgs,
    handling: &Handling,
    inspect: bool,
) -> Result<Vec<(String, Endpoint)>, Failure> {
    let wrong = |what: &str, advice| Err(Failure::Usage { what: what.to_owned(), advice });
    let recorded = matches!(handling, Handling::Keep(SinkPlan::Record { .. })) && !inspect;
    if args.source_column.is_some() && (args.names.is_empty() || recorded) {
        return wrong(
            "--source-column is for rows of named tables, and a recording has their names already",
            "name the tables: receiver a b --source-column table",
        );
    }
    if args.names.len() < 2 && args.source_column.is_none() {
        return Ok(Vec::new());
    }
    let mut channels: Vec<(String, Endpoint)> = Vec::new();
    for name in &args.names {
        let channel = name.to_string_lossy().into_owned();
        if channels.iter().any(|(known, _)| *known == channel) {
            return wrong("a table is named twice", "name each once");
        }
        channels.push((channel, named(name)?));
    }
    let single = "receive the tables one by one, each with a receiver";
    let refused = [
        (inspect, "--inspect looks at one table"),
        (recorded && args.reconnect.is_some(), "--reconnect goes on with one table of a recording"),
        (!recorded && sink.touch, "--touch adds up the messages of one table"),
        (!recorded && args.require_zero_copy, "--require-zero-copy is checked for one table"),
        (
            !recorded && args.validate == Validate::Structure,
            "--validate structure is for one table: batches of several are always checked in full",
        ),
    ];
    if let Some((_, what)) = refused.into_iter().find(|(said, _)| *said) {
        return wrong(what, single);
    }
    if recorded && channels.len() > RECORDED {
        return wrong("a recording has at most 64 channels", "record them into several files");
    }
    Ok(channels)
}
