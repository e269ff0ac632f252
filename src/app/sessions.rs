//! The page where users see and end their sessions.

use http::Method;
use minijinja::{Value, context};
use time::UtcDateTime;

use super::attempt::in_words;
use super::response::response;
use super::texts::Texts;
use super::{Sessions, account, page};
use crate::server::{Context, Error, Form, Request, Response, form, redirect};
use crate::session::Session;
use crate::session::listed::MAX_LISTED;
use crate::users::sessions::{self, UserSession};

/// The category of the message about a click.
const CLICKED: &str = "sessions";

/// What a click did: the text of a message of that category.
const ENDED: &str = "ended";
const GONE: &str = "gone";
const OTHERS_ENDED: &str = "others_ended";

/// A session in the list.
#[derive(Debug)]
pub(super) struct Row {
    /// From 1.
    pub(super) number: usize,
    pub(super) handle: String,
    /// When it began, and when it was last used, in words.
    pub(super) since: String,
    pub(super) used: String,
    pub(super) is_own: bool,
}

impl page::Variable for &[Row] {
    fn value(&self) -> Value {
        let rows = self.iter().map(|row| {
            context! {
                number => row.number,
                handle => row.handle.as_str(),
                since => row.since.as_str(),
                used => row.used.as_str(),
                is_own => row.is_own,
            }
        });
        rows.collect()
    }

    fn example() -> Self {
        &[]
    }
}

pub(super) fn sessions(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let t = Texts::of(context);
    // Sessions in signed cookies are not listed: only the browser has them.
    account::of(request, session, sessions::are_listed(context))?;
    if request.method() == Method::POST {
        let fields: Form = form(request)?;
        let clicked = match (fields.get("others"), fields.get("end")) {
            (Some(_), _) => {
                sessions::end_others(context, session)?;
                OTHERS_ENDED
            }
            (None, Some(handle)) if sessions::end(context, session, handle)? => ENDED,
            (None, _) => GONE,
        };
        session.flash(clicked, CLICKED);
        return Ok(redirect(&context.url_for("sessions", &[])?));
    }
    let flashes = session.take_flashes_of(CLICKED);
    let message = match flashes.last().map(|flash| flash.message.as_str()) {
        Some(ENDED) => t.session_ended,
        Some(GONE) => t.session_gone,
        Some(OTHERS_ENDED) => t.other_sessions_ended,
        Some(_) | None => "",
    };
    let found = sessions::of_user(context, session)?;
    let rows = found.iter().enumerate();
    let rows: Vec<Row> = rows
        .map(|(at, found)| row(at + 1, found, context, t))
        .collect();
    let settings = &context.config.cookie;
    let note = match settings.refresh {
        true => (t.early_last_use)(&in_words(settings.refreshed_after(), t)),
        false => t.last_change.to_owned(),
    };
    let page = Sessions {
        sessions: &rows,
        message,
        others: rows.len() > 1,
        note: &note,
        most: match rows.len() >= MAX_LISTED {
            true => MAX_LISTED as u16,
            false => 0,
        },
    };
    response(&page, context)
}

fn row(number: usize, found: &UserSession, context: &Context, t: &Texts) -> Row {
    let used = if found.is_own {
        context.now
    } else {
        found.saved
    };
    Row {
        number,
        handle: found.handle.clone(),
        since: moment(found.started, t),
        used: moment(used, t),
        is_own: found.is_own,
    }
}

/// The minute of a time in Unix seconds.
fn moment(seconds: u64, t: &Texts) -> String {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    let at = UtcDateTime::from_unix_timestamp(seconds).unwrap_or(UtcDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    (t.moment)(year, month.into(), day, at.hour(), at.minute())
}
