//! Completions and manual pages.

use std::io::{self, Write};

use clap::Command;
use clap_complete::Shell;

/// Prints the completions of a program for a shell.
pub fn completions(shell: Shell, mut program: Command) -> io::Result<()> {
    let name = program.get_name().to_owned();
    print(|out| {
        clap_complete::generate(shell, &mut program, name, out);
        Ok(())
    })
}

/// Prints the manual page of a program.
pub fn manual(program: Command) -> io::Result<()> {
    print(|out| clap_mangen::Man::new(program).render(out))
}

/// Renders to a buffer first: clap's generators panic on a write error. A closed pipe (`| head`) is not an error.
fn print(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut text = Vec::new();
    write(&mut text)?;
    match io::stdout().write_all(&text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
