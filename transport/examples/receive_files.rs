//! Receives sealed messages from any sender, and writes each to a file of its own.
//!
//! ```text
//! cargo run -p bowstring-transport --example receive_files -- SOCKET DIRECTORY
//! ```
//!
//! The greeting becomes `DIRECTORY/greeting`, and message 7 with tag 2 becomes `DIRECTORY/00000007.2`. The name of
//! each message is printed to standard output once its file is there.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use bowstring_transport::{Connector, Deliveries, RecvError};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(socket), Some(directory)) = (arguments.next(), arguments.next().map(PathBuf::from)) else {
        return Err("usage: receive_files SOCKET DIRECTORY".into());
    };
    let incoming = Connector::new(Deliveries::SEALED).connect(socket.as_encoded_bytes())?;
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("greeting"), incoming.greeting())?;
    let mut receiver = incoming.sealed().map_err(|_| "another delivery than the only one wanted")?;
    loop {
        let message = match receiver.recv() {
            Err(RecvError::Closed) => return Ok(()),
            outcome => outcome?,
        };
        let name = format!("{:08}.{}", message.meta().number, message.meta().tag);
        fs::write(directory.join(&name), &message)?;
        println!("{name}");
    }
}
