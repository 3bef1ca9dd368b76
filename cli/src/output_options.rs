//! Messages and reports: on standard error, or in a named file.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use crate::args::{OutputArgs, ReportAs};
use crate::text;

/// The options for messages and reports.
#[derive(Clone, Debug)]
pub struct OutputOptions {
    /// Nothing but errors.
    pub quiet: bool,
    /// True if progress is shown.
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

    /// Prints the stats as requested. Fails, with the file's name, if they cannot be written to the named file.
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

/// Prints a line to standard error; ignores a closed one.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints the error, and below it what to do next. Both are escaped for the terminal.
pub fn tell(program: &str, what: &impl Display, advice: Option<&str>) {
    say(&format!("{program}: {}", text::escaped(&what.to_string())));
    if let Some(advice) = advice {
        say(&format!("  {}", text::escaped(advice)));
    }
}
