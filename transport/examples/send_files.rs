//! Sends files as sealed messages, one file a message, to one receiver.
//!
//! ```text
//! cargo run -p bowstring-transport --example send_files -- SOCKET GREETING FILE...
//! ```
//!
//! The first file is the greeting. Each of the others is read straight into the memory that the receiver will map.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use bowstring_transport::{Deliveries, HandshakeConfig, Listener, LoanError, Sender, SenderConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(socket), Some(greeting)) = (arguments.next(), arguments.next()) else {
        return Err("usage: send_files SOCKET GREETING FILE...".into());
    };
    let greeting = std::fs::read(greeting)?;
    let listener = Listener::bind(socket.as_encoded_bytes())?;
    let mut sender = SenderConfig::new().deliveries(Deliveries::SEALED).build()?;
    sender.accept(&listener, &HandshakeConfig::new(&greeting))?;
    for file in arguments {
        if !send(&mut sender, file)? {
            eprintln!("the receiver has left");
            break;
        }
    }
    // Dropping the sender says BYE. What was sent before stays readable.
    Ok(())
}

/// Sends one file; returns true if there was a receiver.
fn send(sender: &mut Sender, file: OsString) -> Result<bool, Box<dyn Error>> {
    let mut file = File::open(file)?;
    let len = usize::try_from(file.seek(SeekFrom::End(0))?)?;
    file.rewind()?;
    let mut loan = match sender.loan(len) {
        Err(LoanError::NoReceiver(_)) => return Ok(false),
        outcome => outcome?,
    };
    file.read_exact(&mut loan)?;
    let receipt = loan.commit(len)?;
    Ok(receipt.receivers > 0)
}
