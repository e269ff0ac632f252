//! Who may see the doctor's page: everybody while there is neither a key nor users, or for
//! an hour after a file `doctor.on` was put beside the program or into the state folder. A
//! word in this file also opens paths and the texts of the log, to whoever knows it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::examine::may_exist;
use crate::app::texts::FOR_OWNERS;
use crate::config::{Config, ConfigProblem, Survey, USERS_FILE_NAME};
use crate::files::trusted::{Anywhere, Readers, TrustedFile};
use crate::files::{FileError, FileProblem, program_path};
use crate::gateway::log;
use crate::server::Context;
use crate::session::cookie::{self, CookieSettings};
use crate::session::key;
use crate::session::key::retired::RETIRED_FILE_NAME;
use crate::users::MARKER;
use crate::users::limits::Alone;

/// The name of the file.
pub(super) const FILE_NAME: &str = "doctor.on";

/// How long it works, in seconds.
const HOUR: u64 = 3600;

/// How far its time may be ahead of the clock, in seconds: of a file server, for example.
const SKEW: u64 = 120;

/// The most bytes of the file.
const MAX_FILE: usize = 1024;

/// The fewest characters of a word.
pub(super) const FEWEST: usize = 8;

/// The end of the name of the cookie that stands for the word, after that of the session's.
const SUFFIX: &str = "_doctor";

/// A file `doctor.on` that works at the moment.
pub(in crate::app) struct DoctorFile {
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
    /// Other users can read it, or visitors may.
    Exposed,
    Short,
    Known(String),
}

/// What becomes of a word that a visitor typed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tried {
    Right,
    Wrong,
    /// Another attempt is made at the moment.
    Later,
}

impl DoctorFile {
    /// The file for a request with these settings. What cannot be used is logged.
    pub(in crate::app) fn of(context: &Context, config: &Config) -> Option<Self> {
        let beside = |path: PathBuf| Some(path.parent()?.join(FILE_NAME));
        let program = program_path().and_then(beside);
        let script = context.started.script.clone().and_then(beside);
        let in_state_dir = config.state_dir().map(|dir| dir.join(FILE_NAME));
        let places = [in_state_dir, program, script];
        let mut files = places.into_iter().flatten().filter_map(|path| {
            let opened = Self::open(&path, config.euid(), context.now);
            opened.unwrap_or_else(|err| {
                log(format_args!("{err}; it does not open the doctor's page"));
                None
            })
        });
        files.next()
    }

    fn open(path: &Path, euid: u32, now: u64) -> Result<Option<Self>, FileError> {
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
        let word = match text.chars().count() {
            0 => Word::None,
            _ if file.open(Readers::Trusted).is_err() => Word::Exposed,
            length if length < FEWEST => Word::Short,
            _ => Word::Known(text.to_owned()),
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
    pub(super) fn note(&self) -> &'static str {
        let t = &FOR_OWNERS;
        match self.word {
            Word::None => t.how_to_see_paths,
            Word::Exposed => t.word_exposed,
            Word::Short => t.word_short,
            Word::Known(_) => "",
        }
    }

    /// Compares a word that a visitor typed. One attempt at a time, which takes a second.
    pub(super) fn try_word(&self, config: &Config, typed: &str) -> Tried {
        let Word::Known(word) = &self.word else {
            return Tried::Wrong;
        };
        let Some(_alone) = Alone::of(config) else {
            return Tried::Later;
        };
        // MACs are compared, so timing does not reveal the word.
        let typed = self.mac(typed.trim()).finalize().into_bytes();
        match self.mac(word).verify_slice(&typed) {
            Ok(()) => Tried::Right,
            Err(_) => Tried::Wrong,
        }
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

fn settings(context: &Context) -> CookieSettings {
    context.config.cookie.beside(SUFFIX)
}

/// Whether it is certain that there is neither a key nor users: nothing has to be protected.
pub(super) fn has_nothing_to_protect(survey: &Survey) -> bool {
    let config = &survey.config;
    // What stands in a file that cannot be read is not known.
    let is_unknown = survey.mistakes.iter().any(|err| match err.problem {
        ConfigProblem::Syntax { .. } | ConfigProblem::NotText(_) | ConfigProblem::File(_) => true,
        ConfigProblem::Unknown { .. }
        | ConfigProblem::Value(_)
        | ConfigProblem::Conflict(_)
        | ConfigProblem::Exposed
        | ConfigProblem::Folder(_)
        | ConfigProblem::SecretInProgram => false,
    });
    if is_unknown || config.names_key() || config.names_users_file() || config.login_url.is_some() {
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
