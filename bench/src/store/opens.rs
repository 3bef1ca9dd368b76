//! Many processes with one table: what memory they take in all, and what each opening costs the store.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use bowstring_store::{Client, Table};

use super::{Place, put};
use crate::Options;

const PROCESSES: usize = 64;
const OPENS: usize = 1000;
const MEGABYTES: usize = 1024;

/// Opens a table several times, reads every page of it, and says what memory this process takes.
pub(crate) fn child(mut words: impl Iterator<Item = String>) {
    let (Some(socket), Some(count)) = (words.next(), words.next().and_then(|word| word.parse().ok())) else {
        return;
    };
    let mut client = Client::connect(Path::new(&socket)).expect("the store");
    let tables: Vec<Table> =
        std::iter::repeat_with(|| client.get("opens").expect("the table")).take(count).collect();
    let pages = tables[0].segments().iter().flat_map(|segment| segment.bytes().iter().step_by(4096));
    println!("read {}", pages.map(|&byte| u64::from(byte)).sum::<u64>());
    // All are measured while all have it.
    let _ = std::io::stdin().read_line(&mut String::new());
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|word| word.parse::<f64>().ok()).unwrap_or(f64::NAN)
    };
    println!("{} {}", of("Pss_Shmem:"), of("Pss:"));
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn start(place: &Place, number: usize) -> (Child, BufReader<ChildStdout>) {
    let count = OPENS / PROCESSES + usize::from(number < OPENS % PROCESSES);
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg("store-open").arg(&place.socket).arg(count.to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
    let says = BufReader::new(child.stdout.take().expect("piped"));
    (child, says)
}

pub(super) fn run(place: &Place, options: Options) {
    let mut client = place.client();
    drop(put(&mut client, "opens", MEGABYTES));
    let before = place.busy();
    let mut children: Vec<_> = (0..PROCESSES).map(|number| start(place, number)).collect();
    let mut line = String::new();
    for (_, says) in &mut children {
        says.read_line(&mut line).expect("it read all");
    }
    let busy = (place.busy() - before) / OPENS as f64;
    for (child, _) in &mut children {
        child.stdin.as_mut().expect("piped").write_all(b"\n").expect("it lives");
    }
    let (mut table, mut whole) = (0.0, 0.0);
    for (_, says) in &mut children {
        line.clear();
        says.read_line(&mut line).expect("it measured");
        let mut figures = line.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
        table += figures.next().unwrap_or(f64::NAN) / 1024.0;
        whole += figures.next().unwrap_or(f64::NAN) / 1024.0;
    }
    for (mut child, _) in children {
        let _ = child.kill();
        let _ = child.wait();
    }
    let case = format!("opens, {OPENS} by {PROCESSES} processes of {MEGABYTES} MiB");
    if options.json {
        println!(
            "{{\"bench\":\"store\",\"case\":\"{case}\",\"table_mib\":{table:.1},\"processes_mib\":{whole:.1},\"store_ns_each\":{busy:.0}}}"
        );
    } else {
        println!(
            "  {case}   table {table:.1} MiB Pss   processes whole {whole:.1} MiB   store's time {:.1} µs each",
            busy / 1000.0
        );
    }
    client.remove("opens", 0).expect("removed");
}
