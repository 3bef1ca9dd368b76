//! The command line.

use crate::claim::{Claim, Level};

pub(crate) const USAGE: &str = "usage: proof [--quick | --deep] [--json] [--check] [--only ID] [--list]
  --quick   the checks that take a minute or two each (the default)
  --deep    the long ones as well
  --only    this claim alone, quick or deep; may be given again
  --check   compare PROOF.md with the claims and do not write it
  --json    a line of JSON for each claim
  --list    name the claims and run nothing";

#[derive(Debug, Default)]
pub(crate) struct Options {
    deep: bool,
    only: Vec<String>,
    pub(crate) json: bool,
    pub(crate) check: bool,
    pub(crate) list: bool,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => options.deep = false,
                "--deep" => options.deep = true,
                "--json" => options.json = true,
                "--check" => options.check = true,
                "--list" => options.list = true,
                "--only" => {
                    let id = arguments.next().ok_or("--only wants the id of a claim")?;
                    if !crate::claims::ALL.iter().any(|claim| claim.id == id) {
                        return Err(format!("there is no claim {id:?}; --list names them"));
                    }
                    options.only.push(id);
                }
                other => return Err(format!("unknown argument {other:?}")),
            }
        }
        Ok(options)
    }

    /// Returns true if a claim is to be checked.
    pub(crate) fn selects(&self, claim: &Claim) -> bool {
        if self.only.is_empty() {
            self.deep || claim.level == Level::Quick
        } else {
            self.only.iter().any(|id| id == claim.id)
        }
    }
}
