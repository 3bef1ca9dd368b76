//! The tables of `PROOF.md`: they are made from the claims, and keep the figures of earlier runs for what was not run.

use std::collections::BTreeMap;

use crate::check::{Outcome, Verdict};
use crate::claims::{ALL, Claim, Level, Strength};

const HEAD: &str = "| claim | what is claimed | what it rests on | bound | latest figure | command |\n|---|---|---|---|---|---|\n";

/// The page with its tables made anew. Prose is left as it is.
pub(crate) fn rewrite(page: &str, outcomes: &[Outcome]) -> Result<String, String> {
    let mut figures = figures_of(page);
    for outcome in outcomes {
        if let Verdict::Holds(figure) = &outcome.verdict {
            figures.insert(outcome.claim.id.to_owned(), figure.clone());
        }
    }
    let mut new = String::new();
    let mut rest = page;
    for strength in Strength::ALL {
        let begin = format!("<!-- table: {} -->\n", strength.mark());
        let end = "<!-- end of table -->\n";
        let (before, after) = rest.split_once(&begin).ok_or_else(|| format!("there is no {begin}"))?;
        let (_, after) = after.split_once(end).ok_or_else(|| format!("no end after {begin}"))?;
        new += before;
        new += &begin;
        new += HEAD;
        for claim in ALL.iter().filter(|claim| claim.strength == strength) {
            new += &row(claim, figures.get(claim.id).map_or("not run yet", String::as_str));
        }
        new += end;
        rest = after;
    }
    Ok(new + rest)
}

fn row(claim: &Claim, figure: &str) -> String {
    let deep = if claim.level == Level::Deep { " (deep)" } else { "" };
    let Claim { id, statement, rests_on, bound, scope, command, .. } = claim;
    format!("| `{id}`{deep} | {statement} | {rests_on} | {scope}; {bound} | {figure} | `{command}` |\n")
}

/// The figures that a page shows, by claim.
fn figures_of(page: &str) -> BTreeMap<String, String> {
    page.lines()
        .filter_map(|line| {
            let columns: Vec<&str> = line.split(" | ").collect();
            let id = columns.first()?.strip_prefix("| `")?.split('`').next()?;
            Some((id.to_owned(), (*columns.get(4)?).to_owned()))
        })
        .collect()
}

/// Whether two pages say the same of every claim; figures may differ from host to host, and have bounds of their own.
pub(crate) fn same_but_for_figures(old: &str, new: &str) -> Result<(), String> {
    let without = |page: &str| -> Vec<String> { page.lines().map(without_figure).collect() };
    let (old, new) = (without(old), without(new));
    match old.iter().zip(&new).find(|(old, new)| old != new) {
        Some((old, new)) => Err(format!("is not what the claims make of it:\n  has  {old}\n  want {new}")),
        None if old.len() != new.len() => Err("has another number of claims".into()),
        None => Ok(()),
    }
}

fn without_figure(line: &str) -> String {
    let mut columns: Vec<&str> = line.split(" | ").collect();
    if line.starts_with("| `") && columns.len() > 4 {
        columns[4] = "";
    }
    columns.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn empty() -> String {
        let table = |s: Strength| format!("## x\n<!-- table: {} -->\n<!-- end of table -->\n", s.mark());
        Strength::ALL.map(table).concat() + "the end\n"
    }

    #[test]
    fn every_claim_has_a_row_and_keeps_its_figure() {
        let outcome =
            Outcome { claim: &ALL[0], verdict: Verdict::Holds("17 of them".into()), took: Duration::ZERO };
        let first = rewrite(&empty(), &[outcome]).unwrap();
        assert!(ALL.iter().all(|claim| first.contains(&format!("| `{}`", claim.id))));
        assert!(first.contains("| 17 of them |") && first.ends_with("the end\n"));
        let again = rewrite(&first, &[]).unwrap();
        assert_eq!(first, again, "what was not run keeps its figure");
        assert!(same_but_for_figures(&first, &first.replace("17 of them", "18")).is_ok());
        assert!(same_but_for_figures(&first, &first.replace(ALL[0].statement, "nothing")).is_err());
        assert!(same_but_for_figures(&first, &empty()).is_err());
        assert!(rewrite("no tables", &[]).is_err());
    }
}
