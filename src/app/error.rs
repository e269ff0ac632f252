//! What an error page says: the one table of words for everything that can go
//! wrong.
//!
//! A stranger reads one plain sentence and a number; the owner finds the
//! reason under that number on standard error (and on the page, when
//! debugging). What is wrong with the key is said in words for an owner who
//! has no more than FTP, without naming a path.

use http::StatusCode;

use super::page;
use super::remedy::{self, Remedy, Steps};
use crate::config::{ConfigError, ConfigProblem, KeyError, Place};
use crate::files::{FileError, FileProblem};
use crate::gateway::{RequestBodyError, RequestError, log};
use crate::server::{self, CrossOrigin, Error, Failure, FormError, Response};
use crate::session::SaveError;
use crate::session::key::{KeyFileError, WeakKey};
use crate::session::store::StoreError;

page::page! {
    ErrorPage, "error.html", minijinja::context! {},
    status: u16,
    // The status in words.
    reason: &'a str,
    // For anybody.
    message: &'a str,
    // For an owner who has nothing but FTP.
    fix: &'a str,
    // Steps for hosts of several kinds.
    remedies: &'a [&'static Steps],
    // The number of this error on stderr.
    error_id: &'a str,
    // Only when debugging.
    detail: &'a str
}

/// What an error page says.
struct Words {
    /// For anybody.
    message: &'static str,
    /// For an owner who has nothing but FTP.
    fix: String,
    /// Steps for hosts of several kinds.
    remedies: &'static [Remedy],
}

impl Words {
    fn new(message: &'static str) -> Self {
        Self {
            message,
            fix: String::new(),
            remedies: &[],
        }
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        let fix = fix.into();
        Self { fix, ..self }
    }

    fn remedies(self, remedies: &'static [Remedy]) -> Self {
        Self { remedies, ..self }
    }
}

/// The error page: the site's own if there is one that can be rendered.
pub(super) fn page(error: &server::ErrorPage<'_>) -> Result<Response, Error> {
    let context = error.context;
    let words = words(error.failure);
    let remedies = match words.remedies {
        [] => Vec::new(),
        remedies => remedy::in_order(remedies, context.config.euid()),
    };
    let page = ErrorPage {
        status: error.status().as_u16(),
        reason: error.reason_phrase(),
        message: words.message,
        fix: &words.fix,
        remedies: &remedies,
        error_id: error.id(),
        detail: error.detail(),
    };
    Ok(page::response(&page, context).unwrap_or_else(|err| {
        if let Some(reason) = err.0.reason() {
            log(reason);
        }
        page::built_in_response(&page, context)
    }))
}

const WRONG: &str = "Something went wrong on this site.";
const NOT_READY: &str = "This site is not ready yet.";
const NOT_UNDERSTOOD: &str = "The request could not be understood.";
const NOT_READ: &str = "The form was sent in a way this page does not read.";
const NO_SESSIONS: &str = "This site cannot keep sessions at the moment.";

fn words(failure: &Failure) -> Words {
    match failure {
        Failure::ErrorDocument(status) | Failure::Status(status) => {
            Words::new(sentence_for(*status))
        }
        Failure::NotFound => Words::new("There is no page at this address."),
        Failure::MethodNotAllowed(_) => Words::new("This page cannot be used that way."),
        Failure::Request(RequestError::MetaVariable(_)) => Words::new(NOT_UNDERSTOOD),
        Failure::Request(RequestError::TooLong) => Words::new("The address is too long."),
        Failure::CrossOrigin(err) => {
            let words = Words::new("The request came from another site and was refused.");
            match err {
                CrossOrigin::Told(_) => words,
                CrossOrigin::Differs { .. } => words.fix(
                    "If you came from this very site, it is behind a proxy that hides its address. \
                     The web server's error log has both addresses and what to set.",
                ),
            }
        }
        Failure::Body(err) => Words::new(match err {
            RequestBodyError::LengthRequired => "The request did not say how long it is.",
            RequestBodyError::TooLarge { .. } => "The request is too large.",
            RequestBodyError::TimedOut => "The request did not arrive in time.",
            RequestBodyError::Length(_)
            | RequestBodyError::TransferCoding
            | RequestBodyError::Short { .. }
            | RequestBodyError::Read(_) => NOT_UNDERSTOOD,
        }),
        Failure::Form(err) => Words::new(match err {
            FormError::ContentType(_) | FormError::Multipart => NOT_READ,
            FormError::NotUtf8 | FormError::Fields(_) => NOT_UNDERSTOOD,
        }),
        Failure::Config(err) => Words::new(NOT_READY).fix(config_fix(err)),
        Failure::Key(err) => {
            let words = Words::new(NOT_READY).fix(key_fix(err));
            match err {
                KeyError::StateDir(_) => words.remedies(remedy::FOR_THE_KEY),
                KeyError::Weak(_)
                | KeyError::Exposed(_)
                | KeyError::File(_)
                | KeyError::NamedFile(_)
                | KeyError::Retired(_) => words,
            }
        }
        Failure::StateDir(err) => Words::new(NOT_READY)
            .fix(remedy::place(err, "its sessions"))
            .remedies(remedy::FOR_A_FOLDER),
        Failure::Store(err) | Failure::Save(SaveError::Store(err)) => store_words(err),
        Failure::Save(SaveError::NoRevocations) => Words::new(NOT_READY)
            .fix("There is no folder for what ends sessions.")
            .remedies(remedy::FOR_A_FOLDER),
        Failure::Save(SaveError::Cookie(_)) => Words::new(
            "This is too much to keep in a cookie. Nothing was changed; what was stored before is still there.",
        ),
        Failure::Save(SaveError::Random(_)) | Failure::Response(_) | Failure::Handler(_) => {
            Words::new(WRONG)
        }
    }
}

/// What a status says that another program or the web server has chosen.
fn sentence_for(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => NOT_UNDERSTOOD,
        403 => "The request came from another site and was refused.",
        404 => "There is no page at this address.",
        405 => "This page cannot be used that way.",
        408 => "The request did not arrive in time.",
        411 => "The request did not say how long it is.",
        413 => "The request is too large.",
        414 => "The address is too long.",
        415 => NOT_READ,
        503 => NOT_READY,
        _ if status.is_server_error() => WRONG,
        _ => "The request was refused.",
    }
}

fn store_words(err: &StoreError) -> Words {
    match err {
        StoreError::TooLarge { .. } => Words::new(
            "This is too much to keep. Nothing was changed; what was stored before is still there.",
        ),
        StoreError::File(file) if !is_passing(file) => {
            Words::new(NO_SESSIONS).fix(remedy::file(file))
        }
        StoreError::Unavailable(_)
        | StoreError::File(_)
        | StoreError::Refused { .. }
        | StoreError::Damaged { .. }
        | StoreError::IdInUse => Words::new(
            "What this site remembers about you cannot be reached at the moment. Nothing is lost; please try again in a minute.",
        ),
    }
}

/// Whether a problem may pass by itself.
fn is_passing(err: &FileError) -> bool {
    matches!(err.problem, FileProblem::System(_) | FileProblem::Held)
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

/// Pages to render in tests.
#[cfg(test)]
#[rustfmt::skip]
pub(super) const EXAMPLES: [&dyn page::Page; 2] = [
    &ErrorPage { status: 404, reason: "Not Found", message: "m", fix: "", remedies: &[], error_id: "", detail: "" },
    &ErrorPage { status: 503, reason: "R", message: "m", fix: "f", remedies: &[Remedy::KeyInHtaccess.steps(), Remedy::OwnFolder.steps()], error_id: "1a", detail: "<d>\n" },
];
