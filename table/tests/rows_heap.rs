//! Typed rows take no heap from the second batch of a size on: counted by the allocator, on both sides.

// checks: rows-heap-free

use bowstring::allocations::{self, Counting};
use bowstring::rows::{Category, Micros, Reader, Room, Timestamp, Writer};
use bowstring::transport::{Deliveries, Delivery, socket_pair};
use bowstring::{Receiver, Row};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Row)]
struct Tick {
    at: Timestamp<Micros>,
    price: f64,
    note: Option<String>,
    city: Category,
    legs: Vec<Leg>,
}

#[derive(Row)]
struct Leg {
    quantity: i32,
    tag: [u8; 4],
}

/// Reads what [`Tick`] writes, with every column widened or absent that can be.
#[derive(Row)]
struct Wide {
    price: f64,
    #[row(alias = "legs")]
    parts: Vec<WideLeg>,
    absent: Option<String>,
}

#[derive(Row)]
struct WideLeg {
    quantity: i64,
}

fn tick(n: usize) -> Tick {
    let note = (!n.is_multiple_of(3)).then(|| "note".to_owned());
    let legs = (0..n % 4).map(|q| Leg { quantity: q as i32, tag: *b"abcd" }).collect();
    Tick { at: Timestamp::new(n as i64), price: 1.0, note, city: ["A", "B"][n % 2].into(), legs }
}

fn pair<T: Row>(delivery: Delivery) -> (Writer<Tick>, Reader<T>) {
    let (here, there) = socket_pair().unwrap();
    let receiver = std::thread::spawn(move || {
        Receiver::builder().deliveries(Deliveries::only(delivery)).connect_socket(there).unwrap()
    });
    let writer = Writer::new(Writer::<Tick>::builder().accept_socket(here).unwrap()).unwrap();
    (writer, Reader::new(receiver.join().unwrap()).unwrap())
}

#[test]
fn rows_are_written_and_read_without_heap() {
    let ticks: Vec<Tick> = (0..500).map(tick).collect();
    for delivery in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        let (mut writer, mut reader) = pair::<Tick>(delivery);
        for round in 0..10 {
            let ((), sent) = allocations::count(|| writer.send(&ticks[..500 - round]).unwrap());
            let (sum, received) = allocations::count(|| {
                let batch = reader.next_batch().unwrap().unwrap();
                let rows = batch.iter().map(|tick| {
                    let legs =
                        tick.legs.iter().map(|leg| leg.quantity as usize + leg.tag.len()).sum::<usize>();
                    tick.note.map_or(0, str::len) + tick.city.len() + legs
                });
                rows.sum::<usize>() + batch.price().iter().sum::<f64>() as usize
            });
            std::hint::black_box(sum);
            assert!(
                round == 0 || (sent, received) == (0, 0),
                "{delivery:?}: {sent} sent, {received} received"
            );
        }
        assert_eq!(reader.receiver().stats().hot_allocations, 0);
    }
}

#[test]
fn columns_are_built_in_place_without_heap() {
    for delivery in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        let (mut writer, mut reader) = pair::<Wide>(delivery);
        assert!(writer.add_categories("city", ["A"]));
        let room = Room::rows(300).text(8).items(1);
        for round in 0..10 {
            let ((), sent) = allocations::count(|| {
                let built = writer.build(room, |columns| {
                    for i in 0..300 {
                        columns.at[i] = Timestamp::new(i as i64);
                        columns.price[i] = 0.5;
                        columns.note.push_fmt(format_args!("n{i}"))?;
                        columns.city.push("A")?;
                        columns.legs.push_with(|legs| legs.push(&Leg { quantity: 2, tag: *b"abcd" }))?;
                    }
                    Ok(300)
                });
                built.unwrap();
            });
            let (sums, received) = allocations::count(|| {
                let batch = reader.next_batch().unwrap().unwrap();
                let quantities: i64 = batch.parts().items().quantity().iter().sum();
                (batch.price().iter().sum::<f64>(), quantities, batch.absent().get(0).is_none())
            });
            assert_eq!(sums, (150.0, 600, true));
            assert!(
                round == 0 || (sent, received) == (0, 0),
                "{delivery:?}: {sent} sent, {received} received"
            );
        }
    }
}
