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
    /// As one JSON object, which has the `channel` if there is one.
    fn json(&self, channel: Option<&str>) -> String;
}

/// The figures of several tables, each with its name.
#[derive(Debug)]
pub struct Several<'a, S>(pub Vec<(&'a str, S)>);

impl<S: Stats> Stats for Several<'_, S> {
    fn line(&self) -> String {
        self.0.iter().map(|(name, stats)| format!("{name}: {}", stats.line())).collect::<Vec<_>>().join("\n")
    }

    fn details(&self) -> Vec<String> {
        let of = |(name, stats): &(&str, S)| {
            stats.details().into_iter().map(|line| format!("{name}: {line}")).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of).collect()
    }

    /// One object a line.
    fn json(&self, _: Option<&str>) -> String {
        self.0.iter().map(|(name, stats)| stats.json(Some(name))).collect::<Vec<_>>().join("\n")
    }
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
            Some(ReportAs::Json) => say(&figures.json(None)),
        }
        let Some(path) = &self.report_to else { return Ok(()) };
        fs::write(path, format!("{}\n", figures.json(None)))
            .map_err(|error| (path.display().to_string(), error))
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
