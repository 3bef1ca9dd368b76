//! The tables of `PROOF.md`: generated from the claims, keeping earlier figures for claims that were not run.

use std::collections::BTreeMap;

use crate::check::{Outcome, Verdict};
use crate::claim::{Claim, Level, Strength};
use crate::claims::ALL;

/// Stands in for a missing figure.
const NOT_YET: &str = "not run yet";

const HEAD: &str = "| claim | what is claimed | what it rests on | bound | latest figure | command |\n|---|---|---|---|---|---|\n";

/// Returns the page with its tables regenerated. Prose is left as it is.
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
            new += &row(claim, figures.get(claim.id).map_or(NOT_YET, String::as_str));
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

/// Returns the figures that a page shows, by claim.
fn figures_of(page: &str) -> BTreeMap<String, String> {
    page.lines()
        .filter_map(|line| {
            let columns: Vec<&str> = line.split(" | ").collect();
            let id = columns.first()?.strip_prefix("| `")?.split('`').next()?;
            Some((id.to_owned(), (*columns.get(4)?).to_owned()))
        })
        .collect()
}

/// Checks that two pages agree on every claim; figures may differ from host to host, and have their own bounds.
pub(crate) fn same_but_for_figures(old: &str, new: &str) -> Result<(), String> {
    let without = |page: &str| -> Vec<String> { page.lines().map(without_figure).collect() };
    let (old, new) = (without(old), without(new));
    match old.iter().zip(&new).find(|(old, new)| old != new) {
        Some((old, new)) => Err(format!("is not what the claims make of it:\n  has  {old}\n  want {new}")),
        None if old.len() != new.len() => Err("has another number of claims".into()),
        None => Ok(()),
    }
}

/// Checks the figures of a page: each must be within its bound, and none may be missing for a claim that every run
/// checks. Otherwise they depend on the host.
pub(crate) fn figures_within_bounds(page: &str) -> Result<(), String> {
    let figures = figures_of(page);
    for claim in ALL {
        let shown = figures.get(claim.id).map_or(NOT_YET, String::as_str);
        match number(shown) {
            Some(figure) if !claim.bound.allows(figure) => {
                return Err(format!("shows {shown} for {}, which is not {}", claim.id, claim.bound));
            }
            None if claim.level == Level::Quick => {
                return Err(format!("shows no figure for {}", claim.id));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns the number at the start of a figure, whose digits are in groups.
fn number(figure: &str) -> Option<u64> {
    let digits: String =
        figure.chars().take_while(|c| c.is_ascii_digit() || *c == ' ').filter(char::is_ascii_digit).collect();
    digits.parse().ok()
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
    use crate::claim::Bound;
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

    #[test]
    fn figures_are_held_against_their_bounds() {
        assert_eq!(number("1 148 652 execs"), Some(1_148_652));
        assert_eq!(number(NOT_YET), None);
        let outcomes: Vec<_> = ALL
            .iter()
            .map(|claim| {
                let figure = match claim.bound {
                    Bound::AtLeast(least) => least,
                    Bound::AtMost(_) => 0,
                };
                let verdict = Verdict::Holds(format!("{figure} of them"));
                Outcome { claim, verdict, took: Duration::ZERO }
            })
            .collect();
        let page = rewrite(&empty(), &outcomes).unwrap();
        assert_eq!(figures_within_bounds(&page), Ok(()));
        let least = ALL.iter().find(|c| matches!(c.bound, Bound::AtLeast(2..))).unwrap();
        let Bound::AtLeast(figure) = least.bound else { unreachable!() };
        let row = |figure| row(least, &format!("{figure} of them"));
        assert!(figures_within_bounds(&page.replace(&row(figure), &row(figure - 1))).is_err());
        assert!(figures_within_bounds(&rewrite(&empty(), &[]).unwrap()).is_err());
    }
}
