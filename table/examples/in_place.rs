//! Computes a column in the memory that the receiver reads it from, and sums it there: no copy on either side.

use bowstring::arrow_array::types::Int64Type;
use bowstring::arrow_schema::{DataType, Field, Schema};
use bowstring::{Receiver, Sender};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schema = Schema::new(vec![Field::new("square", DataType::Int64, false)]);
    let name = format!("in-place-{}", std::process::id());
    let mut sender = Sender::bind(&name, schema)?;
    let summing = std::thread::spawn(move || sum(&name).map_err(|error| error.to_string()));

    let shape = sender.shape(1000, |_| 0)?;
    sender.build(&shape, |fields| {
        let mut squares = fields.fixed::<Int64Type>()?;
        squares.fill_with(1000, |row| (row * row) as i64)?;
        squares.finish()?;
        Ok(1000)
    })?;
    drop(sender);
    println!("the sum is {}", summing.join().map_err(|_| "the receiver panicked")??);
    Ok(())
}

fn sum(name: &str) -> Result<i64, Box<dyn std::error::Error>> {
    let mut receiver = Receiver::connect(name)?;
    let mut sum = 0;
    while let Some(mut batch) = receiver.next_batch()? {
        let view = batch.view()?;
        let squares = view.column(0).and_then(|column| column.as_slice::<i64>());
        sum += squares.unwrap_or_default().iter().sum::<i64>();
    }
    Ok(sum)
}
