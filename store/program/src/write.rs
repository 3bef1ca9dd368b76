//! Changes tables.

use bowstring_cli::output_options;
use bowstring_cli::text::{count, escaped};
use bowstring_source::options::SourceOptions;
use bowstring_store::{Client, Done, Metadata, Mode, Put, StoreError};

use crate::args;
use crate::config::Config;
use crate::failure::{self, Failure};
use crate::read::connect;
use crate::{input, read};

fn say(name: &str, done: Done, quiet: bool) {
    if !quiet {
        let rows = count(done.rows, "row", "rows");
        output_options::say(&format!("{}: {rows}, version {}", escaped(name), done.version));
    }
}

fn change(
    config: &Config,
    name: &str,
    quiet: bool,
    change: impl FnOnce(&mut Client) -> Result<Done, StoreError>,
) -> Result<(), Failure> {
    let mut client = connect(config)?;
    let done = change(&mut client).map_err(|error| failure::store(config, &error))?;
    say(name, done, quiet);
    Ok(())
}

fn send(config: &Config, name: &str, source: &SourceOptions, put: &Put, quiet: bool) -> Result<(), Failure> {
    // Asks the store first, so that nothing is read if it is not running or would refuse.
    let mut client = connect(config)?;
    let most = client.welcome().max_table;
    let segments = input::segments(source, &config.drivers()?, most)
        .map_err(|failure| read::or_the_store(config, name, &source.inputs, failure))?;
    let done = client.put_segments(name, &segments, put).map_err(|error| failure::store(config, &error))?;
    say(name, done, quiet);
    Ok(())
}

/// `bowstring put`.
pub(crate) fn put(config: &Config, args: &args::Put, quiet: bool) -> Result<(), Failure> {
    let mode = if args.create { Mode::Create } else { Mode::Put };
    let put = Put { mode, expected: args.if_version.unwrap_or(0), metadata: args.set.clone() };
    send(config, &args.name, &args.source, &put, quiet)
}

/// `bowstring append`.
pub(crate) fn append(
    config: &Config,
    name: &str,
    source: &SourceOptions,
    quiet: bool,
) -> Result<(), Failure> {
    send(config, name, source, &Put { mode: Mode::Append, ..Put::default() }, quiet)
}

/// `bowstring rm`.
pub(crate) fn remove(config: &Config, name: &str, version: Option<u64>, quiet: bool) -> Result<(), Failure> {
    let mut client = connect(config)?;
    let done = client.remove(name, version.unwrap_or(0));
    done.map_err(|error| failure::store(config, &error))?;
    if !quiet {
        output_options::say(&format!("{}: removed", escaped(name)));
    }
    Ok(())
}

/// `bowstring rename`.
pub(crate) fn rename(config: &Config, name: &str, to: &str, quiet: bool) -> Result<(), Failure> {
    change(config, to, quiet, |client| client.rename(name, to))
}

/// `bowstring set`.
pub(crate) fn set(config: &Config, name: &str, pairs: Metadata, quiet: bool) -> Result<(), Failure> {
    change(config, name, quiet, |client| client.annotate(name, pairs))
}
