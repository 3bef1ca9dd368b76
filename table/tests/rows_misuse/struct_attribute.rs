use bowstring::Row;

#[derive(Row)]
#[row(rename_all = "camelCase")]
struct Tick {
    price: f64,
}

fn main() {}
