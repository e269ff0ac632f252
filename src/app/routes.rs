//! The seed's three routes.

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};

use super::error::{Refusal, respond};
use super::pages::Page;
use crate::gateway::Mount;
use crate::server::Context;
use crate::session::{EVERYWHERE as EVERYWHERE_FLASH, Session, USERNAME, Value};
use crate::{Request, Response, redirect};

/// Bytes a user name may have.
const MAX_USERNAME: usize = 256;

/// The field of the button that ends all sessions of the user.
const EVERYWHERE: &str = "everywhere";

/// The paths of the pages.
pub(crate) const ROUTES: [&str; 3] = ["/", "/login", "/logout"];

#[derive(Clone, Copy)]
enum Route {
    Index,
    Login,
    Logout,
}

impl Route {
    fn find(mount: &Mount) -> Option<Self> {
        match mount.route() {
            b"/" => Some(Self::Index),
            b"/login" => Some(Self::Login),
            b"/logout" => Some(Self::Logout),
            _ => None,
        }
    }

    fn allow(self) -> &'static str {
        match self {
            Self::Index => "GET, HEAD",
            Self::Login | Self::Logout => "GET, HEAD, POST",
        }
    }
}

/// Refuses what no page will take, before its body is read.
pub(crate) fn check(head: &Parts) -> Option<Response> {
    let context = Context::of(&head.extensions);
    let refuse = |refusal: Refusal| Some(respond(refusal, &context));
    let Some(route) = Route::find(context.mount) else {
        return refuse(Refusal::new(StatusCode::NOT_FOUND));
    };
    if !route
        .allow()
        .split(", ")
        .any(|method| method == head.method.as_str())
    {
        return refuse(Refusal::new(StatusCode::METHOD_NOT_ALLOWED).allow(route.allow()));
    }
    if head.method == Method::POST && matches!(route, Route::Login) && !is_form(&head.headers) {
        return refuse(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    None
}

/// Answers a request that passed [`check`].
pub(crate) fn handle(request: Request, session: &mut Session) -> Response {
    let context = Context::of(request.extensions());
    let posted = request.method() == Method::POST;
    let answer = match Route::find(context.mount) {
        Some(Route::Index) => index(&context, session),
        Some(Route::Login) if posted => login(&context, session, request.body()),
        Some(Route::Login) => Page::Login {
            username: "",
            error: "",
        }
        .response(&context),
        Some(Route::Logout) if posted && has_field(request.body(), EVERYWHERE) => {
            session.end_everywhere();
            Ok(logout(&context, session))
        }
        Some(Route::Logout) if posted || logs_out(&request) => Ok(logout(&context, session)),
        Some(Route::Logout) => {
            let username = username(session);
            Page::Logout {
                username: &username,
            }
            .response(&context)
        }
        None => Err(Refusal::new(StatusCode::NOT_FOUND)),
    };
    answer.unwrap_or_else(|refusal| respond(refusal, &context))
}

fn index(context: &Context<'_>, session: &mut Session) -> Result<Response, Refusal> {
    let username = username(session);
    let flashes = session.take_flashes_of(EVERYWHERE_FLASH);
    Page::Index {
        username: &username,
        message: flashes.first().map_or("", |flash| &flash.message),
        everywhere: context.config.has_revocations(),
    }
    .response(context)
}

fn login(context: &Context<'_>, session: &mut Session, body: &[u8]) -> Result<Response, Refusal> {
    match posted_username(body) {
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

fn logout(context: &Context<'_>, session: &mut Session) -> Response {
    // Remove the username from the session if it is there.
    session.remove(USERNAME);
    // A session that holds nothing but how long it lasts is over. So are those
    // that made the request ambiguous, which therefore shows an empty one.
    if session.iter().all(|(key, _)| key == "_permanent") {
        session.clear();
    }
    redirect(&context.mount.url_for("/"))
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

/// Whether the body is a form in UTF-8 (or does not say in what).
fn is_form(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let form = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    form && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
            let charset = charset.trim_matches('"');
            ["utf-8", "us-ascii"]
                .iter()
                .any(|known| charset.eq_ignore_ascii_case(known))
        }
        _ => true,
    })
}

fn has_field(body: &[u8], name: &str) -> bool {
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap_or_default();
    fields.iter().any(|(key, _)| key == name)
}

/// The one name in the form, or what is wrong with it and what to show again.
fn posted_username(body: &[u8]) -> Result<String, (&'static str, String)> {
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap_or_default();
    let mut names = fields
        .into_iter()
        .filter(|(key, _)| key == USERNAME)
        .map(|(_, name)| name);
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
    // U+FFFD is what bytes that are no text were decoded to: two different
    // names would become one.
    if name.contains(|c: char| c.is_control() || c == '\u{fffd}') {
        let shown = name.replace(|c: char| c.is_control() || c == '\u{fffd}', "");
        return Err(("That name has characters that cannot be used.", shown));
    }
    Ok(name)
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

    #[test]
    fn a_name_is_taken_exactly_or_not_at_all() {
        let long = "a".repeat(257);
        let longest = "a".repeat(256);
        #[rustfmt::skip]
        let cases: [(&str, Option<&str>); 16] = [
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
            ("username=%FF", None),
            ("username=%C0%AF", None),
            ("username=%C2%85x", None),
        ];
        for (body, want) in cases {
            assert_eq!(
                posted_username(body.as_bytes()).ok().as_deref(),
                want,
                "{body}"
            );
        }
        assert_eq!(
            posted_username(format!("username={longest}").as_bytes()),
            Ok(longest.clone())
        );
        let (_, shown) = posted_username(format!("username={long}").as_bytes()).unwrap_err();
        assert_eq!(shown, longest);
    }
}
