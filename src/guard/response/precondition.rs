//! The conditions of a request, in the order of RFC 9110, 13.2.2.

use http::header::{self, HeaderMap};

use super::validators::{Validators, value};

/// What the conditions of a GET or HEAD request lead to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Precondition {
    /// The request is answered as if it had no conditions.
    Fulfilled,
    /// The client has this version: 304.
    NotModified,
    /// 412.
    Failed,
}

impl Precondition {
    /// What the fields of the request lead to. A date that is not one is ignored. `now` is
    /// in Unix seconds.
    pub(super) fn of(headers: &HeaderMap, validators: &Validators, now: u64) -> Self {
        let changed_after = |date: Vec<u8>| validators.changed_after(&date, now);
        let fails = match value(headers, header::IF_MATCH) {
            Some(tags) => !validators.match_strongly(&tags),
            None => {
                let date = value(headers, header::IF_UNMODIFIED_SINCE);
                date.and_then(changed_after) == Some(true)
            }
        };
        if fails {
            return Self::Failed;
        }
        let is_known = match value(headers, header::IF_NONE_MATCH) {
            Some(tags) => validators.match_weakly(&tags),
            None => {
                let date = value(headers, header::IF_MODIFIED_SINCE);
                date.and_then(changed_after) == Some(false)
            }
        };
        match is_known {
            true => Self::NotModified,
            false => Self::Fulfilled,
        }
    }
}
