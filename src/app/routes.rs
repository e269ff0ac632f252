//! The handlers of the tutorial's three pages.

use http::{Method, StatusCode};

use super::pages::Page;
use crate::server::{Context, Error, Form, Request, Response, form, redirect};
use crate::session::{EVERYWHERE as EVERYWHERE_FLASH, Session, USERNAME, Value};

/// Bytes a user name may have.
const MAX_USERNAME: usize = 256;

/// The field of the button that ends all sessions of the user.
const EVERYWHERE: &str = "everywhere";

pub(super) fn index(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let username = username(session);
    let flashes = session.take_flashes_of(EVERYWHERE_FLASH);
    Page::Index {
        username: &username,
        message: flashes.first().map_or("", |flash| &flash.message),
        everywhere: context.config.has_revocations(),
    }
    .response(context)
}

pub(super) fn login(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    if request.method() != Method::POST {
        return Page::Login {
            username: "",
            error: "",
        }
        .response(context);
    }
    match posted_username(&form(request)?) {
        Ok(username) => {
            session.insert(USERNAME, username);
            // Also of who was logged in by that name already.
            session.renew();
            if context.config.session_permanent {
                session.set_permanent(true);
            }
            Ok(redirect(&context.mount.url_for("/")))
        }
        Err((error, typed)) => {
            let mut form = Page::Login {
                username: &typed,
                error,
            }
            .response(context)?;
            *form.status_mut() = StatusCode::BAD_REQUEST;
            Ok(form)
        }
    }
}

/// A GET logs out as well, as in the tutorial, if it is a visitor's own click.
pub(super) fn logout(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    if request.method() != Method::POST && !logs_out(request) {
        let username = username(session);
        return Page::Logout {
            username: &username,
        }
        .response(context);
    }
    // Any body is a click on the other button: a client without forms logs out.
    let form: Form = form(request).unwrap_or_default();
    if form.get(EVERYWHERE).is_some() {
        session.end_everywhere();
    }
    // Remove the username from the session if it is there.
    session.remove(USERNAME);
    // A session that holds nothing but how long it lasts is over. So are those
    // that made the request ambiguous, which therefore shows an empty one.
    if session.iter().all(|(key, _)| key == "_permanent") {
        session.clear();
    }
    Ok(redirect(&context.mount.url_for("/")))
}

fn username(session: &Session) -> String {
    match session.get(USERNAME) {
        Some(Value::String(name)) => name.clone(),
        _ => String::new(),
    }
}

/// Whether a GET of `/logout` is a visitor's own click: not a page elsewhere
/// that embeds the address, and not a browser that reads ahead. HEAD asks for
/// the page only.
fn logs_out(request: &Request) -> bool {
    let says = |name: &str, words: &[&str]| {
        request.headers().get_all(name).iter().any(|value| {
            value.to_str().is_ok_and(|value| {
                value
                    .split([';', ',', ' '])
                    .any(|word| words.iter().any(|w| word.eq_ignore_ascii_case(w)))
            })
        })
    };
    request.method() == Method::GET
        && !says("sec-fetch-site", &["cross-site", "same-site"])
        && !["sec-purpose", "purpose", "x-purpose", "x-moz"]
            .iter()
            .any(|name| says(name, &["prefetch", "prerender", "preview"]))
}

/// The one name in the form, or what is wrong with it and what to show again.
fn posted_username(form: &Form) -> Result<String, (&'static str, String)> {
    let mut names = form.all(USERNAME);
    let Some(name) = names.next() else {
        return Err(("Please type your name.", String::new()));
    };
    if names.next().is_some() {
        return Err(("The form had two names; please type one.", String::new()));
    }
    if name.chars().all(is_invisible) {
        return Err(("Please type your name.", String::new()));
    }
    if name.len() > MAX_USERNAME {
        let mut end = MAX_USERNAME;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        return Err((
            "That name is too long; 256 bytes are the limit.",
            name[..end].to_owned(),
        ));
    }
    if name.contains(char::is_control) {
        let shown = name.replace(char::is_control, "");
        return Err(("That name has characters that cannot be used.", shown));
    }
    Ok(name.to_owned())
}

/// Blanks, and characters that show nothing at all.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
            | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(body: &str) -> Result<String, (&'static str, String)> {
        posted_username(&serde_urlencoded::from_str(body).unwrap())
    }

    #[test]
    fn a_name_is_taken_exactly_or_not_at_all() {
        let long = "a".repeat(257);
        let longest = "a".repeat(256);
        #[rustfmt::skip]
        let cases: [(&str, Option<&str>); 14] = [
            ("username=admin", Some("admin")),
            ("username=admin+", Some("admin ")),
            ("username=zq'%22%3E%3Cb%3E%26", Some("zq'\"><b>&")),
            ("username=%F0%9F%A6%8A&other=1", Some("🦊")),
            ("", None),
            ("username=", None),
            ("username=+%09+", None),
            ("username=%E2%80%8B%EF%BB%BF", None),
            ("user=admin", None),
            ("username=a&username=b", None),
            ("username[]=a", None),
            ("username=a%0D%0ASet-Cookie:+x=1", None),
            ("username=a%00b", None),
            ("username=%C2%85x", None),
        ];
        for (body, want) in cases {
            assert_eq!(posted(body).ok().as_deref(), want, "{body}");
        }
        assert_eq!(posted(&format!("username={longest}")), Ok(longest.clone()));
        let (_, shown) = posted(&format!("username={long}")).unwrap_err();
        assert_eq!(shown, longest);
    }
}
