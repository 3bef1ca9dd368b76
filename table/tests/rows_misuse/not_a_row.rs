use bowstring::rows::Reader;

struct Tick {
    price: f64,
}

fn read(reader: Reader<Tick>) {
    drop(reader);
}

fn main() {}
