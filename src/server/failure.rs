//! Why a request fails. The text for the visitor is chosen where the error page is made.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use super::origin::CrossOrigin;
use super::routes::{Methods, NoRoute};
use crate::config::{ConfigError, KeyError, NoSessions, StateDirError};
use crate::files::FileError;
use crate::gateway::{RequestBodyError, RequestError, ResponseError};
use crate::session::SaveError;
use crate::session::store::StoreError;

/// Why a request fails.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The web server asks for a page about the failure of another request
    /// (Apache's `ErrorDocument`).
    ErrorDocument(StatusCode),
    /// No route matches the path.
    NotFound,
    /// The path has routes for these methods only.
    MethodNotAllowed(Methods),
    Request(RequestError),
    CrossOrigin(CrossOrigin),
    Body(RequestBodyError),
    Form(FormError),
    /// The query is not what the handler asked for.
    Query(FormError),
    Config(ConfigError),
    Key(KeyError),
    StateDir(StateDirError),
    Store(StoreError),
    Save(SaveError),
    Response(ResponseError),
    /// The handler put another session into the place of the visitor's.
    ReplacedSession,
    /// The handler returned this status.
    Status(StatusCode),
    /// The visitor has to log in first, at this URL. The server redirects to it.
    LoginRequired(String),
    /// A logged-in user may not open this; the log has the reason.
    Forbidden {
        user: String,
        reason: String,
    },
    /// The system does not let the program read a file that it should show.
    Unreadable(FileError),
    /// A part of the program cannot be used at the moment.
    Unavailable(Box<dyn StdError + Send + Sync>),
    /// The handler returned an error.
    Handler(Box<dyn StdError + Send + Sync>),
}

/// Why a body is not used as a form or as JSON, or a query as fields: see
/// [`Error::form_error`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FormError {
    /// `Content-Type` is not `application/x-www-form-urlencoded`, or its charset
    /// is not UTF-8.
    ContentType(String),
    /// A form with `enctype="multipart/form-data"`.
    Multipart,
    /// A percent-encoded byte sequence is not UTF-8.
    NotUtf8,
    /// A field is missing, occurs twice or has another type than the program expects.
    Fields(String),
    /// `Content-Type` is not that of JSON.
    NotJson(String),
    /// The body is not JSON, misses a field, or has another type than the program expects.
    Json(String),
}

error_texts! { FormError:
    Self::ContentType(text) =>
        "the body is no application/x-www-form-urlencoded form in UTF-8, but {text:?}";
    Self::Multipart => "multipart/form-data is not read: remove enctype from the form";
    Self::NotUtf8 => "a percent-encoded text is not UTF-8";
    Self::Fields(text) => "the fields are not those that are asked for: {text}";
    Self::NotJson(text) => "expected Content-Type application/json, but found {text:?}";
    Self::Json(text) => "the body is not JSON, or does not fit the type of the program: {text}";
}

impl Failure {
    /// The status of the response.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::ErrorDocument(status) | Self::Status(status) => *status,
            Self::LoginRequired(_) => StatusCode::SEE_OTHER,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Request(RequestError::MetaVariable(_)) => StatusCode::BAD_REQUEST,
            Self::Request(RequestError::TooLong) => StatusCode::URI_TOO_LONG,
            Self::CrossOrigin(_) | Self::Forbidden { .. } | Self::Unreadable(_) => {
                StatusCode::FORBIDDEN
            }
            Self::Body(err) => match err {
                RequestBodyError::LengthRequired => StatusCode::LENGTH_REQUIRED,
                RequestBodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                RequestBodyError::TimedOut => StatusCode::REQUEST_TIMEOUT,
                RequestBodyError::Length(_)
                | RequestBodyError::TransferCoding
                | RequestBodyError::Short { .. }
                | RequestBodyError::Read(_) => StatusCode::BAD_REQUEST,
            },
            Self::Form(err) | Self::Query(err) => match err {
                FormError::ContentType(_) | FormError::Multipart | FormError::NotJson(_) => {
                    StatusCode::UNSUPPORTED_MEDIA_TYPE
                }
                FormError::NotUtf8 | FormError::Fields(_) | FormError::Json(_) => {
                    StatusCode::BAD_REQUEST
                }
            },
            Self::Config(_) | Self::Key(_) | Self::StateDir(_) | Self::Unavailable(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Store(err) | Self::Save(SaveError::Store(err)) => match err {
                StoreError::TooLarge(_) => StatusCode::INTERNAL_SERVER_ERROR,
                StoreError::Unavailable(_)
                | StoreError::File(_)
                | StoreError::Refused { .. }
                | StoreError::Damaged { .. }
                | StoreError::IdInUse => StatusCode::SERVICE_UNAVAILABLE,
            },
            Self::Save(SaveError::NoRevocations) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Save(SaveError::Cookie(_) | SaveError::TooDeep | SaveError::Random(_))
            | Self::Response(_)
            | Self::ReplacedSession
            | Self::Handler(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The line for the log; `None` if only the client made a mistake. A form with other
    /// fields, or sent as multipart/form-data, is the mistake of a page of the program.
    pub(crate) fn reason(&self) -> Option<String> {
        match self {
            Self::ErrorDocument(_)
            | Self::NotFound
            | Self::MethodNotAllowed(_)
            | Self::Request(_)
            | Self::Body(_)
            | Self::Form(
                FormError::ContentType(_)
                | FormError::NotUtf8
                | FormError::NotJson(_)
                | FormError::Json(_),
            )
            | Self::Query(_)
            | Self::Status(_)
            | Self::LoginRequired(_) => None,
            // The rule may have a mistake.
            Self::Forbidden { reason, .. } => Some(reason.clone()),
            Self::Form(err @ (FormError::Multipart | FormError::Fields(_))) => {
                Some(err.to_string())
            }
            Self::CrossOrigin(err) => Some(err.to_string()),
            Self::Unreadable(err) => Some(err.to_string()),
            Self::Config(err) => Some(err.to_string()),
            Self::Key(err) => Some(err.to_string()),
            Self::StateDir(err) => Some(err.to_string()),
            Self::Store(err) => Some(err.to_string()),
            Self::Save(err) => Some(err.to_string()),
            Self::Response(err) => Some(err.to_string()),
            Self::ReplacedSession => Some(
                "the handler replaced its session by another one, which is not saved: to end a \
                 session, call Session::clear"
                    .to_owned(),
            ),
            Self::Unavailable(err) | Self::Handler(err) => Some(with_sources(err.as_ref())),
        }
    }

    /// The reason for the author of the program, who has set `DEBUG`.
    pub(crate) fn detail(&self) -> Option<String> {
        self.form_error()
            .map(FormError::to_string)
            .or_else(|| self.reason())
    }

    fn form_error(&self) -> Option<&FormError> {
        if let Self::Form(err) | Self::Query(err) = self {
            Some(err)
        } else {
            None
        }
    }

    /// Why the state folder cannot be used, if that is the reason.
    pub(super) fn state_dir(&self) -> Option<&StateDirError> {
        if let Self::StateDir(err) | Self::Key(KeyError::StateDir(err)) = self {
            Some(err)
        } else {
            None
        }
    }
}

/// The error and its sources, in one line.
fn with_sources(err: &dyn StdError) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(err) = source {
        text.push_str(": ");
        text.push_str(&err.to_string());
        source = err.source();
    }
    text
}

/// Why a handler returns no response: an error of the program, which is logged under a
/// number while the visitor gets a page with status 500; or a status for the visitor.
///
/// Every [`std::error::Error`] can be converted to it, so that `?` works in a handler: the
/// status is 500, also for a file that does not exist. `Error` is no [`std::error::Error`]
/// itself, nor is `anyhow::Error`: use `map_err(Error::new)` for that one. For errors of your
/// own with another status, implement `From<YourError> for signet::Error` instead of
/// [`std::error::Error`].
///
/// With a status below 500, the session is saved, as with a response. With 500 and above,
/// changes of the session are lost: the handler ended early.
pub struct Error(pub(crate) Failure);

impl Error {
    /// An error of the program, with status 500. The reason, an error or a text, is
    /// logged.
    pub fn new(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Failure::Handler(reason.into()))
    }

    /// An error with this status, such as 404 (Flask's `abort`); nothing is logged.
    #[doc(alias = "abort")]
    pub fn with_status(status: StatusCode) -> Self {
        Self(Failure::Status(status))
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Why [`form`](crate::form), [`query`](crate::query) or [`json`](crate::json) failed;
    /// `None` for another error.
    pub fn form_error(&self) -> Option<&FormError> {
        self.0.form_error()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(err: E) -> Self {
        Self::new(err)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

from_errors! { Failure:
    Request(RequestError);
    CrossOrigin(CrossOrigin);
    Body(RequestBodyError);
    Form(FormError);
    Store(StoreError);
    Save(SaveError);
    Response(ResponseError);
}

impl From<NoSessions> for Failure {
    fn from(err: NoSessions) -> Self {
        match err {
            NoSessions::Key(err) => Self::Key(err),
            NoSessions::StateDir(err) => Self::StateDir(err),
        }
    }
}

impl From<NoRoute> for Failure {
    fn from(err: NoRoute) -> Self {
        match err {
            NoRoute::NotFound => Self::NotFound,
            NoRoute::MethodNotAllowed(methods) => Self::MethodNotAllowed(methods),
        }
    }
}
