//! What can be said on the command line.

use std::path::PathBuf;
use std::time::Duration;

/// Show the running channels of this user: rate, slots in use, stalls, receivers.
#[derive(clap::Args, Clone, Debug)]
pub struct Top {
    /// Sockets to look at (`@NAME` for the abstract namespace), or directories to look for sockets in [default:
    /// $XDG_RUNTIME_DIR].
    #[arg(value_name = "SOCKET")]
    pub sockets: Vec<PathBuf>,
    /// One JSON object a line for each sender, instead of a view.
    #[arg(long)]
    pub json: bool,
    /// Look so many times, and end.
    #[arg(long, value_name = "TIMES")]
    pub count: Option<u64>,
    /// The time between two looks.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub interval: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "not a possible time".to_owned())
}
