//! The ways in which each part of a message can be wrong: the inner half of [`ReadError`](super::ReadError).

use crate::error::LayoutFault;

/// Faults of the frame around a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameFault {
    /// The bytes end before the message does.
    Truncated {
        /// Bytes that the message needs, as far as known.
        needed: usize,
        /// The number present.
        present: usize,
    },
    /// The metadata's length is negative.
    NegativeLength(i32),
    /// The metadata is longer than the reader's limit.
    MetadataTooLong {
        /// The length the frame announces.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The end of a stream where a message was expected.
    UnexpectedEnd,
    /// There are bytes after a message that must be alone.
    TrailingBytes {
        /// Bytes of the message.
        message: usize,
        /// The number of bytes.
        present: usize,
    },
}

/// Faults of the flatbuffer that describes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataFault {
    /// A field that the format requires is absent.
    MissingField(&'static str),
    /// A union's tag and value are not both there.
    InconsistentUnion,
    /// A string is not UTF-8.
    NotUtf8,
    /// A string lacks its terminator.
    NoTerminator,
    /// A value is not aligned to its size.
    Unaligned,
    /// An offset or a length leads out of the metadata.
    OutOfBounds,
    /// More tables than this many bytes can honestly hold.
    TooManyTables,
    /// Tables or vectors share bytes in such a way that reading them all would take far longer than the
    /// metadata is long.
    TooLarge,
    /// Tables nested deeper than the limit.
    TooDeep,
    /// Written by a version of the format that is not supported (the value is the flatbuffer's own).
    UnsupportedVersion(i16),
    /// A message of another kind (the value is the flatbuffer's own tag) than `expected`.
    UnexpectedKind {
        /// The expected kind.
        expected: &'static str,
        /// The tag of the header found.
        found: u8,
    },
    /// The body's length is negative.
    NegativeBodyLength(i64),
}

/// Faults of a field in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaFault {
    /// The data is in the byte order of other machines; it may be valid otherwise.
    ForeignEndianness,
    /// An unknown type tag.
    UnknownType(u8),
    /// The type's tag is present but its table is missing, or of another type.
    MissingType,
    /// An integer of unknown width.
    IntegerWidth(i32),
    /// A float of unknown precision.
    FloatPrecision(i16),
    /// A unit that is unknown, or not allowed with this width.
    Unit(i16),
    /// A decimal of unknown width.
    DecimalWidth(i32),
    /// A decimal's precision is not possible in its width.
    DecimalPrecision(i32),
    /// A decimal's scale does not fit the type.
    DecimalScale(i32),
    /// A fixed size is negative.
    NegativeSize(i32),
    /// Fewer or more children than the type has.
    ChildCount {
        /// Children of the type.
        expected: usize,
        /// Children declared.
        found: usize,
    },
    /// A map's child is not a struct of two, or its entries or keys may be null.
    MapEntries,
    /// Run ends are not a non-null signed integer of 16, 32 or 64 bits.
    RunEnds,
    /// A union's mode is unknown.
    UnionMode(i16),
    /// A union's type ids do not match its children, are negative or above 127, or repeat.
    UnionTypeIds,
    /// A dictionary's index type is not an integer.
    DictionaryIndex,
    /// Each type is valid, but no message can be laid out for the schema.
    Layout(LayoutFault),
}

/// Faults of a batch as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchFault {
    /// The number of rows is negative.
    NegativeRows(i64),
    /// The fields claim more rows without bytes than a message of this length may: see
    /// [`Limits::rows`](super::Limits::rows).
    TooManyRows {
        /// The rows claimed, of all fields up to the one that passed the limit.
        rows: usize,
        /// The limit: eight for each byte of the body, and the decoder's own.
        limit: usize,
    },
    /// A different number of field nodes than the schema has.
    NodeCount {
        /// The number in the schema.
        expected: usize,
        /// The number in the batch.
        found: usize,
    },
    /// A different number of buffers than the schema has.
    BufferCount {
        /// The number in the schema (with this batch's variadic counts).
        expected: usize,
        /// The number in the batch.
        found: usize,
    },
    /// A different number of variadic counts than the schema has view columns.
    VariadicCount {
        /// The number in the schema.
        expected: usize,
        /// The number in the batch.
        found: usize,
    },
    /// The body is compressed: decompress it first. A borrowed view cannot.
    Compressed(Compression),
    /// A compressed buffer does not decompress.
    Corrupt {
        /// The buffer's index in the batch.
        buffer: usize,
        /// The fault.
        fault: CorruptFault,
    },
}

/// Faults of a compressed buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CorruptFault {
    /// It is not within the body.
    OutOfBounds,
    /// It is too short to state its decompressed length.
    NoLength,
    /// It states a negative length.
    NegativeLength(i64),
    /// The codec does not accept it.
    Codec,
    /// Its decompressed length differs from the stated one.
    Length {
        /// The stated length.
        stated: usize,
        /// Bytes that came, at most one beyond those.
        found: usize,
    },
}

/// The compression of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// `LZ4_FRAME`.
    Lz4Frame,
    /// `ZSTD`.
    Zstd,
    /// An unknown codec.
    Unknown(i8),
}

/// One of a field's buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BufferRole {
    /// One bit per row, set where there is a value.
    Validity,
    /// The offset of each row's values.
    Offsets,
    /// The number of values in each row (list views).
    Sizes,
    /// The values themselves.
    Values,
    /// The child that holds each row's value (unions).
    TypeIds,
    /// The 16-byte views of a view column.
    Views,
    /// The bytes that views point to: the buffer of this index.
    Data(u32),
}

/// Faults of a column's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnFault {
    // Structure.
    /// A count is negative.
    NegativeCount(i64),
    /// The column has a different number of rows than its batch.
    RowCount {
        /// The batch's rows.
        expected: usize,
        /// The column's.
        found: usize,
    },
    /// A child has fewer rows than its parent needs.
    ChildTooShort {
        /// Rows that the parent needs.
        needed: usize,
        /// Rows that the child has.
        found: usize,
    },
    /// More nulls than rows.
    TooManyNulls {
        /// Rows.
        rows: usize,
        /// Nulls declared.
        nulls: usize,
    },
    /// Nulls are declared, but no buffer marks the rows.
    NoValidity {
        /// Nulls declared.
        nulls: usize,
    },
    /// Nulls where the type has none (unions, run-end encoded columns, run ends).
    NullsNotAllowed {
        /// Nulls declared.
        nulls: usize,
    },
    /// A buffer is not within the body.
    BufferOutOfBounds {
        /// Which.
        role: BufferRole,
        /// The offset declared, from the body's start.
        offset: i64,
        /// The length declared.
        length: i64,
        /// Bytes of the body.
        body: usize,
    },
    /// A buffer is shorter than the rows need.
    BufferTooShort {
        /// Which.
        role: BufferRole,
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        found: usize,
    },
    /// A buffer does not begin at an address that is a multiple of its values' alignment.
    Misaligned {
        /// Which.
        role: BufferRole,
        /// The alignment needed.
        needed: usize,
    },
    /// A number of rows times a width exceeds any memory.
    Overflow,
    /// More rows than any memory has bits.
    TooManyRows {
        /// Rows declared.
        rows: usize,
    },
    // Full.
    /// The lists of a list view have more rows together than a message of this length may claim: see
    /// [`Limits::rows`](super::Limits::rows).
    OverlappingLists {
        /// Rows of all lists together.
        rows: usize,
        /// The limit: eight for each byte of the body, and the decoder's own.
        limit: usize,
    },
    /// The declared nulls are not the zero bits in the validity buffer.
    NullCount {
        /// Declared.
        declared: usize,
        /// Counted.
        counted: usize,
    },
    /// A field that may not be null holds a null.
    NullInNonNullable,
    /// Offsets decrease, or are negative.
    OffsetOrder {
        /// The first such offset.
        index: usize,
    },
    /// An offset points past the values.
    OffsetOutOfBounds {
        /// The offset's index.
        index: usize,
        /// The number of values.
        limit: usize,
    },
    /// A string is not UTF-8.
    NotUtf8 {
        /// The row.
        index: usize,
    },
    /// A view points outside its data buffer, or to a missing data buffer.
    ViewOutOfBounds {
        /// The row.
        index: usize,
    },
    /// A view's prefix differs from its data.
    ViewPrefix {
        /// The row.
        index: usize,
    },
    /// A short view's unused bytes are not zero.
    ViewPadding {
        /// The row.
        index: usize,
    },
    /// A dictionary index is negative, or the dictionary has no such value.
    DictionaryIndex {
        /// The row.
        index: usize,
        /// Values of the dictionary.
        values: usize,
    },
    /// A union's type id is not in the schema.
    UnionTypeId {
        /// The row.
        index: usize,
        /// The id.
        found: i8,
    },
    /// A dense union's offset points outside its child.
    UnionOffset {
        /// The row.
        index: usize,
        /// The offset.
        found: i32,
    },
    /// Run ends do not rise, or the first is not above zero.
    RunEndOrder {
        /// The run.
        index: usize,
    },
    /// The runs end before the rows do.
    RunsTooShort {
        /// Rows.
        rows: usize,
        /// The last run's end.
        end: usize,
    },
}

/// Faults of dictionaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DictionaryFault {
    /// No field of the schema uses the id.
    UnknownId,
    /// A batch uses the dictionary before it was sent.
    Missing,
    /// A delta to a dictionary that was not sent.
    DeltaWithoutBase,
    /// With its deltas, the dictionary is more than offsets of its type can count.
    TooLong,
    /// A file has a second dictionary of an id which is not a delta. Files allow no replacement.
    ReplacedInFile,
}

/// Faults of the file format's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFault {
    /// The file does not begin with the magic.
    NoLeadingMagic,
    /// The file does not end with the magic: it is truncated, or not an Arrow file.
    NoTrailingMagic,
    /// The footer's length is not possible.
    FooterLength {
        /// The length that it states.
        length: i32,
        /// Bytes of the file.
        file: usize,
    },
    /// The footer has no schema.
    NoSchema,
    /// A block is not within the file.
    BlockOutOfBounds {
        /// The block's index among its kind.
        index: usize,
        /// The offset declared.
        offset: i64,
    },
    /// There is no such batch.
    NoSuchBatch {
        /// The index asked for.
        index: usize,
        /// The number present.
        batches: usize,
    },
}
