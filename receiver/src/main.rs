//! `receiver`: takes an Arrow table from another process on this host, and shows, stores or measures it.
//!
//! Arguments become a [`plan`]; the plan [`meet`]s a sender; [`drain`] takes the table's batches to a [`sink`], which
//! writes to an [`output`]; a [`report`] says what happened.

mod args;
mod failure;
mod output;
mod place;
mod plan;
mod screen;
mod sink;
mod text;

use clap::Parser;

fn main() {
    let cli = args::Cli::parse();
    let plan = plan::Plan::resolve(cli.receive);
    println!("{plan:?}");
}
