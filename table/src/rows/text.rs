//! Text and binary.

use arrow_schema::DataType;
use bowstring_codec::BuildError;
use bowstring_codec::build;
use bowstring_codec::view::{Bytes, ColumnView, Full, Keys, Values, Views};

use super::lookup::refuse;
use super::measure::{Making, Measure};
use super::mismatch::Mismatch;
use super::types::Type;
use super::value::{Column, Item, Owned, Value};

/// A column of text, however the sender lays it out.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a>(Cells<'a>);

/// A column of binary, however the sender lays it out.
#[derive(Debug, Clone, Copy)]
pub struct Binaries<'a>(Cells<'a>);

#[derive(Debug, Clone, Copy)]
enum Cells<'a> {
    Absent,
    Bytes(Bytes<'a, Full>),
    Views(Views<'a, Full>),
    Keys(Keys<'a>),
}

impl<'a> Cells<'a> {
    fn new(column: Option<ColumnView<'a, Full>>) -> Self {
        match column.map(|column| column.values()) {
            Some(Values::Bytes(bytes)) => Self::Bytes(bytes),
            Some(Values::Views(views)) => Self::Views(views),
            Some(Values::Dictionary(keys)) => Self::Keys(keys),
            _ => Self::Absent,
        }
    }
}

impl<'a> Texts<'a> {
    pub(super) fn new(column: Option<ColumnView<'a, Full>>) -> Self {
        Self(Cells::new(column))
    }

    /// Returns one row; empty past the last.
    #[must_use]
    pub fn get(&self, row: usize) -> &'a str {
        let text = match &self.0 {
            Cells::Absent => None,
            Cells::Bytes(bytes) => bytes.str(row),
            Cells::Views(views) => views.str(row),
            Cells::Keys(keys) => keys.str(row),
        };
        text.unwrap_or_default()
    }

    /// Returns the keys, if the sender has a dictionary.
    #[must_use]
    pub fn keys(&self) -> Option<Keys<'a>> {
        match self.0 {
            Cells::Keys(keys) => Some(keys),
            _ => None,
        }
    }

    /// True if the dictionary has the row's value as null.
    pub(super) fn is_null_below(&self, row: usize) -> bool {
        let Cells::Keys(keys) = &self.0 else { return false };
        let value = keys.key(row).and_then(|key| keys.value(key));
        value.is_some_and(|(part, row)| part.is_null(row))
    }
}

impl<'a> Binaries<'a> {
    /// Returns one row; empty past the last.
    #[must_use]
    pub fn get(&self, row: usize) -> &'a [u8] {
        let bytes = match &self.0 {
            Cells::Bytes(bytes) => bytes.get(row),
            Cells::Views(views) => views.get(row),
            Cells::Absent | Cells::Keys(_) => None,
        };
        bytes.unwrap_or_default()
    }
}

/// True if a column of this type reads as text.
pub(super) fn is_text(found: &DataType) -> bool {
    match found {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => {
            matches!(**values, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        }
        _ => false,
    }
}

/// A column of text that is built in place.
#[derive(Debug)]
pub struct TextsColumn<'a>(build::Strings<'a>);

impl TextsColumn<'_> {
    /// Adds a row.
    #[inline]
    pub fn push(&mut self, value: &str) -> Result<(), BuildError> {
        self.0.push(value)
    }

    /// Adds a row by formatting it into place: `column.push_fmt(format_args!("{a}-{b}"))`.
    pub fn push_fmt(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), BuildError> {
        self.0.push_fmt(text)
    }
}

/// A column of binary that is built in place.
#[derive(Debug)]
pub struct BinariesColumn<'a>(build::Binaries<'a>);

impl BinariesColumn<'_> {
    /// Adds a row.
    #[inline]
    pub fn push(&mut self, value: &[u8]) -> Result<(), BuildError> {
        self.0.push(value)
    }
}

macro_rules! column {
    ($name:ident, $empty:expr) => {
        impl Column for $name<'_> {
            fn push_null(&mut self) -> Result<(), BuildError> {
                self.0.push_null()
            }
            fn push_filler(&mut self) -> Result<(), BuildError> {
                self.0.push($empty)
            }
            fn pushed(&self) -> usize {
                self.0.len()
            }
            fn finish(self, _: usize) -> Result<(), BuildError> {
                self.0.finish();
                Ok(())
            }
        }
    };
}

column!(TextsColumn, "");
column!(BinariesColumn, &[]);

macro_rules! text {
    ($([$($generics:tt)*] $type:ty),*) => {$(
        impl<$($generics)*> Value for $type {
            const TYPE: Type = Type::Utf8;
            const SIZES: usize = 1;
            type Column<'a> = TextsColumn<'a>;
            type Cells<'a> = Texts<'a>;
            type Ref<'a> = &'a str;
            type Plan = ();

            fn measure(&self, measure: &mut Measure<'_>) {
                measure.sizes[0] += self.len();
            }
            fn column<'a>(making: &mut Making<'_, 'a>) -> Result<TextsColumn<'a>, BuildError> {
                Ok(TextsColumn(making.fields.strings()?))
            }
            #[inline]
            fn push(&self, column: &mut TextsColumn<'_>) -> Result<(), BuildError> {
                column.push(self)
            }
            fn plan(found: &DataType, path: &str) -> Result<(), Mismatch> {
                if is_text(found) { Ok(()) } else { refuse::<Self, _>(found, path) }
            }
            fn cells<'a>((): &'a mut (), column: Option<ColumnView<'a, Full>>) -> Texts<'a> {
                Texts::new(column)
            }
            fn get<'a>(cells: Self::Cells<'a>, row: usize) -> Self::Ref<'a> {
                cells.get(row)
            }
            fn is_null_below<'a>(cells: Self::Cells<'a>, row: usize) -> bool {
                cells.is_null_below(row)
            }
        }
        impl<$($generics)*> Item for $type {}
    )*};
}

text![[] String, ['s] &'s str];

impl Owned for String {
    fn from_view(view: &str) -> String {
        view.to_owned()
    }
}

impl Value for Vec<u8> {
    const TYPE: Type = Type::Binary;
    const SIZES: usize = 1;
    type Column<'a> = BinariesColumn<'a>;
    type Cells<'a> = Binaries<'a>;
    type Ref<'a> = &'a [u8];
    type Plan = ();

    fn measure(&self, measure: &mut Measure<'_>) {
        measure.sizes[0] += self.len();
    }
    fn column<'a>(making: &mut Making<'_, 'a>) -> Result<BinariesColumn<'a>, BuildError> {
        Ok(BinariesColumn(making.fields.binaries()?))
    }
    #[inline]
    fn push(&self, column: &mut BinariesColumn<'_>) -> Result<(), BuildError> {
        column.push(self)
    }
    fn plan(found: &DataType, path: &str) -> Result<(), Mismatch> {
        match found {
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Ok(()),
            _ => refuse::<Self, _>(found, path),
        }
    }
    fn cells<'a>((): &'a mut (), column: Option<ColumnView<'a, Full>>) -> Binaries<'a> {
        Binaries(Cells::new(column))
    }
    fn get<'a>(cells: Self::Cells<'a>, row: usize) -> Self::Ref<'a> {
        cells.get(row)
    }
}

impl Item for Vec<u8> {}

impl Owned for Vec<u8> {
    fn from_view(view: &[u8]) -> Vec<u8> {
        view.to_owned()
    }
}
