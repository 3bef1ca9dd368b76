//! Sends a table under a name: `cargo run --example send -- ticks`. Run the example `receive` beside it.

use std::sync::Arc;

use bowstring::Sender;
use bowstring::arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "ticks".to_owned());
    let mut sender = Sender::bind(&name, batch(0)?.schema())?;
    println!("waiting for a receiver of {name}");
    for second in 0..10 {
        sender.send(&batch(second)?)?;
    }
    println!("sent {} rows", sender.stats().rows);
    Ok(())
}

/// Returns the thousand ticks of one second.
fn batch(second: i64) -> Result<RecordBatch, Box<dyn std::error::Error>> {
    let times = Int64Array::from_iter_values(second * 1000..(second + 1) * 1000);
    let prices =
        Float64Array::from_iter_values(times.values().iter().map(|time| (*time as f64).sin() + 100.0));
    Ok(RecordBatch::try_from_iter([("at", Arc::new(times) as ArrayRef), ("price", Arc::new(prices))])?)
}
