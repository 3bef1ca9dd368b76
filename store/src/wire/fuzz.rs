//! The body of a fuzz target, which an ordinary test runs too.

use super::message::{Reply, Request};

/// Decodes bytes as either side would. An accepted datagram decodes to the same again after encoding.
pub fn datagram(bytes: &[u8]) {
    // The first byte is the number of descriptors that came along.
    let Some((&found, bytes)) = bytes.split_first() else { return };
    if let Ok(request) = Request::decode(bytes, found.into()) {
        assert_eq!(Request::decode(&request.encode(), found.into()), Ok(request));
    }
    if let Ok(reply) = Reply::decode(bytes, found.into()) {
        assert_eq!(Reply::decode(&reply.encode(), found.into()), Ok(reply));
    }
}
