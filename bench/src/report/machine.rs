//! Describes the machine, as far as it affects the figures; nothing identifies its owner.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

const OF_A_VIRTUAL_MACHINE: &str = "A virtual machine, whose host has other guests. Its processors are moved about: \
    two of them may share a core at one time and be far apart at another, which changes what a cache line costs to \
    hand over several times over. What was measured in turns, in one run, can be compared; nanoseconds cannot be \
    compared with those of another run.";

/// Returns the machine, as a JSON object; `distances` were measured before each part and at the end.
pub(super) fn describe(distances: &[f64]) -> String {
    let info = read("/proc/cpuinfo");
    let of = |key: &str| {
        let line = info.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
    };
    let is_virtual = of("flags").split(' ').any(|flag| flag == "hypervisor");
    let memory = read("/proc/meminfo");
    let memory: Option<u64> = memory.lines().next().and_then(|l| l.split_whitespace().nth(1)?.parse().ok());
    let machine = json!({
        "bowstring": env!("CARGO_PKG_VERSION"),
        "date": date(),
        "processor": of("model name"),
        "processors": info.lines().filter(|line| line.starts_with("processor")).count(),
        "cache": [cache(2), cache(3)],
        "memory_gib": memory.map(|kib| (kib as f64 / f64::from(1 << 20)).round()),
        "kernel": read("/proc/sys/kernel/osrelease").split('-').next(),
        "huge_pages": chosen(&read("/sys/kernel/mm/transparent_hugepage/enabled")),
        "huge_pages_for_shared_memory": chosen(&read("/sys/kernel/mm/transparent_hugepage/shmem_enabled")),
        "scheduling": scheduling(),
        "line_handed_over_ns": distances,
        "virtual": is_virtual,
        "note": if is_virtual { OF_A_VIRTUAL_MACHINE } else { "" },
    });
    format!("{machine:#}\n")
}

/// Returns the machine in a line, from its description.
pub(super) fn line(machine: &Value) -> String {
    let text = |key: &str| machine[key].as_str().unwrap_or("?").to_owned();
    let kind = if machine["virtual"] == true { "A shared virtual machine, " } else { "" };
    let [processor, kernel, date] = ["processor", "kernel", "date"].map(text);
    let line = format!("{kind}{processor}, {} processors, Linux {kernel}, {date}", machine["processors"]);
    match machine["line_handed_over_ns"]
        .as_array()
        .map(|all| all.iter().filter_map(Value::as_f64).collect::<Vec<_>>())
    {
        Some(all) if !all.is_empty() => {
            let least = all.iter().copied().fold(f64::INFINITY, f64::min);
            let most = all.iter().copied().fold(0.0, f64::max);
            format!("{line}; one cache line handed over: {least:.0} to {most:.0} ns")
        }
        _ => line,
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn cache(level: u32) -> String {
    read(&format!("/sys/devices/system/cpu/cpu0/cache/index{level}/size"))
}

/// Returns the bracketed word of the kernel's `always [madvise] never`.
fn chosen(setting: &str) -> &str {
    setting.split(['[', ']']).nth(1).unwrap_or("unavailable")
}

#[allow(unsafe_code)]
fn scheduling() -> &'static str {
    // SAFETY: a plain call, about this process.
    match unsafe { libc::sched_getscheduler(0) } {
        libc::SCHED_FIFO => "first in, first out: nothing ordinary runs meanwhile",
        libc::SCHED_RR => "round robin: nothing ordinary runs meanwhile",
        _ => "ordinary",
    }
}

/// Returns the current date in UTC.
fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Returns year, month and day of a day counted from 1970-01-01. Years begin in March, so that a leap day is the last
/// of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let in_next = month >= 10;
    (era * 400 + year + u64::from(in_next), if in_next { month - 9 } else { month + 3 }, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (19_723, (2024, 1, 1)),
            (20_088, (2024, 12, 31)),
        ] {
            assert_eq!(civil(days), date);
        }
    }
}
