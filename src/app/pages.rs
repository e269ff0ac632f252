//! The pages as documents: the built-in ones, or a site's own.

use askama::Template;
use http::header::{self, HeaderValue};
use minijinja::HtmlEscape;

use super::remedy::Steps;
use super::site::{self, Rendered};
use crate::gateway::log;
use crate::server::{Context, Error as Failed, Response, html, keep_out_of_caches};

/// The Content-Security-Policy of the built-in pages, with the hashes of the one
/// style and the one script that they have; a test compares them.
///
/// The script empties a page that is left, and loads it anew when the browser
/// takes it back from memory: Chromium does so after a logout although the page
/// says `no-store`, and `Clear-Site-Data: "cache"`, the other way to prevent it,
/// takes Chromium seconds. Pictures, as a browser asks for `/favicon.ico` by
/// itself.
const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-C3+nSLMD7E+iM+/9QVV+XkHacoGCp8+zesoN4a+Awmc='; \
    script-src 'sha256-8CLzpC/2sUGq60fViJmXWwCHW3y3PRvYjIZyIGDpzOA='; \
    img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The policy of a site's own pages: the site's own files, inline styles, and
/// the one inline script in `base.html`.
const SITE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    script-src 'self' 'sha256-8CLzpC/2sUGq60fViJmXWwCHW3y3PRvYjIZyIGDpzOA='; \
    img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Why a site's own page could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TemplateError(pub(super) String);

/// A page and what it shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Page<'a> {
    Index {
        username: &'a str,
        /// Whether there is a button that logs the user out everywhere.
        everywhere: bool,
        /// What became of the last click on it.
        message: &'a str,
    },
    Login {
        username: &'a str,
        error: &'a str,
    },
    Logout {
        username: &'a str,
    },
    Error(ErrorPage<'a>),
}

/// What an error page shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorPage<'a> {
    pub(crate) status: u16,
    /// The status in words.
    pub(crate) reason: &'a str,
    /// For anybody.
    pub(crate) message: &'a str,
    /// For an owner who has nothing but FTP.
    pub(crate) fix: &'a str,
    /// Steps for hosts of several kinds.
    pub(crate) remedies: &'a [&'a Steps],
    /// The number of this error on stderr.
    pub(crate) error_id: &'a str,
    /// Only when debugging.
    pub(crate) detail: &'a str,
}

macro_rules! built_in {
    ($name:ident, $path:literal, $($field:ident: $type:ty),*) => {
        #[derive(Template)]
        #[template(path = $path)]
        struct $name<'a> {
            context: &'a Context,
            $($field: $type,)*
        }

        impl $name<'_> {
            /// A test renders each page by the other engine, too, where an unknown
            /// endpoint is an error.
            fn url_for(&self, endpoint: &str) -> String {
                self.context.url_for(endpoint, &[]).unwrap_or_default()
            }
        }
    };
}

built_in!(Index, "index.html", username: &'a str, everywhere: bool, message: &'a str);
built_in!(Login, "login.html", username: &'a str, error: &'a str);
built_in!(Logout, "logout.html", username: &'a str);
built_in!(Error, "error.html", status: u16, reason: &'a str, message: &'a str, fix: &'a str,
    remedies: &'a [&'a Steps], error_id: &'a str, detail: &'a str);

impl Page<'_> {
    /// The file that a site puts in place of the built-in page.
    pub(super) fn file_name(&self) -> &'static str {
        match self {
            Self::Index { .. } => "index.html",
            Self::Login { .. } => "login.html",
            Self::Logout { .. } => "logout.html",
            Self::Error(_) => "error.html",
        }
    }

    /// The page as a response: the site's own if there is one.
    ///
    /// # Errors
    ///
    /// A site's own page that cannot be rendered; nothing is shown in its
    /// place, so that the mistake is seen.
    pub(crate) fn response(&self, context: &Context) -> Result<Response, Failed> {
        if let Some(dir) = context.config.missing_templates_dir() {
            log(format_args!(
                "TEMPLATES_DIR {} is no folder; the built-in pages are shown",
                dir.display()
            ));
        }
        if let Some(dir) = &context.config.templates_dir()
            && let Some(Rendered {
                mut document,
                undefined,
            }) = site::render(dir, self, context)?
        {
            if let Some(undefined) = undefined {
                let note = format!("{undefined}; nothing is shown in its place");
                log(&note);
                if context.config.debug {
                    document.push_str(&format!("\n<pre>{}</pre>\n", HtmlEscape(&note)));
                }
            }
            let policy = const { HeaderValue::from_static(SITE_POLICY) };
            return Ok(response(document, policy));
        }
        Ok(self.built_in_response(context))
    }

    /// The built-in page as a response.
    pub(crate) fn built_in_response(&self, context: &Context) -> Response {
        let policy = const { HeaderValue::from_static(POLICY) };
        response(self.built_in(context), policy)
    }

    /// The built-in document.
    pub(super) fn built_in(&self, context: &Context) -> String {
        let rendered = match *self {
            Self::Index {
                username,
                everywhere,
                message,
            } => Index {
                context,
                username,
                everywhere,
                message,
            }
            .render(),
            Self::Login { username, error } => Login {
                context,
                username,
                error,
            }
            .render(),
            Self::Logout { username } => Logout { context, username }.render(),
            Self::Error(ErrorPage {
                status,
                reason,
                message,
                fix,
                remedies,
                error_id,
                detail,
            }) => Error {
                context,
                status,
                reason,
                message,
                fix,
                remedies,
                error_id,
                detail,
            }
            .render(),
        };
        // Rendering into a String has nothing that can fail.
        rendered.unwrap_or_default()
    }
}

fn response(document: String, policy: HeaderValue) -> Response {
    let mut response = html(document);
    // Each page depends on who is logged in, or is shown between two that do.
    keep_out_of_caches(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

#[cfg(test)]
mod tests {
    use super::super::remedy::Remedy;
    use super::*;
    use base64::Engine;
    use sha2::Digest;

    fn context() -> Context {
        let vars = [("SCRIPT_NAME", "/a b&c"), ("PATH_INFO", "/")];
        crate::app::server().context_of(vars.into_iter().collect())
    }

    #[rustfmt::skip]
    const PAGES: [Page<'_>; 8] = [
        Page::Index { username: "", everywhere: true, message: "<b>&" },
        Page::Index { username: "zq'\"><b>&{{7*7}}", everywhere: true, message: "" },
        Page::Index { username: "ada", everywhere: false, message: "" },
        Page::Login { username: "", error: "" },
        Page::Login { username: "zq'\"><b>&", error: "no" },
        Page::Logout { username: "ada" },
        Page::Error(ErrorPage { status: 404, reason: "Not Found", message: "m", fix: "", remedies: &[], error_id: "", detail: "" }),
        Page::Error(ErrorPage { status: 503, reason: "R", message: "m", fix: "f", remedies: &[Remedy::KeyInHtaccess.steps(), Remedy::OwnFolder.steps()], error_id: "1a", detail: "<d>\n" }),
    ];

    /// Entities have several spellings; the two engines choose different ones.
    fn decoded(document: &str) -> String {
        let mut text = document.to_owned();
        for (spelling, c) in [
            ("&#60;", "<"),
            ("&lt;", "<"),
            ("&#62;", ">"),
            ("&gt;", ">"),
            ("&#34;", "\""),
            ("&quot;", "\""),
            ("&#39;", "'"),
            ("&#x27;", "'"),
            ("&#x2f;", "/"),
            ("&#38;", "&"),
            ("&amp;", "&"),
        ] {
            text = text.replace(spelling, c);
        }
        text
    }

    #[test]
    fn both_engines_render_the_built_in_sources_alike() {
        let context = context();
        for page in PAGES {
            let own = site::render_source(&page, &context).unwrap();
            assert_eq!(decoded(&page.built_in(&context)), decoded(&own), "{page:?}");
            assert!(
                !own.contains("<b>") && !page.built_in(&context).contains("<b>"),
                "{page:?}"
            );
        }
    }

    #[test]
    fn the_policy_has_the_hashes_of_style_and_script_on_every_page() {
        for page in PAGES {
            let document = page.built_in(&context());
            for (element, policies) in
                [("style", &[POLICY][..]), ("script", &[POLICY, SITE_POLICY])]
            {
                let (_, rest) = document.split_once(&format!("<{element}>")).unwrap();
                let (text, _) = rest.split_once(&format!("</{element}>")).unwrap();
                let digest = sha2::Sha256::digest(text);
                let want = base64::engine::general_purpose::STANDARD.encode(digest);
                for policy in policies {
                    assert!(
                        policy.contains(&format!("'sha256-{want}'")),
                        "{element}: {want}"
                    );
                }
                assert_eq!(document.matches(&format!("<{element}")).count(), 1);
            }
            assert!(!document.contains(" style="));
        }
    }
}
