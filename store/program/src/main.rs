//! `bowstring`: a store of named Arrow tables, and its client on the command line.
//!
//! [`args`] is the command line and [`config`] the file that store and clients share. [`serve`] runs the store;
//! [`read`] opens tables by the methods available; [`mod@write`] changes them; [`show`] lists. [`holder`] finds the
//! process that listens on a socket, and [`metrics`] serves Prometheus.

mod args;
mod config;
mod failure;
mod holder;
mod inherit;
mod input;
mod metrics;
mod read;
mod serve;
mod show;
mod write;

use std::process::ExitCode;

use bowstring_cli::self_docs;
use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command};
use crate::config::Config;
use crate::failure::{Failure, STDOUT};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.tell("bowstring")),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { socket, config, quiet, drivers, command } = cli;
    let printed = |printed: std::io::Result<()>| printed.map_err(|error| Failure::output(STDOUT, &error));
    match command {
        Command::Completions { shell } => return printed(self_docs::completions(shell, Cli::command())),
        Command::Man => return printed(self_docs::manual(Cli::command())),
        _ => {}
    }
    let config = Config::read(config)?.with_socket(socket).with_drivers(drivers);
    match command {
        Command::Serve(args) => serve::run(&config, args),
        Command::Ls { json } => show::list(&config, json),
        Command::Get(args) => read::get(&config, &args, quiet),
        Command::Head { name, rows } => read::head(&config, name, rows),
        Command::Schema { name } => read::schema(&config, &name),
        Command::Follow(args) => read::follow(&config, &args, quiet),
        Command::Put(args) => write::put(&config, &args, quiet),
        Command::Append { name, source } => write::append(&config, &name, &source, quiet),
        Command::Rm { name, if_version } => write::remove(&config, &name, if_version, quiet),
        Command::Rename { name, to } => write::rename(&config, &name, &to, quiet),
        Command::Set { name, pairs } => write::set(&config, &name, pairs, quiet),
        Command::Stat { name: None } => show::stat(&config),
        Command::Stat { name: Some(name) } => show::about(&config, &name),
        Command::Top { interval, count } => show::top(&config, interval, count),
        Command::Completions { .. } | Command::Man => Ok(()),
    }
}
