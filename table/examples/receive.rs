//! Receives a table by its name: `cargo run --example receive -- ticks`. Run the example `send` beside it.

use std::time::Duration;

use bowstring::Receiver;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "ticks".to_owned());
    let mut receiver = Receiver::builder().wait_for_sender(Duration::from_secs(10)).connect(&name)?;
    let mut rows = 0;
    for batch in &mut receiver {
        rows += batch?.num_rows();
    }
    println!("received {rows} rows, {} bytes of them copied", receiver.stats().bytes_copied);
    Ok(())
}
