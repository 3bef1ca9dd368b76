//! The faults' messages.

use std::error::Error;
use std::fmt::{Display, Formatter, Result};

use super::fault::{
    BatchFault, BufferRole, ColumnFault, Compression, CorruptFault, DictionaryFault, FileFault, FrameFault,
    MetadataFault, SchemaFault,
};

impl Display for FrameFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Truncated { needed, present } => {
                write!(f, "needs {needed} bytes but has {present}: the data is cut short")
            }
            Self::NegativeLength(length) => write!(f, "metadata length is negative: {length}"),
            Self::MetadataTooLong { length, limit } => {
                write!(f, "metadata of {length} bytes exceeds the limit of {limit}")
            }
            Self::TrailingBytes { message, present } => {
                write!(f, "{present} bytes where the message ends after {message}")
            }
            Self::UnexpectedEnd => f.write_str("the stream ends where a message is expected"),
        }
    }
}

impl Display for MetadataFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::MissingField(name) => write!(f, "the field \"{name}\" is missing"),
            Self::InconsistentUnion => f.write_str("a union has only one of value and tag"),
            Self::NotUtf8 => f.write_str("a string that is not UTF-8"),
            Self::NoTerminator => f.write_str("a string without its terminator"),
            Self::Unaligned => f.write_str("a value that is not aligned"),
            Self::OutOfBounds => f.write_str("an offset or length points outside the metadata"),
            Self::TooManyTables => f.write_str("more tables than its bytes can hold"),
            Self::TooLarge => f.write_str("tables or vectors that share their bytes too often"),
            Self::TooDeep => f.write_str("tables nested too deep"),
            Self::UnsupportedVersion(version) => {
                write!(f, "metadata version V{}, which is not supported", i32::from(version) + 1)
            }
            Self::UnexpectedKind { expected, found } => {
                write!(f, "found a message of kind {found}, expected a {expected}")
            }
            Self::NegativeBodyLength(length) => write!(f, "a body length of {length}"),
        }
    }
}

impl Display for SchemaFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::ForeignEndianness => f.write_str(
                "the data is big-endian, which is not supported: write it again on a little-endian host",
            ),
            Self::UnknownType(tag) => write!(f, "an unknown type, of tag {tag}"),
            Self::MissingType => f.write_str("the description of the type is missing"),
            Self::IntegerWidth(bits) => write!(f, "an integer of {bits} bits"),
            Self::FloatPrecision(precision) => write!(f, "a float of unknown precision {precision}"),
            Self::Unit(unit) => write!(f, "unit {unit} is unknown or does not match the width"),
            Self::DecimalWidth(bits) => write!(f, "a decimal of {bits} bits"),
            Self::DecimalPrecision(precision) => {
                write!(f, "a decimal's precision of {precision}, which its width cannot hold")
            }
            Self::DecimalScale(scale) => write!(f, "a decimal's scale of {scale}"),
            Self::NegativeSize(size) => write!(f, "a fixed size of {size}"),
            Self::ChildCount { expected, found } => {
                write!(f, "the type has {expected} children, but {found} are declared")
            }
            Self::MapEntries => {
                f.write_str("a map's entries are not a struct of two, or it or the keys may be null")
            }
            Self::RunEnds => f.write_str("run ends are not 16, 32 or 64 bit signed integers without nulls"),
            Self::UnionMode(mode) => write!(f, "an unknown union mode, {mode}"),
            Self::UnionTypeIds => {
                f.write_str("a union's type ids do not match its children, are out of range, or repeat")
            }
            Self::DictionaryIndex => f.write_str("a dictionary's indices are not integers"),
            Self::Layout(fault) => fault.fmt(f),
        }
    }
}

impl Display for BatchFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::NegativeRows(rows) => write!(f, "{rows} rows"),
            Self::TooManyRows { rows, limit } => {
                write!(
                    f,
                    "claims {rows} rows that take up no bytes; the limit for a message of this length is {limit}"
                )
            }
            Self::NodeCount { expected, found } => {
                write!(f, "{found} field nodes, but the schema has {expected}")
            }
            Self::BufferCount { expected, found } => {
                write!(f, "{found} buffers, but the schema has {expected}")
            }
            Self::VariadicCount { expected, found } => {
                write!(f, "{found} counts of view buffers, but the schema has {expected} view columns")
            }
            Self::Compressed(compression) => {
                write!(
                    f,
                    "the body is compressed ({compression}) and cannot be read in place: decompress it first"
                )
            }
            Self::Corrupt { buffer, fault } => write!(f, "compressed buffer {buffer}: {fault}"),
        }
    }
}

impl Display for CorruptFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::OutOfBounds => f.write_str("it is outside the body"),
            Self::NoLength => f.write_str("it is too short to hold its own length"),
            Self::NegativeLength(length) => write!(f, "its stated length is negative: {length}"),
            Self::Codec => f.write_str("it does not decompress"),
            Self::Length { stated, found } => {
                write!(f, "its stated length is {stated} bytes, but it has {found} or more")
            }
        }
    }
}

impl Display for Compression {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Lz4Frame => f.write_str("LZ4"),
            Self::Zstd => f.write_str("ZSTD"),
            Self::Unknown(tag) => write!(f, "unknown codec {tag}"),
        }
    }
}

impl Display for BufferRole {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Validity => f.write_str("validity"),
            Self::Offsets => f.write_str("offsets"),
            Self::Sizes => f.write_str("sizes"),
            Self::Values => f.write_str("values"),
            Self::TypeIds => f.write_str("type ids"),
            Self::Views => f.write_str("views"),
            Self::Data(which) => write!(f, "view data {which}"),
        }
    }
}

impl Display for ColumnFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::NegativeCount(count) => write!(f, "a count of {count}"),
            Self::RowCount { expected, found } => write!(f, "{found} rows, but the batch has {expected}"),
            Self::ChildTooShort { needed, found } => {
                write!(f, "{found} rows, but the parent needs {needed}")
            }
            Self::TooManyNulls { rows, nulls } => write!(f, "{nulls} nulls in {rows} rows"),
            Self::NoValidity { nulls } => write!(f, "{nulls} nulls, but no validity buffer"),
            Self::NullsNotAllowed { nulls } => write!(f, "{nulls} nulls, but the type has none"),
            Self::BufferOutOfBounds { role, offset, length, body } => {
                write!(
                    f,
                    "its {role} ({length} bytes from byte {offset}) lie outside of the body ({body} bytes)"
                )
            }
            Self::BufferTooShort { role, needed, found } => {
                write!(f, "its {role} have {found} bytes, but need {needed}")
            }
            Self::Misaligned { role, needed } => {
                write!(f, "its {role} do not begin at a multiple of {needed} bytes")
            }
            Self::Overflow => f.write_str("needs more bytes than memory can have"),
            Self::TooManyRows { rows } => write!(f, "{rows} rows are more than memory can hold"),
            Self::OverlappingLists { rows, limit } => {
                write!(
                    f,
                    "its lists have {rows} rows together; the limit for a message of this length is {limit}"
                )
            }
            Self::NullCount { declared, counted } => {
                write!(f, "{declared} nulls declared, {counted} found")
            }
            Self::NullInNonNullable => f.write_str("contains a null, but the schema allows none"),
            Self::OffsetOrder { index } => write!(f, "offset {index} is negative or below the previous one"),
            Self::OffsetOutOfBounds { index, limit } => {
                write!(f, "offset {index} is beyond the {limit} values")
            }
            Self::NotUtf8 { index } => write!(f, "row {index} is not UTF-8"),
            Self::ViewOutOfBounds { index } => write!(f, "the view of row {index} points outside its data"),
            Self::ViewPrefix { index } => {
                write!(f, "the prefix in the view of row {index} differs from its data")
            }
            Self::ViewPadding { index } => write!(f, "the view of row {index} is not padded with zeros"),
            Self::DictionaryIndex { index, values } => {
                write!(f, "the key of row {index} is not among the dictionary's {values} values")
            }
            Self::UnionTypeId { index, found } => {
                write!(f, "row {index} has type id {found}, which is not in the schema")
            }
            Self::UnionOffset { index, found } => {
                write!(f, "row {index} has offset {found}, which is outside its child")
            }
            Self::RunEndOrder { index } => write!(f, "run {index} does not end after the previous one"),
            Self::RunsTooShort { rows, end } => write!(f, "the runs end at row {end} of {rows}"),
        }
    }
}

impl Display for DictionaryFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::UnknownId => "no field of the schema uses it",
            Self::Missing => "a batch uses it before it was sent",
            Self::DeltaWithoutBase => "a delta arrived before the dictionary",
            Self::TooLong => "with its deltas it is too long for its offsets",
            Self::ReplacedInFile => "it appears twice, but files allow no replacement",
        })
    }
}

impl Display for FileFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::NoLeadingMagic => f.write_str("it does not begin with \"ARROW1\": not an Arrow file"),
            Self::NoTrailingMagic => {
                f.write_str("it does not end with \"ARROW1\": cut short, or not an Arrow file")
            }
            Self::FooterLength { length, file } => {
                write!(f, "a footer of {length} bytes in a file of {file}")
            }
            Self::NoSchema => f.write_str("the footer has no schema"),
            Self::BlockOutOfBounds { index, offset } => {
                write!(f, "block {index}, said to be at byte {offset}, is not within it")
            }
            Self::NoSuchBatch { index, batches } => write!(f, "there is no batch {index}; it has {batches}"),
        }
    }
}

impl Error for FrameFault {}
impl Error for MetadataFault {}
impl Error for BatchFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Corrupt { fault, .. } => Some(fault),
            _ => None,
        }
    }
}
impl Error for CorruptFault {}
impl Error for ColumnFault {}
impl Error for DictionaryFault {}
impl Error for FileFault {}
impl Error for SchemaFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Layout(fault) => Some(fault),
            _ => None,
        }
    }
}
