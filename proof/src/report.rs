//! The printed report: a line for each claim, for people or as JSON, and the counts at the end.

use crate::check::{Outcome, Verdict};
use crate::claim::Claim;

pub(crate) struct Report {
    json: bool,
}

impl Report {
    pub(crate) fn new(json: bool) -> Report {
        Report { json }
    }

    pub(crate) fn list(&mut self, claim: &Claim) {
        println!("{:<24} {:?}: {}", claim.id, claim.level, claim.statement);
    }

    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        let seconds = outcome.took.as_secs_f64();
        let (verdict, figure) = match &outcome.verdict {
            Verdict::Holds(figure) => ("holds", figure),
            Verdict::Fails(why) => ("FAILS", why),
            Verdict::Skipped(why) => ("SKIPPED", why),
        };
        let claim = outcome.claim;
        if self.json {
            println!(
                r#"{{"claim":{},"verdict":{},"figure":{},"bound":{},"seconds":{seconds:.1}}}"#,
                quoted(claim.id),
                quoted(&verdict.to_lowercase()),
                quoted(figure),
                quoted(&claim.bound.to_string()),
            );
        } else {
            println!("{verdict:<8} {:<24} {figure} ({}; {seconds:.0} s)", claim.id, claim.bound);
        }
    }

    pub(crate) fn summary(&mut self, outcomes: &[Outcome]) {
        let count = |is: fn(&Verdict) -> bool| outcomes.iter().filter(|o| is(&o.verdict)).count();
        let line = format!(
            "{} claims hold, {} fail, {} skipped",
            count(|v| matches!(v, Verdict::Holds(_))),
            count(|v| matches!(v, Verdict::Fails(_))),
            count(|v| matches!(v, Verdict::Skipped(_))),
        );
        // There is no place for it beside a stream of JSON.
        if self.json { eprintln!("{line}") } else { println!("{line}") }
    }
}

fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    #[test]
    fn json_is_quoted() {
        assert_eq!(super::quoted("a\"b\\c\nd"), r#""a\"b\\c\u000ad""#);
    }
}
