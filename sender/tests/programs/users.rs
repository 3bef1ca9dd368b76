//! Two users: nobody is let in or talked to unless `--allow-user` says so, on both sides.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use libtest_mimic::Failed;

use crate::Needs::{Nothing, Root};
use crate::Test;
use crate::run::{Programs, finish, receiver};

pub(crate) const TESTS: &[Test] = &[
    ("users: options that cannot work are refused", Nothing, usage),
    ("users: another user is refused by default, and let in if both say so", Root, receives),
    ("users: another user sends", Root, sends),
    ("users: an abstract name, which everybody can reach", Root, abstract_name),
];

/// The other user. The number has no rights anywhere.
const OTHER: u32 = 65534;

fn usage(programs: &Programs) -> Result<(), Failed> {
    programs.send(&["demo", "--allow-user", "65534"])?.code(2)?.says("--socket PATH")?;
    programs
        .send(&["demo", "--socket", "s", "--allow-user", "no-such-user-here"])?
        .code(2)?
        .says("give the number")?;
    Ok(())
}

/// Returns a program that the other user can run, in a directory that they can enter.
fn shared(programs: &Programs, program: PathBuf) -> Result<PathBuf, Failed> {
    fs::set_permissions(programs.path("."), Permissions::from_mode(0o755))?;
    let copy = programs.path(&format!("{}-copy", program.file_name().unwrap_or_default().display()));
    fs::copy(program, &copy)?;
    fs::set_permissions(&copy, Permissions::from_mode(0o755))?;
    Ok(copy)
}

/// Runs a receiver as the other user, who has no runtime directory.
fn foreign(program: &PathBuf, arguments: &[&str]) -> Result<Child, Failed> {
    let mut command = Command::new(program);
    command.args(arguments).uid(OTHER).gid(OTHER).env_remove("XDG_RUNTIME_DIR").current_dir("/");
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Ok(command.spawn()?)
}

fn receives(programs: &Programs) -> Result<(), Failed> {
    let program = shared(programs, receiver().ok_or("no receiver")?)?;
    let socket = programs.path("s").display().to_string();
    let receive = |arguments: &[&str]| -> Result<_, Failed> {
        finish(foreign(&program, &[&["--socket", &socket, "--report", "json"], arguments].concat())?)
    };
    // Nobody said anything: the socket is closed to them.
    let (mut sender, _said) = programs.listen(&["demo:1000", "--socket", "s"])?;
    receive(&["--count"])?.code(7)?.says("--allow-user")?;
    sender.kill()?;
    sender.wait()?;
    // One side says so.
    let (sender, _said) = programs.listen(&["demo:1000", "--socket", "s", "--allow-user", "65534"])?;
    receive(&["--count"])?.code(7)?.says("user 0")?.says("--allow-user")?;
    // Both say so. A sender of another user is not read in place.
    let ended = receive(&["--count", "--allow-user", "root"])?.code(0)?.says("\"delivery\":\"copied\"")?;
    assert_eq!(ended.out, "1000\n");
    finish(sender)?.code(0)?;
    let (sender, _said) = programs.listen(&["demo:1000", "--socket", "s", "--allow-user", "65534,1"])?;
    // Who only looks is let in too.
    let look = ["--socket", &socket, "--inspect", "--allow-user", "0"];
    assert!(finish(foreign(&program, &look)?)?.ok()?.contains("the sender has not begun"));
    let arguments = ["--count", "--allow-user", "1,0", "--delivery", "sealed"];
    assert_eq!(receive(&arguments)?.code(0)?.says("\"delivery\":\"sealed\"")?.out, "1000\n");
    finish(sender)?.code(0)?;
    Ok(())
}

fn sends(programs: &Programs) -> Result<(), Failed> {
    let program = shared(programs, env!("CARGO_BIN_EXE_sender").into())?;
    let room = programs.path("theirs");
    fs::create_dir(&room)?;
    chown(&room, Some(OTHER), Some(OTHER))?;
    let socket = room.join("s").display().to_string();
    let send =
        |arguments: &[&str]| foreign(&program, &[&["demo:1000", "--socket", &socket], arguments].concat());
    let receive = |arguments: &[&str]| -> Result<_, Failed> {
        finish(
            programs
                .receiver(&[&["--socket", &socket, "--wait", "60", "--count"], arguments].concat())
                .spawn()?,
        )
    };
    let sender = send(&["--allow-user", "root"])?;
    receive(&[])?.code(7)?.says("user 65534")?.says("--allow-user")?;
    assert_eq!(receive(&["--allow-user", "65534"])?.ok()?, "1000\n");
    finish(sender)?.code(0)?;
    // Permissions do not bind root, and the sender refuses all the same.
    let mut sender = send(&[])?;
    receive(&["--allow-user", "65534"])?.code(7)?.says("--allow-user")?;
    sender.kill()?;
    sender.wait()?;
    Ok(())
}

fn abstract_name(programs: &Programs) -> Result<(), Failed> {
    let program = shared(programs, receiver().ok_or("no receiver")?)?;
    let place = format!("@bowstring-users-{}", std::process::id());
    let arguments = ["--socket", &place, "--count", "--allow-user", "0"];
    let (mut sender, _said) = programs.listen(&["demo:1000", "--socket", &place])?;
    finish(foreign(&program, &arguments)?)?.code(7)?.says("not let in")?.says("--allow-user")?;
    sender.kill()?;
    sender.wait()?;
    let (sender, _said) = programs.listen(&["demo:1000", "--socket", &place, "--allow-user", "65534"])?;
    assert_eq!(finish(foreign(&program, &arguments)?)?.ok()?, "1000\n");
    finish(sender)?.code(0)?;
    Ok(())
}
