//! The files that the program trusts, and how it writes its own.
//!
//! The lowest module: it imports nothing of this crate.

pub(crate) mod lock;
pub(crate) mod private;
pub(crate) mod text;
