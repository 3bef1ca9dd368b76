//! The capabilities of standard output.

use std::env;
use std::io::{self, IsTerminal};

/// Assumed where neither the terminal nor the environment says.
const USUAL_WIDTH: usize = 100;

/// The width of the output, and whether it takes colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    pub(crate) width: usize,
    pub(crate) colour: bool,
}

impl Screen {
    /// The kind of standard output.
    pub(crate) fn of_stdout() -> Screen {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let asked = terminal.then(|| rustix::termios::tcgetwinsize(&stdout).ok()).flatten();
        let asked = asked.map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0);
        let stated = || env::var("COLUMNS").ok()?.parse().ok().filter(|&columns| columns > 0);
        Screen {
            width: asked.or_else(stated).unwrap_or(USUAL_WIDTH),
            colour: terminal && colour_is_welcome(),
        }
    }
}

/// Returns true if the user has not said that colours are unwelcome: see <https://no-color.org>.
pub(crate) fn colour_is_welcome() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}
