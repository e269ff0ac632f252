//! What is wrong with files and folders, and what to do about it, in words for an
//! owner who has no more than FTP. They name files and folders, never the path
//! to one, as every visitor reads them.

use std::borrow::Cow;
use std::path::Path;

use minijinja::{Value, context};

use crate::config::{StateDirError, StateDirSource, Tried};

use crate::files::{FileError, FileProblem, program_owner};

/// Steps that give the program what it needs, for one kind of host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Remedy {
    /// Programs run as the web server's user: the key in `.htaccess`.
    KeyInHtaccess,
    /// Programs run as their owner (suEXEC): a folder, and the settings' path in
    /// `.htaccess`.
    OwnFolder,
    /// For who administers the server.
    SystemFolder,
}

/// A [`Remedy`] in words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    pub(crate) title: &'static str,
    pub(crate) steps: &'static [Step],
}

/// One thing to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) text: &'static str,
    /// A line to type, or nothing.
    pub(crate) line: &'static str,
}

const OPEN_AGAIN: Step = Step {
    text: "Open this page again.",
    line: "",
};

const KEY_IN_HTACCESS: Steps = Steps {
    title: "If your host runs programs as the web server's user (without suEXEC), give the key in .htaccess:",
    steps: &[
        Step {
            text: "Have a password generator make 64 random letters and digits. They are the key.",
            line: "",
        },
        Step {
            text: "Add this line, with the key in the place of the last word, to the file .htaccess in the folder of the program. Make the file if there is none.",
            line: "SetEnv SIGNET_SECRET_KEY YOUR-KEY-HERE",
        },
        Step {
            text: "Set the permissions of .htaccess to 644. The risk: programs of other sites on this host run as the same user, can read the file, and can then log in here as anybody. With suEXEC they cannot; ask your host for it.",
            line: "",
        },
        OPEN_AGAIN,
    ],
};

const OWN_FOLDER: Steps = Steps {
    title: "If your host runs them as your own user (with suEXEC), choose a folder:",
    steps: &[
        Step {
            text: "Make a folder signet outside the web folders (beside public_html, not in it), with permissions 700.",
            line: "",
        },
        Step {
            text: "Make a text file signet.toml in it, with permissions 600 and this line. The path is that of the folder.",
            line: "STATE_DIR = \"/home/you/signet\"",
        },
        Step {
            text: "Add this line to the file .htaccess in the folder of the program. Make the file if there is none. The path is that of the text file.",
            line: "SetEnv SSL_SIGNET_CONFIG /home/you/signet/signet.toml",
        },
        OPEN_AGAIN,
    ],
};

const SYSTEM_FOLDER: Steps = Steps {
    title: "If you administer this server:",
    steps: &[
        Step {
            text: "Make a folder for the user that runs the program, in the place of www-data here.",
            line: "install -d -o www-data -m 700 /var/lib/signet",
        },
        OPEN_AGAIN,
    ],
};

impl Steps {
    /// As a variable of templates.
    pub(super) fn value(&self) -> Value {
        let steps = self.steps.iter();
        let steps = steps.map(|step| context! { text => step.text, line => step.line });
        context! { title => self.title, steps => steps.collect::<Value>() }
    }
}

impl Remedy {
    pub(crate) const fn steps(self) -> &'static Steps {
        match self {
            Self::KeyInHtaccess => &KEY_IN_HTACCESS,
            Self::OwnFolder => &OWN_FOLDER,
            Self::SystemFolder => &SYSTEM_FOLDER,
        }
    }
}

/// What can be done on any host about the lack of a folder for the key.
pub(crate) const FOR_THE_KEY: &[Remedy] = &[
    Remedy::KeyInHtaccess,
    Remedy::OwnFolder,
    Remedy::SystemFolder,
];

/// The same for other things than the key.
pub(crate) const FOR_A_FOLDER: &[Remedy] = &[Remedy::OwnFolder, Remedy::SystemFolder];

/// The steps of `remedies`, that for this host first: its own user's if the
/// program runs as the owner of its file, an administrator's if that is root.
pub(crate) fn in_order(remedies: &[Remedy], euid: u32) -> Vec<&'static Steps> {
    let likely = match program_owner() {
        Some(0) => Remedy::SystemFolder,
        Some(owner) if owner == euid => Remedy::OwnFolder,
        Some(_) | None => Remedy::KeyInHtaccess,
    };
    let mut remedies = remedies.to_vec();
    remedies.sort_by_key(|remedy| *remedy != likely);
    remedies.into_iter().map(Remedy::steps).collect()
}

/// What is wrong with the folder for `what`.
pub(crate) fn place(err: &StateDirError, what: &str) -> String {
    match err {
        StateDirError::NoneFound(tried) if tried.is_empty() => {
            format!("There is no folder for {what}.")
        }
        StateDirError::NoneFound(tried) => {
            let tried: Vec<String> = tried.iter().map(tried_place).collect();
            format!(
                "None of the folders that were tried for {what} can be used: {}.",
                tried.join("; ")
            )
        }
        StateDirError::Named { setting, error } => format!(
            "The folder for {what}, which the setting {setting} names, cannot be used. {}",
            file(error)
        ),
    }
}

fn tried_place(tried: &Tried) -> String {
    let place = match tried.source {
        StateDirSource::StateDirectory => "the folder in $STATE_DIRECTORY",
        StateDirSource::XdgStateHome => "signet in $XDG_STATE_HOME",
        StateDirSource::Home => ".signet in the home folder",
        StateDirSource::System => "the system's folder for this program",
    };
    let problem = in_words(&tried.error.problem);
    match &tried.error.at {
        Some(at) => format!("{place} (“{}” on the way to it {problem})", name(at)),
        None => format!("{place} ({problem})"),
    }
}

/// What is wrong with a file or folder, and what to do about it.
pub(crate) fn file(err: &FileError) -> String {
    let (name, problem) = (name(err.at()), in_words(&err.problem));
    let advice = match &err.problem {
        FileProblem::Writable { wanted, .. } => match wanted & 0o077 {
            0 => format!("In your FTP program or file manager, set its permissions to {wanted:o}."),
            _ => format!("In your FTP program or file manager, set its permissions to {wanted:o}, or to 700 if nobody else has to enter it."),
        },
        FileProblem::Readable { wanted, .. } => {
            format!("In your FTP program or file manager, set its permissions to {wanted:o}.")
        }
        FileProblem::NotAFolder | FileProblem::NotAFile => "Move it away.".to_owned(),
        FileProblem::Link => "Put what it leads to in its place.".to_owned(),
        FileProblem::Names => "Copy it, delete it, and give the copy its name.".to_owned(),
        FileProblem::NoLocks => "Sessions in files need locks: set SESSION_TYPE = \"cookie\" in signet.toml, or SESSION_FILE_DIR to a folder on another disk.".to_owned(),
        FileProblem::Held => "Try again in a minute.".to_owned(),
        FileProblem::Served => "Choose a folder outside the web folders (beside public_html, not in it).".to_owned(),
        FileProblem::Temporary => "Choose another folder.".to_owned(),
        FileProblem::System(_) => "Check that its folder exists, belongs to you and has permissions 700, and that the disk is not full.".to_owned(),
        FileProblem::Missing
        | FileProblem::Owner { .. }
        | FileProblem::Unreadable { .. }
        | FileProblem::TooLarge(_)
        | FileProblem::Damaged(_) => String::new(),
    };
    format!("“{name}” {problem}. {advice}")
        .trim_end()
        .to_owned()
}

fn in_words(problem: &FileProblem) -> Cow<'static, str> {
    match problem {
        FileProblem::Missing => "does not exist".into(),
        FileProblem::Owner { .. } => {
            "belongs to another user than the one this program runs as".into()
        }
        FileProblem::Writable { mode, .. } => {
            format!("can be written by other users of this computer (permissions {mode:o})").into()
        }
        FileProblem::Readable { mode, .. } => {
            format!("can be read by other users of this computer (permissions {mode:o})").into()
        }
        FileProblem::Unreadable { mode, .. } => format!(
            "cannot be read by this program: it belongs to another user, or its permissions \
             ({mode:o}) are too strict"
        )
        .into(),
        FileProblem::NotAFolder => "is not a folder".into(),
        FileProblem::NotAFile => "is not a regular file".into(),
        FileProblem::Link => "is a symbolic link".into(),
        FileProblem::Names => "has a second name (a hard link)".into(),
        FileProblem::TooLarge(limit) => format!("is larger than {limit} bytes").into(),
        FileProblem::Damaged(what) => (*what).into(),
        FileProblem::NoLocks => "lies on a file system without file locks".into(),
        FileProblem::Held => "is in use by other requests".into(),
        FileProblem::Served => "lies where the web server shows files to everybody".into(),
        FileProblem::Temporary => {
            "lies in a place for temporary files, which other users share".into()
        }
        FileProblem::System(_) => "cannot be read or made".into(),
    }
}

/// The name of a file or folder, without the path to it.
fn name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::key::Key;

    /// Whoever copies the line as it stands gets no site whose key everybody knows.
    #[test]
    fn the_line_for_a_key_holds_none() {
        let lines = KEY_IN_HTACCESS.steps.iter().map(|step| step.line);
        let words = lines.filter_map(|line| line.split_once("SIGNET_SECRET_KEY "));
        let words: Vec<&str> = words.map(|(_, word)| word).collect();
        assert_eq!(words.len(), 1);
        assert!(Key::new(words[0].into()).is_err(), "{words:?}");
    }
}
