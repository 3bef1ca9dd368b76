//! Python programs: batches, shared tables, the import. The contenders are in `bench/python/compare.py`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Options;

/// Runs them all, with the interpreter that `python/check` made or `$PYTHON`.
pub(crate) fn run(options: Options) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked = home.join("../python/target/venv/bin/python");
    let python: PathBuf = match std::env::var_os("PYTHON") {
        Some(python) => python.into(),
        None if checked.exists() => checked,
        None => "python3".into(),
    };
    let has = Command::new(&python).args(["-c", "import bowstring, numpy, pyarrow"]).output();
    if !has.is_ok_and(|has| has.status.success()) {
        println!(
            "skipped, because {} has not bowstring, numpy and pyarrow: run python/check, or set PYTHON",
            python.display()
        );
        return;
    }
    let mut command = Command::new(&python);
    command.arg(home.join("python/compare.py"));
    if options.json {
        command.arg("--json");
    }
    if let Some(only) = options.only {
        command.args(["--only", only]);
    }
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => eprintln!("{} ended with {status}", python.display()),
        Err(error) => eprintln!("{}: {error}", python.display()),
    }
}
