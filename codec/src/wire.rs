//! The frame around every message: `FF FF FF FF`, the length of the metadata, the metadata, the body.

/// Every buffer of a message begins at a multiple of this many bytes from the start of its region.
pub const ALIGNMENT: usize = 64;

/// The four bytes that open every message. Before Arrow 0.15 there were none.
pub(crate) const CONTINUATION: [u8; 4] = [0xff; 4];

/// Bytes before the metadata: the continuation and the metadata's length.
pub(crate) const PREFIX: usize = 8;

/// The end of a stream: a message whose metadata is empty.
pub const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Rounds `len` up to the next multiple of [`ALIGNMENT`], if there is one.
pub(crate) const fn padded(len: usize) -> Option<usize> {
    len.checked_next_multiple_of(ALIGNMENT)
}

/// Frames metadata: the prefix, the bytes, and zeroes up to where a body may begin. `None` if the length does not fit
/// into 31 bits.
pub(crate) fn frame(metadata: &[u8]) -> Option<Box<[u8]>> {
    let len = padded(metadata.len().checked_add(PREFIX)?)?;
    let stated = i32::try_from(len - PREFIX).ok()?;
    let mut framed = vec![0; len];
    framed[..4].copy_from_slice(&CONTINUATION);
    framed[4..PREFIX].copy_from_slice(&stated.to_le_bytes());
    framed[PREFIX..PREFIX + metadata.len()].copy_from_slice(metadata);
    Some(framed.into())
}

/// Returns the length of a framed message before its body, from the prefix.
pub(crate) fn head_len(message: &[u8]) -> Option<usize> {
    let stated = i32::from_le_bytes(*message.get(4..)?.first_chunk()?);
    usize::try_from(stated).ok()?.checked_add(PREFIX)
}
