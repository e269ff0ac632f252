//! Flask's `TaggedJSONSerializer`: JSON that keeps tuples, bytes, markup,
//! UUIDs and dates apart, each as an object with one key, the tag.
//!
//! It is written as Flask writes it: keys sorted, ASCII only, no blanks. Values that
//! Python wrote in another way, and those that signet cannot represent, keep their
//! text ([`Verbatim`]), so that Python reads them again.

mod date_time;
mod read;
mod value;
mod write;

pub use serde_json::{Error, Number};

pub use date_time::{DateTime, DateTimeRange};
pub use read::loads;
pub use value::{Value, Verbatim};
pub use write::dumps;

fn is_tag(key: &str) -> bool {
    matches!(key, " di" | " t" | " b" | " m" | " u" | " d")
}
