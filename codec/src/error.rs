//! Errors of schemas. Those of encoding, building and decoding are beside the code that raises them.

use core::fmt;

/// Deepest nesting of fields that is laid out. The flatbuffer verifiers of other Arrow implementations give up at 64
/// tables, and this bounds every recursion over a schema.
pub const MAX_DEPTH: usize = 60;

/// A schema that cannot be laid out as Arrow IPC messages, and the field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutError {
    /// Names of the fields from the column down to the one at fault, joined by dots.
    pub path: Box<str>,
    /// The fault of that field.
    pub fault: LayoutFault,
}

/// A reason why a field cannot be laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutFault {
    /// Fields are nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// The schema has more nodes, or more buffers, than a message may count.
    TooMany,
    /// A fixed-size binary or fixed-size list of negative size.
    NegativeSize(i32),
    /// A map whose entries are not a struct of two fields.
    MapEntries,
    /// A dictionary whose keys are not integers.
    DictionaryKey,
    /// A dictionary whose values are themselves dictionary-encoded: Arrow IPC cannot express this for one field.
    DictionaryOfDictionary,
    /// Two fields name the same dictionary, but disagree on the type of its values.
    DictionaryConflict(i64),
    /// There were fewer dictionary ids than dictionary-encoded fields.
    DictionaryIdMissing,
    /// Run ends that are not 16, 32 or 64 bit signed integers.
    RunEnds,
    /// A union whose type ids are negative or used twice.
    UnionTypeIds,
    /// A time of day in a unit that does not match its width.
    TimeUnit,
}

impl fmt::Display for LayoutFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep => write!(f, "nested more than {MAX_DEPTH} deep"),
            Self::TooMany => f.write_str("more nodes or buffers than a message can count"),
            Self::NegativeSize(n) => write!(f, "fixed size of {n}"),
            Self::MapEntries => f.write_str("map entries are not a struct of two fields"),
            Self::DictionaryKey => f.write_str("dictionary keys are not integers"),
            Self::DictionaryOfDictionary => f.write_str("dictionary values are dictionary-encoded"),
            Self::DictionaryConflict(id) => {
                write!(f, "dictionary {id} is used elsewhere with values of another type")
            }
            Self::DictionaryIdMissing => f.write_str("no dictionary id was given"),
            Self::RunEnds => f.write_str("run ends are not 16, 32 or 64 bit signed integers"),
            Self::UnionTypeIds => f.write_str("union type ids are negative or used twice"),
            Self::TimeUnit => f.write_str("a time of day in a unit that does not match its width"),
        }
    }
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field `{}`: {}", self.path, self.fault)
    }
}

impl core::error::Error for LayoutFault {}

impl core::error::Error for LayoutError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.fault)
    }
}
