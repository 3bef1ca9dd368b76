//! Thousands of random conditions over random tables with nulls and NaN, compared with DuckDB.
//!
//! Runs if Python has `duckdb` and `pyarrow`; `PYTHON` names the interpreter, `python3` by default.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

// checks: conditions

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
    Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray, UInt8Array,
    UInt64Array,
};
use bowstring_codec::{OnGrowth, Plan, StreamWriter};
use bowstring_query::Condition;

const CONDITIONS: usize = 4000;
const ROWS: usize = 300;

/// Reads a stream and conditions; prints for each the rows it keeps, or the error.
const ORACLE: &str = r#"
import sys, json, duckdb, pyarrow as pa
n = int(sys.stdin.buffer.readline())
conditions = [json.loads(sys.stdin.buffer.readline()) for _ in range(n)]
table = pa.ipc.open_stream(sys.stdin.buffer).read_all()
con = duckdb.connect()
con.register("arrow", table)
con.execute("create table t as select * from arrow")
for c in conditions:
    try:
        print(json.dumps([r[0] for r in con.execute(f"select id from t where {c} order by id").fetchall()]))
    except Exception as e:
        print(json.dumps(str(e).splitlines()[0]))
"#;

/// Pseudo-random numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    /// Returns `None` sometimes.
    fn some<T>(&mut self, value: T) -> Option<T> {
        (self.roll(5) > 0).then_some(value)
    }
}

const WORDS: [&str; 10] = ["", "a", "A", "ab", "a%b", "a_b", "s3", "IPFS", "é", "x\\y"];

fn table(dice: &mut Dice) -> RecordBatch {
    fn make<T>(dice: &mut Dice, mut one: impl FnMut(&mut Dice) -> T) -> Vec<Option<T>> {
        (0..ROWS)
            .map(|_| {
                let value = one(dice);
                dice.some(value)
            })
            .collect()
    }
    let word = |dice: &mut Dice| WORDS[dice.roll(WORDS.len())];
    let whole = |dice: &mut Dice| dice.roll(21) as i64 - 10;
    let double = |dice: &mut Dice| match dice.roll(8) {
        0 => f64::NAN,
        1 => -f64::NAN,
        2 => -0.0,
        3 => f64::INFINITY,
        4 => f64::NEG_INFINITY,
        _ => (dice.roll(41) as f64 - 20.0) / 4.0,
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..ROWS as i64))),
        ("i", Arc::new(Int64Array::from(make(dice, whole)))),
        ("j", Arc::new(Int32Array::from(make(dice, |dice| dice.roll(21) as i32 - 10)))),
        ("u", Arc::new(UInt8Array::from(make(dice, |dice| dice.roll(11) as u8)))),
        (
            "w",
            Arc::new(UInt64Array::from(make(dice, |dice| {
                if dice.roll(4) == 0 { u64::MAX } else { dice.roll(9) as u64 }
            }))),
        ),
        ("d", Arc::new(Float64Array::from(make(dice, double)))),
        ("e", Arc::new(Float64Array::from(make(dice, double)))),
        ("f", Arc::new(Float32Array::from(make(dice, |dice| double(dice) as f32)))),
        (
            "m",
            Arc::new(
                Decimal128Array::from(make(dice, |dice| dice.roll(2001) as i128 - 1000))
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
        ("b", Arc::new(BooleanArray::from(make(dice, |dice| dice.roll(2) == 0)))),
        ("s", Arc::new(StringArray::from(make(dice, word)))),
        ("v", Arc::new(StringViewArray::from(make(dice, word)))),
        ("k", Arc::new(make(dice, word).into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("day", Arc::new(Date32Array::from(make(dice, |dice| 19_000 + dice.roll(40) as i32)))),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(make(dice, |dice| {
                (19_000 + dice.roll(40) as i64) * 86_400_000_000 + dice.roll(3) as i64 * 3_600_000_000
            }))),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

fn number(dice: &mut Dice, deep: usize) -> String {
    match dice.roll(if deep == 0 { 12 } else { 16 }) {
        0..=5 => dice.pick(&["i", "j", "u", "d", "e", "f", "m", "w", "i", "d"]).to_owned(),
        6 | 7 => (dice.roll(21) as i64 - 10).to_string(),
        8 => format!("{}.{}", dice.roll(11), dice.roll(100)),
        9 => format!("{}e{}", dice.roll(9), dice.roll(3)),
        10 => "null".to_owned(),
        11 => format!(
            "cast({} as {})",
            dice.pick(&["i", "j", "u", "b"]),
            dice.pick(&["double", "bigint", "integer"])
        ),
        12 => format!("-({})", number(dice, deep - 1)),
        _ => {
            let op = dice.pick(&["+", "-", "*", "/", "%"]);
            format!("({} {op} {})", number(dice, deep - 1), number(dice, deep - 1))
        }
    }
}

fn text(dice: &mut Dice) -> String {
    match dice.roll(3) {
        0 => format!("'{}'", WORDS[dice.roll(WORDS.len())]),
        _ => dice.pick(&["s", "v", "k"]).to_owned(),
    }
}

fn moment(dice: &mut Dice) -> String {
    let day = dice.roll(28) + 1;
    match dice.roll(6) {
        0 | 1 => "day".to_owned(),
        2 | 3 => "at".to_owned(),
        4 => format!("date '2022-01-{day:02}'"),
        _ => format!("timestamp '2022-01-{day:02} 01:00:00'"),
    }
}

fn condition(dice: &mut Dice, deep: usize) -> String {
    let compare = dice.pick(&["=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from"]);
    let not = dice.pick(&["", "", "not "]);
    match dice.roll(if deep == 0 { 9 } else { 16 }) {
        0 | 1 => format!("{} {compare} {}", number(dice, 2), number(dice, 2)),
        2 => format!("{} {compare} {}", text(dice), text(dice)),
        3 => format!("{} {compare} {}", moment(dice), moment(dice)),
        4 => {
            let pattern = dice.pick(&["a%", "%b", "a_b", "%", "_", "", "a\\%b", "%3", "x\\y", "é"]);
            format!("{} {not}{} '{pattern}'", dice.pick(&["s", "v", "k"]), dice.pick(&["like", "ilike"]))
        }
        5 => format!("{} is {not}null", dice.pick(&["i", "d", "s", "k", "b", "at", "null", "(i + j)"])),
        6 => {
            let list: Vec<String> = (0..1 + dice.roll(4)).map(|_| number(dice, 0)).collect();
            format!("{} {not}in ({})", number(dice, 1), list.join(", "))
        }
        7 => format!("{} {not}between {} and {}", number(dice, 1), number(dice, 1), number(dice, 1)),
        8 => format!(
            "b {}",
            dice.pick(&["", "is true", "is not true", "is false", "is not false", "= true", "is null"])
        ),
        9 => format!("not ({})", condition(dice, deep - 1)),
        10 => format!("{} {not}in ('a', 's3', null)", dice.pick(&["s", "v", "k"])),
        _ => {
            let op = dice.pick(&["and", "or"]);
            format!("({}) {op} ({})", condition(dice, deep - 1), condition(dice, deep - 1))
        }
    }
}

fn json(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn oracle(batch: &RecordBatch, conditions: &[String]) -> Option<Vec<String>> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import duckdb, pyarrow"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let mut child = Command::new(&python)
        .args(["-c", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", conditions.len()).unwrap();
    conditions.iter().for_each(|condition| writeln!(stdin, "{}", json(condition)).unwrap());
    let plan = Plan::new(batch.schema()).unwrap();
    let mut writer = StreamWriter::new(stdin, plan, OnGrowth::Replace).unwrap();
    writer.write(batch).unwrap();
    drop(writer.finish().unwrap());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

fn kept(condition: &Condition, batch: &RecordBatch) -> Result<String, String> {
    let kept = condition.filter(batch).map_err(|error| error.to_string())?;
    let ids = kept.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    let ids: Vec<String> = ids.values().iter().map(i64::to_string).collect();
    Ok(format!("[{}]", ids.join(", ")))
}

#[test]
fn conditions_keep_the_rows_that_duckdb_keeps() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut agreed, mut telling, mut refused, mut wrong) =
        (0, 0, std::collections::BTreeMap::new(), Vec::new());
    for _ in 0..4 {
        let batch = table(&mut dice);
        let conditions: Vec<String> = (0..CONDITIONS / 4).map(|_| condition(&mut dice, 3)).collect();
        let Some(answers) = oracle(&batch, &conditions) else {
            println!("skipped, because Python has no duckdb and pyarrow (PYTHON names another)");
            return;
        };
        assert_eq!(answers.len(), conditions.len());
        for (sql, answer) in conditions.iter().zip(&answers) {
            let ours = Condition::parse(sql, &batch.schema()).map_err(|error| error.to_string());
            let ours = ours.and_then(|condition| kept(&condition, &batch));
            match ours {
                Ok(ids) if ids == *answer => {
                    agreed += 1;
                    telling += usize::from(ids != "[]" && ids.matches(',').count() + 1 < ROWS);
                }
                // Where DuckDB has an error, such as a sum that overflows its narrower types, we may have none.
                Ok(_) if answer.starts_with('"') => agreed += 1,
                Ok(ids) => wrong.push(format!("{sql}\n  duckdb {answer}\n  ours   {ids}")),
                Err(_) if answer.starts_with('"') => agreed += 1,
                Err(why) => {
                    let why: String = why.chars().take(60).collect();
                    refused.entry(why).or_insert_with(Vec::new).push(sql.clone());
                }
            }
        }
    }
    for (why, sqls) in &refused {
        println!("{:5} {why}   {}", sqls.len(), sqls.iter().min_by_key(|sql| sql.len()).unwrap());
    }
    wrong.sort_by_key(String::len);
    let shown: Vec<&String> = wrong.iter().take(12).collect();
    assert!(wrong.is_empty(), "{} of {CONDITIONS} differ, such as\n{shown:#?}", wrong.len());
    let refused: usize = refused.values().map(Vec::len).sum();
    println!(
        "{agreed} of {CONDITIONS} conditions agree, {telling} of them keep some rows and not all; {refused} are refused \
         here and not there"
    );
    assert!(telling * 2 > CONDITIONS);
    assert!(refused * 50 < CONDITIONS);
}
