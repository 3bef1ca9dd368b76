//! Measures the room that rows need, and the state shared while columns are built.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use bowstring_codec::build::Fields;

use super::value::Value;

/// The sizes of rows: bytes of text, items of lists, categories that are new.
#[derive(Debug)]
pub struct Measure<'m> {
    pub(super) sizes: &'m mut [usize],
    pub(super) categories: &'m mut [Arc<Interner>],
}

impl Measure<'_> {
    /// Adds a field's value.
    pub fn field<T: Value>(&mut self, value: &T) {
        self.of::<T>(|measure| value.measure(measure));
    }

    /// Adds what a field needs below a null struct.
    pub fn filler<T: Value>(&mut self) {
        self.of::<T>(T::measure_filler);
    }

    /// Hands the next field its part.
    fn of<T: Value>(&mut self, measure: impl FnOnce(&mut Measure<'_>)) {
        let (sizes, sizes_rest) = std::mem::take(&mut self.sizes).split_at_mut(T::SIZES);
        let (categories, categories_rest) = std::mem::take(&mut self.categories).split_at_mut(T::CATEGORIES);
        measure(&mut Measure { sizes, categories });
        (self.sizes, self.categories) = (sizes_rest, categories_rest);
    }
}

/// The fields of a message that is built, and the dictionaries that its keys refer to.
#[derive(Debug)]
pub struct Making<'m, 'a> {
    pub(super) fields: &'m mut Fields<'a>,
    /// Shared with the columns, which live as long as the region and not as long as the writer.
    pub(super) categories: &'m [Arc<Interner>],
    /// True if what is not written must be zero.
    pub(super) zeroed: bool,
}

/// The categories of one column, each with its key.
#[derive(Debug, Default)]
pub struct Interner {
    keys: HashMap<Arc<str>, i32>,
    values: Vec<Arc<str>>,
    /// Values that receivers have.
    sent: usize,
}

impl Interner {
    /// Adds a category if it is new. No column has a hold on the interner then: columns end with their message.
    pub(super) fn intern(shared: &mut Arc<Self>, value: &str) {
        let Some(interner) = Arc::get_mut(shared) else { return };
        if !interner.keys.contains_key(value) {
            interner.add(value);
        }
    }

    fn add(&mut self, value: &str) {
        // A key that does not fit is refused as one outside of the dictionary when the column is finished.
        let key = i32::try_from(self.values.len()).unwrap_or(-1);
        let value: Arc<str> = value.into();
        self.values.push(value.clone());
        self.keys.insert(value, key);
    }

    pub(super) fn key(&self, value: &str) -> Option<i32> {
        self.keys.get(value).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns all values if receivers lack some.
    pub(super) fn unsent(&self) -> Option<ArrayRef> {
        let values = || StringArray::from_iter_values(&self.values);
        (self.sent < self.values.len()).then(|| Arc::new(values()) as ArrayRef)
    }

    pub(super) fn note_sent(shared: &mut Arc<Self>) {
        if let Some(interner) = Arc::get_mut(shared) {
            interner.sent = interner.values.len();
        }
    }
}
