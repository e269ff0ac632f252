//! The page as a document. A site cannot replace it, because it also says what is wrong
//! with the templates of the site.

use http::header::{self, HeaderValue};

use super::{Check, Row, State};
use crate::app::texts::{OwnerTexts, Texts};
use crate::server::{Response, html, keep_out_of_caches};

/// The Content-Security-Policy, with the hashes of the style and of the script.
const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-1O7e2HtE4EdKsVyAE5/sG9/sb+u9Ve6bFkD/q7iFQ3Y='; \
    script-src 'sha256-zbisSFcytEOJvXojsMmrDrIidvO+D6y2m6jrSOxXRBs='; \
    connect-src 'self'; \
    img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The page and its data.
#[derive(askama::Template)]
#[template(path = "owner/doctor.html")]
pub(super) struct Page<'a> {
    /// Of the layout, which is in English as all texts for owners are.
    pub(super) t: &'a Texts,
    pub(super) owner: &'a OwnerTexts,
    /// The URL of the page.
    pub(super) url: &'a str,
    /// The URL of the second step of the check of cookies.
    pub(super) again: &'a str,
    /// The URL of the first page of the site.
    pub(super) home: &'a str,
    pub(super) rows: &'a [Row],
    /// Unix seconds.
    pub(super) now: u64,
    /// Whether there is a file `doctor.on`.
    pub(super) has_file: bool,
    /// Whether the visitor can type the word in it.
    pub(super) takes_word: bool,
    /// What is wrong with the typed word.
    pub(super) error: &'a str,
    /// How to see more.
    pub(super) note: &'a str,
}

impl Page<'_> {
    pub(super) fn document(&self) -> String {
        // Rendering into a String cannot fail.
        askama::Template::render(self).unwrap_or_default()
    }

    pub(super) fn response(&self) -> Response {
        let mut response = html(self.document());
        keep_out_of_caches(&mut response);
        let policy = const { HeaderValue::from_static(POLICY) };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    }
}

/// For the template.
impl Row {
    fn is_good(&self) -> bool {
        self.words.state == State::Good
    }

    fn is_wrong(&self) -> bool {
        self.words.state == State::Wrong
    }

    fn checks_cookies(&self) -> bool {
        matches!(self.check, Check::Cookies)
    }

    fn checks_clock(&self) -> bool {
        matches!(self.check, Check::Clock)
    }

    fn canaries(&self) -> &[String] {
        match &self.check {
            Check::Canaries(urls) => urls,
            Check::Nothing | Check::Cookies | Check::Clock => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use sha2::Digest;

    use super::super::words::Words;
    use super::*;
    use crate::app::texts::{ENGLISH, FOR_OWNERS};

    fn page(rows: &[Row]) -> String {
        let page = Page {
            t: &ENGLISH,
            owner: &FOR_OWNERS,
            url: "/doctor",
            again: "/doctor?cookie=1",
            home: "/",
            rows,
            now: 0,
            has_file: true,
            takes_word: true,
            error: "<b>",
            note: "<b>",
        };
        page.document()
    }

    #[test]
    fn the_policy_has_the_hashes_of_style_and_script() {
        let document = page(&[]);
        for element in ["style", "script"] {
            let (_, rest) = document.split_once(&format!("<{element}>")).unwrap();
            let (text, _) = rest.split_once(&format!("</{element}>")).unwrap();
            let digest = sha2::Sha256::digest(text);
            let want = base64::engine::general_purpose::STANDARD.encode(digest);
            assert!(
                POLICY.contains(&format!("'sha256-{want}'")),
                "{element}: {want}"
            );
            assert_eq!(document.matches(&format!("<{element}")).count(), 1);
        }
        assert!(!document.contains(" style="));
    }

    #[test]
    fn texts_of_findings_are_escaped() {
        let text = || "<b>&\"'".to_owned();
        for check in [
            Check::Nothing,
            Check::Cookies,
            Check::Clock,
            Check::Canaries(vec![text()]),
        ] {
            let words = Words {
                state: State::Warning,
                text: text(),
                ftp: text(),
                shell: text(),
                detail: text(),
                remedies: Vec::new(),
            };
            let row = Row {
                subject: "<b>",
                words,
                check,
            };
            assert!(!page(&[row]).contains("<b>"));
        }
    }
}
