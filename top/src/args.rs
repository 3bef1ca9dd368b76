//! The command line.

use std::ffi::OsString;
use std::time::Duration;

use bowstring_cli::args::seconds;

/// Show the running channels of this user: rate, latency, slots in use, stalls, receivers.
///
/// The latency is that of one message, timed lately: from just before it was published until its receiver had taken it. A
/// sender looks whether it was taken when it sends and now and then, so that of one that rests it is known to within the
/// rest: `<` says at most so much, `>` that it is not taken yet.
#[derive(clap::Args, Clone, Debug)]
pub struct Top {
    /// Channels to look at: names, paths of sockets or of directories of sockets, or @NAME in the abstract namespace
    /// [default: every name of this user, and every other sender that one of this user's processes holds, such as
    /// those that were started with `-- COMMAND`].
    #[arg(value_name = "CHANNEL")]
    pub channels: Vec<OsString>,
    /// One JSON object a line for each sender, instead of a view.
    #[arg(long)]
    pub json: bool,
    /// End after N updates.
    #[arg(long, value_name = "TIMES")]
    pub count: Option<u64>,
    /// The time between two looks.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub interval: Duration,
}
