//! Every page as a document: what a person, a screen reader and a strict
//! browser find there, on good days and on bad ones.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::support::html::unescape;
use crate::support::invariants::{COOKIE, MARKER, NOTHING, assert_holds, checked};
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, now};

const LOGIN: &str = "username=admin";

/// A request for each page there is, with its status.
fn pages() -> Vec<(&'static str, Cgi, u16)> {
    let token = Signer::default().token(r#"{"username":"admin"}"#, now());
    let cookie = format!("session={token}");
    let broken = StateDir::new();
    broken.write("templates/index.html", "{% if %}", 0o600);
    let cross = ("HTTP_SEC_FETCH_SITE", "cross-site");
    vec![
        ("index", Cgi::get("/"), 200),
        ("index, logged in", Cgi::get("/").cookie(&cookie), 200),
        ("login", Cgi::get("/login"), 200),
        ("login, logged in", Cgi::get("/login").cookie(&cookie), 200),
        (
            "logout button",
            Cgi::get("/logout").cookie(&cookie).vars(&[cross]),
            200,
        ),
        ("refused name", Cgi::post("/login", "username="), 400),
        (
            "bad length",
            Cgi::post("/login", LOGIN).var("CONTENT_LENGTH", "x"),
            400,
        ),
        ("forbidden", Cgi::post("/login", LOGIN).vars(&[cross]), 403),
        ("not found", Cgi::get("/nothing"), 404),
        ("method", Cgi::new("PUT", "/login"), 405),
        (
            "length",
            Cgi::post("/login", LOGIN).without("CONTENT_LENGTH"),
            411,
        ),
        (
            "too large",
            Cgi::post("/login", LOGIN).var("CONTENT_LENGTH", "65537"),
            413,
        ),
        (
            "type",
            Cgi::post("/login", LOGIN).var("CONTENT_TYPE", "text/plain"),
            415,
        ),
        ("broken template", Cgi::get("/").owning(broken), 500),
        (
            "no such setting",
            Cgi::get("/").var("SIGNET_BOGUS", "1"),
            503,
        ),
        (
            "short key",
            Cgi::get("/").var("SIGNET_SECRET_KEY", "short"),
            503,
        ),
        (
            "known key",
            Cgi::get("/").var("SIGNET_SECRET_KEY", "changeme-changeme"),
            503,
        ),
        (
            "error document",
            Cgi::get("/").var("REDIRECT_STATUS", "404"),
            404,
        ),
    ]
}

/// Words of the sentence that the error page of each status has, and no other.
const SENTENCES: [(u16, &str); 12] = [
    (400, "could not be understood"),
    (403, "came from another site"),
    (404, "no page at this address"),
    (405, "cannot be used that way"),
    (408, "did not arrive in time"),
    (410, "request was refused"),
    (411, "did not say how long it is"),
    (413, "request is too large"),
    (414, "address is too long"),
    (415, "form was sent in a way"),
    (500, "went wrong"),
    (503, "not ready yet"),
];

/// The text between `start` and `end`, the first time.
fn between<'text>(text: &'text str, start: &str, end: &str) -> Option<&'text str> {
    text.split_once(start)?
        .1
        .split_once(end)
        .map(|(inside, _)| inside)
}

/// A document by itself: a language, a title, fit for a phone; nothing that it
/// would have to load.
#[test]
fn every_page_is_a_whole_document() {
    for (name, cgi, status) in pages() {
        let page = checked(name, cgi, NOTHING);
        assert_eq!(page.status, status, "{name}: {}", page.words());
        let text = page.text();
        let lower = text.to_ascii_lowercase();
        assert!(lower.starts_with("<!doctype html>"), "{name}: {text}");
        assert!(lower.contains("<html lang=\"en\""), "{name}: {text}");
        assert!(lower.contains("<meta charset=\"utf-8\""), "{name}: {text}");
        let title = between(text, "<title>", "</title>").unwrap_or_default();
        assert!(!title.trim().is_empty(), "{name}: {text}");
        let viewport = "name=\"viewport\" content=\"width=device-width";
        assert!(lower.contains(viewport), "{name}: {text}");
        assert!(!page.words().is_empty(), "{name}: {text}");
        for forbidden in [
            "<img",
            "<iframe",
            "<object",
            "<embed",
            "<base",
            "<link",
            " src=",
            " style=",
            "@import",
            "url(",
            "http://",
            "https://",
            "=\"//",
            "javascript:",
            " onload=",
            " onclick=",
        ] {
            assert!(!lower.contains(forbidden), "{name}: {forbidden} in {text}");
        }
        assert_well_formed(name, text);
    }
}

/// Every element that is opened is closed, in order.
#[track_caller]
fn assert_well_formed(name: &str, text: &str) {
    const VOID: [&str; 6] = ["br", "hr", "img", "input", "link", "meta"];
    let mut open = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, _) = piece
            .split_once('>')
            .unwrap_or_else(|| panic!("{name}: <{piece}"));
        let element = tag
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        match element.strip_prefix('/') {
            Some(end) => assert_eq!(
                open.pop().as_deref(),
                Some(end),
                "{name}: </{end}> in {text}"
            ),
            None if element.starts_with('!') || VOID.contains(&element.as_str()) => {}
            None => open.push(element),
        }
    }
    assert_eq!(open, Vec::<String>::new(), "{name}: {text}");
}

/// The policy has the hashes of the one style and the one script on the page,
/// and lets the browser load `/favicon.ico`, which it asks for by itself.
#[test]
fn the_policy_fits_the_page() {
    for (name, cgi, _) in pages() {
        let page = checked(name, cgi, NOTHING);
        let policy = page
            .header("Content-Security-Policy")
            .expect("a policy")
            .to_owned();
        let sources = |kind: &str| {
            let directive = policy
                .split(';')
                .map(str::trim)
                .find(|one| one.split(' ').next() == Some(kind));
            directive.map(|one| one.split(' ').skip(1).collect::<Vec<_>>())
        };
        assert_eq!(
            sources("default-src"),
            Some(vec!["'none'"]),
            "{name}: {policy}"
        );
        assert_eq!(sources("img-src"), Some(vec!["'self'"]), "{name}: {policy}");
        let form = sources("form-action").unwrap_or_else(|| panic!("{name}: {policy}"));
        assert!(form == ["'self'"] || form == ["'none'"], "{name}: {policy}");
        assert!(
            !page.text().contains("<form") || form == ["'self'"],
            "{name}: {policy}"
        );
        for element in ["style", "script"] {
            let start = format!("<{element}");
            assert_eq!(page.text().matches(&start).count(), 1, "{name}: {element}");
            let inside = between(page.text(), &format!("{start}>"), "</").expect(element);
            let hash = STANDARD.encode(Sha256::digest(inside));
            let hash = format!("'sha256-{hash}'");
            let directive = format!("{element}-src");
            assert_eq!(sources(&directive), Some(vec![&*hash]), "{name}: {policy}");
        }
        let style = between(page.text(), "<style>", "</style>").expect("a style");
        assert!(style.contains("prefers-color-scheme"), "{name}");
    }
}

/// The tag of the field for the name on a page with the form.
#[track_caller]
fn field(page: &Response) -> String {
    let text = page.text();
    let inputs = text
        .split("<input")
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap_or_default());
    let mut named = inputs.filter(|tag| tag.contains("name=\"username\""));
    let tag = named.next().unwrap_or_else(|| panic!("no field: {text}"));
    assert_eq!(named.next(), None, "one field: {text}");
    tag.to_owned()
}

/// The form can be used without a mouse and without eyes.
#[test]
fn the_field_has_a_label_and_the_focus() {
    for (name, cgi) in [
        ("fresh", Cgi::get("/login")),
        ("refused", Cgi::post("/login", "username=+")),
    ] {
        let page = checked(name, cgi, NOTHING);
        let tag = field(&page);
        let id = between(&tag, " id=\"", "\"").unwrap_or_else(|| panic!("{name}: {tag}"));
        let label = format!("<label for=\"{id}\"");
        let label = between(page.text(), &label, "</label>");
        let label = label.unwrap_or_else(|| panic!("{name}: no label for {id}"));
        assert!(
            label
                .split_once('>')
                .is_some_and(|(_, text)| !text.trim().is_empty()),
            "{name}"
        );
        assert!(tag.contains(" autofocus"), "{name}: {tag}");
        assert!(tag.contains(" autocomplete=\"username\""), "{name}: {tag}");
        let form = between(page.text(), "<form", "</form>").expect("a form");
        assert!(
            form.to_ascii_lowercase().contains("method=\"post\""),
            "{name}: {form}"
        );
        assert!(
            form.contains("type=\"submit\"") || form.contains("<button"),
            "{name}: {form}"
        );
    }
}

/// Who typed a name that is refused finds it there again, with a reason that
/// a screen reader finds too.
#[test]
fn refused_names_stay_in_the_form() {
    let fresh = checked("fresh", Cgi::get("/login"), NOTHING);
    assert_eq!(
        between(&field(&fresh), " value=\"", "\"").unwrap_or_default(),
        ""
    );
    let long = "n".repeat(257);
    let cut = &long[..256];
    let marked = format!("{MARKER}\t");
    // A name too long comes back as far as a name may go.
    for (typed, want) in [(long.as_str(), cut), (&marked, MARKER)] {
        let form: String = typed.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let page = checked(
            typed,
            Cgi::post("/login", format!("username={form}")),
            NOTHING,
        );
        let tag = field(&page);
        let kept = between(&tag, " value=\"", "\"").unwrap_or_else(|| panic!("no value: {tag}"));
        assert_eq!((page.status, unescape(kept).trim_end()), (400, want));
        let described = between(&tag, " aria-describedby=\"", "\"");
        let id = described.unwrap_or_else(|| panic!("no description: {tag}"));
        let message = page
            .text()
            .split_once(&format!("id=\"{id}\""))
            .map(|(_, rest)| rest);
        let message = message
            .and_then(|rest| between(rest, ">", "<"))
            .unwrap_or_default();
        assert!(
            !message.trim().is_empty(),
            "{id} says nothing: {}",
            page.text()
        );
        assert!(
            page.words().len() > fresh.words().len(),
            "a message: {}",
            page.words()
        );
    }
}

/// What went wrong has a number that the visitor can tell the owner, who finds
/// it on stderr with the reason.
#[test]
fn errors_of_ours_have_an_id() {
    let failures = pages().into_iter().filter(|(_, _, status)| *status >= 500);
    for (name, cgi, status) in failures {
        let out = cgi.run();
        let page = assert_holds(name, &out, NOTHING);
        assert_eq!(page.status, status, "{name}");
        let errors = out.errors();
        let words = page.words();
        let ids: Vec<&str> = words
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| word.len() >= 6 && word.bytes().any(|byte| byte.is_ascii_digit()))
            .filter(|word| errors.contains(word))
            .collect();
        assert_eq!(ids.len(), 1, "{name}: {words}\n{errors}");
    }
    let reasons = |cgi: Cgi| cgi.run().errors();
    assert!(reasons(Cgi::get("/").var("SIGNET_BOGUS", "1")).contains("SIGNET_BOGUS"));
    assert!(reasons(Cgi::get("/").var("SIGNET_SECRET_KEY", "short")).contains("SECRET_KEY"));
}

/// What visitors do wrong is not worth a line in the owner's log. A form that comes
/// from another site can be a fault of the owner's proxy: that line says why.
#[test]
fn errors_of_visitors_are_not_logged() {
    for (name, cgi, status) in pages() {
        let errors = cgi.run().errors();
        match status {
            403 => assert!(errors.contains("Sec-Fetch-Site \"cross-site\""), "{errors}"),
            status if status < 500 => assert_eq!(errors, "", "{name}"),
            _ => {}
        }
    }
}

/// An ErrorDocument's page says what went wrong elsewhere, under its status.
#[test]
fn error_documents_keep_their_status() {
    for status in [400, 401, 403, 404, 410, 500, 502, 503] {
        let name = format!("REDIRECT_STATUS={status}");
        let cgi = Cgi::get("/")
            .var("REDIRECT_STATUS", status.to_string())
            .vars(&[
                ("REDIRECT_URL", "/gone"),
                ("REDIRECT_REQUEST_METHOD", "GET"),
            ]);
        let page = checked(&name, cgi, NOTHING);
        assert_eq!(page.status, status, "{name}");
        assert!(
            !page.words().contains("You are not logged in"),
            "{name}: {}",
            page.words()
        );
    }
}

/// On the pages of signet's own errors and on those of an ErrorDocument.
#[test]
fn error_pages_have_the_sentence_of_their_status() {
    let documents = SENTENCES.map(|(status, _)| {
        let cgi = Cgi::get("/").var("REDIRECT_STATUS", status.to_string());
        ("ErrorDocument", cgi, status)
    });
    let own = pages();
    let own = own
        .into_iter()
        .filter(|(name, _, _)| *name != "refused name");
    for (name, cgi, status) in documents.into_iter().chain(own) {
        let words = checked(name, cgi, NOTHING).words();
        let found = SENTENCES
            .iter()
            .filter(|(_, words_of)| words.contains(words_of));
        let found: Vec<u16> = found.map(|(status, _)| *status).collect();
        // The web server refuses more than what other sites send.
        let wanted = match (status, name) {
            (200, _) => vec![],
            (403, "ErrorDocument") => vec![410],
            (status, _) => vec![status],
        };
        assert_eq!(found, wanted, "{name}: {status}: {words}");
    }
}

/// The page of one visitor is nobody else's: two names, two pages, both with
/// the marks that keep caches away (asserted with every row).
#[test]
fn pages_belong_to_one_visitor() {
    let login = |user: &str| {
        let answer = checked(
            user,
            Cgi::post("/login", format!("username={user}")),
            COOKIE,
        );
        format!(
            "session={}",
            answer.cookie("session").expect("a session").value
        )
    };
    let page = |cookie: String| checked("index", Cgi::get("/").cookie(cookie), NOTHING).words();
    let (alice, bob) = (page(login("alice")), page(login("bob")));
    assert!(
        alice.contains("Logged in as alice") && !alice.contains("bob"),
        "{alice}"
    );
    assert!(
        bob.contains("Logged in as bob") && !bob.contains("alice"),
        "{bob}"
    );
}
