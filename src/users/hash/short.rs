//! Bytes of a salt or digest, without an allocation.

use std::ops::Deref;

/// At most 64 bytes.
#[derive(Clone, Copy)]
pub(super) struct Short {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Short {
    pub(super) const LONGEST: usize = 64;

    /// The bytes, unless they are too many.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let mut short = Self::zeros(bytes.len());
        short.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(short)
    }

    /// As many zeros, at most 64.
    pub(super) fn zeros(length: usize) -> Self {
        Self {
            bytes: [0; Self::LONGEST],
            length: length.min(Self::LONGEST),
        }
    }
}

impl Deref for Short {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
