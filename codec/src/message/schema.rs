//! Converts a schema message to an Arrow schema and the dictionary ids of its fields.
//!
//! Arrow's own conversion forgets the ids, truncates numbers that do not fit, and does not name the faulty field.
//! This one refuses every type that the rest of the crate does not support: the result lays out, and its batches
//! build into arrays.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_ipc as ipc;
use arrow_schema::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit, UnionFields, UnionMode};

use crate::error::LayoutFault;
use crate::layout::MAX_DEPTH;
use crate::message::error::ReadError;
use crate::message::fault::SchemaFault;

/// A schema as a message has it.
#[derive(Debug)]
pub(crate) struct WireSchema {
    pub(crate) schema: Schema,
    /// One id per dictionary-encoded field, depth-first, the fields below a field before that field.
    pub(crate) dictionary_ids: Vec<i64>,
}

type FbStrings<'a> = flatbuffers::Vector<'a, flatbuffers::ForwardsUOffset<ipc::KeyValue<'a>>>;

/// Reads a verified schema.
pub(crate) fn read(schema: ipc::Schema<'_>) -> Result<WireSchema, ReadError> {
    let mut reading = Reading { names: Vec::new(), dictionary_ids: Vec::new() };
    if schema.endianness() != ipc::Endianness::Little {
        return Err(reading.fault(SchemaFault::ForeignEndianness));
    }
    let mut fields = Vec::new();
    for field in schema.fields().into_iter().flatten() {
        fields.push(reading.field(field)?);
    }
    let schema = Schema::new_with_metadata(fields, strings(schema.custom_metadata()));
    Ok(WireSchema { schema, dictionary_ids: reading.dictionary_ids })
}

/// Reads custom metadata. Ignores entries without a key or a value.
pub(crate) fn strings(entries: Option<FbStrings<'_>>) -> HashMap<String, String> {
    let entries = entries.into_iter().flatten();
    entries.filter_map(|entry| Some((entry.key()?.to_owned(), entry.value()?.to_owned()))).collect()
}

/// A walk through a schema, at some field.
struct Reading<'a> {
    /// Names from the column down to here.
    names: Vec<&'a str>,
    dictionary_ids: Vec<i64>,
}

impl<'a> Reading<'a> {
    fn fault(&self, fault: SchemaFault) -> ReadError {
        ReadError::Schema { path: self.names.join(".").into(), fault }
    }

    fn field(&mut self, field: ipc::Field<'a>) -> Result<Field, ReadError> {
        self.names.push(field.name().unwrap_or_default());
        if self.names.len() > MAX_DEPTH {
            return Err(self.fault(SchemaFault::Layout(LayoutFault::TooDeep)));
        }
        let values = self.data_type(field)?;
        let read = match field.dictionary() {
            None => Field::new(field.name().unwrap_or_default(), values, field.nullable()),
            Some(encoding) => {
                let keys = match encoding.indexType() {
                    Some(int) => self.integer(int.bitWidth(), int.is_signed())?,
                    // The format's default for an absent index type.
                    None => DataType::Int32,
                };
                self.dictionary_ids.push(encoding.id());
                let encoded = DataType::Dictionary(Box::new(keys), Box::new(values));
                Field::new(field.name().unwrap_or_default(), encoded, field.nullable())
                    .with_dict_is_ordered(encoding.isOrdered())
            }
        };
        self.names.pop();
        Ok(read.with_metadata(strings(field.custom_metadata())))
    }

    /// Returns the fields below `field`: exactly `N`.
    fn children<const N: usize>(&mut self, field: ipc::Field<'a>) -> Result<[Arc<Field>; N], ReadError> {
        let children = self.all_children(field)?;
        let found = children.len();
        children.try_into().map_err(|_| self.fault(SchemaFault::ChildCount { expected: N, found }))
    }

    fn all_children(&mut self, field: ipc::Field<'a>) -> Result<Vec<Arc<Field>>, ReadError> {
        let children = field.children().into_iter().flatten();
        children.map(|child| self.field(child).map(Arc::new)).collect()
    }

    fn data_type(&mut self, field: ipc::Field<'a>) -> Result<DataType, ReadError> {
        use ipc::Type;
        let missing = || self.fault(SchemaFault::MissingType);
        Ok(match field.type_type() {
            Type::Null => DataType::Null,
            Type::Bool => DataType::Boolean,
            Type::Binary => DataType::Binary,
            Type::Utf8 => DataType::Utf8,
            Type::LargeBinary => DataType::LargeBinary,
            Type::LargeUtf8 => DataType::LargeUtf8,
            Type::BinaryView => DataType::BinaryView,
            Type::Utf8View => DataType::Utf8View,
            Type::Int => {
                let int = field.type_as_int().ok_or_else(missing)?;
                self.integer(int.bitWidth(), int.is_signed())?
            }
            Type::FloatingPoint => match field.type_as_floating_point().ok_or_else(missing)?.precision() {
                ipc::Precision::HALF => DataType::Float16,
                ipc::Precision::SINGLE => DataType::Float32,
                ipc::Precision::DOUBLE => DataType::Float64,
                other => return Err(self.fault(SchemaFault::FloatPrecision(other.0))),
            },
            Type::Decimal => self.decimal(field.type_as_decimal().ok_or_else(missing)?)?,
            Type::Date => match field.type_as_date().ok_or_else(missing)?.unit() {
                ipc::DateUnit::DAY => DataType::Date32,
                ipc::DateUnit::MILLISECOND => DataType::Date64,
                other => return Err(self.fault(SchemaFault::Unit(other.0))),
            },
            Type::Time => {
                let time = field.type_as_time().ok_or_else(missing)?;
                match (time.bitWidth(), self.unit(time.unit())?) {
                    (32, unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => DataType::Time32(unit),
                    (64, unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond)) => DataType::Time64(unit),
                    _ => return Err(self.fault(SchemaFault::Unit(time.unit().0))),
                }
            }
            Type::Timestamp => {
                let timestamp = field.type_as_timestamp().ok_or_else(missing)?;
                let unit = self.unit(timestamp.unit())?;
                DataType::Timestamp(unit, timestamp.timezone().map(Into::into))
            }
            Type::Duration => {
                DataType::Duration(self.unit(field.type_as_duration().ok_or_else(missing)?.unit())?)
            }
            Type::Interval => match field.type_as_interval().ok_or_else(missing)?.unit() {
                ipc::IntervalUnit::YEAR_MONTH => DataType::Interval(IntervalUnit::YearMonth),
                ipc::IntervalUnit::DAY_TIME => DataType::Interval(IntervalUnit::DayTime),
                ipc::IntervalUnit::MONTH_DAY_NANO => DataType::Interval(IntervalUnit::MonthDayNano),
                other => return Err(self.fault(SchemaFault::Unit(other.0))),
            },
            Type::FixedSizeBinary => {
                let width = field.type_as_fixed_size_binary().ok_or_else(missing)?.byteWidth();
                DataType::FixedSizeBinary(self.size(width)?)
            }
            Type::FixedSizeList => {
                let size = field.type_as_fixed_size_list().ok_or_else(missing)?.listSize();
                let size = self.size(size)?;
                let [item] = self.children(field)?;
                DataType::FixedSizeList(item, size)
            }
            Type::List => DataType::List(self.children::<1>(field)?[0].clone()),
            Type::LargeList => DataType::LargeList(self.children::<1>(field)?[0].clone()),
            Type::ListView => DataType::ListView(self.children::<1>(field)?[0].clone()),
            Type::LargeListView => DataType::LargeListView(self.children::<1>(field)?[0].clone()),
            Type::Struct_ => DataType::Struct(Fields::from(self.all_children(field)?)),
            Type::Map => {
                let sorted = field.type_as_map().ok_or_else(missing)?.keysSorted();
                let [entries] = self.children(field)?;
                match entries.data_type() {
                    DataType::Struct(pair)
                        if pair.len() == 2 && !entries.is_nullable() && !pair[0].is_nullable() =>
                    {
                        DataType::Map(entries, sorted)
                    }
                    _ => return Err(self.fault(SchemaFault::MapEntries)),
                }
            }
            Type::RunEndEncoded => {
                let [ends, values] = self.children(field)?;
                match ends.data_type() {
                    DataType::Int16 | DataType::Int32 | DataType::Int64 if !ends.is_nullable() => {
                        DataType::RunEndEncoded(ends, values)
                    }
                    _ => return Err(self.fault(SchemaFault::RunEnds)),
                }
            }
            Type::Union => {
                let union = field.type_as_union().ok_or_else(missing)?;
                self.union(field, union)?
            }
            other => return Err(self.fault(SchemaFault::UnknownType(other.0))),
        })
    }

    fn union(&mut self, field: ipc::Field<'a>, union: ipc::Union<'a>) -> Result<DataType, ReadError> {
        let mode = match union.mode() {
            ipc::UnionMode::Sparse => UnionMode::Sparse,
            ipc::UnionMode::Dense => UnionMode::Dense,
            other => return Err(self.fault(SchemaFault::UnionMode(other.0))),
        };
        let children = self.all_children(field)?;
        // Without ids, a child's id is its index. Either way there are at most 128 of them.
        let ids: Option<Vec<i8>> = match union.typeIds() {
            Some(ids) if ids.len() != children.len() => None,
            Some(ids) => ids.iter().map(|id| i8::try_from(id).ok()).collect(),
            None => (0..children.len()).map(|place| i8::try_from(place).ok()).collect(),
        };
        let fields = ids.and_then(|ids| UnionFields::try_new(ids, children).ok());
        let fields = fields.ok_or_else(|| self.fault(SchemaFault::UnionTypeIds))?;
        Ok(DataType::Union(fields, mode))
    }

    fn decimal(&self, decimal: ipc::Decimal<'_>) -> Result<DataType, ReadError> {
        type Make = fn(u8, i8) -> DataType;
        let (make, max): (Make, u8) = match decimal.bitWidth() {
            32 => (DataType::Decimal32, arrow_schema::DECIMAL32_MAX_PRECISION),
            64 => (DataType::Decimal64, arrow_schema::DECIMAL64_MAX_PRECISION),
            128 => (DataType::Decimal128, arrow_schema::DECIMAL128_MAX_PRECISION),
            256 => (DataType::Decimal256, arrow_schema::DECIMAL256_MAX_PRECISION),
            other => return Err(self.fault(SchemaFault::DecimalWidth(other))),
        };
        let precision = u8::try_from(decimal.precision()).ok().filter(|p| (1..=max).contains(p));
        let precision =
            precision.ok_or_else(|| self.fault(SchemaFault::DecimalPrecision(decimal.precision())))?;
        let scale = i8::try_from(decimal.scale());
        let scale = scale.map_err(|_| self.fault(SchemaFault::DecimalScale(decimal.scale())))?;
        Ok(make(precision, scale))
    }

    fn integer(&self, width: i32, signed: bool) -> Result<DataType, ReadError> {
        Ok(match (width, signed) {
            (8, true) => DataType::Int8,
            (8, false) => DataType::UInt8,
            (16, true) => DataType::Int16,
            (16, false) => DataType::UInt16,
            (32, true) => DataType::Int32,
            (32, false) => DataType::UInt32,
            (64, true) => DataType::Int64,
            (64, false) => DataType::UInt64,
            _ => return Err(self.fault(SchemaFault::IntegerWidth(width))),
        })
    }

    fn unit(&self, unit: ipc::TimeUnit) -> Result<TimeUnit, ReadError> {
        Ok(match unit {
            ipc::TimeUnit::SECOND => TimeUnit::Second,
            ipc::TimeUnit::MILLISECOND => TimeUnit::Millisecond,
            ipc::TimeUnit::MICROSECOND => TimeUnit::Microsecond,
            ipc::TimeUnit::NANOSECOND => TimeUnit::Nanosecond,
            other => return Err(self.fault(SchemaFault::Unit(other.0))),
        })
    }

    fn size(&self, size: i32) -> Result<i32, ReadError> {
        match size {
            0.. => Ok(size),
            _ => Err(self.fault(SchemaFault::NegativeSize(size))),
        }
    }
}
