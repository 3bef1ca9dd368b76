//! Inputs on which Arrow readers once crashed: each gives an error or data that Arrow finds fully valid, in every way
//! of reading, and never a panic.

#[path = "support/corpus.rs"]
mod corpus;

use std::fs;
use std::path::Path;

use bowstring_codec::testing::fuzz;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let trials = match corpus::root() {
        Ok(root) => trials(&root),
        Err(why) => vec![Trial::ignorable_test("crashers", move || Ok(Completion::ignored_with(why)))],
    };
    libtest_mimic::run(&arguments, trials).exit();
}

fn trials(root: &Path) -> Vec<Trial> {
    let directories = ["arrow-ipc-stream", "arrow-ipc-file"];
    let files = directories.iter().flat_map(|directory| corpus::entries(&root.join(directory)));
    let inputs = files.filter(|path| path.is_file() && path.extension().is_none_or(|end| end != "md"));
    inputs.map(|path| Trial::test(corpus::name(&path), move || survives(&path))).collect()
}

/// Reads the input as everything it could be: the bodies panic if ways of reading disagree, or if something accepted
/// is not valid to Arrow.
fn survives(path: &Path) -> Result<(), Failed> {
    let bytes = fs::read(path)?;
    fuzz::decode(&bytes);
    fuzz::views_agree(&bytes);
    for outcome in [fuzz::stream(&bytes), fuzz::file(&bytes)] {
        if let Some(error) = outcome.error {
            println!("{}: {error}", corpus::name(path));
        }
    }
    Ok(())
}
