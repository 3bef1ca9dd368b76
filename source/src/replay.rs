//! `--replay`: the batches of a recording, each when its time has come.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring::codec::interop::Align;
use bowstring::codec::read::IoReader;

use crate::error::name;
use crate::{Next, SourceError};

/// The key of a batch's arrival, in nanoseconds since 1970: what `receiver --record` writes.
const ARRIVED: &str = "bowstring.arrived";

/// The speed of a repetition: in thousandths of the recording's own pace, or as fast as possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed(pub Option<u32>);

/// A recording to repeat, and the way to do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The recording.
    pub path: PathBuf,
    /// The speed.
    pub speed: Speed,
    /// Leaves out what arrived earlier than this after the first batch.
    pub from: Duration,
}

/// A recording that is being repeated.
#[derive(Debug)]
pub struct Replaying {
    replay: Replay,
    reader: IoReader<BufReader<File>>,
    schema: SchemaRef,
    /// The arrival of the first batch of the recording.
    first: Option<u64>,
    /// The batch that is next, and its time after the first one that is sent.
    next: Option<(RecordBatch, Duration)>,
    /// The time at which the first batch was asked for.
    began: Option<Instant>,
}

impl Replaying {
    pub(crate) fn open(replay: Replay) -> Result<Replaying, SourceError> {
        let reader = open(&replay.path)?;
        let schema = reader.schema().clone();
        Ok(Replaying { replay, reader, schema, first: None, next: None, began: None })
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub(crate) fn rewind(&mut self) -> Result<(), SourceError> {
        *self = Replaying::open(self.replay.clone())?;
        Ok(())
    }

    /// Returns the next batch if its time has come.
    pub fn poll_next(&mut self) -> Result<Next, SourceError> {
        if self.next.is_none() {
            self.next = self.read()?;
        }
        if !self.pause().is_zero() {
            return Ok(Next::Idle);
        }
        Ok(self.next.take().map_or(Next::End, |(batch, _)| Next::Batch(batch)))
    }

    /// Returns the time until the next batch.
    pub fn pause(&mut self) -> Duration {
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        match (&self.next, self.replay.speed.0) {
            (Some((_, after)), Some(speed)) => {
                (began + after.mul_f64(1000.0 / f64::from(speed))).saturating_duration_since(now)
            }
            _ => Duration::ZERO,
        }
    }

    /// Reads the next batch that is to be sent.
    fn read(&mut self) -> Result<Option<(RecordBatch, Duration)>, SourceError> {
        let name = name(&self.replay.path);
        loop {
            let read = self.reader.next_with_metadata(Align::Copy);
            let Some((imported, pairs)) = read.map_err(|error| SourceError::arrow(&name, &error))? else {
                return Ok(None);
            };
            let arrived = pairs.get(ARRIVED).and_then(|text| text.parse::<u64>().ok()).ok_or_else(|| {
                SourceError::malformed(&name, "a batch does not say when it arrived: this is no recording")
                    .advise(
                        "record with `receiver --record FILE`, or send the file as it is, without --replay",
                    )
            })?;
            let first = *self.first.get_or_insert(arrived);
            let after = Duration::from_nanos(arrived.saturating_sub(first));
            if let Some(after) = after.checked_sub(self.replay.from) {
                return Ok(Some((imported.batch, after)));
            }
        }
    }
}

fn open(path: &Path) -> Result<IoReader<BufReader<File>>, SourceError> {
    let name = name(path);
    let file = File::open(path).map_err(|error| SourceError::input(&name, &error))?;
    IoReader::new(BufReader::new(file)).map_err(|error| SourceError::arrow(&name, &error))
}

/// Reads a speed: `2x`, `0.5x`, `max`.
pub(crate) fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed(None));
    }
    let number: f64 = text.strip_suffix('x').unwrap_or(text).parse().map_err(|_| WRONG_SPEED)?;
    let thousandths = (number * 1000.0).round();
    if !(1.0..=1e9).contains(&thousandths) {
        return Err(WRONG_SPEED.to_owned());
    }
    Ok(Speed(Some(thousandths as u32)))
}

const WRONG_SPEED: &str = "a factor from 0.001x to 1000000x, or `max`";

/// Reads a time: seconds, or a number with `ms`, `s`, `m` or `h`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text {
        _ if text.ends_with("ms") => (&text[..text.len() - 2], 0.001),
        _ if text.ends_with('s') => (&text[..text.len() - 1], 1.0),
        _ if text.ends_with('m') => (&text[..text.len() - 1], 60.0),
        _ if text.ends_with('h') => (&text[..text.len() - 1], 3600.0),
        _ => (text, 1.0),
    };
    let wrong = || "a time after the beginning, such as 90, 1.5s, 20m or 2h".to_owned();
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_and_times() {
        for (text, expected) in [("2x", Some(2000)), ("0.5", Some(500)), ("max", None)] {
            assert_eq!(speed(text), Ok(Speed(expected)));
        }
        for wrong in ["0", "-1x", "fast", "", "nan", "inf"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
        assert_eq!(time("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(time("2m"), time("120s"));
        assert_eq!(time("1h"), time("60m"));
        for wrong in ["", "s", "-1s", "soon", "nan"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
