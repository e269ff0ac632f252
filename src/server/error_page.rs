//! The response to a request that failed.

use std::path::Path;

use http::StatusCode;
use http::header::{self, HeaderValue};

use super::context::Context;
#[cfg(feature = "templates")]
use super::failure::Error;
use super::failure::Failure;
use super::headers::set_allow;
use super::reply::{escape, html};
use super::routes::UrlError;
#[cfg(feature = "templates")]
use super::templates::render_in;
use super::{Response, Server};
use crate::config::StateDirError;
use crate::files::accounts::user_in_command;
use crate::gateway::{log, reason_phrase};

/// The data for an error page.
#[derive(Debug)]
pub struct ErrorPage<'f> {
    pub(crate) failure: &'f Failure,
    pub(crate) context: &'f Context,
    id: &'f str,
    detail: &'f str,
}

impl ErrorPage<'_> {
    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.failure.status()
    }

    /// The status as text, such as `Not Found`.
    pub fn reason_phrase(&self) -> &'static str {
        reason_phrase(self.status()).unwrap_or("Error")
    }

    /// The number under which the log has the reason; empty if nothing was logged.
    pub fn id(&self) -> &str {
        self.id
    }

    /// The reason, if `DEBUG` is set; otherwise empty. It may contain confidential data.
    /// It also says what is wrong with a form, a query or JSON.
    pub fn detail(&self) -> &str {
        self.detail
    }

    /// The URL of the program's first page, without scheme and host.
    pub fn home(&self) -> String {
        self.context.mount.url_for("/")
    }

    /// The URL of a route: see [`url_for`](crate::url_for).
    ///
    /// # Errors
    ///
    /// [`UrlError`].
    pub fn url_for(&self, endpoint: &str, parameters: &[(&str, &str)]) -> Result<String, UrlError> {
        self.context.url_for(endpoint, parameters)
    }

    /// Renders a template as the page: see [`render`](crate::render).
    ///
    /// # Errors
    ///
    /// Those of [`render`](crate::render). If the function returns the error, a plain page is
    /// sent.
    #[cfg(feature = "templates")]
    pub fn render(&self, file: &str, variables: impl serde::Serialize) -> Result<Response, Error> {
        render_in(self.context, file, variables)
    }
}

/// The response to a request that failed.
pub(super) fn respond(server: &Server<'_>, failure: &Failure, context: &Context) -> Response {
    let id = match failure.reason() {
        None => String::new(),
        Some(reason) => {
            let id = error_id(context.now);
            let remedy = failure.state_dir().and_then(StateDirError::system_folder);
            let remedy = remedy.map(|folder| install(folder, context.config.euid()));
            let remedy = remedy.unwrap_or_default();
            log(format_args!("error {id}: {reason}{remedy}"));
            id
        }
    };
    let detail = match context.config.debug {
        true => failure.detail().unwrap_or_default(),
        false => String::new(),
    };
    let page = ErrorPage {
        failure,
        context,
        id: &id,
        detail: &detail,
    };
    let mut response = (server.error_page)(&page).unwrap_or_else(|err| {
        if let Some(reason) = err.0.reason() {
            log(reason);
        }
        plain(&page)
    });
    *response.status_mut() = page.status();
    if let Failure::MethodNotAllowed(methods) = failure {
        set_allow(&mut response, methods);
    }
    if page.status() == StatusCode::SERVICE_UNAVAILABLE {
        let minute = HeaderValue::from_static("60");
        response.headers_mut().insert(header::RETRY_AFTER, minute);
    }
    response
}

/// The error page of a program that does not set one.
pub(super) fn plain(page: &ErrorPage<'_>) -> Response {
    let (status, phrase) = (page.status().as_u16(), page.reason_phrase());
    let mut document = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{phrase}</title>\n\
         <h1>{phrase}</h1>\n"
    );
    if !page.id.is_empty() {
        document.push_str(&format!(
            "<p>Error {status}, number {}. The web server's error log has the reason.</p>\n",
            page.id
        ));
    }
    if !page.detail().is_empty() {
        document.push_str(&format!("<pre>{}</pre>\n", escape(page.detail())));
    }
    document.push_str("</html>\n");
    html(document)
}

/// The end of a log line: how root makes the state folder for the user of the program.
fn install(folder: &Path, euid: u32) -> String {
    let user = user_in_command(euid);
    format!(
        " (in the environment: SIGNET_STATE_DIR), or run as root: install -d -m 700 -o {user} {}",
        folder.display()
    )
}

/// The number of an error in the log. It does not have to be secret or unique.
fn error_id(now: u64) -> String {
    let mut bytes = [0; 4];
    if getrandom::fill(&mut bytes).is_err() {
        let pid = u64::from(std::process::id());
        return format!("{:08x}", (now ^ (pid << 16)) & 0xffff_ffff);
    }
    base16ct::lower::encode_string(&bytes)
}
