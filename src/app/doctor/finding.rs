//! What the doctor can find. Each kind has its data; `words` has the texts.

use std::path::PathBuf;

use crate::app::own_texts::OwnTextsError;
use crate::config::{ConfigError, KeyError, StateDirError, StateDirSource, XSendfile};
use crate::files::FileError;
use crate::files::shared::ChangeError;
use crate::gateway::Interface;
use crate::guard::groups::GroupsError;
use crate::server::{DroppedCookie, TemplateError};
use crate::session::store::StoreError;
use crate::users::AccountsError;
use crate::users::file::LineProblem;

/// How good a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum State {
    Good,
    /// Something does not work as it could, or should be known.
    Warning,
    /// Something does not work.
    Wrong,
}

/// A finding, by its subject.
#[derive(Debug)]
pub(super) enum Finding {
    Version,
    Start(Start),
    Address(Address),
    Connection(Connection),
    Cookies(Cookies),
    Clock(Clock),
    Settings(Settings),
    StateFolder(StateFolder),
    Key(Key),
    Sessions(Sessions),
    Users(Users),
    Pages(Pages),
    Guard(Guard),
    Limits(Limits),
}

/// How the process was started. Users are numbers.
#[derive(Debug)]
pub(super) enum Start {
    /// By the owner of the program, as suEXEC does.
    AsOwner {
        by: Interface,
        user: u32,
    },
    /// By another user; root owns the program, or its owner is not known.
    Installed {
        by: Interface,
        user: u32,
    },
    /// By another user than its owner.
    AsOther {
        by: Interface,
        user: u32,
        owner: u32,
    },
    AsRoot {
        by: Interface,
    },
    /// Others can replace the program, or a settings script.
    Replaceable(FileError),
}

/// Where the program is on its site.
#[derive(Debug)]
pub(super) enum Address {
    /// The web server passes the path.
    ByPath { base: String },
    /// The path is in the query.
    ByQuery { base: String },
    /// By FastCGI without `PATH_INFO`, a visitor chooses the base path.
    Chosen { base: String },
}

/// The connection to the visitor, as the web server tells it.
#[derive(Debug)]
pub(super) enum Connection {
    Https,
    /// HTTP on this computer.
    Local,
    Http,
    /// Fields of a proxy are not used.
    UnusedProxy {
        field: &'static str,
    },
    /// `TRUST_PROXY` is set, and no field came.
    SilentProxy {
        field: &'static str,
    },
    /// `SESSION_COOKIE_SECURE`, but not HTTPS.
    SecureByHttp,
}

#[derive(Debug)]
pub(super) enum Cookies {
    /// The first step of the check.
    Unchecked,
    Back,
    Lost,
    Dropped(DroppedCookie),
}

#[derive(Debug)]
pub(super) enum Clock {
    /// Unix seconds.
    Now(u64),
    /// It is before the date of the program, both in Unix seconds.
    BeforeProgram { now: u64, program: u64 },
}

#[derive(Debug)]
pub(super) enum Settings {
    /// The file that was read.
    File(PathBuf),
    NoFile,
    Mistake(Box<ConfigError>),
    /// A `signet.toml` beside the program, which is not the settings file.
    Unread(PathBuf),
    Debug,
    /// A key of `SECRET_KEY_FALLBACKS`: the reason.
    RefusedFallback(String),
}

#[derive(Debug)]
pub(super) enum StateFolder {
    Used {
        path: PathBuf,
        exists: bool,
        file_system: String,
    },
    /// A default folder, and whether another folder is used instead.
    Candidate {
        source: StateDirSource,
        error: FileError,
        has_other: bool,
    },
    /// A default folder that could be used, after the one that is used.
    Spare {
        source: StateDirSource,
        path: PathBuf,
    },
    None(StateDirError),
    Fault(FolderFault),
}

/// Why nothing can be written into a folder.
#[derive(Debug)]
pub(super) enum FolderFault {
    /// It cannot be written, or has no locks.
    File(FileError),
    /// Free bytes and files; `None`: the file system does not count files.
    Full {
        path: PathBuf,
        bytes: u64,
        files: Option<u64>,
    },
}

#[derive(Debug)]
pub(super) enum Key {
    InSettings,
    InFile {
        path: PathBuf,
        mode: u32,
    },
    /// The first visit of another page creates it.
    NotYet,
    Fault(Box<KeyError>),
}

#[derive(Debug)]
pub(super) enum Sessions {
    InCookie,
    InFiles,
    InRedis,
    NoFolder(StateDirError),
    Folder(FolderFault),
    Store(StoreError),
}

#[derive(Debug)]
pub(super) enum Users {
    Demo,
    /// `LOGIN_URL`.
    OtherLogin,
    File {
        path: PathBuf,
        count: usize,
    },
    Fault(AccountsError),
    Line(LineProblem),
    /// There are so many more problems in lines.
    MoreLines(usize),
    /// Everybody on the computer can read the hashes.
    Readable {
        path: PathBuf,
        mode: u32,
    },
    Unchangeable(ChangeError),
    /// A name in `DOCTOR_USERS` is no user.
    UnknownDoctor(String),
}

#[derive(Debug)]
pub(super) enum Pages {
    BuiltIn,
    /// So many own pages were rendered.
    Own {
        count: usize,
    },
    Fault(TemplateError),
    /// The site's own texts in one language cannot be used.
    Texts(OwnTextsError),
    /// The undefined variable, with its place.
    Undefined(String),
    /// `TEMPLATES_DIR` is not a folder.
    NoFolder(PathBuf),
}

#[derive(Debug)]
pub(super) enum Guard {
    Nothing,
    /// A folder, and the URL path that it is under.
    Folder {
        path: PathBuf,
        url: String,
    },
    Fault {
        setting: &'static str,
        error: FileError,
    },
    /// Nobody has a password.
    NoUsers,
    Groups(GroupsError),
    /// The folder is inside one that the web server serves.
    Served {
        path: PathBuf,
        url: String,
        /// URLs at which a file in it could be found without a login.
        canaries: Vec<String>,
    },
    /// Files `.htaccess` in subfolders open these to everybody.
    Opened {
        path: PathBuf,
        url: String,
        files: Vec<PathBuf>,
    },
    /// Not all subfolders were searched for such files.
    Unsearched {
        path: PathBuf,
        url: String,
    },
    /// The web server sends the files.
    Sent(XSendfile),
}

#[derive(Debug)]
pub(super) enum Limits {
    /// Of memory, of a file (both in bytes) and of processor time (in seconds).
    Known {
        memory: Option<u64>,
        file: Option<u64>,
        seconds: Option<u64>,
    },
    Memory(u64),
    File(u64),
}

/// Each finding becomes one of its subject.
macro_rules! subjects {
    ($($subject:ident),+) => {
        $(impl From<$subject> for Finding {
            fn from(finding: $subject) -> Self {
                Self::$subject(finding)
            }
        })+
    };
}

subjects!(
    Start,
    Address,
    Connection,
    Cookies,
    Clock,
    Settings,
    StateFolder,
    Key,
    Sessions,
    Users,
    Pages,
    Guard,
    Limits
);
