//! What went wrong, as a page: the one place that turns an error into a
//! status.
//!
//! A stranger reads one plain sentence and a number; the owner finds the
//! reason under that number on standard error (and on the page, when
//! debugging). What is wrong with the key is said in words for an owner who
//! has no more than FTP, without naming a path.

use std::fmt::Display;

use http::StatusCode;
use http::header::{self, HeaderValue};

use super::pages::{ErrorPage, Page, TemplateError};
use super::remedy::{self, Remedy};
use crate::Response;
use crate::config::{ConfigError, ConfigProblem, KeyError, Place, StateDirError};
use crate::files::{FileError, FileProblem};
use crate::gateway::{BodyError, CrossOrigin, MetaVariableError, RequestError, ResponseError, log};
use crate::server::Context;
use crate::session::SaveError;
use crate::session::cookie::CookieTooLarge;
use crate::session::key::{KeyFileError, WeakKey};
use crate::session::store::StoreError;

/// What the next page says after a click on "Log out everywhere" that ended one
/// session only, as too many names have a revocation mark.
pub(crate) const ENDED_HERE_ONLY: &str = "You are logged out in this browser only. Other browsers could not be logged out: too many names use this at the moment.";

/// Why a request is refused, and what is said to whom.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: &'static str,
    fix: String,
    remedies: &'static [Remedy],
    reason: Option<String>,
    allow: Option<&'static str>,
}

impl Refusal {
    /// A refusal that the status explains.
    pub(crate) fn new(status: StatusCode) -> Self {
        let message = match status.as_u16() {
            400 => "The request could not be understood.",
            403 => "The request came from another site and was refused.",
            404 => "There is no page at this address.",
            405 => "This page cannot be used that way.",
            408 => "The request did not arrive in time.",
            411 => "The request did not say how long it is.",
            413 => "The request is too large.",
            414 => "The address is too long.",
            415 => "The form was sent in a way this page does not read.",
            503 => "This site is not ready yet.",
            _ if status.is_server_error() => "Something went wrong on this site.",
            _ => "The request was refused.",
        };
        Self {
            status,
            message,
            fix: String::new(),
            remedies: &[],
            reason: None,
            allow: None,
        }
    }

    /// The methods that would have worked (RFC 9110, 15.5.6).
    pub(crate) fn allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    fn because(mut self, reason: impl ToString) -> Self {
        self.reason = Some(reason.to_string());
        self
    }

    /// Whether its reason is that one, or comes of it.
    pub(crate) fn is_because(&self, err: &impl Display) -> bool {
        let reason = self.reason.as_deref().unwrap_or_default();
        reason.contains(&err.to_string())
    }

    fn fixed_by(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    fn remedied_by(mut self, remedies: &'static [Remedy]) -> Self {
        self.remedies = remedies;
        self
    }
}

/// The page that says so; the reason goes to standard error.
pub(crate) fn respond(refusal: Refusal, context: &Context<'_>) -> Response {
    let error_id = match &refusal.reason {
        Some(reason) => {
            let id = error_id(context.now);
            log(format_args!("error {id}: {reason}"));
            id
        }
        None => String::new(),
    };
    let detail = refusal
        .reason
        .as_deref()
        .filter(|_| context.config.debug)
        .unwrap_or_default();
    let remedies = match refusal.remedies {
        [] => Vec::new(),
        remedies => remedy::in_order(remedies, context.config.euid()),
    };
    let page = Page::Error(ErrorPage {
        status: refusal.status.as_u16(),
        reason: reason_phrase(refusal.status),
        message: refusal.message,
        fix: &refusal.fix,
        remedies: &remedies,
        error_id: &error_id,
        detail,
    });
    // If the site's own error page is what is broken, the built-in one says so.
    let mut response = page.response(context).unwrap_or_else(|broken| {
        if let Some(reason) = broken.reason {
            log(reason);
        }
        page.built_in_response(context.mount)
    });
    *response.status_mut() = refusal.status;
    let headers = response.headers_mut();
    if let Some(methods) = refusal.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(methods));
    }
    if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    }
    response
}

fn reason_phrase(status: StatusCode) -> &'static str {
    match status.as_u16() {
        413 => "Content Too Large",
        _ => status.canonical_reason().unwrap_or("Error"),
    }
}

/// A number to find the error by; it need not be secret, only rarely the same.
fn error_id(now: u64) -> String {
    let mut bytes = [0; 4];
    if getrandom::fill(&mut bytes).is_err() {
        let pid = u64::from(std::process::id());
        return format!("{:08x}", (now ^ (pid << 16)) & 0xffff_ffff);
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl From<MetaVariableError> for Refusal {
    fn from(_: MetaVariableError) -> Self {
        Self::new(StatusCode::BAD_REQUEST)
    }
}

impl From<RequestError> for Refusal {
    fn from(err: RequestError) -> Self {
        match err {
            RequestError::MetaVariable(err) => err.into(),
            RequestError::TooLong => Self::new(StatusCode::URI_TOO_LONG),
        }
    }
}

impl From<CrossOrigin> for Refusal {
    fn from(err: CrossOrigin) -> Self {
        let refusal = Self::new(StatusCode::FORBIDDEN);
        match err {
            CrossOrigin::Told => refusal,
            CrossOrigin::Differs { .. } => refusal.because(err).fixed_by(
                "If you came from this very site, it is behind a proxy that hides its address. \
                 The web server's error log has both addresses and what to set.",
            ),
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(err: BodyError) -> Self {
        Self::new(match err {
            BodyError::LengthRequired => StatusCode::LENGTH_REQUIRED,
            BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TimedOut => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        })
    }
}

impl From<ConfigError> for Refusal {
    fn from(err: ConfigError) -> Self {
        let fix = config_fix(&err);
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .because(err)
            .fixed_by(fix)
    }
}

impl From<KeyError> for Refusal {
    fn from(err: KeyError) -> Self {
        let fix = key_fix(&err);
        let remedies = match &err {
            KeyError::StateDir(_) => remedy::FOR_THE_KEY,
            KeyError::Weak(_)
            | KeyError::Exposed(_)
            | KeyError::File(_)
            | KeyError::NamedFile(_)
            | KeyError::Retired(_) => &[],
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .because(err)
            .fixed_by(fix)
            .remedied_by(remedies)
    }
}

impl From<SaveError> for Refusal {
    fn from(err: SaveError) -> Self {
        match err {
            SaveError::Cookie(err) => err.into(),
            SaveError::Store(err) => err.into(),
            SaveError::NoRevocations => Self::new(StatusCode::SERVICE_UNAVAILABLE)
                .because(err)
                .fixed_by("There is no folder for what ends sessions.")
                .remedied_by(remedy::FOR_A_FOLDER),
            SaveError::Random(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR).because(err),
        }
    }
}

impl From<CookieTooLarge> for Refusal {
    fn from(err: CookieTooLarge) -> Self {
        let mut refusal = Self::new(StatusCode::INTERNAL_SERVER_ERROR).because(err);
        refusal.message = "This is too much to keep in a cookie. Nothing was changed; what was stored before is still there.";
        refusal
    }
}

impl From<StoreError> for Refusal {
    fn from(err: StoreError) -> Self {
        let (status, message) = match &err {
            StoreError::TooLarge { .. } => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "This is too much to keep. Nothing was changed; what was stored before is still there.",
            ),
            StoreError::File(file) if !is_passing(file) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "This site cannot keep sessions at the moment.",
            ),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                "What this site remembers about you cannot be reached at the moment. Nothing is lost; please try again in a minute.",
            ),
        };
        let fix = match &err {
            StoreError::File(file) if !is_passing(file) => remedy::file(file),
            _ => String::new(),
        };
        let mut refusal = Self::new(status).because(err).fixed_by(fix);
        refusal.message = message;
        refusal
    }
}

/// Whether a problem may pass by itself.
fn is_passing(err: &FileError) -> bool {
    matches!(err.problem, FileProblem::System(_) | FileProblem::Held)
}

impl From<StateDirError> for Refusal {
    fn from(err: StateDirError) -> Self {
        let fix = remedy::place(&err, "its sessions");
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .because(err)
            .fixed_by(fix)
            .remedied_by(remedy::FOR_A_FOLDER)
    }
}

impl From<ResponseError> for Refusal {
    fn from(err: ResponseError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR).because(err)
    }
}

impl From<TemplateError> for Refusal {
    fn from(err: TemplateError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR).because(err)
    }
}

/// Where the mistake in the settings is, and what to do about it: no value, and
/// of a path the file's name only.
fn config_fix(err: &ConfigError) -> String {
    let setting = err.public_setting();
    let (place, prefix) = match &err.place {
        Place::Environment { variable } => {
            // What is not known to be a name is not repeated.
            let name = match (&err.setting, setting) {
                (Some(_), None) => "a variable whose name begins with SIGNET_",
                _ => variable,
            };
            (
                format!("In the environment (SetEnv or the like), {name}"),
                "SIGNET_",
            )
        }
        Place::Program { line } => {
            let setting = setting.map_or(String::new(), |setting| format!(", setting {setting}"));
            (
                format!("In the program's own settings, line {line}{setting}"),
                "",
            )
        }
        Place::File { path, line } => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let line = line.map_or(String::new(), |line| format!(", line {line}"));
            let setting = setting.map_or(String::new(), |setting| format!(", setting {setting}"));
            (format!("In the settings file {name}{line}{setting}"), "")
        }
    };
    let example = match err.example() {
        Some(example) => format!(" For example: {example}"),
        None => String::new(),
    };
    let remedy = match &err.problem {
        ConfigProblem::Unknown { similar: Some(name) } => {
            format!("there is no such setting. Did you mean {prefix}{name}?")
        }
        ConfigProblem::Unknown { similar: None } => {
            "there is no such setting. deploy/README.md has the list of all settings.".to_owned()
        }
        ConfigProblem::Value(wrong) => format!("{}.{example}", wrong.reason),
        ConfigProblem::Conflict(reason) => format!("{reason}."),
        ConfigProblem::Syntax { remedy, .. } => {
            let remedy = remedy.unwrap_or("this line is not valid TOML");
            format!("{remedy}.{example}")
        }
        ConfigProblem::NotText(err) => format!("{err}."),
        ConfigProblem::Exposed => "it has a password, and other users of this computer can read the file. In your FTP program or file manager, set the file's permissions to 600.".to_owned(),
        ConfigProblem::SecretInProgram => "everybody who can read the program knows this secret. Set it in signet.toml or in the environment.".to_owned(),
        ConfigProblem::File(err) => config_file_fix(err),
    };
    format!("{place}: {remedy}")
}

/// What is wrong with the settings file itself.
fn config_file_fix(err: &FileError) -> String {
    if err.at.is_some() {
        return remedy::file(err);
    }
    match err.problem {
        FileProblem::Missing => "there is no such file. The variable SIGNET_CONFIG or SSL_SIGNET_CONFIG names it.".to_owned(),
        FileProblem::Unreadable { .. } => "the file cannot be read by the user that the web server runs this program as. If it holds no key or password, set its permissions to 644 in your FTP program or file manager; otherwise ask your host to give it to that user.".to_owned(),
        FileProblem::NotAFile => "this is a folder or something else, not a file. Move it away.".to_owned(),
        FileProblem::TooLarge(limit) => format!("the file is larger than {limit} bytes."),
        FileProblem::Writable { mode, .. } => {
            let who = if mode & 0o002 != 0 { "every user" } else { "another user" };
            format!("{who} of this computer can change the file. In your FTP program or file manager, set its permissions to 644, or to 600 if it holds a key or password.")
        }
        _ => remedy::file(err),
    }
}

/// What the owner can do about it with a file manager.
fn key_fix(err: &KeyError) -> String {
    match err {
        KeyError::Weak(reason) => format!("The setting SECRET_KEY {reason}. Put 64 random letters and digits there, or remove the setting: the program then creates a key itself."),
        KeyError::Exposed(_) => "The settings file holds a secret key, but other users of this computer can read it. In your FTP program or file manager, set the file's permissions to 600.".to_owned(),
        KeyError::File(err) => key_file_fix(err, "Delete the file secret_key; the program creates a new key at the next visit. (Everybody has to log in again.)"),
        KeyError::NamedFile(err) => key_file_fix(err, "Write 64 random letters and digits into the file that the setting SECRET_KEY_FILE names, or remove the setting."),
        KeyError::Retired(err) => key_file_fix(err, "Delete the file retired_keys. (Whoever logged in before the key was last replaced has to log in again.)"),
        KeyError::StateDir(err) => remedy::place(err, "its secret key"),
    }
}

/// `renew` is how this owner gets another key.
fn key_file_fix(err: &KeyFileError, renew: &str) -> String {
    match err {
        KeyFileError::Weak { reason: WeakKey::ByteOrderMark, .. } => "The file with the secret key begins with a byte order mark. Save it as plain text without one.".to_owned(),
        KeyFileError::Weak { reason, .. } => format!("The secret key {reason}. {renew}"),
        KeyFileError::File(err) => {
            let fix = remedy::file(err);
            let renew = match err.problem {
                FileProblem::Readable { .. } | FileProblem::Writable { .. } => format!(" Other users may know the key by now. To replace it: {renew}"),
                FileProblem::System(_) | FileProblem::NoLocks | FileProblem::Held => String::new(),
                _ => format!(" {renew}"),
            };
            format!("The file with the secret key cannot be used. {fix}{renew}")
        }
        KeyFileError::Random(_) => "This computer gives no random numbers for a secret key. Ask your host.".to_owned(),
    }
}
