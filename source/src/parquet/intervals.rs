//! Parquet's INTERVAL: months, days and milliseconds.
//!
//! Arrow's type for all three is `Interval(MonthDayNano)`. The `parquet` crate does not read it: without a hint it takes
//! such a column for days and milliseconds, and drops the months without a word. So those columns are read twice,
//! once for the months, and put together.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType};
use arrow_array::{Array as _, ArrayRef, IntervalMonthDayNanoArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, IntervalUnit, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;

use super::positioned::Positioned;

/// The key under which an Arrow writer keeps the schema. Such a writer says which of the three an interval has.
const ARROW_SCHEMA: &str = "ARROW:schema";

const NANOS: i64 = 1_000_000;

/// The months of a file's interval columns.
pub(super) struct Months {
    builder: Option<ParquetRecordBatchReaderBuilder<Positioned>>,
    reader: Option<ParquetRecordBatchReader>,
    /// Places of these columns in the schema.
    places: Vec<usize>,
    /// The schema with the whole intervals.
    schema: SchemaRef,
}

impl Months {
    /// Returns what reads the months, if the file has such columns; an error says which column holds intervals further down.
    pub(super) fn of(
        file_metadata: &ArrowReaderMetadata,
        file: Positioned,
        batch_rows: usize,
    ) -> Result<Option<Months>, ParquetError> {
        let metadata = file_metadata.metadata();
        let pairs = metadata.file_metadata().key_value_metadata();
        if pairs.is_some_and(|pairs| pairs.iter().any(|pair| pair.key == ARROW_SCHEMA)) {
            return Ok(None);
        }
        let read = file_metadata.schema();
        if let Some(field) = read.fields().iter().find(|field| is_within(field.data_type())) {
            let name = field.name();
            return Err(ParquetError::NYI(format!(
                "column {name:?} has intervals inside of lists, maps or structs"
            )));
        }
        let is_interval = |field: &Field| matches!(field.data_type(), DataType::Interval(_));
        let places: Vec<usize> = (0..read.fields().len()).filter(|&at| is_interval(read.field(at))).collect();
        if places.is_empty() {
            return Ok(None);
        }
        let options = ArrowReaderOptions::new().with_schema(with(read, &places, IntervalUnit::YearMonth));
        let metadata = ArrowReaderMetadata::try_new(metadata.clone(), options)?;
        let months = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let mask = ProjectionMask::roots(months.parquet_schema(), places.iter().copied());
        let builder = Some(months.with_projection(mask).with_batch_size(batch_rows));
        let schema = with(read, &places, IntervalUnit::MonthDayNano);
        Ok(Some(Months { builder, reader: None, places, schema }))
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Leaves out rows, before anything is read.
    pub(super) fn skip(&mut self, rows: usize) {
        self.builder = self.builder.take().map(|builder| builder.with_offset(rows));
    }

    /// Puts the months of the same rows into the next batch.
    pub(super) fn complete(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ParquetError> {
        if let Some(builder) = self.builder.take() {
            self.reader = Some(builder.build()?);
        }
        let months = self.reader.as_mut().and_then(Iterator::next).transpose()?;
        let months = months.filter(|months| months.num_rows() == batch.num_rows());
        let Some(months) = months else {
            return Err(ParquetError::General("interval columns of different lengths".to_owned()));
        };
        let mut columns = batch.columns().to_vec();
        for (&place, months) in self.places.iter().zip(months.columns()) {
            columns[place] = whole(months, &columns[place])?;
        }
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

/// The schema with another unit for the intervals at these places.
fn with(schema: &Schema, places: &[usize], unit: IntervalUnit) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(at, field)| match places.contains(&at) {
        true => Arc::new(field.as_ref().clone().with_data_type(DataType::Interval(unit))),
        false => field.clone(),
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// True if there is an interval below this type.
fn is_within(data_type: &DataType) -> bool {
    let is =
        |field: &Field| matches!(field.data_type(), DataType::Interval(_)) || is_within(field.data_type());
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => is(item),
        DataType::Struct(fields) => fields.iter().any(|field| is(field)),
        _ => false,
    }
}

/// Months of the one, days and milliseconds of the other. The file's numbers have no sign.
fn whole(months: &ArrayRef, rest: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let (Some(months), Some(rest)) =
        (months.as_primitive_opt::<IntervalYearMonthType>(), rest.as_primitive_opt::<IntervalDayTimeType>())
    else {
        return Err(ArrowError::SchemaError("an interval column of another type".to_owned()));
    };
    let values = months.values().iter().zip(rest.values()).map(|(&months, rest)| {
        let nanos = i64::from(rest.milliseconds as u32) * NANOS;
        IntervalMonthDayNanoType::make_value(months, rest.days, nanos)
    });
    Ok(Arc::new(IntervalMonthDayNanoArray::new(values.collect::<Vec<_>>().into(), rest.nulls().cloned())))
}
