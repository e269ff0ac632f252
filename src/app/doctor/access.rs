//! Who may see the doctor's page, beside the users of `DOCTOR_USERS`: everybody while there is
//! neither a key nor users, or for an hour after a file `doctor.on` was put beside the program
//! or into the state folder. A word in this file also opens paths and the texts of the log, to
//! whoever knows it.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::examine::may_exist;
use crate::app::texts::FOR_OWNERS;
use crate::config::{Config, ConfigError, ConfigProblem, ServedFolders, Survey, USERS_FILE_NAME};
use crate::files::lock::try_lock_file;
use crate::files::trusted::{Anywhere, Readers, TrustedFile};
use crate::files::{FileError, FileProblem, program_path};
use crate::gateway::{Interface, log};
use crate::server::Context;
use crate::session::cookie::{self, CookieSettings};
use crate::session::key::retired::RETIRED_FILE_NAME;
use crate::session::key::{self, Key, WeakKey};
use crate::users::MARKER;

/// The name of the file.
pub(super) const FILE_NAME: &str = "doctor.on";

/// How long it works, in seconds.
const HOUR: u64 = 3600;

/// How far its time may be ahead of the clock, in seconds: of a file server, for example.
const SKEW: u64 = 120;

/// The most bytes of the file.
const MAX_FILE: usize = 1024;

/// The end of the name of the cookie that stands for the word, after that of the session's.
const SUFFIX: &str = "_doctor";

/// A file `doctor.on` that works at the moment.
pub(in crate::app) struct DoctorFile {
    file: File,
    word: Word,
    /// Until when it works, in Unix seconds.
    until: u64,
    /// Device, inode and change time of the file, so that the cookie cannot be guessed from the
    /// word alone.
    identity: [u8; 32],
}

/// The word in the file.
enum Word {
    /// The file is empty.
    None,
    /// Other users can read it.
    Readable,
    /// The file is where the web server may show it to visitors.
    Served,
    /// It can be guessed.
    Weak(WeakKey),
    Known(String),
}

impl DoctorFile {
    /// The file for a request with these settings. What cannot be used is logged.
    pub(in crate::app) fn of(context: &Context, config: &Config) -> Option<Self> {
        let beside = |path: PathBuf| Some(path.parent()?.join(FILE_NAME));
        let program = program_path().and_then(beside);
        let script = context.started.script.clone().and_then(beside);
        let in_state_dir = config.state_dir().map(|dir| dir.join(FILE_NAME));
        let places = [in_state_dir, program, script];
        let served = served(context);
        let mut files = places.into_iter().flatten().filter_map(|path| {
            let opened = Self::open(&path, config.euid(), &served, context.now);
            opened.unwrap_or_else(|err| {
                log(format_args!("{err}; it does not open the doctor's page"));
                None
            })
        });
        files.next()
    }

    fn open(
        path: &Path,
        euid: u32,
        served: &ServedFolders,
        now: u64,
    ) -> Result<Option<Self>, FileError> {
        if !may_exist(path) {
            return Ok(None);
        }
        let file = match TrustedFile::find(path, euid, &Anywhere) {
            Err(err) if err.problem == FileProblem::Missing => return Ok(None),
            file => file?,
        };
        let opened = file.open(Readers::Anybody)?;
        let changed = u64::try_from(opened.meta.mtime()).unwrap_or_default();
        let until = changed.saturating_add(HOUR);
        if now >= until || changed > now.saturating_add(SKEW) {
            return Ok(None);
        }
        let bytes = opened.read(MAX_FILE);
        let bytes = bytes.map_err(|problem| FileError::new(path, problem))?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}').trim();
        let word = match Key::new(text.as_bytes().to_vec()) {
            Err(WeakKey::Empty) => Word::None,
            _ if file.open(Readers::Trusted).is_err() => Word::Readable,
            _ if served.contain(path) => Word::Served,
            Err(weak) => Word::Weak(weak),
            Ok(_) => Word::Known(text.to_owned()),
        };
        let meta = opened.meta;
        let numbers = [
            meta.dev(),
            meta.ino(),
            meta.ctime().cast_unsigned(),
            meta.ctime_nsec().cast_unsigned(),
        ];
        let mut identity = [0; 32];
        for (bytes, number) in identity.chunks_exact_mut(8).zip(numbers) {
            bytes.copy_from_slice(&number.to_be_bytes());
        }
        Ok(Some(Self {
            file: opened.file,
            word,
            until,
            identity,
        }))
    }

    /// Whether there is a word to type.
    pub(super) fn has_word(&self) -> bool {
        matches!(self.word, Word::Known(_))
    }

    /// Why no word opens paths and the texts of the log, or nothing.
    pub(super) fn note(&self) -> String {
        let t = &FOR_OWNERS;
        match &self.word {
            Word::None => t.how_to_see_paths.to_owned(),
            Word::Readable => t.word_readable.to_owned(),
            Word::Served => t.word_served.to_owned(),
            Word::Weak(weak) => (t.word_weak)(&weak.to_string()),
            Word::Known(_) => String::new(),
        }
    }

    /// Whether no other visitor without the word loads the page at the moment. From then on,
    /// others wait until this is dropped. Also true where files cannot be locked.
    pub(super) fn is_alone(&self) -> bool {
        try_lock_file(&self.file).unwrap_or(true)
    }

    /// Whether a visitor typed the word. There is no limit of attempts: it cannot be guessed.
    pub(super) fn is_word(&self, typed: &str) -> bool {
        let Word::Known(word) = &self.word else {
            return false;
        };
        // MACs are compared, so timing does not reveal the word.
        let typed = self.mac(typed.trim()).finalize().into_bytes();
        self.mac(word).verify_slice(&typed).is_ok()
    }

    /// The `Set-Cookie` value of a browser in which the word was typed.
    pub(super) fn cookie(&self, context: &Context) -> Option<String> {
        let Word::Known(word) = &self.word else {
            return None;
        };
        let value = base16ct::lower::encode_string(&self.mac(word).finalize().into_bytes());
        let scope = context.cookie_scope();
        cookie::line(&settings(context), scope, value, Some(self.until)).ok()
    }

    /// Whether the request has that cookie. It cannot be guessed, not even by trying words.
    pub(in crate::app) fn knows(&self, context: &Context) -> bool {
        let Word::Known(word) = &self.word else {
            return false;
        };
        let name = settings(context).name;
        let headers = context.vars.all("HTTP_COOKIE");
        let mut values = headers.flat_map(|header| cookie::values_of(&name, header));
        let mut bytes = [0; 32];
        values
            .next()
            .and_then(|value| base16ct::lower::decode(value, &mut bytes).ok())
            .is_some_and(|given| self.mac(word).verify_slice(given).is_ok())
    }

    /// HMAC-SHA256 of the file's identity, keyed with the word.
    fn mac(&self, word: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(word.as_bytes()).expect("a key");
        mac.update(b"signet doctor");
        mac.update(&self.identity);
        mac
    }
}

impl Drop for DoctorFile {
    /// Unlocks the file now: a child of this process could keep it open and locked.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn settings(context: &Context) -> CookieSettings {
    context.config.cookie.beside(SUFFIX)
}

/// Whether it is certain that there is neither a key nor users: nothing has to be protected.
pub(super) fn has_nothing_to_protect(survey: &Survey) -> bool {
    let config = &survey.config;
    if survey.mistakes.iter().any(may_hide_a_key_or_users)
        || config.names_key()
        || config.names_users_file()
        || config.login_url.is_some()
    {
        return false;
    }
    let given = config.given_state_dir().or(config.state_dir());
    let candidates = survey.candidates.iter().map(|(_, found)| match found {
        Ok(folder) => folder.path(),
        Err(err) => err.path.as_path(),
    });
    let mut folders = given.into_iter().chain(candidates);
    !folders.any(|folder| {
        [key::FILE_NAME, RETIRED_FILE_NAME, USERS_FILE_NAME, MARKER]
            .iter()
            .any(|name| may_exist(&folder.join(name)))
    })
}

/// Whether settings with this mistake may have been meant to name a key, users or another
/// login.
fn may_hide_a_key_or_users(err: &ConfigError) -> bool {
    let names_them = |setting: &str| {
        setting.starts_with("SECRET_KEY")
            || ["STATE_DIR", "USERS_FILE", "LOGIN_URL"].contains(&setting)
    };
    match &err.problem {
        ConfigProblem::Syntax { .. }
        | ConfigProblem::NotText(_)
        | ConfigProblem::NotUtf8
        | ConfigProblem::File(_) => true,
        ConfigProblem::Unknown { similar } => similar.is_some_and(names_them),
        ConfigProblem::Value(_)
        | ConfigProblem::Conflict(_)
        | ConfigProblem::Exposed
        | ConfigProblem::Folder(_)
        | ConfigProblem::SecretInProgram => err.setting.as_deref().is_none_or(names_them),
    }
}

/// The folders that the web server shows to visitors.
pub(super) fn served(context: &Context) -> ServedFolders {
    match context.interface {
        Interface::FastCgi => ServedFolders::of_fastcgi(&context.vars),
        Interface::Cgi | Interface::CommandLine => ServedFolders::of_cgi(&context.vars),
    }
}
