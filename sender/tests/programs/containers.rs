//! Runs as in containers: no environment, root, bare directories, and namespaces of their own on either side.

use std::fs;
use std::process::Command;

use libtest_mimic::Failed;

use crate::Needs::Namespaces;
use crate::Test;
use crate::run::{Ended, Programs, finish, receiver};

pub(crate) const TESTS: &[Test] = &[
    ("containers: README's commands without an environment, as root", Namespaces, readme),
    ("containers: namespaces of their own, and one directory", Namespaces, apart),
    ("containers: an abstract name is one network's", Namespaces, networks),
    ("containers: users that nobody maps are not the same user", Namespaces, unmapped),
];

/// Makes the caller root of a user namespace, with mounts of its own.
const ROOT: &[&str] = &["--user", "--map-root-user", "--mount"];
/// The same with processes of its own, which end with it.
const CONTAINER: &[&str] = &["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"];

/// Returns true if this host lets its users make the namespaces that these tests need.
pub(crate) fn are_allowed() -> bool {
    let try_one = |arguments: &[&str], program: &str| {
        let unshare = Command::new("unshare").args(arguments).args(["sh", "-c", program]).output();
        unshare.is_ok_and(|output| output.status.success())
    };
    try_one(ROOT, "mount -t tmpfs none /tmp") && try_one(&[CONTAINER, &["--net"]].concat(), "true")
}

/// The commands of the README that are run, in this order, by a shell in which `trips.parquet` exists.
///
/// A sender before `&` runs until its receiver has come; `receiver ls` looks while one waits.
const README: &[(&str, &str)] = &[
    ("target/quick/sender demo:1000000 -- target/quick/receiver", "> /dev/null"),
    ("sender trips.parquet --name trips", "&"),
    ("receiver trips", "; wait"),
    ("sender trips.parquet --name trips", "&"),
    ("receiver trips -o trips.arrow", "; wait"),
    ("sender trips.parquet --name trips", "&"),
    (
        "receiver trips --where \"price > 20 and city in ('Oslo', 'Rome')\" --columns id,price --limit 20 --json",
        "",
    ),
    ("", "wait"),
    ("sender trips.parquet", "&"),
    ("receiver", "; wait"),
    ("receiver ls", ""),
    ("sender trips.csv --compact -- receiver", ""),
];

fn readme(programs: &Programs) -> Result<(), Failed> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"))?;
    let mut script =
        "set -e; mount -t tmpfs none /tmp; mount -t tmpfs none /run; export PATH=$PATH:.\n".to_owned();
    for (command, then) in README {
        let is_there = text.lines().any(|line| match line.strip_prefix(command) {
            // What follows is a comment.
            Some(rest) => rest.is_empty() || rest.trim_start().starts_with('#'),
            None => line.ends_with(&format!("&& {command}")),
        });
        assert!(is_there, "{command:?} is not in the README");
        script += &format!("{command} {then}\n");
    }
    programs.write("trips.csv", "id,price,city\n1,10.5,Oslo\n2,30,Rome\n3,40,Bonn\n4,50.25,Oslo\n")?;
    programs.send(&["trips.csv", "--", "receiver", "-o", "trips.parquet"])?.code(0)?;
    fs::create_dir_all(programs.path("target/quick"))?;
    for place in ["sender", "target/quick/sender"] {
        fs::copy(env!("CARGO_BIN_EXE_sender"), programs.path(place))?;
    }
    for place in ["receiver", "target/quick/receiver"] {
        fs::copy(receiver().ok_or("no receiver")?, programs.path(place))?;
    }
    let shell = ["env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "sh", "-c", &script];
    let ended = run(programs, ROOT, &shell)?.code(0)?;
    for shown in [
        "1,000,000 rows",
        "{\"id\":2,\"price\":30.0}",
        "{\"id\":4,\"price\":50.25}",
        "no table is being sent",
    ] {
        assert!(ended.out.contains(shown) || ended.err.contains(shown), "{shown} in {ended:?}");
    }
    assert!(programs.path("trips.arrow").is_file());
    Ok(())
}

/// Runs a command in namespaces of its own.
fn run(programs: &Programs, namespaces: &[&str], command: &[&str]) -> Result<Ended, Failed> {
    finish(programs.command("unshare".as_ref(), &[namespaces, command].concat()).spawn()?)
}

fn apart(programs: &Programs) -> Result<(), Failed> {
    let (sender, receiver) = (env!("CARGO_BIN_EXE_sender"), receiver().ok_or("no receiver")?);
    let receiver = receiver.to_str().ok_or("no text")?;
    fs::create_dir(programs.path("shared"))?;
    for delivery in ["pooled", "copied", "sealed"] {
        let send = ["env", "-i", sender, "demo:5000", "--socket", "shared/s", "--quiet"];
        let send = programs.command("unshare".as_ref(), &[CONTAINER, &send].concat()).spawn()?;
        let receive = ["env", "-i", receiver, "--socket", "shared/s", "--count", "--wait", "60"];
        let receive = [&receive[..], &["--delivery", delivery]].concat();
        assert_eq!(run(programs, CONTAINER, &receive)?.ok()?, "5000\n", "{delivery}");
        finish(send)?.code(0)?;
    }
    assert_eq!(fs::read_dir(programs.path("shared"))?.count(), 0, "nothing is left behind");
    Ok(())
}

/// Without a map, every user of the host has the same number, this process's own too.
fn unmapped(programs: &Programs) -> Result<(), Failed> {
    let (sender, receiver) = (env!("CARGO_BIN_EXE_sender"), receiver().ok_or("no receiver")?);
    let receiver = receiver.to_str().ok_or("no text")?;
    let receive = [receiver, "--socket", "s", "--count", "--wait", "60"];
    let send = ["--user", sender, "demo:10", "--socket", "s", "--quiet"];

    // The sender lets nobody in, not even its own user, and tells why.
    let mut sending = programs.command("unshare".as_ref(), &send).spawn()?;
    let ended = finish(programs.command(receiver.as_ref(), &receive[1..]).spawn()?)?.code(7)?;
    assert!(ended.err.contains("not mapped in the user namespace of the other side"), "{ended:?}");
    sending.kill()?;
    sending.wait()?;

    // Nor does the receiver take anything.
    let mut sending = programs.command(sender.as_ref(), &send[2..]).spawn()?;
    let ended = run(programs, &["--user"], &receive)?.code(7)?;
    assert!(ended.err.contains("this user namespace does not map it"), "{ended:?}");
    assert!(ended.err.contains("--map-current-user"), "{ended:?}");
    sending.kill()?;
    sending.wait()?;

    // A directory that belongs to somebody could be anybody's.
    for command in [&[sender, "demo:10", "--quiet"][..], &[receiver]] {
        let ended = run(programs, &["--user"], &[&["env", "-i"], command].concat())?.code(7)?;
        assert!(ended.err.contains("this user namespace does not map this user"), "{ended:?}");
    }

    // One user that is mapped is known, whatever its number.
    for map in ["--map-current-user", "--map-root-user"] {
        let both = ["env", "-i", sender, "demo:10", "--quiet", "--", receiver, "--count"];
        assert_eq!(run(programs, &["--user", map], &both)?.ok()?, "10\n", "{map}");
    }
    Ok(())
}

fn networks(programs: &Programs) -> Result<(), Failed> {
    let receiver = receiver().ok_or("no receiver")?;
    let place = format!("@bowstring-containers-{}", std::process::id());
    let (mut sender, _said) = programs.listen(&["demo:1000", "--socket", &place])?;
    let command = [receiver.to_str().ok_or("no text")?, "--socket", &place, "--count", "--wait", "0"];
    run(programs, &[CONTAINER, &["--net"]].concat(), &command)?.code(6)?;
    assert_eq!(run(programs, CONTAINER, &command)?.ok()?, "1000\n");
    sender.wait()?;
    Ok(())
}
