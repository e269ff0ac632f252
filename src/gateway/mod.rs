//! The web server's side: RFC 3875 in, RFC 3875 out.
//!
//! The request and response types are the `cgi` crate's, so a handler written
//! for that crate works unchanged. Its `handle` is not used, because it panics
//! on ordinary input (an environment that is not UTF-8, a body shorter than
//! `CONTENT_LENGTH`, `SERVER_PROTOCOL=INCLUDED`), allocates whatever
//! `CONTENT_LENGTH` claims, keeps one of several `Set-Cookie` lines, and hands
//! meta-variables on as `X-CGI-*` headers, behind those of the same name that
//! a client sent. Here they travel typed, in the request's extensions.

mod answer;
mod body;
mod environment;
#[cfg(feature = "fastcgi")]
pub(crate) mod fastcgi;
mod meta;
mod mount;
mod process_input;
mod request;
mod request_body;
mod response;
mod site;

pub use answer::answered;
pub use body::{Body, FileRange, FileRangeError};
pub use environment::Environment;
pub(crate) use environment::variables_for;
pub use meta::{MetaVariableError, MetaVariables};
pub use mount::{ApplicationRoot, ApplicationRootError, Mount};
pub use process_input::{Interface, ProcessInput, log, logged};
pub use request_body::RequestBodyError;
pub use response::ResponseError;
pub(crate) use response::reason_phrase;
pub use site::TrustProxy;

pub(crate) use answer::Answer;
use answer::log_unfinished;
#[cfg(feature = "program")]
pub(crate) use process_input::is_listening;
pub(crate) use process_input::now;
pub(crate) use request::{RequestError, head};
pub(crate) use request_body::{BodyLength, DeadlineReader, max_body_length, read_body};
pub(crate) use site::{Authority, Site};
