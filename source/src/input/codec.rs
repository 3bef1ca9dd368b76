//! Text that was compressed as a whole.

use std::io::{self, BufReader, Read};

/// The compression of an input as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    None,
    Gzip,
    Zstd,
    Bzip2,
}

impl Codec {
    /// Recognises a compression by the first bytes.
    pub(super) fn of(first: &[u8]) -> Codec {
        match first {
            [0x1f, 0x8b, ..] => Codec::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Codec::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26] => Codec::Bzip2,
            _ => Codec::None,
        }
    }

    /// Returns what the bytes stand for.
    pub(super) fn decoder(self, raw: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Codec::None => Box::new(raw),
            Codec::Gzip => {
                Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(64 << 10, raw)))
            }
            Codec::Zstd => Box::new(zstd::Decoder::new(raw)?),
            Codec::Bzip2 => {
                Box::new(bzip2::read::MultiBzDecoder::new(BufReader::with_capacity(64 << 10, raw)))
            }
        })
    }
}
