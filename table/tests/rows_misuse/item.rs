use bowstring::Row;

#[derive(Row)]
struct Tick {
    legs: Vec<usize>,
}

fn main() {}
