//! Describes the host in a line, for the figures.

use std::fs;
use std::process::Command;

/// The beginning of the line on the page.
const BEGINS: &str = "Last written on ";

/// Returns the page with its line about the host updated.
pub(crate) fn sign(page: &str) -> String {
    let mut signed: Vec<String> = page.lines().map(str::to_owned).collect();
    if let Some(line) = signed.iter_mut().find(|line| line.starts_with(BEGINS)) {
        *line = format!("{BEGINS}{}.", describe());
    }
    signed.join("\n") + "\n"
}

fn describe() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc =
        rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    format!(
        "Linux {} ({}), {cores} cores of {}, {rustc}",
        // Without the builder's suffix to the version.
        kernel.trim().split('-').next().unwrap_or_default(),
        std::env::consts::ARCH,
        model.map_or("an unnamed kind", |(_, model)| model),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_line_changes() {
        let page = format!("a\n{BEGINS}another machine.\nb\n");
        let signed = sign(&page);
        assert!(signed.starts_with(&format!("a\n{BEGINS}Linux ")) && signed.ends_with(".\nb\n"), "{signed}");
        assert_eq!(sign("no such line\n"), "no such line\n");
    }
}
