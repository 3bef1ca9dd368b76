use bowstring::Row;
use bowstring::rows::Reader;

#[derive(Row)]
struct Tick {
    price: f64,
}

fn main() {
    let mut reader = Reader::<Tick>::connect("ticks").unwrap();
    let first = reader.next_batch().unwrap().unwrap();
    let second = reader.next_batch().unwrap().unwrap();
    println!("{:?} {:?}", first.price(), second.price());
}
