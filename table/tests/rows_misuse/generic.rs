use bowstring::Row;

#[derive(Row)]
struct Pair<T> {
    a: T,
    b: T,
}

fn main() {}
