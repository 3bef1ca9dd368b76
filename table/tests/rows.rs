//! Typed rows: every type of field, through every delivery, written in both ways.

use bowstring::rows::{
    Category, Date, Decimal, Duration, Micros, Millis, Nanos, Reader, Room, Seconds, Time, Timestamp, Utc,
    Writer,
};
use bowstring::transport::{Connector, Deliveries, Delivery, SenderConfig, socket_pair};
use bowstring::{Receiver, Row, SendError, Sender};
use bowstring_codec::BuildError;
use half::f16;

/// A row with every type of field.
#[derive(Row, Debug, Clone, PartialEq, Default)]
struct All {
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    f16: f16,
    f32: f32,
    f64: f64,
    flag: bool,
    text: String,
    bytes: Vec<u8>,
    id: [u8; 5],
    city: Category,
    price: Decimal<20, 3>,
    local: Timestamp<Seconds>,
    at: Timestamp<Nanos, Utc>,
    day: Date,
    short: Time<Millis>,
    long: Time<Micros>,
    span: Duration<Millis>,
    leg: Leg,
    legs: Vec<Leg>,
    numbers: Vec<f64>,
    texts: Vec<Vec<String>>,
    #[row(rename = "type")]
    kind: Option<i32>,
    maybe_flag: Option<bool>,
    maybe_text: Option<String>,
    maybe_bytes: Option<Vec<u8>>,
    maybe_id: Option<[u8; 5]>,
    maybe_city: Option<Category>,
    maybe_at: Option<Timestamp<Micros>>,
    maybe_leg: Option<Leg>,
    maybe_legs: Option<Vec<Option<Leg>>>,
    maybe_numbers: Vec<Option<u8>>,
    r#loop: i8,
    len: i16,
}

#[derive(Row, Debug, Clone, PartialEq, Default)]
struct Leg {
    quantity: i32,
    venue: Category,
    note: Option<String>,
}

fn leg(n: u64) -> Leg {
    let note = n.is_multiple_of(3).then(|| format!("leg {n}"));
    Leg { quantity: n as i32, venue: ["N", "Q", "X"][n as usize % 3].into(), note }
}

/// A row of which every field depends on `n`, and every `Option` is `None` for some.
fn row(n: u64) -> All {
    let some = |modulus: u64| !n.is_multiple_of(modulus);
    let wide = -(1_i128 << 64) + i128::from(n);
    All {
        i8: n as i8,
        i16: n as i16,
        i32: -(n as i32),
        i64: n as i64 * -1_000_000_007,
        u8: n as u8,
        u16: n as u16,
        u32: n as u32,
        u64: u64::MAX - n,
        f16: f16::from_f32(n as f32),
        f32: n as f32 / 3.0,
        f64: n as f64 / 7.0,
        flag: n.is_multiple_of(3),
        text: format!("row {n}"),
        bytes: n.to_le_bytes()[..n as usize % 8].to_vec(),
        id: [n as u8, 1, 2, 3, 4],
        city: ["Oslo", "Rome", ""][n as usize % 3].into(),
        price: Decimal::new(wide),
        local: Timestamp::new(n as i64),
        at: Timestamp::new(-(n as i64)),
        day: Date::new(n as i32),
        short: Time::new(n as i32),
        long: Time::new(n as i64),
        span: Duration::new(n as i64),
        leg: leg(n),
        legs: (0..n % 4).map(leg).collect(),
        numbers: (0..n % 3).map(|i| i as f64).collect(),
        texts: (0..n % 3).map(|i| (0..i).map(|j| format!("{n} {j}")).collect()).collect(),
        kind: some(2).then_some(n as i32),
        maybe_flag: some(3).then_some(n.is_multiple_of(2)),
        maybe_text: some(4).then(|| format!("maybe {n}")),
        maybe_bytes: some(5).then(|| vec![7; n as usize % 4]),
        maybe_id: some(6).then_some([9; 5]),
        maybe_city: some(7).then(|| ["Bern", "Kiel"][n as usize % 2].into()),
        maybe_at: some(8).then(|| Timestamp::new(n as i64)),
        maybe_leg: some(9).then(|| leg(n + 1)),
        maybe_legs: some(2).then(|| (0..n % 5).map(|i| (i % 2 == 0).then(|| leg(i))).collect()),
        maybe_numbers: (0..n % 4).map(|i| (i != 1).then_some(i as u8)).collect(),
        r#loop: 1,
        len: -1,
    }
}

fn connect(sender: &mut Sender, delivery: Delivery) -> Receiver {
    let (here, there) = socket_pair().unwrap();
    let receiver = std::thread::spawn(move || {
        Receiver::open(Connector::new(Deliveries::only(delivery)).connect(there).unwrap())
            .unwrap_or_else(|error| panic!("{error}"))
    });
    sender.accept_socket(here).unwrap();
    receiver.join().unwrap()
}

fn pair<T: Row>(delivery: Delivery) -> (Writer<T>, Reader<T>) {
    let mut sender = Sender::new(T::schema(), SenderConfig::new()).unwrap();
    // A receiver by `builder` reads slots in place, as two processes of one user do.
    let receiver = if delivery == Delivery::Pooled {
        let (here, there) = socket_pair().unwrap();
        let builder = Receiver::builder().deliveries(Deliveries::only(delivery));
        let receiver = std::thread::spawn(move || builder.connect_socket(there).unwrap());
        sender.accept_socket(here).unwrap();
        receiver.join().unwrap()
    } else {
        connect(&mut sender, delivery)
    };
    assert_eq!(receiver.delivery(), delivery);
    (Writer::new(sender).unwrap(), Reader::new(receiver).unwrap())
}

const DELIVERIES: [Delivery; 3] = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];

#[test]
fn every_type_of_field_comes_back_through_every_delivery() {
    for delivery in DELIVERIES {
        let (mut writer, mut reader) = pair::<All>(delivery);
        for rows in [1, 2, 100, 37, 100] {
            let rows: Vec<All> = (rows..rows * 2).map(row).collect();
            writer.send(&rows).unwrap();
            let batch = reader.next_batch().unwrap().unwrap();
            assert_eq!(batch.len(), rows.len());
            for (view, row) in batch.iter().zip(&rows) {
                assert_eq!(view.to_owned(), *row, "{delivery:?}");
            }
            // Columns, as slices and by row.
            assert!(batch.f64().iter().eq(rows.iter().map(|row| &row.f64)));
            assert!(batch.price().iter().eq(rows.iter().map(|row| &row.price)));
            assert_eq!(batch.id()[0], rows[0].id);
            assert_eq!(batch.text().get(0), rows[0].text);
            assert_eq!(batch.city().keys().unwrap().len(), rows.len());
            assert_eq!(batch.leg().quantity()[0], rows[0].leg.quantity);
            assert_eq!(batch.numbers().get(0).as_slice(), rows[0].numbers);
            assert_eq!(batch.kind().get(0), rows[0].kind);
            assert_eq!(batch.r#loop(), vec![1; rows.len()]);
            assert_eq!((*batch).len(), vec![-1; rows.len()]);
            assert_eq!(batch.get(rows.len()).map(|_| ()), None);
            assert_eq!(batch.maybe_text().get(rows.len()), None);
        }
        drop(writer);
        assert!(reader.next_batch().unwrap().is_none());
    }
}

#[test]
fn rows_that_are_too_long_for_one_message_come_in_several() {
    let sender = Writer::<Leg>::builder().slots(8, 4096).build().unwrap();
    let mut writer = Writer::<Leg>::new(sender).unwrap();
    let mut reader = Reader::<Leg>::new(connect(writer.sender(), Delivery::Copied)).unwrap();
    let legs: Vec<Leg> = (0..5000).map(leg).collect();
    let expected = legs.clone();
    let sending = std::thread::spawn(move || {
        writer.send(&legs).unwrap();
        // One row alone that is too long.
        let note = Some("x".repeat(20_000));
        let error = writer.send(&[leg(0), Leg { note, ..leg(1) }]).unwrap_err();
        assert_eq!(error.sent, 1, "{error}");
        assert!(matches!(error.error, SendError::TooLarge { .. }), "{error}");
    });
    let (mut found, mut batches) = (Vec::new(), 0);
    while let Some(batch) = reader.next_batch().unwrap() {
        found.extend(batch.iter().map(LegView::to_owned));
        batches += 1;
    }
    sending.join().unwrap();
    assert_eq!(found[..5000], expected);
    assert_eq!(found[5000..], [leg(0)]);
    assert!(batches > 5, "{batches}");
}

#[derive(Row, Debug, PartialEq)]
struct Tick<'s> {
    at: Timestamp<Micros>,
    price: f64,
    size: Option<u32>,
    symbol: &'s str,
    city: Category,
    legs: Vec<Small>,
    one: Small,
}

#[derive(Row, Debug, PartialEq)]
struct Small {
    n: i16,
    text: String,
}

#[test]
fn columns_are_built_in_place_in_any_order() {
    for delivery in DELIVERIES {
        let (mut writer, mut reader) = pair::<Tick<'_>>(delivery);
        assert!(writer.add_categories("city", ["Oslo", "Rome"]));
        assert!(!writer.add_categories("symbol", ["A"]));
        for round in 0..3 {
            writer
                .build(Room::rows(10).text(20).items(3), |columns| {
                    for i in 0..10 {
                        columns.price[i] = i as f64 + f64::from(round);
                        columns.symbol.push_fmt(format_args!("S{i}"))?;
                        columns.city.push(if i % 2 == 0 { "Rome" } else { "Oslo" })?;
                        columns.legs.push_with(|items| {
                            for n in 0..(i as i16 % 3) {
                                items.push(&Small { n, text: format!("{i}") })?;
                            }
                            Ok(())
                        })?;
                        columns.one.n[i] = -(i as i16);
                        columns.one.text.push("one")?;
                        columns.one.end(1)?;
                    }
                    for (i, at) in columns.at.iter_mut().enumerate() {
                        *at = Timestamp::new(i as i64);
                    }
                    columns.size[3] = 7;
                    columns.size.set_null(4)?;
                    Ok(9)
                })
                .unwrap_err();
            // Ten rows were pushed to the columns of text, so nine are refused; nothing was sent.
            let tick = Tick {
                at: Timestamp::new(5),
                price: 1.0,
                size: None,
                symbol: "PUSHED",
                city: "Rome".into(),
                legs: vec![Small { n: 1, text: "a".into() }],
                one: Small { n: 2, text: "b".into() },
            };
            writer
                .build(Room::rows(10), |columns| {
                    columns.push(&tick)?;
                    columns.price[1] = 4.0;
                    columns.symbol.push("")?;
                    columns.city.push("Oslo")?;
                    columns.legs.push_empty()?;
                    columns.one.push(&Small { n: 3, text: "c".into() })?;
                    Ok(2)
                })
                .unwrap();
            let batch = reader.next_batch().unwrap().unwrap();
            assert_eq!(batch.price(), [1.0, 4.0]);
            assert_eq!(batch.at(), [Timestamp::new(5), Timestamp::new(0)]);
            assert_eq!((batch.size().get(0), batch.size().get(1)), (None, Some(0)));
            assert_eq!((batch.symbol().get(0), batch.city().get(1)), ("PUSHED", "Oslo"));
            assert_eq!(batch.legs().get(0).get(0).unwrap().text, "a");
            assert!(batch.legs().get(1).is_empty());
            assert_eq!(batch.one().n(), [2, 3]);
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error_and_nothing_is_sent() {
    let (mut writer, mut reader) = pair::<Small>(Delivery::Copied);
    let small = Small { n: 1, text: "12345678".into() };
    let error = writer.build(Room::rows(2).text(8), |columns| {
        for _ in 0..3 {
            columns.push(&small)?;
        }
        Ok(3)
    });
    assert_eq!(error, Err(SendError::Build(BuildError::TooManyRows { node: 0, capacity: 2 })));
    let error = writer.build(Room::rows(2).text(4), |columns| {
        columns.text.push("123456789")?;
        Ok(1)
    });
    let full = BuildError::CapacityExceeded { node: 1, needed: 9, capacity: 8 };
    assert_eq!(error, Err(SendError::Build(full)));
    let (mut ticks, _reader) = pair::<Leg>(Delivery::Copied);
    let error = ticks.build(Room::rows(2), |columns| {
        columns.venue.push("nowhere")?;
        columns.note.push_null()?;
        Ok(1)
    });
    assert_eq!(error, Err(SendError::Build(BuildError::NoSuchKey { node: 1, row: 0 })));
    writer.send(&[small]).unwrap();
    drop(writer);
    assert_eq!(reader.next_batch().unwrap().unwrap().n(), [1]);
    assert!(reader.next_batch().unwrap().is_none());
}

#[test]
fn the_schema_is_a_constant_and_the_senders_must_be_the_rows() {
    const NAMES: &str = <Small as Row>::FIELDS[1].name;
    assert_eq!(NAMES, "text");
    let sender = Sender::new(Small::schema(), SenderConfig::new()).unwrap();
    let error = Writer::<Leg>::new(sender).unwrap_err();
    assert_eq!(error.column(), "quantity");
}

#[test]
fn the_first_categories_wait_for_a_reader_too() {
    let name = format!("rows-test-{}", std::process::id());
    let mut writer = Writer::<Leg>::bind(&name).unwrap();
    let reading = std::thread::spawn(move || {
        let mut reader = Reader::<Leg>::connect(&name).unwrap();
        reader.next_batch().unwrap().unwrap().get(0).unwrap().to_owned()
    });
    writer.send(&[leg(3)]).unwrap();
    assert_eq!(reading.join().unwrap(), leg(3));
}
