//! Errors of building a message in place.

use core::fmt;

/// A build step that was refused. It changed nothing: the cursor, and the region, can be used again.
///
/// `node` is the index of the field's node in its [`Tree`](crate::layout::Tree), which knows its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The caller's region does not begin at a multiple of 64 bytes.
    RegionMisaligned {
        /// Bytes past the last multiple of 64.
        by: usize,
    },
    /// The caller's region is smaller than the shape.
    RegionTooSmall {
        /// Bytes the shape takes.
        needed: usize,
        /// Bytes the region has.
        given: usize,
    },
    /// The next field has another type than requested.
    WrongType {
        /// The next field.
        node: usize,
    },
    /// All fields have been handed out.
    NoMoreFields,
    /// More rows than the shape has room for.
    TooManyRows {
        /// The field.
        node: usize,
        /// Rows there is room for.
        capacity: usize,
    },
    /// More bytes, or more rows below a list, than the shape has room for.
    CapacityExceeded {
        /// The field.
        node: usize,
        /// The number that would be in use.
        needed: usize,
        /// The number there is room for.
        capacity: usize,
    },
    /// A null where the schema allows none.
    NotNullable {
        /// The field.
        node: usize,
    },
    /// A row that has not been written yet.
    NoSuchRow {
        /// The field.
        node: usize,
        /// The row asked for.
        row: usize,
    },
    /// A value that is not as wide as the fixed-size field.
    WrongWidth {
        /// The field.
        node: usize,
        /// Bytes per row.
        width: usize,
    },
    /// A key that the dictionary has no value for.
    NoSuchKey {
        /// The field.
        node: usize,
        /// The first such row.
        row: usize,
    },
    /// A type id that the union does not have.
    NoSuchTypeId {
        /// The field.
        node: usize,
        /// The type id.
        id: i8,
    },
    /// A value whose `Display` failed by itself.
    Format {
        /// The field.
        node: usize,
    },
    /// A run of no rows.
    EmptyRun {
        /// The field.
        node: usize,
    },
    /// A field was not finished.
    Unfinished {
        /// The field.
        node: usize,
    },
    /// A field was finished with a different number of rows than its parent refers to.
    RowCount {
        /// The field.
        node: usize,
        /// Rows its parent refers to.
        expected: usize,
        /// Rows it has.
        found: usize,
    },
    /// The plan has no dictionary of this index.
    NoDictionary {
        /// The index given.
        index: usize,
    },
    /// A capacity that the type's offsets cannot count to, or that memory cannot hold.
    TooLarge {
        /// The field.
        node: usize,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RegionMisaligned { by } => write!(f, "region begins {by} bytes past a multiple of 64"),
            Self::RegionTooSmall { needed, given } => {
                write!(f, "region of {given} bytes is too small for a shape of {needed}")
            }
            Self::WrongType { node } => write!(f, "node {node} is of another type"),
            Self::NoMoreFields => f.write_str("all fields have been handed out"),
            Self::TooManyRows { node, capacity } => write!(f, "node {node} has room for {capacity} rows"),
            Self::CapacityExceeded { node, needed, capacity } => {
                write!(f, "node {node} has a capacity of {capacity}, and {needed} would be needed")
            }
            Self::NotNullable { node } => write!(f, "node {node} cannot be null"),
            Self::NoSuchRow { node, row } => write!(f, "node {node} has no row {row} yet"),
            Self::WrongWidth { node, width } => write!(f, "values of node {node} take {width} bytes"),
            Self::NoSuchKey { node, row } => {
                write!(f, "key of row {row} of node {node} is not in the dictionary")
            }
            Self::NoSuchTypeId { node, id } => write!(f, "union at node {node} has no type id {id}"),
            Self::Format { node } => write!(f, "a value of node {node} could not be formatted"),
            Self::EmptyRun { node } => write!(f, "run of no rows at node {node}"),
            Self::Unfinished { node } => write!(f, "node {node} was not finished"),
            Self::RowCount { node, expected, found } => {
                write!(f, "node {node} has {found} rows where its parent has {expected}")
            }
            Self::NoDictionary { index } => write!(f, "the plan has no dictionary {index}"),
            Self::TooLarge { node } => {
                write!(f, "capacity of node {node} is larger than its offsets or memory")
            }
        }
    }
}

impl core::error::Error for BuildError {}
