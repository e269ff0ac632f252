//! The heart: Flask's session, its cookie, its signature, its key.
//!
//! Values in, values out: nothing here reads the environment or the clock.

pub mod cookie;
pub mod key;
pub mod signing;
pub mod tagged_json;

mod dict;

pub use dict::{Flash, Session};
pub use tagged_json::{DateTime, Value};
