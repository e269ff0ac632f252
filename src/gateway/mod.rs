//! CGI (RFC 3875) and FastCGI: reads requests from the web server and writes responses
//! to it.
//!
//! The types of request and response are those of the `cgi` crate, so that a handler
//! written for that crate works unchanged. Its `handle` is not used: it panics on
//! ordinary input (an environment that is not UTF-8, a body shorter than
//! `CONTENT_LENGTH`, `SERVER_PROTOCOL=INCLUDED`), allocates as many bytes as
//! `CONTENT_LENGTH` says, keeps only one of several `Set-Cookie` lines, and passes
//! meta-variables as `X-CGI-*` headers, which a client can send too. Here, they are a
//! value in the request's extensions.

mod answer;
mod body;
mod client_address;
mod environment;
#[cfg(feature = "fastcgi")]
pub(crate) mod fastcgi;
mod forwarded;
mod guarded_url;
mod language;
mod meta;
mod mount;
mod process_input;
mod request;
mod request_body;
mod response;
mod site;
mod url_prefix;

pub use answer::answered;
pub use body::{Body, FileRange, FileRangeError};
pub use client_address::{ClientAddress, NoAddress};
pub use environment::Environment;
pub(crate) use environment::{Started, variables_for};
pub use language::{Language, Languages, LanguagesError};
pub use meta::{MetaVariableError, MetaVariables};
pub use mount::{ApplicationRoot, ApplicationRootError, Mount};
#[cfg(feature = "users")]
pub use process_input::uptime;
pub use process_input::{Interface, ProcessInput, log, logged};
pub use request_body::RequestBodyError;
pub use response::ResponseError;
pub(crate) use response::{Bare, MAX_FIELD_VALUE, reason_phrase};
pub use site::TrustProxy;
pub use url_prefix::{UrlPrefix, UrlPrefixError};

pub(crate) use answer::Answer;
use answer::log_unfinished;
pub(crate) use guarded_url::GuardedUrl;
pub(crate) use mount::path_in_query;
#[cfg(feature = "program")]
pub(crate) use process_input::is_listening;
pub(crate) use process_input::now;
pub(crate) use request::{RequestError, Role, head};
pub(crate) use request_body::{BodyLength, DeadlineReader, max_body_length, read_body};
pub(crate) use site::{Authority, Site};
