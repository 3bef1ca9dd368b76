//! Plays one row of the table of hostile peers over the socket at its standard input.
//!
//! `hostile_peer TITLE` prints "ready", misbehaves, and exits with 0 if it got what it expected: the table's own
//! assertions are about the errors that the kernel gives it.

use std::io::Write;

use bowstring_tests::hostile;
use bowstring_tests::raw::Socket;

fn main() {
    let title = std::env::args().nth(1).expect("the title of a row");
    let case = hostile::table().into_iter().find(|case| case.title() == title).expect("a row of that title");
    let socket = Socket::from_stdin();
    // The victim must see the peer hang up when it does, so no second handle may stay open.
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null").expect("/dev/null")).expect("dup2");
    println!("ready");
    std::io::stdout().flush().expect("standard output");
    (case.act)(&socket);
    if case.victim.is_meeting()
        && let Some(code) = socket.await_hang_up()
    {
        // A victim that has failed its test no longer reads.
        let _ = writeln!(std::io::stdout(), "refused {code}");
    }
}
