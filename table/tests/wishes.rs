//! Receivers tell the sender what they want, and it leaves out what nobody reads.

use std::sync::Arc;
use std::thread;

use arrow_array::types::Int8Type;
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray};
use bowstring::transport::{SenderConfig, socket_pair};
use bowstring::{Receiver, ReceiverBuilder, Sender, SetUpError};

const ROWS: i64 = 1000;

/// Returns a batch of a number, a text and a dictionary of words that differ from round to round.
fn batch(round: i64) -> RecordBatch {
    let number: ArrayRef = Arc::new(Int64Array::from_iter_values(round * ROWS..(round + 1) * ROWS));
    let text = StringArray::from_iter_values(
        (0..ROWS).map(|row| format!("some text of row {row} in round {round}")),
    );
    let words = [format!("word {round}"), format!("another word {}", round / 2)];
    let words: DictionaryArray<Int8Type> =
        (0..ROWS).map(|row| Some(words[row as usize % 2].as_str())).collect();
    RecordBatch::try_from_iter([
        ("n", number),
        ("text", Arc::new(text) as ArrayRef),
        ("word", Arc::new(words) as ArrayRef),
    ])
    .unwrap()
}

fn sender() -> Sender {
    Sender::new(batch(0).schema(), SenderConfig::new().slots(64, 16 << 10)).unwrap()
}

fn builder(columns: &[&str]) -> ReceiverBuilder {
    match columns {
        [] => Receiver::builder(),
        columns => Receiver::builder().columns(columns.iter().copied()),
    }
}

fn meet(sender: &mut Sender, builder: ReceiverBuilder) -> Result<Receiver, SetUpError> {
    let (here, there) = socket_pair().unwrap();
    let receiving = thread::spawn(move || builder.connect_socket(there));
    sender.accept_socket(here).unwrap();
    receiving.join().unwrap()
}

/// Returns the next batch, which has to be this one's columns.
#[track_caller]
fn gets(receiver: &mut Receiver, round: i64, columns: &[usize]) {
    let got = receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap();
    assert_eq!(got.schema(), *receiver.schema());
    assert_eq!(got, batch(round).project(columns).unwrap());
}

/// Returns the bytes that a batch takes.
fn sends(sender: &mut Sender, round: i64) -> u64 {
    let bytes = |sender: &Sender| sender.stats().bytes + sender.stats().dictionary_bytes;
    let before = bytes(sender);
    sender.send(&batch(round)).unwrap();
    bytes(sender) - before
}

#[test]
fn what_no_receiver_reads_is_not_sent_and_who_comes_later_gets_all_that_it_wants() {
    let mut sender = sender();
    let mut numbers = meet(&mut sender, builder(&["n"])).unwrap();
    let narrow = sends(&mut sender, 0);
    gets(&mut numbers, 0, &[0]);
    // Eight bytes a row, and the metadata.
    assert!(narrow < 8 * ROWS as u64 + 2048, "{narrow}");
    // The union of two.
    let mut words = meet(&mut sender, builder(&["word", "n"])).unwrap();
    let both = sends(&mut sender, 1);
    gets(&mut numbers, 1, &[0]);
    gets(&mut words, 1, &[2, 0]);
    // One that wants everything; the dictionary goes on from what the others have.
    let mut all = meet(&mut sender, builder(&[])).unwrap();
    let whole = sends(&mut sender, 2);
    gets(&mut numbers, 2, &[0]);
    gets(&mut words, 2, &[2, 0]);
    gets(&mut all, 2, &[0, 1, 2]);
    assert!(narrow < both && both < whole / 2, "{narrow} {both} {whole}");
    // Once it has gone, less is enough again.
    drop(all);
    sender.poll_accept().unwrap();
    sends(&mut sender, 3);
    let again = sends(&mut sender, 4);
    for round in [3, 4] {
        gets(&mut numbers, round, &[0]);
        gets(&mut words, round, &[2, 0]);
    }
    assert!(again < whole / 2, "{again} {whole}");
    assert_eq!(sender.stats().rows, 5 * ROWS as u64);
    drop(sender);
    assert!(numbers.next_batch().unwrap().is_none() && words.next_batch().unwrap().is_none());
}

#[test]
fn what_is_kept_is_whole() {
    let mut sender = sender();
    sender.set_keep(10);
    let mut numbers = meet(&mut sender, builder(&["n"])).unwrap();
    let narrow = sends(&mut sender, 0);
    let mut all = meet(&mut sender, builder(&[])).unwrap();
    let mut texts = meet(&mut sender, builder(&["text"])).unwrap();
    assert!(narrow < sends(&mut sender, 1));
    for round in 0..2 {
        gets(&mut numbers, round, &[0]);
        gets(&mut all, round, &[0, 1, 2]);
        gets(&mut texts, round, &[1]);
    }
}

/// The batch is longer for the newcomer than it was when it began to wait for room.
#[test]
fn who_comes_while_a_batch_waits_for_room_gets_all_of_it() {
    late(8);
}

/// And takes more messages than one.
#[test]
fn who_comes_while_a_batch_waits_for_room_gets_all_slices_of_it() {
    late(4);
}

fn late(slots: u32) {
    let mut sender = Sender::new(batch(0).schema(), SenderConfig::new().slots(slots, 16 << 10)).unwrap();
    let name = format!("@bowstring-wishes-{slots}-{}", std::process::id());
    sender.listen(bowstring::names::Address::parse(&name).unwrap().listen().unwrap());
    let mut numbers = meet(&mut sender, builder(&["n"])).unwrap();
    let sending = thread::spawn(move || {
        for round in 0..40 {
            sender.send(&batch(round)).unwrap();
        }
        sender.stats()
    });
    // The pool is full soon, since nobody reads, and the sender lets this one in while it waits.
    let mut all = Receiver::connect(&name).unwrap();
    let first = i64::try_from(all.missed_before().rows).unwrap() / ROWS;
    let taking = thread::spawn(move || expects(&mut numbers, 0, &[0]));
    expects(&mut all, first, &[0, 1, 2]);
    assert!(first > 0 && first < 40, "{first}");
    taking.join().unwrap();
    assert_eq!(sending.join().unwrap().rows, 40 * ROWS as u64);
}

/// Takes the rows from a round on to the end, in batches or slices of batches.
fn expects(receiver: &mut Receiver, first: i64, columns: &[usize]) {
    let mut row = first * ROWS;
    for got in receiver {
        let got = got.unwrap();
        let within = (row % ROWS) as usize;
        let expected = batch(row / ROWS).project(columns).unwrap().slice(within, got.num_rows());
        assert_eq!(got, expected, "from row {row}");
        row += got.num_rows() as i64;
    }
    assert_eq!(row, 40 * ROWS);
}

#[test]
fn a_column_that_the_table_lacks_is_named() {
    let mut sender = sender();
    match meet(&mut sender, builder(&["n", "price"])) {
        Err(SetUpError::NoColumn { name, there }) => {
            assert_eq!(name, "price");
            assert_eq!(there, ["n", "text", "word"]);
        }
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn the_rows_wanted_are_the_most_that_anybody_wants_from_when_it_came() {
    let mut sender = sender();
    assert_eq!(sender.rows_wanted(), None);
    let mut few = meet(&mut sender, Receiver::builder().rows_wanted(10)).unwrap();
    assert_eq!(sender.rows_wanted(), Some(10));
    sender.send(&batch(0)).unwrap();
    assert_eq!(sender.rows_wanted(), Some(0));
    gets(&mut few, 0, &[0, 1, 2]);
    let many = meet(&mut sender, Receiver::builder().rows_wanted(1500)).unwrap();
    assert_eq!(sender.rows_wanted(), Some(1500));
    sender.send(&batch(1)).unwrap();
    assert_eq!(sender.rows_wanted(), Some(500));
    let all = meet(&mut sender, Receiver::builder()).unwrap();
    assert_eq!(sender.rows_wanted(), None);
    drop((many, all));
    // Kept messages are for those who come later.
    sender.set_keep(1);
    assert_eq!(sender.rows_wanted(), None);
}
