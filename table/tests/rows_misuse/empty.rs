use bowstring::Row;

#[derive(Row)]
struct Nothing {}

fn main() {}
