//! Runs the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bowstring_adbc::{Drivers, Origin};
use bowstring_cli::{bytes, output_options};
use bowstring_store::{Config as Store, Handle, Server, Source};
use bowstring_transport::{HandshakeError, Listener, names};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args;
use crate::config::Config;
use crate::failure::Failure;
use crate::{holder, inherit, input, metrics};

/// `bowstring serve`.
pub(crate) fn run(config: &Config, args: args::Serve) -> Result<(), Failure> {
    // First of all, so that whoever is asked to end before it serves ends well too.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP]);
    let signals = signals.map_err(|error| Failure::host("cannot catch signals", &error))?;
    let metrics = args.metrics.clone().or_else(|| config.metrics.clone());
    let store = store(config, args)?;
    let listener = match inherit::listener() {
        Some(listener) => {
            listener.map_err(|error| Failure::usage(format!("the inherited socket: {error}")))?
        }
        None => listen(config)?,
    };
    let tables = store.sources.len();
    let (mut server, wrong) =
        Server::new(listener, store).map_err(|error| Failure::host("cannot start", &error))?;
    for wrong in wrong {
        output_options::say(&format!("bowstring: left as it is: {wrong}"));
    }
    obey(signals, server.handle()).map_err(|error| Failure::host("cannot start a thread", &error))?;
    if let Some(at) = metrics {
        let answering = metrics::answer(&at, config.socket());
        let at = answering.map_err(|error| Failure::host(&format!("cannot listen on {at}"), &error))?;
        output_options::say(&format!("bowstring: stats at http://{at}/metrics"));
    }
    output_options::say(&format!(
        "bowstring: serving at {}, {tables} from files and databases",
        config.socket().display()
    ));
    server.run().map_err(|error| Failure::host("the store ends", &error))
}

/// Passes signals on to the store, in a thread.
fn obey(mut signals: Signals, handle: Handle) -> std::io::Result<()> {
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in &mut signals {
            match signal {
                SIGHUP => handle.reload(),
                _ => handle.stop(),
            }
        }
    })?;
    Ok(())
}

fn listen(config: &Config) -> Result<Listener, Failure> {
    let path = config.socket();
    if !config.names_socket() {
        names::make_directory().map_err(|error| Failure::usage(error.to_string()))?;
    }
    let listening = match path.to_string_lossy().strip_prefix('@') {
        Some(name) => Listener::bind_abstract(name.as_bytes()),
        None => Listener::bind(path.as_os_str().as_encoded_bytes()),
    };
    listening.map_err(|error| match error {
        HandshakeError::InUse => {
            let by = holder::of_socket(&path).map_or_else(String::new, |by| format!(" by {by}"));
            Failure::new(bowstring_cli::exit::Exit::Other, format!("{} is held{by}", path.display()))
                .advise("use that store, or choose another socket with --socket PATH")
        }
        error => Failure::new(bowstring_cli::exit::Exit::Usage, format!("{}: {error}", path.display())),
    })
}

fn store(config: &Config, args: args::Serve) -> Result<Store, Failure> {
    let size = |said: Option<u64>, written: &Option<String>, usual: u64| match (said, written) {
        (Some(said), _) => Ok(said),
        (None, Some(text)) => bytes::parse(text).map_err(|why| Failure::usage(format!("{text}: {why}"))),
        (None, None) => Ok(usual),
    };
    let usual = Store::default();
    let timeout = config.request_timeout.map(Duration::try_from_secs_f64).transpose();
    let timeout = timeout.map_err(|_| Failure::usage("request_timeout is no possible time"))?;
    let drivers = config.drivers()?;
    let mut sources = Vec::new();
    let here = args.tables.iter().map(|(name, file)| (name.clone(), PathBuf::from(file)));
    let written = config.tables.iter().map(|(name, file)| (name.clone(), file.clone()));
    for (name, path) in here.chain(written) {
        // The command line takes precedence over the file.
        if !sources.iter().any(|source: &Source| source.name == name) {
            sources.push(source(name, &path, &drivers)?);
        }
    }
    Ok(Store {
        program: concat!("bowstring ", env!("CARGO_PKG_VERSION")).to_owned(),
        writers: [args.writers, config.writers.clone()].concat(),
        readers: [args.readers, config.readers.clone()].concat(),
        max_table: size(args.max_table_size, &config.max_table_size, usual.max_table)?,
        max_total: size(args.max_total_size, &config.max_total_size, usual.max_total)?,
        max_clients: args.max_clients.or(config.max_clients).unwrap_or(usual.max_clients),
        request_timeout: args.request_timeout.or(timeout).unwrap_or(usual.request_timeout),
        keep: args.keep.or(config.keep).unwrap_or(usual.keep),
        state: args.state.or_else(|| config.state.clone()),
        sources,
        ..usual
    })
}

fn source(name: String, path: &Path, drivers: &Drivers) -> Result<Source, Failure> {
    if let Some(origin) = input::database(path)? {
        return Ok(of_database(name, origin, drivers.clone()));
    }
    if !path.is_file() {
        return Err(Failure::usage(format!("{name}: {} is no file", path.display()))
            .advise("name a file, or a table of a database as in app.db#orders"));
    }
    let path =
        std::path::absolute(path).map_err(|error| Failure::host("cannot find the directory", &error))?;
    let options = input::options(&path);
    let said = path.display().to_string();
    let drivers = drivers.clone();
    Ok(Source {
        name,
        origin: said,
        load: Arc::new(move |most| input::segments(&options, &drivers, most).map_err(|failure| failure.what)),
        watched: vec![path],
        retry: false,
    })
}

/// A database may be locked or down: it is tried again. What else it writes to, such as a log, tells of no commit.
fn of_database(name: String, origin: Origin, drivers: Drivers) -> Source {
    let said = |failure: Failure| match failure.advice {
        Some(advice) => format!("{}; {advice}", failure.what),
        None => failure.what,
    };
    Source {
        name,
        origin: origin.to_string(),
        watched: origin.file().map(Path::to_owned).into_iter().collect(),
        load: Arc::new(move |most| input::of_database(&origin, &drivers, most).map_err(said)),
        retry: true,
    }
}
