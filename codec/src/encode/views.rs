//! Views: of each variadic buffer only the range that rows refer to is written, and the views are moved accordingly.

use arrow_array::cast::AsArray;
use arrow_array::types::ByteViewType;
use arrow_buffer::ToByteSlice;

use super::error::EncodeError;
use super::scan::Cover;
use super::sink::Sink;
use super::walk::Walk;
use super::window::Window;

impl<'a, S: Sink<'a>> Walk<'_, S> {
    pub(super) fn views<T: ByteViewType>(&mut self, node: usize, rows: Window<'a>) -> Result<(), S::Error> {
        let broken = EncodeError::BrokenArray { node };
        let array = rows.array.as_byte_view_opt::<T>().ok_or(EncodeError::WrongType { node })?;
        let views = rows.of(array.views()).ok_or(broken)?;
        let buffers = array.data_buffers();
        let nulls = rows.nulls(broken)?.map(|(nulls, _)| nulls);
        // The bytes under a null need not be a view.
        let is_view = |row: usize| nulls.is_none_or(|nulls| nulls.is_valid(rows.start + row));
        self.covers.clear();
        self.covers.resize(buffers.len(), Cover::default());
        for (row, view) in views.iter().enumerate() {
            let View { len, buffer, offset } = View::of(*view);
            if len > View::INLINE && is_view(row) {
                let cover = self.covers.get_mut(buffer).ok_or(broken)?;
                cover.add(offset, len).ok_or(broken)?;
            }
        }
        let covers = &*self.covers;
        let moved = nulls.is_some() || covers.iter().any(|cover| cover.range().start != 0);
        if moved {
            self.sink.buffer(size_of_val(views), |out| {
                for (row, (out, view)) in out.as_chunks_mut::<16>().0.iter_mut().zip(views).enumerate() {
                    *out = match is_view(row) {
                        true => View::moved(*view, covers).to_le_bytes(),
                        false => [0; 16],
                    };
                }
                Ok(())
            })?;
        } else {
            self.sink.copy(views.to_byte_slice())?;
        }
        for (buffer, cover) in buffers.iter().zip(covers) {
            self.sink.copy(buffer.get(cover.range()).ok_or(broken)?)?;
        }
        self.sink.variadic(buffers.len())
    }
}

/// The part of a 16-byte view that locates it.
struct View {
    len: usize,
    buffer: usize,
    offset: usize,
}

impl View {
    /// The longest value that is stored in the view itself.
    const INLINE: usize = 12;

    fn of(view: u128) -> Self {
        let word = |n: u32| (view >> (32 * n)) as u32 as usize;
        Self { len: word(0), buffer: word(2), offset: word(3) }
    }

    /// Returns the view with its offset relative to the start of its buffer's cover.
    fn moved(view: u128, covers: &[Cover]) -> u128 {
        let Self { len, buffer, offset } = Self::of(view);
        if len <= Self::INLINE {
            return view;
        }
        let start = covers.get(buffer).map_or(0, |cover| cover.range().start);
        (view & !(u128::from(u32::MAX) << 96)) | (((offset - start) as u128) << 96)
    }
}
