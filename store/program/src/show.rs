//! Prints tables, stats and columns.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bowstring_cli::signals::Signals;
use bowstring_cli::text::{bytes, escaped, grouped};
use bowstring_store::Entry;

use crate::config::Config;
use crate::failure::{self, Failure, STDOUT};
use crate::read::connect;

/// Prints text. A closed pipe (`| head`) is not an error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::output(STDOUT, &error)),
        _ => Ok(()),
    }
}

/// `bowstring ls`.
pub(crate) fn list(config: &Config, json: bool) -> Result<(), Failure> {
    let entries = connect(config)?.list().map_err(|error| failure::store(config, &error))?;
    if !json {
        return print(&table(&entries, |entry| grouped(entry.requests)));
    }
    let mut text = String::new();
    for entry in &entries {
        let line = serde_json::json!({
            "name": entry.name, "rows": entry.rows, "bytes": entry.bytes, "columns": entry.columns,
            "version": entry.version, "source": entry.source, "made_ns": entry.made, "requests": entry.requests,
            "followers": entry.followers, "segments": entry.segments, "trouble": entry.trouble,
        });
        text.push_str(&format!("{line}\n"));
    }
    print(&text)
}

/// Formats entries as a table.
fn table(entries: &[Entry], requests: impl Fn(&Entry) -> String) -> String {
    let head = ["name", "rows", "bytes", "columns", "version", "age", "requests", "followers", "source"];
    let mut lines = vec![head.map(str::to_owned)];
    for entry in entries {
        let source = match (entry.trouble.as_str(), entry.source.as_str()) {
            ("", "") => "put".to_owned(),
            ("", source) => source.to_owned(),
            (trouble, source) => format!("{source} (not read: {trouble})"),
        };
        lines.push([
            escaped(&entry.name),
            grouped(entry.rows),
            bytes(entry.bytes),
            grouped(entry.columns.into()),
            entry.version.to_string(),
            age(entry.made),
            requests(entry),
            entry.followers.to_string(),
            escaped(&source),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 9] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            match column {
                0 => text.push_str(&format!("{cell:<0$}", widths[0])),
                8 => text.push_str(&format!("  {cell}")),
                _ => text.push_str(&format!("  {cell:>0$}", widths[column])),
            }
        }
        text.push('\n');
    }
    text
}

fn age(made: u64) -> String {
    if made == 0 {
        return "-".to_owned();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = now.saturating_sub(Duration::from_nanos(made)).as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `bowstring stat`.
pub(crate) fn stat(config: &Config) -> Result<(), Failure> {
    print(&connect(config)?.stat().map_err(|error| failure::store(config, &error))?)
}

/// `bowstring stat NAME`.
pub(crate) fn about(config: &Config, name: &str) -> Result<(), Failure> {
    let failed = |error| failure::store(config, &error);
    let mut client = connect(config)?;
    let table = client.get(name).map_err(failed)?;
    let entries = client.list().map_err(failed)?;
    let position = table.position();
    let mut lines = vec![
        ("name", escaped(table.name())),
        ("version", table.version().to_string()),
        ("rows", grouped(table.rows().end)),
        ("bytes", bytes(table.bytes())),
        ("columns", table.schema().fields().len().to_string()),
        ("segments", table.segments().len().to_string()),
        ("age", age(table.made())),
        ("position", format!("{}:{}", position.base, position.row)),
    ];
    if let Some(entry) = entries.into_iter().find(|entry| entry.name == name) {
        lines.push(("requests", grouped(entry.requests)));
        lines.push(("followers", entry.followers.to_string()));
        lines.push((
            "source",
            if entry.source.is_empty() { "put".to_owned() } else { escaped(&entry.source) },
        ));
        if !entry.trouble.is_empty() {
            lines.push(("not read", escaped(&entry.trouble)));
        }
    }
    let mut text: String = lines.into_iter().map(|(key, value)| format!("{key:<10}{value}\n")).collect();
    for (key, value) in table.metadata() {
        text.push_str(&format!("# {}={}\n", escaped(key), escaped(value)));
    }
    print(&text)
}

/// `bowstring top`.
pub(crate) fn top(config: &Config, interval: Duration, count: Option<u64>) -> Result<(), Failure> {
    let signals = Signals::catch().map_err(|error| Failure::host("cannot catch signals", &error))?;
    let mut client = connect(config)?;
    let mut before: Option<(Instant, Vec<Entry>)> = None;
    let mut left = count;
    while left != Some(0) && signals.caught().is_none() {
        let entries = client.list().map_err(|error| failure::store(config, &error))?;
        let now = Instant::now();
        let rate = |entry: &Entry| {
            let (then, old) = before.as_ref()?;
            let old = old.iter().find(|old| old.name == entry.name)?;
            let more = entry.requests.saturating_sub(old.requests) as f64;
            Some(format!("{:.0}/s", more / now.duration_since(*then).as_secs_f64().max(1e-9)))
        };
        let view = table(&entries, |entry| rate(entry).unwrap_or_else(|| grouped(entry.requests)));
        // Moves home and clears what is below: no flicker, unlike clearing everything.
        let clear = if io::stdout().is_terminal() { "\x1b[H\x1b[J" } else { "" };
        print(&format!("{clear}{view}"))?;
        before = Some((now, entries));
        left = left.map(|left| left - 1);
        let next = now + interval;
        while left != Some(0) && signals.caught().is_none() && Instant::now() < next {
            std::thread::sleep(next.saturating_duration_since(Instant::now()).min(Duration::from_millis(50)));
        }
    }
    Ok(())
}
