//! Steps that an owner can take, even with nothing but FTP, on several kinds of hosts.

use minijinja::{Value, context};

use super::texts::FOR_OWNERS;
use crate::files::accounts::user_in_command;

/// A way to give the program its key or folder, on one kind of host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Remedy {
    /// Programs run as the web server's user: the key in `.htaccess`.
    KeyInHtaccess,
    /// Programs run as the web server's user: no files.
    SignedCookies,
    /// Programs run as their owner (suEXEC): a folder, and the settings' path in
    /// `.htaccess`.
    OwnFolder,
    /// For the administrator of the server.
    SystemFolder,
}

/// A [`Remedy`] in words.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) title: &'static str,
    pub(crate) steps: Vec<Step>,
}

/// One step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) text: &'static str,
    /// A line to type, or nothing.
    pub(crate) line: String,
}

impl Steps {
    pub(super) fn new<const N: usize>(
        title: &'static str,
        steps: [(&'static str, String); N],
    ) -> Self {
        let step = |(text, line)| Step { text, line };
        let steps = steps.into_iter().map(step).collect();
        Self { title, steps }
    }

    /// As a variable of templates.
    pub(super) fn value(&self) -> Value {
        let steps = self.steps.iter();
        let steps = steps.map(|step| context! { text => step.text, line => step.line.as_str() });
        context! { title => self.title, steps => steps.collect::<Value>() }
    }
}

impl Remedy {
    /// The remedies if the key has no folder.
    pub(super) const FOR_THE_KEY: &[Self] =
        &[Self::KeyInHtaccess, Self::OwnFolder, Self::SystemFolder];

    /// The remedies if sessions have no folder.
    pub(super) const FOR_SESSIONS: &[Self] =
        &[Self::SignedCookies, Self::OwnFolder, Self::SystemFolder];

    /// If a folder is needed on every host.
    pub(super) const FOR_A_FOLDER: &[Self] = &[Self::OwnFolder, Self::SystemFolder];

    /// The state folder that an administrator creates.
    pub(super) const SYSTEM_FOLDER: &str = "/var/lib/signet";

    /// `euid` is the user as whom the program runs.
    pub(super) fn steps(self, euid: u32) -> Steps {
        let t = &FOR_OWNERS;
        let line = str::to_owned;
        let nothing = String::new;
        let open_again = (t.open_again, nothing());
        match self {
            Self::KeyInHtaccess => Steps::new(
                t.key_without_suexec,
                [
                    (t.generate_key, nothing()),
                    (t.add_key, line("SetEnv SIGNET_SECRET_KEY YOUR-KEY-HERE")),
                    (t.protect_key, nothing()),
                    open_again,
                ],
            ),
            Self::SignedCookies => Steps::new(
                t.sessions_without_suexec,
                [(t.remove_session_type, nothing()), open_again],
            ),
            Self::OwnFolder => Steps::new(
                t.folder_with_suexec,
                [
                    (t.make_folder, nothing()),
                    (t.make_settings, line("STATE_DIR = \"/home/you/signet\"")),
                    (
                        t.add_path,
                        line("SetEnv SSL_SIGNET_CONFIG /home/you/signet/signet.toml"),
                    ),
                    open_again,
                ],
            ),
            Self::SystemFolder => {
                let user = user_in_command(euid);
                let install = format!("install -d -o {user} -m 700 {}", Self::SYSTEM_FOLDER);
                Steps::new(
                    t.folder_of_system,
                    [(t.make_system_folder, install), open_again],
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::key::Key;

    /// Whoever copies the line as it stands gets no site whose key everybody knows.
    #[test]
    fn the_line_for_a_key_holds_none() {
        let steps = Remedy::KeyInHtaccess.steps(0).steps;
        let lines = steps.iter().map(|step| step.line.as_str());
        let words = lines.filter_map(|line| line.split_once("SIGNET_SECRET_KEY "));
        let words: Vec<&str> = words.map(|(_, word)| word).collect();
        assert_eq!(words.len(), 1);
        assert!(Key::new(words[0].into()).is_err(), "{words:?}");
    }
}
