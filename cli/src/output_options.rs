//! What is said besides the data, and where: all of it on standard error, or in a file that was named.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use crate::args::{OutputArgs, ReportAs};
use crate::text;

/// What is said besides the data.
#[derive(Clone, Debug)]
pub struct OutputOptions {
    /// Nothing but errors.
    pub quiet: bool,
    /// Whether progress is shown.
    pub progress: bool,
    verbose: bool,
    report: Option<ReportAs>,
    report_to: Option<PathBuf>,
}

/// The final figures, in the ways of stating them.
pub trait Stats {
    /// Returns one line for people, of at most [`LINE`](text::LINE) columns.
    fn line(&self) -> String;
    /// Returns what `--verbose` adds, line by line.
    fn details(&self) -> Vec<String>;
    /// As one JSON object.
    fn json(&self) -> String;
}

impl OutputOptions {
    /// Decides what was left open.
    #[must_use]
    pub fn resolve(args: OutputArgs) -> OutputOptions {
        let OutputArgs { quiet, verbose, report, report_to } = args;
        OutputOptions {
            quiet,
            progress: !quiet && io::stderr().is_terminal(),
            verbose,
            report: report.or((!quiet).then_some(ReportAs::Text)),
            report_to,
        }
    }

    /// States the figures as was asked. Fails, with the file's name, if they cannot be written to the file that was named.
    pub fn state(&self, figures: &impl Stats) -> Result<(), (String, io::Error)> {
        match self.report {
            None => {}
            Some(ReportAs::Text) => {
                say(&figures.line());
                if self.verbose {
                    figures.details().iter().for_each(|line| say(&format!("  {line}")));
                }
            }
            Some(ReportAs::Json) => say(&figures.json()),
        }
        let Some(path) = &self.report_to else { return Ok(()) };
        fs::write(path, format!("{}\n", figures.json())).map_err(|error| (path.display().to_string(), error))
    }
}

/// Says something on standard error. If nobody listens there is nobody to tell.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Says what went wrong, and below it what to do next. Neither can command the terminal.
pub fn tell(program: &str, what: &impl Display, advice: Option<&str>) {
    say(&format!("{program}: {}", text::escaped(&what.to_string())));
    if let Some(advice) = advice {
        say(&format!("  {}", text::escaped(advice)));
    }
}
