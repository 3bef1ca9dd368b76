//! Samples as a view for people: a line for each sender, and one below it for each of its receivers.

use std::io::{self, Write};
use std::time::Duration;

use bowstring_cli::text::{count, escaped};
use bowstring_transport::Latency;

use crate::watch::{Place, Running, Sample, State};

/// Writes the view.
pub(crate) fn view(out: &mut impl Write, samples: &[Sample], place: &str) -> io::Result<()> {
    if samples.is_empty() {
        return writeln!(out, "no running sender in {}", escaped(place));
    }
    writeln!(
        out,
        "{:>8} {:>10} {:>10} {:>9} {:>11} {:>9} {:>10} {:>7}  CHANNEL",
        "PID", "MESSAGES/s", "BYTES/s", "LATENCY", "SLOTS", "STALLS/s", "WAKE-UPS/s", "SKIPPED"
    )?;
    for sample in samples {
        let (pid, channel) = match &sample.place {
            Place::Address(address) => (None, address.to_string()),
            Place::Process { pid, program, .. } => (Some(pid.to_string()), format!("{program} (no name)")),
        };
        let channel = escaped(&channel);
        match &sample.state {
            State::Absent(_) => {}
            State::Silent(why) => {
                writeln!(out, "{:>8} {channel}: {}", pid.as_deref().unwrap_or("?"), escaped(why))?;
            }
            State::Running(running) => {
                sender(out, running, &pid.unwrap_or_else(|| running.now.pid.to_string()), &channel)?;
            }
        }
    }
    Ok(())
}

fn sender(out: &mut impl Write, running: &Running, pid: &str, channel: &str) -> io::Result<()> {
    let Running { now, rates, receivers } = running;
    writeln!(
        out,
        "{:>8} {:>10} {:>10} {:>9} {:>11} {:>9} {:>10} {:>7}  {channel}",
        pid,
        amount(rates.messages),
        amount(rates.bytes),
        "",
        if now.slots == 0 { "files".to_owned() } else { format!("{}/{}", now.slots_in_use, now.slots) },
        amount(rates.stalls),
        amount(rates.wake_ups),
        now.skips,
    )?;
    for receiver in receivers {
        let subscriber = &receiver.now;
        writeln!(
            out,
            "{:>8} {:>10} {:>10} {:>9} {:>11} {:>9} {:>10} {:>7}  └ receiver, {} behind",
            subscriber.pid,
            "",
            amount(receiver.bytes_per_second),
            subscriber.latency.map_or_else(|| "-".to_owned(), latency),
            subscriber.slots,
            "",
            "",
            subscriber.skipped,
            count(subscriber.messages.saturating_sub(subscriber.taken), "message", "messages"),
        )?;
    }
    Ok(())
}

/// Returns the time as far as it is known: `<` at most, `>` at least, and bare where the two are close.
fn latency(latency: Latency) -> String {
    let Latency { least, most } = latency;
    match most {
        None => format!(">{}", time(least)),
        Some(most) if least < most / 2 => format!("<{}", time(most)),
        Some(most) => time(most),
    }
}

/// Returns a time in two or three digits.
fn time(time: Duration) -> String {
    let (mut value, mut unit) = (time.as_nanos() as f64, "ns");
    for next in ["µs", "ms", "s"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    if value < 9.95 && unit != "ns" { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}

/// Returns a number with its thousands folded into a letter.
fn amount(value: f64) -> String {
    let (mut value, mut unit) = (value, "");
    for next in ["k", "M", "G", "T"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    if value < 9.95 && (value.fract() > 0.05 || !unit.is_empty()) {
        format!("{value:.1}{unit}")
    } else {
        format!("{value:.0}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let cases = [(0.0, "0"), (7.0, "7"), (2.5, "2.5"), (999.0, "999"), (999.9, "1.0k"), (3.1e9, "3.1G")];
        for (value, text) in cases {
            assert_eq!(amount(value), text);
        }
    }
    #[test]
    fn a_latency_says_how_far_it_is_known() {
        let known = |least, most: Option<u64>| {
            latency(Latency { least: Duration::from_nanos(least), most: most.map(Duration::from_nanos) })
        };
        assert_eq!(known(0, Some(740)), "<740ns");
        assert_eq!(known(9_000, Some(11_400)), "11µs");
        assert_eq!(known(1_200_000, Some(1_400_000)), "1.4ms");
        assert_eq!(known(3_000_000_000, None), ">3.0s");
    }
}
