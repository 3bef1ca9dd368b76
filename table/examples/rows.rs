//! A Rust struct as a table: written in place, read where it lies, and read by a newer version of the struct.

use bowstring::Row;
use bowstring::rows::{Category, Micros, Reader, Room, Timestamp, Utc, Writer};

#[derive(Row)]
struct Tick {
    at: Timestamp<Micros, Utc>,
    price: f32,
    venue: Category,
    legs: Vec<Leg>,
}

#[derive(Row)]
struct Leg {
    quantity: i32,
}

/// The row of a newer program: a wider price under a new name, and a column that old senders lack.
#[derive(Row)]
struct NewTick {
    #[row(alias = "price")]
    last: f64,
    venue: Category,
    note: Option<String>,
    legs: Vec<Leg>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = format!("rows-{}", std::process::id());
    let mut writer = Writer::<Tick>::bind(&name)?;
    let reading = std::thread::spawn(move || read(&name).map_err(|error| error.to_string()));

    let legs = vec![Leg { quantity: 3 }, Leg { quantity: 4 }];
    writer.send(&[Tick { at: Timestamp::new(0), price: 2.5, venue: "XOSL".into(), legs }])?;

    writer.add_categories("venue", ["XOSL", "XROM"]);
    writer.build(Room::rows(1000).items(0), |columns| {
        for i in 0..1000 {
            columns.at[i] = Timestamp::new(i as i64);
            columns.price[i] = i as f32 / 4.0;
            columns.venue.push(if i % 2 == 0 { "XOSL" } else { "XROM" })?;
            columns.legs.push_empty()?;
        }
        Ok(1000)
    })?;
    drop(writer);
    print!("{}", reading.join().map_err(|_| "the reader panicked")??);
    Ok(())
}

fn read(name: &str) -> Result<String, Box<dyn std::error::Error>> {
    let mut reader = Reader::<NewTick>::connect(name)?;
    let mut lines = String::new();
    while let Some(batch) = reader.next_batch()? {
        let sum: f64 = batch.last().iter().sum();
        let oslo = batch.iter().filter(|tick| tick.venue == "XOSL").count();
        let legs: i32 = batch.iter().flat_map(|tick| tick.legs.iter()).map(|leg| leg.quantity).sum();
        let notes = batch.iter().filter_map(|tick| tick.note).count();
        lines += &format!("{} rows: sum {sum}, {oslo} at XOSL, {legs} in legs, {notes} notes\n", batch.len());
    }
    Ok(lines)
}
