//! Sends one table to four receivers, here threads of this process.

use std::sync::Arc;

use bowstring::arrow_array::{ArrayRef, Int64Array, RecordBatch};
use bowstring::{Receiver, Sender};

const RECEIVERS: u32 = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let column = Arc::new(Int64Array::from_iter_values(0..1000)) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("n", column)])?;
    let name = format!("fan-out-{}", std::process::id());

    let mut sender = Sender::bind(&name, batch.schema())?;
    let receivers: Vec<_> = (0..RECEIVERS)
        .map(|_| {
            std::thread::spawn({
                let name = name.clone();
                move || count(&name).map_err(|error| error.to_string())
            })
        })
        .collect();
    sender.wait_for_receivers(RECEIVERS, None)?;
    for _ in 0..100 {
        sender.send(&batch)?;
    }
    drop(sender); // the end of the table
    for receiver in receivers {
        println!("{} rows", receiver.join().map_err(|_| "a receiver panicked")??);
    }
    Ok(())
}

fn count(name: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let mut rows = 0;
    for batch in &mut Receiver::connect(name)? {
        rows += batch?.num_rows();
    }
    Ok(rows)
}
