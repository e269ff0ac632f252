//! Passwords in forms, and what is said about an attempt to log in.

use http::StatusCode;
use http::header::{self, HeaderValue};

use super::texts::Texts;
use crate::server::{Error, Form, Response};
use crate::users::Refused;
use crate::users::password::{LONGEST, Password, WrongPassword};

/// The one password in this field of a form.
pub(super) fn posted_password(fields: &Form, name: &str) -> Result<Password, WrongPassword> {
    let mut typed = fields.all(name);
    match (typed.next(), typed.next()) {
        (Some(password), None) => Password::new(password.as_bytes()),
        (None, _) | (_, Some(_)) => Err(WrongPassword::Empty),
    }
}

/// Why a text is nobody's password.
pub(super) fn wrong_password(wrong: WrongPassword, t: &Texts) -> String {
    match wrong {
        WrongPassword::Empty => t.no_password.to_owned(),
        WrongPassword::TooLong => (t.long_password)(LONGEST),
    }
}

/// The form again, by `again`, with the words and the status for an attempt that was
/// refused; `wrong` are the words if the password was wrong. Browsers do not offer to save
/// a password after a status of 400 and above.
pub(super) fn refused(
    refused: Refused,
    wrong: &str,
    t: &Texts,
    again: impl FnOnce(&str, StatusCode) -> Result<Response, Error>,
) -> Result<Response, Error> {
    match refused {
        Refused::Wrong => again(wrong, StatusCode::FORBIDDEN),
        Refused::Limited { seconds } => {
            let error = (t.wait_for_login)(&in_words(seconds, t));
            let mut response = again(&error, StatusCode::TOO_MANY_REQUESTS)?;
            let after = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, after);
            Ok(response)
        }
    }
}

/// A length of time, rounded up.
pub(super) fn in_words(seconds: u64, t: &Texts) -> String {
    const HOUR: u64 = 60 * 60;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        0 => (t.seconds)(1),
        1..=99 => (t.seconds)(seconds),
        100..=5_999 => (t.minutes)(seconds.div_ceil(60)),
        6_000..=172_799 => (t.hours)(seconds.div_ceil(HOUR)),
        172_800.. => (t.days)(seconds.div_ceil(DAY)),
    }
}
