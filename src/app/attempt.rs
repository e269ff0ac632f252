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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Language;

    /// Number and noun agree, in German in the dative, which "in" and "innerhalb von" take.
    #[test]
    fn a_length_of_time_is_in_the_grammar_of_the_language() {
        #[rustfmt::skip]
        let cases = [
            (0,       ["a second",   "einer Sekunde", "1 秒",    "1 seconde",  "un segundo"]),
            (1,       ["a second",   "einer Sekunde", "1 秒",    "1 seconde",  "un segundo"]),
            (2,       ["2 seconds",  "2 Sekunden",    "2 秒",    "2 secondes", "2 segundos"]),
            (99,      ["99 seconds", "99 Sekunden",   "99 秒",   "99 secondes", "99 segundos"]),
            (100,     ["2 minutes",  "2 Minuten",     "2 分钟",  "2 minutes",  "2 minutos"]),
            (6_000,   ["2 hours",    "2 Stunden",     "2 小时",  "2 heures",   "2 horas"]),
            (172_800, ["2 days",     "2 Tagen",       "2 天",    "2 jours",    "2 días"]),
        ];
        for (seconds, words) in cases {
            let found = Language::ALL.map(|language| in_words(seconds, Texts::by(language)));
            assert_eq!(found, words);
        }
        let one = Language::ALL.map(|language| {
            let t = Texts::by(language);
            [(t.minutes)(1), (t.hours)(1), (t.days)(1)].join(", ")
        });
        let words = [
            "a minute, an hour, a day",
            "einer Minute, einer Stunde, einem Tag",
            "1 分钟, 1 小时, 1 天",
            "1 minute, 1 heure, 1 jour",
            "un minuto, una hora, un día",
        ];
        assert_eq!(one, words);
    }
}
