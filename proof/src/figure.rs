//! Finds the figure in a command's output.

/// The form in which a command's output shows its figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Figure {
    /// The tests that passed, as the test harnesses count them; ignored ones are counted separately.
    Tests,
    /// The sum of all numbers directly before these words.
    Sum(&'static str),
    /// The last number directly before these words.
    Last(&'static str),
}

/// The number that the bound applies to, and how to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) number: u64,
    pub(crate) shown: String,
    /// Tests that reported that they could not run.
    pub(crate) ignored: u64,
}

impl Figure {
    /// Finds the figure in the output; `None` if there is none.
    pub(crate) fn find(self, output: &str) -> Option<Found> {
        match self {
            Figure::Tests => {
                let passed: Vec<u64> = numbers(output, " passed").collect();
                let number = (!passed.is_empty()).then(|| passed.iter().sum())?;
                let ignored = numbers(output, " ignored").sum();
                let shown = match ignored {
                    0 => format!("{} tests", grouped(number)),
                    n => format!("{} tests, {n} ignored", grouped(number)),
                };
                Some(Found { number, shown, ignored })
            }
            Figure::Sum(words) => {
                let all: Vec<u64> = numbers(output, words).collect();
                (!all.is_empty()).then(|| found(all.iter().sum(), words))
            }
            Figure::Last(words) => numbers(output, words).last().map(|number| found(number, words)),
        }
    }
}

fn found(number: u64, words: &str) -> Found {
    Found { number, shown: format!("{}{words}", grouped(number)), ignored: 0 }
}

/// Returns the numbers directly before each occurrence of `words`.
fn numbers<'a>(output: &'a str, words: &'a str) -> impl Iterator<Item = u64> + 'a {
    output.match_indices(words).filter_map(|(at, _)| {
        let before = &output[..at];
        let digits = before.len() - before.bytes().rev().take_while(u8::is_ascii_digit).count();
        before[digits..].parse().ok()
    })
}

/// Returns a number with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(' ');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_summed_over_harnesses() {
        let output = "test result: ok. 12 passed; 0 failed; 1 ignored;\nx\ntest result: ok. 30 passed; 0 failed; 0 ignored;";
        let found = Figure::Tests.find(output).unwrap();
        assert_eq!((found.number, found.ignored), (42, 1));
        assert_eq!(Figure::Tests.find("nothing was run"), None);
    }

    #[test]
    fn numbers_stand_before_their_words() {
        let output = "a: 1200 executions\nb: 34 executions\n executions of what?";
        assert_eq!(Figure::Sum(" executions").find(output).unwrap().shown, "1 234 executions");
        assert_eq!(Figure::Last(" executions").find(output).unwrap().number, 34);
        assert_eq!(Figure::Sum(" execs").find(output), None);
    }
}
