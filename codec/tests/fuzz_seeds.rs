//! Runs the fuzz targets' bodies on the inputs that fuzzing has kept.
//!
//! `fuzz/seeds` is part of the project: starting points, and inputs that once found something. `fuzz/corpus` and
//! `fuzz/artifacts` are left by runs on this machine.

#[path = "support/corpus.rs"]
mod corpus;

use std::fs;
use std::path::Path;

use bowstring_codec::testing::fuzz;
use libtest_mimic::{Arguments, Completion, Trial};

/// The body for an input.
type Body = fn(&[u8]);

fn main() {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut trials = Vec::new();
    let targets: [(&str, Body); 5] = [
        ("decode", fuzz::decode),
        ("decode_use_everything", |bytes| match bytes.starts_with(b"ARROW1") {
            true => drop(fuzz::file(bytes)),
            false => {
                fuzz::stream(bytes);
                fuzz::views_agree(bytes);
            }
        }),
        ("record_batch", |bytes| {
            fuzz::arrays(bytes);
        }),
        ("round_trip", fuzz::round_trip),
        ("mutate_valid", |bytes| drop(fuzz::mutate(bytes))),
    ];
    for (target, body) in targets {
        for kind in ["seeds", "corpus", "artifacts"] {
            let inputs = corpus::entries(&root.join(kind).join(target));
            if inputs.is_empty() {
                let why = format!("fuzz/{kind}/{target} is empty");
                let trial =
                    Trial::ignorable_test(format!("{target}: {kind}"), || Ok(Completion::ignored_with(why)));
                trials.push(trial);
                continue;
            }
            trials.push(Trial::test(format!("{target}: {} {kind}", inputs.len()), move || {
                for input in inputs {
                    let bytes = fs::read(&input)?;
                    let survived = std::panic::catch_unwind(|| body(&bytes));
                    survived.map_err(|_| format!("{} makes it panic", input.display()))?;
                }
                Ok(())
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}
