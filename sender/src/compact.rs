//! Reports the bytes that `--compact` saved, and finds a place for rows that did not fit.

use bowstring::names::{self, Address};
use bowstring_cli::output_options;
use bowstring_source::{Misfit, OnMisfit, Source};

use crate::failure::Failure;
use crate::plan::{Endpoint, Plan};

/// The end of the name of the second table.
const REST: &str = ".rest";

/// Prints a line for each column that became smaller, and one for all.
pub(crate) fn say(source: &Source, quiet: bool) {
    if let Some(report) = source.compacted().filter(|_| !quiet) {
        for line in report.to_string().lines() {
            output_options::say(&format!("compact: {line}"));
        }
    }
}

/// Checks that there is a place for a second table, if there may be one.
pub(crate) fn check(plan: &Plan) -> Result<(), Failure> {
    if plan.reading.compact.is_none_or(|compact| compact.on_misfit == OnMisfit::Error) {
        return Ok(());
    }
    if plan.repeat != 1 {
        return Err(Failure::usage("--compact-misfit widen: two tables cannot be repeated"));
    }
    beside(&plan.endpoint).map(|_| ())
}

/// Returns the plan of the second table, and says where it is: also where little is to be said, since whoever has the
/// first table lacks these rows.
pub(crate) fn rest(plan: &Plan, misfit: &Misfit) -> Result<Plan, Failure> {
    let endpoint = beside(&plan.endpoint)?;
    output_options::say(&format!(
        "sender: {misfit}; this row and all behind it follow as a second table, at {endpoint}"
    ));
    Ok(Plan { endpoint, ..plan.clone() })
}

/// Returns the place of a second table.
fn beside(endpoint: &Endpoint) -> Result<Endpoint, Failure> {
    Ok(Endpoint::At(match endpoint {
        Endpoint::At(Address::Name(name)) => {
            let name = format!("{name}{REST}");
            names::check(&name).map_err(|error| Failure::usage(error.to_string()))?;
            Address::Name(name)
        }
        Endpoint::At(Address::Path(path)) => {
            let mut path = path.clone().into_os_string();
            path.push(REST);
            Address::Path(path.into())
        }
        Endpoint::At(Address::Abstract(name)) => Address::Abstract([name, REST.as_bytes()].concat()),
        Endpoint::Child => {
            return Err(Failure::usage(
                "--compact-misfit widen: a receiver that is started has one table, and this may become two",
            )
            .advise("start receivers by hand: `receiver NAME`, then `receiver NAME.rest`"));
        }
    }))
}
