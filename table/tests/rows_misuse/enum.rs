use bowstring::Row;

#[derive(Row)]
enum Side {
    Buy,
    Sell,
}

fn main() {}
