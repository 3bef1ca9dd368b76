use bowstring::Row;

#[derive(Row)]
struct Tick {
    pair: (f64, f64),
    bytes: &'static [u8],
}

fn main() {}
