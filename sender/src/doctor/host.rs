//! Examines a host, by trying what can be tried.

use std::fs;

use bowstring::names;
use bowstring::transport::region::{Pages, Writable};
use bowstring_cli::text;
use rustix::process::{PidfdFlags, Resource, getpid, getrlimit, pidfd_open};

/// The weight of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Good,
    /// It works, and could be better.
    Fair,
    /// It does not work without.
    Missing,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) what: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) found: String,
    /// The explanation, and what to do about it.
    pub(crate) meaning: String,
}

impl Finding {
    pub(crate) fn line(&self) -> String {
        let mark = match self.verdict {
            Verdict::Good => "ok",
            Verdict::Fair => "--",
            Verdict::Missing => "!!",
        };
        let meaning = match self.meaning.as_str() {
            "" => String::new(),
            meaning => format!("\n{:25}{meaning}", ""),
        };
        format!("{mark}  {:20} {}{meaning}\n", self.what, self.found)
    }
}

fn finding(
    what: &'static str,
    verdict: Verdict,
    found: impl Into<String>,
    meaning: impl Into<String>,
) -> Finding {
    Finding { what, verdict, found: found.into(), meaning: meaning.into() }
}

/// Looks at everything.
pub(crate) fn examine() -> Vec<Finding> {
    vec![
        kernel(),
        seals(),
        noexec(),
        pidfd(),
        waiting_on_several(),
        cores(),
        cache(),
        huge_pages(),
        memory(),
        descriptors(),
        file_size(),
        socket(),
    ]
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Returns the kernel's version as two numbers.
fn version() -> (u32, u32) {
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn kernel() -> Finding {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    match version() {
        version if version >= (5, 16) => finding("kernel", Verdict::Good, release, ""),
        version if version >= (5, 1) => finding(
            "kernel",
            Verdict::Fair,
            release,
            "from 5.16 on a sender waits for several receivers at once",
        ),
        _ => finding("kernel", Verdict::Missing, release, "F_SEAL_FUTURE_WRITE came with 5.1"),
    }
}

fn seals() -> Finding {
    let region = |name| Writable::create(name, 4096, Pages::Normal);
    let published = region(c"bowstring-doctor").and_then(Writable::publish);
    let frozen = region(c"bowstring-doctor").and_then(Writable::freeze);
    match (published.map(drop), frozen.map(drop)) {
        (Ok(()), Ok(())) => {
            let meaning = "the kernel keeps every other process from writing to a sender's memory";
            finding("sealed memory", Verdict::Good, "future-write, write, shrink, grow, seal: tried", meaning)
        }
        (Err(error), _) | (_, Err(error)) => {
            finding("sealed memory", Verdict::Missing, error.to_string(), "nothing works without it")
        }
    }
}

fn noexec() -> Finding {
    let found = match read("/proc/sys/vm/memfd_noexec").as_deref() {
        None => "vm.memfd_noexec is not there (before Linux 6.3)",
        Some("0") => "vm.memfd_noexec = 0: asked for by each file",
        Some("1") => "vm.memfd_noexec = 1: on for all",
        Some(_) => "vm.memfd_noexec = 2: enforced",
    };
    finding("no executable memory", Verdict::Good, found, "")
}

fn pidfd() -> Finding {
    match pidfd_open(getpid(), PidfdFlags::empty()) {
        Ok(_) => finding("process descriptors", Verdict::Good, "pidfd_open works: tried", ""),
        Err(error) => {
            let meaning = "a peer's death shows by its socket alone, which a child of it may hold open";
            finding("process descriptors", Verdict::Fair, format!("pidfd_open: {error}"), meaning)
        }
    }
}

fn waiting_on_several() -> Finding {
    match version() >= (5, 16) {
        true => finding("futex_waitv", Verdict::Good, "there, by the kernel's version", ""),
        false => {
            let meaning = "a sender with several receivers looks at them in turn while it waits";
            finding("futex_waitv", Verdict::Fair, "not there (before Linux 5.16)", meaning)
        }
    }
}

fn cores() -> Finding {
    match std::thread::available_parallelism().map_or(1, usize::from) {
        1 => {
            let meaning = "sender and receiver take turns: every message costs a switch between them";
            finding("cores", Verdict::Fair, "1", meaning)
        }
        cores => match load().filter(|load| load + 1.5 > cores as f64) {
            None => finding("cores", Verdict::Good, cores.to_string(), ""),
            Some(load) => {
                let meaning =
                    "a sender and a receiver share them with others, and so does what is measured here";
                finding("cores", Verdict::Fair, format!("{cores}, and a load of {load:.1} on them"), meaning)
            }
        },
    }
}

/// Returns the average number of processes that ran, or waited to, during the last minute.
fn load() -> Option<f64> {
    read("/proc/loadavg")?.split(' ').next()?.parse().ok()
}

fn cache() -> Finding {
    let largest = (0..5).rev().find_map(|index| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}");
        Some((read(&format!("{path}/level"))?, read(&format!("{path}/size"))?))
    });
    match largest {
        None => finding("cache", Verdict::Fair, "not told by this host", "keep --pool to a few megabytes"),
        Some((level, size)) => {
            let meaning = "a pool (--pool) that fits is written and read at the speed of the cache";
            finding("cache", Verdict::Good, format!("{size} at level {level}"), meaning)
        }
    }
}

fn huge_pages() -> Finding {
    let policy = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
    let stated = read(policy).unwrap_or_else(|| "not there".to_owned());
    let chosen = stated.split(['[', ']']).nth(1).unwrap_or(&stated).to_owned();
    let granted = Writable::create(c"bowstring-doctor", 4 << 20, Pages::Huge);
    match granted.map(|region| region.pages()) {
        Ok(Pages::Huge | Pages::HugeTlb) => {
            finding("huge pages", Verdict::Good, format!("shmem_enabled = {chosen}, granted: tried"), "")
        }
        Ok(Pages::Normal) => {
            let meaning = format!(
                "sealed messages are filled several times faster with them: echo advise | sudo tee {policy}"
            );
            finding("huge pages", Verdict::Fair, format!("shmem_enabled = {chosen}, not granted"), meaning)
        }
        Err(error) => finding("huge pages", Verdict::Fair, error.to_string(), ""),
    }
}

fn memory() -> Finding {
    let meminfo = read("/proc/meminfo").unwrap_or_default();
    let available = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let group = read("/sys/fs/cgroup/memory.max").filter(|limit| limit != "max");
    let group = group.and_then(|limit| limit.parse::<u64>().ok());
    let limited = group.map(|limit| format!(", this control group's limit is {}", text::bytes(limit)));
    match available {
        None => finding("memory", Verdict::Fair, "not told by this host", ""),
        Some(kib) => {
            let found = format!("{} available{}", text::bytes(kib << 10), limited.unwrap_or_default());
            finding("memory", Verdict::Good, found, "")
        }
    }
}

/// Returns a limit as people read it.
fn limit(resource: Resource) -> Option<u64> {
    getrlimit(resource).current
}

fn descriptors() -> Finding {
    match limit(Resource::Nofile) {
        Some(most) if most < 256 => {
            let meaning = "a receiver takes some ten descriptors of its sender: ulimit -n 1024";
            finding("open files", Verdict::Fair, format!("{most} at most"), meaning)
        }
        Some(most) => finding("open files", Verdict::Good, format!("{most} at most"), ""),
        None => finding("open files", Verdict::Good, "no limit", ""),
    }
}

fn file_size() -> Finding {
    match limit(Resource::Fsize) {
        Some(most) => {
            let meaning = "a pool cannot be larger: ulimit -f unlimited";
            finding("size of files", Verdict::Fair, format!("{} at most", text::bytes(most)), meaning)
        }
        None => finding("size of files", Verdict::Good, "no limit", ""),
    }
}

fn socket() -> Finding {
    match names::make_directory() {
        Ok(path) => finding("names", Verdict::Good, path.display().to_string(), ""),
        Err(error) => {
            finding("names", Verdict::Fair, error.to_string(), "use --socket PATH instead of names")
        }
    }
}
