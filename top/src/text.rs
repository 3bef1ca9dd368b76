//! Samples as a view for people: a line for each sender, and one below it for each of its receivers.

use std::io::{self, Write};

use crate::watch::{Running, Sample, State};

/// Writes the view.
pub(crate) fn view(out: &mut impl Write, samples: &[Sample], place: &str) -> io::Result<()> {
    if samples.is_empty() {
        return writeln!(out, "no running sender in {}", clean(place));
    }
    writeln!(
        out,
        "{:>8} {:>10} {:>10} {:>11} {:>9} {:>10} {:>7}  SOCKET",
        "PID", "MESSAGES/s", "BYTES/s", "SLOTS", "STALLS/s", "WAKE-UPS/s", "SKIPPED"
    )?;
    for sample in samples {
        let socket = clean(&sample.socket.display().to_string());
        match &sample.state {
            State::Absent(_) => {}
            State::Silent(why) => writeln!(out, "{:>8} {}: {}", "?", socket, clean(why))?,
            State::Running(running) => sender(out, running, &socket)?,
        }
    }
    Ok(())
}

fn sender(out: &mut impl Write, running: &Running, socket: &str) -> io::Result<()> {
    let Running { now, rates, receivers } = running;
    writeln!(
        out,
        "{:>8} {:>10} {:>10} {:>11} {:>9} {:>10} {:>7}  {socket}",
        now.pid,
        amount(rates.messages),
        amount(rates.bytes),
        if now.slots == 0 { "files".to_owned() } else { format!("{}/{}", now.slots_in_use, now.slots) },
        amount(rates.stalls),
        amount(rates.wake_ups),
        now.skips,
    )?;
    for receiver in receivers {
        let lane = &receiver.now;
        writeln!(
            out,
            "{:>8} {:>10} {:>10} {:>11} {:>9} {:>10} {:>7}  └ receiver, {} messages behind",
            lane.pid,
            "",
            amount(receiver.bytes_per_second),
            lane.slots,
            "",
            "",
            lane.skipped,
            lane.messages.saturating_sub(lane.taken),
        )?;
    }
    Ok(())
}

/// Without what commands a terminal: a path can be named by anybody.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A number with its thousands folded into a letter.
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
}
