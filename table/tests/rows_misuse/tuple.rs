use bowstring::Row;

#[derive(Row)]
struct Price(f64);

fn main() {}
