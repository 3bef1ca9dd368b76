use bowstring::Row;

#[derive(Row)]
struct Tick {
    price: f64,
    #[row(alias = "price")]
    bid: f64,
}

fn main() {}
