use bowstring::Row;
use bowstring::rows::{Micros, Millis, Room, Timestamp, Writer};

#[derive(Row)]
struct Tick {
    at: Timestamp<Micros>,
    price: f64,
}

fn main() {
    let mut writer = Writer::<Tick>::bind("ticks").unwrap();
    writer
        .build(Room::rows(1), |columns| {
            columns.at[0] = Timestamp::<Millis>::new(1);
            columns.price[0] = "1.5";
            Ok(1)
        })
        .unwrap();
}
