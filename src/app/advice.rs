//! What is wrong with the settings, the key, and files and folders, and what an
//! owner can do about it who has only FTP. Every visitor reads it: it names
//! settings, files and folders, but no value, and never the path to a file.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::own_texts::OwnTextsError;
use super::remedy::{Remedy, Steps};
use super::texts::FOR_OWNERS;
use crate::config::{
    ConfigError, ConfigProblem, KeyError, Place, StateDirError, StateDirSource, Tried,
    UsersFileError,
};
use crate::files::accounts::user_name;
use crate::files::shared::ChangeError;
use crate::files::{FileError, FileProblem, program_owner};
use crate::guard::groups::GroupsError;
use crate::server::{Context, TemplateError};
use crate::session::key::{KeyFileError, WeakKey};
use crate::users::AccountsError;

/// Words for the owner.
pub(super) struct Advice {
    /// The user as whom the program runs.
    pub(super) euid: u32,
}

impl Advice {
    pub(super) fn new(context: &Context) -> Self {
        let euid = context.config.euid();
        Self { euid }
    }

    pub(super) fn template(&self, err: &TemplateError) -> String {
        match err.line {
            Some(line) => (FOR_OWNERS.template_mistake)(&err.file, line, &err.kind.to_string()),
            None => (FOR_OWNERS.template_unreadable)(&err.file),
        }
    }

    /// What is wrong with a site's own texts.
    pub(super) fn own_texts(&self, err: &OwnTextsError) -> String {
        match err {
            OwnTextsError::File(err) => self.file(err),
            OwnTextsError::Mistake {
                path,
                line,
                mistake,
            } => {
                let file = format!("translations/{}", name(path));
                (FOR_OWNERS.text_mistake)(&file, *line, &mistake.to_string())
            }
        }
    }

    /// Where the mistake in the settings is, and what to do about it.
    pub(super) fn settings(&self, err: &ConfigError) -> String {
        let t = &FOR_OWNERS;
        let setting = err.public_setting();
        let in_line = |place: String, line: Option<usize>| {
            place
                + &line.map(t.line_number).unwrap_or_default()
                + &setting.map(t.setting_name).unwrap_or_default()
        };
        let (place, prefix) = match &err.place {
            Place::Environment { variable } => {
                // What is not known to be a name is not repeated.
                let name = match (&err.setting, setting) {
                    (Some(_), None) => t.some_variable,
                    _ => variable,
                };
                ((t.in_environment)(name), "SIGNET_")
            }
            Place::Program { line } => (in_line((t.in_program)(*line), None), ""),
            Place::File { path, line } => (in_line((t.in_file)(&name(path)), *line), ""),
        };
        let example = err.example();
        let example = example.as_deref().map(t.for_example).unwrap_or_default();
        let mistake = match &err.problem {
            ConfigProblem::Unknown {
                similar: Some(name),
            } => (t.similar_setting)(&format!("{prefix}{name}")),
            ConfigProblem::Unknown { similar: None } => t.no_such_setting.to_owned(),
            ConfigProblem::Value(wrong) => format!("{}.{example}", wrong.expected),
            ConfigProblem::Conflict(conflict) => format!("{conflict}."),
            ConfigProblem::Syntax { remedy, .. } => match remedy {
                Some(remedy) => format!("{remedy}.{example}"),
                None => format!("{}.{example}", t.not_toml),
            },
            ConfigProblem::NotText(err) => format!("{err}."),
            ConfigProblem::NotUtf8 => t.not_utf_8.to_owned(),
            ConfigProblem::Exposed => (t.exposed_password)(match &err.place {
                Place::File { path, .. } if is_executable(path) => 0o700,
                _ => 0o600,
            }),
            ConfigProblem::SecretInProgram => t.secret_in_program.to_owned(),
            ConfigProblem::File(err) => self.settings_file(err),
            ConfigProblem::Folder(err) => self.folder_to_protect(err),
        };
        (t.at_place)(&place, &mistake)
    }

    /// What is wrong with the settings file itself.
    fn settings_file(&self, err: &FileError) -> String {
        match err {
            FileError {
                problem: FileProblem::Missing,
                at: None,
                ..
            } => FOR_OWNERS.no_settings_file.to_owned(),
            FileError {
                problem: FileProblem::Unreadable { owner, euid, .. },
                at: None,
                ..
            } if owner != euid => FOR_OWNERS.unreadable_settings.to_owned(),
            err => self.file(err),
        }
    }

    /// What is wrong with a folder that is to be protected.
    fn folder_to_protect(&self, err: &FileError) -> String {
        let (problem, mut advice) = self.file_words(err);
        if let FileProblem::Writable { wanted, .. } = err.problem
            && err.at.is_none()
        {
            // Others may read it.
            advice = (FOR_OWNERS.set_permissions)(wanted);
        }
        sentences(&problem, &advice)
    }

    /// What is wrong with the users file.
    pub(super) fn accounts(&self, err: &AccountsError) -> String {
        match err {
            AccountsError::Place(UsersFileError::Named(err))
            | AccountsError::File(err)
            | AccountsError::Marker(err) => self.file(err),
            AccountsError::Place(UsersFileError::StateDir(err)) => {
                self.folder(err, FOR_OWNERS.users, &[]).0
            }
            AccountsError::NamedMissing(_) => FOR_OWNERS.named_users_missing.to_owned(),
            AccountsError::Missing(_) => FOR_OWNERS.users_missing.to_owned(),
            AccountsError::Empty { .. } => sentences(FOR_OWNERS.no_users, FOR_OWNERS.make_users),
        }
    }

    /// What is wrong with the file of groups.
    pub(super) fn groups(&self, err: &GroupsError) -> String {
        match err {
            GroupsError::File(err) => self.file(err),
            GroupsError::Missing(_) => FOR_OWNERS.groups_missing.to_owned(),
        }
    }

    /// Why the users file cannot be changed, and who can.
    pub(super) fn unchangeable_users(&self, err: &ChangeError) -> String {
        let t = &FOR_OWNERS;
        match err {
            ChangeError::Denied { who, euid, .. } => {
                (t.users_of_another)(&user_name(*who), &user_name(*euid))
            }
            ChangeError::ReadOnly { mode, .. } => (t.users_read_only)(*mode),
            ChangeError::File(err) => self.file(err),
        }
    }

    /// What is wrong with the secret key.
    pub(super) fn key(&self, err: &KeyError) -> String {
        let t = &FOR_OWNERS;
        match err {
            KeyError::Weak(reason) => (t.weak_setting)(&reason.to_string()),
            KeyError::WeakVariable(reason) => (t.weak_variable)(&reason.to_string()),
            KeyError::Exposed(file) if is_executable(file) => t.exposed_key_in_script.to_owned(),
            KeyError::Exposed(_) => t.exposed_key.to_owned(),
            KeyError::File(err) => self.key_file(err, t.renew_own_key),
            KeyError::NamedFile(err) => self.key_file(err, t.renew_named_key),
            KeyError::Retired(err) => self.key_file(err, t.renew_retired_keys),
            KeyError::StateDir(err) => self.folder(err, t.secret_key, &[]).0,
        }
    }

    /// `renewal` says how the owner gets another key.
    fn key_file(&self, err: &KeyFileError, renewal: &str) -> String {
        let t = &FOR_OWNERS;
        let err = match err {
            KeyFileError::Weak {
                reason: WeakKey::ByteOrderMark,
                ..
            } => return t.marked_key_file.to_owned(),
            KeyFileError::Weak { reason, .. } => {
                return (t.weak_file)(&reason.to_string(), renewal);
            }
            KeyFileError::Random(_) => return t.no_random.to_owned(),
            KeyFileError::File(err) => err,
        };
        let (problem, mut advice) = self.file_words(err);
        if let FileProblem::Readable { .. } | FileProblem::Writable { .. } = err.problem {
            advice = format!("{advice} {}", (t.known_key)(renewal));
        } else if needs_another(err) {
            renewal.clone_into(&mut advice);
        }
        (t.key_file)(&problem, &advice)
    }

    /// What is wrong with the folder for `purpose`, and those of `remedies` that
    /// help: none where the folder itself can be made right.
    pub(super) fn folder(
        &self,
        err: &StateDirError,
        purpose: &str,
        remedies: &'static [Remedy],
    ) -> (String, &'static [Remedy]) {
        let t = &FOR_OWNERS;
        let error = match err {
            StateDirError::Named { setting, error } => {
                let (problem, mut advice) = self.file_words(error);
                let is_fixed = if let FileProblem::Writable { .. } = error.problem {
                    self.is_only_open(error)
                } else {
                    !needs_another(error)
                };
                let remedies = if is_fixed { &[] } else { remedies };
                if needs_another(error) && !remedies.is_empty() {
                    // They say it for each kind of host.
                    advice.clear();
                }
                if let FileProblem::Served | FileProblem::Temporary = error.problem {
                    advice = format!("{advice} {}", (t.or_remove_setting)(setting));
                }
                let problem = format!("{problem}. {advice}");
                let words = (t.named_folder)(purpose, setting, problem.trim_end());
                return (words, remedies);
            }
            StateDirError::NoneFound(tried) => {
                if let Some(tried) = tried.iter().find(|tried| self.is_only_open(&tried.error)) {
                    return (self.file(&tried.error), &[]);
                }
                tried.iter().map(|tried| self.tried_folder(tried))
            }
        };
        let tried: Vec<String> = error.collect();
        ((t.tried_folders)(purpose, &tried.join("; ")), remedies)
    }

    /// Whether nothing but the permissions of a folder is wrong: it belongs to the
    /// user that the program runs as.
    fn is_only_open(&self, err: &FileError) -> bool {
        let is_own = || std::fs::metadata(err.at()).is_ok_and(|meta| meta.uid() == self.euid);
        matches!(err.problem, FileProblem::Writable { .. }) && is_own()
    }

    fn tried_folder(&self, tried: &Tried) -> String {
        let problem = self.file_words(&tried.error).0;
        (FOR_OWNERS.tried)(self.source(tried.source), &problem)
    }

    /// A default state folder.
    pub(super) fn source(&self, source: StateDirSource) -> &'static str {
        match source {
            StateDirSource::StateDirectory => FOR_OWNERS.in_state_directory,
            StateDirSource::XdgStateHome => FOR_OWNERS.in_xdg_state_home,
            StateDirSource::Home => FOR_OWNERS.in_home,
            StateDirSource::System => Remedy::SYSTEM_FOLDER,
        }
    }

    /// The steps of `remedies`, that for this host first: its own user's if the
    /// program runs as the owner of its file, an administrator's if that is root.
    pub(super) fn in_order(&self, remedies: &[Remedy]) -> Vec<Steps> {
        let likely = |remedy: &Remedy| match program_owner() {
            Some(0) => *remedy == Remedy::SystemFolder,
            Some(owner) if owner == self.euid => *remedy == Remedy::OwnFolder,
            Some(_) | None => *remedy == Remedy::KeyInHtaccess || *remedy == Remedy::SignedCookies,
        };
        let mut remedies = remedies.to_vec();
        remedies.sort_by_key(|remedy| !likely(remedy));
        let steps = |remedy: Remedy| remedy.steps(self.euid);
        remedies.into_iter().map(steps).collect()
    }

    /// As [`Advice::file_words`], in sentences.
    pub(super) fn file(&self, err: &FileError) -> String {
        let (problem, advice) = self.file_words(err);
        sentences(&problem, &advice)
    }

    /// What to do about a file or folder of another user.
    fn give(&self, err: &FileError) -> String {
        let give = match err.at().is_dir() {
            true => FOR_OWNERS.give_folder,
            false => FOR_OWNERS.give_file,
        };
        give(&user_name(self.euid))
    }

    /// What is wrong with a file or folder, and what to do about it.
    #[rustfmt::skip]
    pub(super) fn file_words(&self, err: &FileError) -> (String, String) {
        let t = &FOR_OWNERS;
        let words = |problem: &str, advice: &str| (problem.to_owned(), advice.to_owned());
        let (problem, advice) = match err.problem {
            FileProblem::Missing => words(t.missing, t.make_missing),
            FileProblem::Owner { .. } => (t.of_another_user.to_owned(), self.give(err)),
            FileProblem::Writable { mode, wanted } => ((t.writable)(mode), match wanted & 0o077 {
                0 => (t.set_permissions)(wanted),
                0o044 => (t.set_permissions_or_600)(wanted),
                // Nobody else has to enter a folder of the program's own.
                _ if err.at.is_none() => (t.set_permissions)(0o700),
                _ => (t.set_permissions_or_700)(wanted),
            }),
            FileProblem::Readable { mode, wanted } => ((t.readable)(mode), (t.set_permissions)(wanted)),
            FileProblem::Unreadable { owner, mode, euid } if owner == euid => {
                let wanted = if err.at().is_dir() { 0o700 } else { 0o600 };
                ((t.own_unreadable)(mode), (t.set_permissions)(wanted))
            }
            FileProblem::Unreadable { mode, .. } => ((t.unreadable)(mode), self.give(err)),
            FileProblem::NotAFolder => words(t.not_a_folder, t.move_away),
            FileProblem::NotAFile => words(t.not_a_file, t.move_away),
            FileProblem::Link => words(t.link, t.replace_link),
            FileProblem::Names => words(t.hard_link, t.copy),
            FileProblem::TooLarge(limit) => ((t.file_too_large)(limit), t.upload_smaller.to_owned()),
            FileProblem::Damaged(what) => words(what, t.upload_corrected),
            FileProblem::NoLocks => words(t.no_locks, t.avoid_locks),
            FileProblem::Held => words(t.in_use, t.try_again),
            FileProblem::Served => words(t.served, t.outside_web),
            FileProblem::OwnFiles => words(t.own_files, t.outside_own_files),
            FileProblem::Temporary => words(t.temporary, t.another_folder),
            FileProblem::System(_) => {
                let folder = err.at().parent().map(name).unwrap_or_default();
                (t.system.to_owned(), (t.check_folder)(&folder, &user_name(self.euid)))
            }
        };
        ((t.file_problem)(&name(err.at()), &problem), advice)
    }
}

fn sentences(problem: &str, advice: &str) -> String {
    format!("{problem}. {advice}").trim_end().to_owned()
}

/// Whether another file or folder is needed: the owner cannot correct this one.
fn needs_another(err: &FileError) -> bool {
    match err.problem {
        FileProblem::Missing
        | FileProblem::Owner { .. }
        | FileProblem::TooLarge(_)
        | FileProblem::Damaged(_) => true,
        FileProblem::Unreadable { owner, euid, .. } => owner != euid,
        FileProblem::Writable { .. }
        | FileProblem::Readable { .. }
        | FileProblem::NotAFolder
        | FileProblem::NotAFile
        | FileProblem::Link
        | FileProblem::Names
        | FileProblem::NoLocks
        | FileProblem::Held
        | FileProblem::Served
        | FileProblem::OwnFiles
        | FileProblem::Temporary
        | FileProblem::System(_) => false,
    }
}

/// Whether a problem may pass by itself.
pub(super) fn may_pass(err: &FileError) -> bool {
    matches!(err.problem, FileProblem::System(_) | FileProblem::Held)
}

/// Whether the kernel may start the file: then it is a settings script.
pub(super) fn is_executable(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

/// The name of a file or folder, without the path to it.
pub(super) fn name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}
