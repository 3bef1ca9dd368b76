use bowstring::Row;

#[derive(Row)]
struct Tick {
    #[row(name = "px")]
    price: f64,
}

fn main() {}
