//! Room in the pool for a batch that Python computes: see the package's `_build`.
//!
//! # Safety
//!
//! A buffer that is lent out points into an alias of the pool, which the column holds, and the column is held by the buffer.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::c_int;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::{ArrowNativeTypeOp, downcast_primitive};
use arrow_schema::{DataType, Schema};
use bowstring::codec::build::{Binaries, Fields, Fixed, Strings};
use bowstring::codec::{BuildError, Shape};
use bowstring::serve::Serving;
use bowstring::turn::Taken;
use bowstring::{Draft, SendError};
use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::alias::Alias;
use crate::column::values;
use crate::process::Own;
use crate::{capsule, errors};

/// The longest wait for room: where there is none, columns are computed in private memory.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);

/// A batch under way in the pool. The sender is taken as long as it lives.
pub(crate) struct Building {
    serving: Own<Taken<Serving>>,
    draft: Draft,
    alias: Arc<Alias>,
    rows: usize,
    /// True if arrays may still refer to the slots.
    is_lent: bool,
}

/// A batch under way, which its writer can revoke.
pub(crate) type Shared = Arc<Mutex<Option<Building>>>;

/// A writer's knowledge of the batch under way.
pub(crate) struct Current {
    pub(crate) thread: ThreadId,
    pub(crate) building: Shared,
}

impl Current {
    pub(crate) fn is_under_way(&self) -> bool {
        let building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        building.as_ref().is_some_and(|building| building.serving.is_ours())
    }

    pub(crate) fn take(&self) -> Option<Building> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Building {
    /// Takes the slots away from the arrays that refer to them.
    fn cut_loose(&mut self) -> Result<(), rustix::io::Errno> {
        if std::mem::take(&mut self.is_lent) {
            let cut = self.alias.cut_loose(&self.draft.addresses());
            self.is_lent = cut.is_err();
            return cut;
        }
        Ok(())
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if self.serving.is_ours() && self.cut_loose().is_err() {
            // The host has no memory for it, so what arrays write may reach the slots. Nothing is sent in them any more.
            self.serving.forget();
        }
    }
}

/// Room for a batch in the pool.
#[pyclass(frozen, module = "bowstring._bowstring")]
pub(crate) struct Room {
    building: Shared,
    alias: Arc<Alias>,
    /// For each column the addresses of its values, if Python can write them there.
    places: Vec<Option<Range<usize>>>,
    schema: arrow_schema::SchemaRef,
}

/// True if columns of these types can be computed in the pool.
pub(crate) fn can_hold(schema: &Schema) -> bool {
    !schema.fields().is_empty()
        && schema.fields().iter().all(|field| {
            let kind = field.data_type();
            let is_text = matches!(
                kind,
                DataType::Utf8
                    | DataType::LargeUtf8
                    | DataType::Utf8View
                    | DataType::Binary
                    | DataType::LargeBinary
            );
            values(kind).is_some() || is_text || matches!(kind, DataType::Boolean | DataType::BinaryView)
        })
}

impl Room {
    /// Finds room for a batch of `rows` rows; `bytes` says how much there is to be for each column of text or binary.
    pub(crate) fn find(
        mut serving: Taken<Serving>,
        rows: usize,
        bytes: &HashMap<String, usize>,
        patience: Duration,
        before: Option<Arc<Alias>>,
    ) -> Result<Option<(Room, Arc<Alias>)>, SendError> {
        let schema = serving.sender().schema().clone();
        let shape: Result<Shape, BuildError> =
            serving.sender().shape(rows, |column| bytes.get(column.path).copied().unwrap_or(16 * rows + 64));
        // What makes no message at all is reported when it is written.
        let Ok(shape) = shape else { return Ok(None) };
        let mut places = Vec::new();
        let draft = serving.draft(shape, patience, |fields| {
            while let Some(kind) = fields.next_type() {
                places.push(place(fields, kind)?);
            }
            Ok(())
        })?;
        let Some(draft) = draft else { return Ok(None) };
        if !draft.addresses().start.is_multiple_of(rustix::param::page_size()) {
            return Ok(None);
        }
        let alias = match before.filter(|alias| alias.is_of(&draft.pool())) {
            Some(alias) => alias,
            None => match Alias::of(draft.pool()) {
                Ok(alias) => Arc::new(alias),
                Err(_) => return Ok(None),
            },
        };
        let building =
            Building { serving: Own::new(serving), draft, alias: alias.clone(), rows, is_lent: true };
        let building = Arc::new(Mutex::new(Some(building)));
        Ok(Some((Room { building, alias: alias.clone(), places, schema }, alias)))
    }

    pub(crate) fn building(&self) -> Shared {
        self.building.clone()
    }

    fn take(&self) -> Option<Building> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[pymethods]
impl Room {
    /// The place of a column's values, as a buffer that can be written to.
    fn column(&self, index: usize) -> PyResult<Place> {
        let place = self.places.get(index).and_then(Option::as_ref);
        let field = self.schema.fields().get(index);
        let (Some(place), Some(field)) = (place, field) else {
            return Err(PyValueError::new_err("this column's values are no array of numbers"));
        };
        let Some(values) = values(field.data_type()) else {
            return Err(PyValueError::new_err("this column's values are no array of numbers"));
        };
        Ok(Place {
            _alias: self.alias.clone(),
            address: self.alias.address(place.start),
            kind: field.data_type().clone(),
            shape: [(place.len() / values.width) as isize],
            strides: [values.width as isize],
        })
    }

    /// Gives the batch up. Arrays keep their values.
    fn give_up(&self, py: Python<'_>) {
        let building = self.take();
        py.detach(|| drop(building));
    }

    /// Sends the batch. `text` has the columns that are no arrays of numbers, by name; `nulls` and `bits` are bitmaps by
    /// column. Returns false if it must be sent in another way, for which the arrays keep their values.
    fn send(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        nulls: HashMap<usize, Vec<u8>>,
        bits: HashMap<usize, Vec<u8>>,
    ) -> PyResult<bool> {
        let text = if text.is_none() { None } else { capsule::import(text)?.next() };
        let text = text.transpose().map_err(|error| PyValueError::new_err(error.to_string()))?;
        let Some(mut building) = self.take() else {
            return Err(PyValueError::new_err("the writer was closed while this batch was being built"));
        };
        building.serving.get("batch")?;
        // This room, its batch and the writer hold the alias; whoever else does is an array, or a thread that writes to one.
        if Arc::strong_count(&building.alias) > 3 {
            building.cut_loose().map_err(std::io::Error::from)?;
        }
        let (schema, rows) = (&self.schema, building.rows);
        let sent = py.detach(|| {
            let Building { serving, draft, .. } = &mut building;
            let sent = serving.get_mut().sender().send_draft(draft, |fields| {
                let mut index = 0;
                while let Some(kind) = fields.next_type() {
                    let name = schema.field(index).name();
                    let column = text.as_ref().and_then(|text| text.column_by_name(name));
                    settle(fields, kind, rows, column, nulls.get(&index), bits.get(&index))?;
                    index += 1;
                }
                Ok(rows)
            });
            if sent == Ok(true) {
                building.is_lent = false;
            }
            // Otherwise this leaves the values to the arrays.
            drop(building);
            sent
        });
        match sent {
            Ok(sent) => Ok(sent),
            // It does not fit, which the other way finds out too if it is the data's fault.
            Err(SendError::Build(_)) => Ok(false),
            Err(error) => Err(errors::sending(py, &error)),
        }
    }
}

/// Takes a field, and returns where its values lie if they are numbers.
fn place(fields: &mut Fields<'_>, kind: &DataType) -> Result<Option<Range<usize>>, BuildError> {
    fn of<T: ArrowNativeTypeOp>(mut column: Fixed<'_, T>) -> Option<Range<usize>> {
        let places = column.stale_rest_mut().as_ptr_range();
        Some(places.start.addr()..places.end.addr())
    }
    macro_rules! fixed {
        ($t:ty) => {
            of(fields.fixed::<$t>()?)
        };
    }
    Ok(downcast_primitive! {
        kind => (fixed),
        DataType::Boolean => { fields.booleans()?; None }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => { fields.strings()?; None }
        _ => { fields.binaries()?; None }
    })
}

/// Takes a field and settles it: its values are there, or in `column` or `bits`.
fn settle(
    fields: &mut Fields<'_>,
    kind: &DataType,
    rows: usize,
    column: Option<&arrow_array::ArrayRef>,
    nulls: Option<&Vec<u8>>,
    bits: Option<&Vec<u8>>,
) -> Result<(), BuildError> {
    fn copy(from: &[u8], to: &mut [u8]) {
        let len = from.len().min(to.len());
        to[..len].copy_from_slice(&from[..len]);
    }
    fn number<T: ArrowNativeTypeOp>(
        mut column: Fixed<'_, T>,
        rows: usize,
        nulls: Option<&Vec<u8>>,
    ) -> Result<(), BuildError> {
        let _ = column.stale_rest_mut();
        column.advance(rows)?;
        if let Some(nulls) = nulls {
            copy(nulls, column.validity_mut()?);
        }
        column.finish()
    }
    macro_rules! fixed {
        ($t:ty) => {
            number(fields.fixed::<$t>()?, rows, nulls)?
        };
    }
    downcast_primitive! {
        kind => (fixed),
        DataType::Boolean => {
            let mut column = fields.booleans()?;
            copy(bits.map_or(&[], Vec::as_slice), column.bits_mut());
            column.advance(rows)?;
            if let Some(nulls) = nulls {
                copy(nulls, column.validity_mut()?);
            }
            column.finish();
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let (mut to, from) = (fields.strings()?, column.ok_or(BuildError::NoMoreFields)?);
            match kind {
                DataType::Utf8 => from.as_string::<i32>().iter().try_for_each(|one| text(&mut to, one))?,
                DataType::LargeUtf8 => from.as_string::<i64>().iter().try_for_each(|one| text(&mut to, one))?,
                _ => from.as_string_view().iter().try_for_each(|one| text(&mut to, one))?,
            }
            to.finish();
        }
        _ => {
            let (mut to, from) = (fields.binaries()?, column.ok_or(BuildError::NoMoreFields)?);
            match kind {
                DataType::Binary => from.as_binary::<i32>().iter().try_for_each(|one| bytes(&mut to, one))?,
                DataType::LargeBinary => from.as_binary::<i64>().iter().try_for_each(|one| bytes(&mut to, one))?,
                _ => from.as_binary_view().iter().try_for_each(|one| bytes(&mut to, one))?,
            }
            to.finish();
        }
    }
    Ok(())
}

fn text(to: &mut Strings<'_>, one: Option<&str>) -> Result<(), BuildError> {
    match one {
        Some(one) => to.push(one),
        None => to.push_null(),
    }
}

fn bytes(to: &mut Binaries<'_>, one: Option<&[u8]>) -> Result<(), BuildError> {
    match one {
        Some(one) => to.push(one),
        None => to.push_null(),
    }
}

/// The place of a column's values in the pool.
#[pyclass(frozen, module = "bowstring._bowstring")]
pub(crate) struct Place {
    /// Keeps the mapping that `address` is in.
    _alias: Arc<Alias>,
    address: usize,
    kind: DataType,
    shape: [isize; 1],
    strides: [isize; 1],
}

#[pymethods]
impl Place {
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let this = slf.get();
        let Some(values) = values(&this.kind).filter(|_| !view.is_null()) else {
            return Err(PyBufferError::new_err("no view to fill"));
        };
        // SAFETY: not null; the interpreter hands over a view to be filled.
        let view = unsafe { &mut *view };
        view.buf = std::ptr::with_exposed_provenance_mut(this.address);
        view.len = this.shape[0] * this.strides[0];
        view.readonly = 0;
        view.itemsize = this.strides[0];
        view.ndim = 1;
        view.format = if flags & ffi::PyBUF_FORMAT == 0 {
            std::ptr::null_mut()
        } else {
            values.format.as_ptr().cast_mut()
        };
        view.shape = this.shape.as_ptr().cast_mut();
        view.strides = this.strides.as_ptr().cast_mut();
        view.suboffsets = std::ptr::null_mut();
        view.internal = std::ptr::null_mut();
        view.obj = slf.into_any().into_ptr();
        Ok(())
    }
}
