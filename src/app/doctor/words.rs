//! A finding in words: what it means, and the next step of an owner who has only FTP and of
//! one who has a shell.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::finding::{
    Address, Clock, Connection, Cookies, Finding, FolderFault, Guard, Key, Limits,
};
use super::finding::{Pages, Sessions, Settings, Start, State, StateFolder, Users};
use crate::app::advice::{Advice, is_executable, name};
use crate::app::dates::utc;
use crate::app::remedy::{Remedy, Steps};
use crate::app::texts::FOR_OWNERS;
use crate::config::{Config, KeyError, StateDirError, XSendfile};
use crate::files::accounts::{user_in_command, user_name};
use crate::files::shared::ChangeError;
use crate::files::{FileError, FileProblem, program_path};
use crate::gateway::Interface;
use crate::server::DroppedCookie;
use crate::session::key::KeyFileError;
use crate::session::store::StoreError;
use crate::users::AccountsError;
use crate::users::file::LineProblem;

/// A finding in words. What does not apply is empty.
pub(crate) struct Words {
    pub(crate) state: State,
    /// What it means.
    pub(crate) text: String,
    /// The next step with FTP.
    pub(crate) ftp: String,
    /// The next step with a shell: a command.
    pub(crate) shell: String,
    /// Paths, or the text of the log; nothing for visitors who may not see them.
    pub(crate) detail: String,
    /// Lists of steps, for several kinds of hosts.
    pub(crate) remedies: Vec<Steps>,
}

impl Words {
    fn new(state: State, text: impl Into<String>) -> Self {
        Self {
            state,
            text: text.into(),
            ftp: String::new(),
            shell: String::new(),
            detail: String::new(),
            remedies: Vec::new(),
        }
    }

    fn good(text: impl Into<String>) -> Self {
        Self::new(State::Good, text)
    }

    fn warning(text: impl Into<String>) -> Self {
        Self::new(State::Warning, text)
    }

    fn wrong(text: impl Into<String>) -> Self {
        Self::new(State::Wrong, text)
    }

    fn steps(mut self, ftp: impl Into<String>, shell: impl Into<String>) -> Self {
        self.ftp = ftp.into();
        self.shell = shell.into();
        self
    }

    fn detail(mut self, detail: impl Display) -> Self {
        self.detail = detail.to_string();
        self
    }
}

/// The texts of findings on this site.
pub(super) struct FindingTexts {
    pub(super) advice: Advice,
    pub(super) config: Arc<Config>,
    /// Whether commands have paths, not only names.
    pub(super) has_paths: bool,
}

impl FindingTexts {
    /// The subject of a finding.
    pub(super) fn subject(&self, finding: &Finding) -> &'static str {
        let t = &FOR_OWNERS;
        match finding {
            Finding::Version => t.subject_version,
            Finding::Start(_) => t.subject_start,
            Finding::Address(_) => t.subject_address,
            Finding::Connection(_) => t.subject_connection,
            Finding::Cookies(_) => t.subject_cookies,
            Finding::Clock(_) => t.subject_clock,
            Finding::Settings(_) => t.subject_settings,
            Finding::StateFolder(_) => t.subject_state_folder,
            Finding::Key(_) => t.subject_key,
            Finding::Sessions(_) => t.subject_sessions,
            Finding::Users(_) => t.subject_users,
            Finding::Pages(_) => t.subject_pages,
            Finding::Guard(_) => t.subject_guard,
            Finding::Limits(_) => t.subject_limits,
        }
    }

    pub(super) fn words(&self, finding: &Finding) -> Words {
        let mut words = self.all_words(finding);
        if !self.has_paths {
            words.detail.clear();
        }
        words
    }

    /// The words, with paths and texts of the log.
    fn all_words(&self, finding: &Finding) -> Words {
        match finding {
            Finding::Version => {
                let (arch, system) = (std::env::consts::ARCH, std::env::consts::OS);
                Words::good(format!(
                    "signet {}, {arch}-{system}",
                    env!("CARGO_PKG_VERSION")
                ))
            }
            Finding::Start(start) => self.start(start),
            Finding::Address(address) => self.address(address),
            Finding::Connection(connection) => self.connection(connection),
            Finding::Cookies(cookies) => self.cookies(cookies),
            Finding::Clock(clock) => self.clock(clock),
            Finding::Settings(settings) => self.settings(settings),
            Finding::StateFolder(folder) => self.state_folder(folder),
            Finding::Key(key) => self.key(key),
            Finding::Sessions(sessions) => self.sessions(sessions),
            Finding::Users(users) => self.users(users),
            Finding::Pages(pages) => self.pages(pages),
            Finding::Guard(guard) => self.guard(guard),
            Finding::Limits(limits) => self.limits(limits),
        }
    }

    fn start(&self, start: &Start) -> Words {
        let t = &FOR_OWNERS;
        let by = |by: &Interface| match by {
            Interface::Cgi => t.by_cgi,
            Interface::FastCgi => t.by_fastcgi,
            Interface::CommandLine => t.in_a_shell,
        };
        match start {
            Start::AsOwner { by: how, user } => {
                Words::good((t.started_as_owner)(by(how), &user_name(*user)))
            }
            Start::Installed { by: how, user } => {
                Words::good((t.started_as)(by(how), &user_name(*user)))
            }
            Start::AsOther {
                by: how,
                user,
                owner,
            } => {
                let (user, owner) = (user_name(*user), user_name(*owner));
                // If the program belonged to that user, other sites could change it as well.
                Words::warning((t.started_as_other)(by(how), &user, &owner))
                    .steps(t.ask_for_suexec, format!("ls -l {}", self.program()))
            }
            Start::AsRoot { by: how } => Words::warning((t.started_as_root)(by(how)))
                .steps(t.ask_for_another_user, format!("ls -l {}", self.program())),
            Start::Replaceable(err) => Words {
                state: State::Warning,
                ..self.file(err)
            },
        }
    }

    /// This program, for commands.
    fn program(&self) -> String {
        program_path().map_or_else(|| "signet.cgi".to_owned(), |path| self.path(&path))
    }

    /// A command of this program: on a shared host, no folder of `PATH` has it.
    fn signet(&self, arguments: &str) -> String {
        let program = self.program();
        let folder = if program.contains('/') { "" } else { "./" };
        format!("{folder}{program} {arguments}")
    }

    fn address(&self, address: &Address) -> Words {
        let t = &FOR_OWNERS;
        match address {
            Address::ByPath { base } => Words::good((t.address_by_path)(base)),
            Address::ByQuery { base } => Words::warning((t.address_by_query)(base))
                .steps(t.use_htaccess, self.signet("print htaccess > .htaccess")),
            Address::Chosen { base } => {
                let line = format!("APPLICATION_ROOT = \"{base}\"");
                let ftp = (t.add_setting)(&line);
                let words = Words::warning((t.address_chosen)(base)).steps(ftp, self.set(&line));
                let step = (t.add_to_location, nginx_lines(base));
                Words {
                    remedies: vec![Steps::new(t.pass_path_info, [step])],
                    ..words
                }
            }
        }
    }

    /// A command that adds a line to the settings file: before all others, as a line at the end
    /// may belong to a table.
    fn set(&self, line: &str) -> String {
        let read = self.config.settings_file();
        let text = read.and_then(|path| std::fs::read(path).ok());
        let text = text.unwrap_or_default();
        let Some(path) = read.filter(|_| !text.is_empty()) else {
            let path = match read {
                Some(path) => self.path(path),
                None => format!("{}/signet.toml", self.state_dir()),
            };
            // A file that could not be read is kept.
            return format!("echo {} >> {path}", quoted(line));
        };
        // After the first line of a script.
        let insert = if text.starts_with(b"#!") { "1a" } else { "1i" };
        // A backslash marks the next character, and a line feed ends the text for sed.
        let line = line.replace('\\', "\\\\").replace('\n', "\\\n");
        let edit = quoted(&format!("{insert} {line}"));
        format!("sed -i {edit} {}", self.path(path))
    }

    /// A command that shows where a setting is set: in the settings file, or by SetEnv.
    fn show_setting(&self, setting: &str) -> String {
        let file = self
            .config
            .settings_file()
            .map(|path| self.path(path) + " ");
        let by_server = program_path().map(|path| path.with_file_name(".htaccess"));
        let by_server = by_server.map_or_else(|| ".htaccess".to_owned(), |path| self.path(&path));
        format!("grep -s {setting} {}{by_server}", file.unwrap_or_default())
    }

    /// The state folder, for commands.
    fn state_dir(&self) -> String {
        let folder = self.config.state_dir();
        folder.map_or_else(|| "~/.signet".to_owned(), |folder| self.path(folder))
    }

    fn connection(&self, connection: &Connection) -> Words {
        let t = &FOR_OWNERS;
        match connection {
            Connection::Https => Words::good(t.connection_https),
            Connection::Local => Words::good(t.connection_local),
            Connection::Http => {
                Words::warning(t.connection_http).steps(t.switch_on_https, "certbot")
            }
            Connection::UnusedProxy { field } => {
                let line = "TRUST_PROXY = true";
                let ftp = (t.trust_proxy)(line);
                Words::warning((t.proxy_not_trusted)(field)).steps(ftp, self.set(line))
            }
            Connection::SilentProxy { field } => Words::warning((t.proxy_is_silent)(field)).steps(
                (t.remove_setting)("TRUST_PROXY"),
                self.show_setting("TRUST_PROXY"),
            ),
            Connection::SecureByHttp => Words::wrong(t.secure_by_http).steps(
                t.switch_on_https,
                self.show_setting("SESSION_COOKIE_SECURE"),
            ),
        }
    }

    fn cookies(&self, cookies: &Cookies) -> Words {
        let t = &FOR_OWNERS;
        match cookies {
            Cookies::Unchecked => Words::warning(t.cookie_unchecked),
            Cookies::Back => Words::good(t.cookie_back),
            Cookies::Lost => Words::wrong(t.cookie_lost).steps(t.allow_cookies, ""),
            Cookies::Dropped(dropped) => {
                let (setting, site) = match dropped {
                    DroppedCookie::Path { site, .. } => ("SESSION_COOKIE_PATH", site),
                    DroppedCookie::Domain { site, .. } => ("SESSION_COOKIE_DOMAIN", site),
                };
                Words::wrong((t.cookie_dropped)(setting, site))
                    .steps((t.remove_setting)(setting), self.show_setting(setting))
                    .detail(dropped)
            }
        }
    }

    fn clock(&self, clock: &Clock) -> Words {
        let t = &FOR_OWNERS;
        match clock {
            Clock::Now(now) => Words::good((t.clock_now)(&utc(*now, " UTC"))),
            Clock::BeforeProgram { now, program } => Words::wrong((t.clock_before_program)(
                &utc(*now, " UTC"),
                &utc(*program, " UTC"),
            ))
            .steps(t.ask_for_clock, "timedatectl set-ntp true"),
        }
    }

    fn settings(&self, settings: &Settings) -> Words {
        let t = &FOR_OWNERS;
        match settings {
            Settings::File(path) => {
                Words::good((t.settings_read)(&name(path))).detail(path.display())
            }
            Settings::NoFile => Words::good(t.settings_default),
            Settings::Mistake(err) => Words::wrong(self.advice.settings(err))
                .steps(t.correct_settings, self.signet("doctor"))
                .detail(err),
            Settings::Unread(path) => Words::warning(t.settings_unread)
                .steps(
                    t.move_settings,
                    format!("mv -i {} {}/", self.path(path), self.state_dir()),
                )
                .detail(path.display()),
            Settings::Debug => Words::warning(t.debug_is_on)
                .steps((t.remove_setting)("DEBUG"), self.show_setting("DEBUG")),
            Settings::RefusedFallback(reason) => Words::warning(t.fallback_refused)
                .steps(
                    (t.remove_setting)("SECRET_KEY_FALLBACKS"),
                    self.show_setting("SECRET_KEY_FALLBACKS"),
                )
                .detail(reason),
        }
    }

    fn state_folder(&self, folder: &StateFolder) -> Words {
        let t = &FOR_OWNERS;
        match folder {
            StateFolder::Used {
                path,
                exists,
                file_system,
            } => {
                let text = match exists {
                    true => (t.folder_used)(&name(path), file_system),
                    false => (t.folder_will_be_made)(&name(path), file_system),
                };
                Words::good(text).detail(path.display())
            }
            StateFolder::Spare { source, path } => {
                Words::good((t.folder_spare)(self.advice.source(*source))).detail(path.display())
            }
            StateFolder::Candidate {
                source,
                error,
                has_other,
            } => {
                let (problem, ftp) = self.advice.file_words(error);
                let text = (t.folder_not_used)(self.advice.source(*source), &problem);
                let words = match has_other {
                    true => Words::good(text),
                    false => Words::wrong(text),
                };
                let words = words.detail(error);
                // Without a home folder, there is nothing to correct.
                match *has_other || matches!(error.problem, FileProblem::Damaged(_)) {
                    true => words,
                    false => words.steps(ftp, self.command(error)),
                }
            }
            StateFolder::None(err) => self.folder(err, t.secret_key, Remedy::FOR_THE_KEY),
            StateFolder::Fault(fault) => self.folder_fault(fault),
        }
    }

    /// Why nothing can be written into a folder.
    fn folder_fault(&self, fault: &FolderFault) -> Words {
        let t = &FOR_OWNERS;
        match fault {
            FolderFault::File(err) => self.file(err),
            FolderFault::Full { path, bytes, files } => {
                let text = match files {
                    Some(files) => (t.disk_full)(*bytes, *files),
                    None => (t.disk_full_of_bytes)(*bytes),
                };
                let command = format!("df -h {0}; df -i {0}", self.path(path));
                Words::wrong(text)
                    .steps(t.make_room, command)
                    .detail(path.display())
            }
        }
    }

    /// What is wrong with the folder for `purpose`: see [`Advice::folder`].
    fn folder(&self, err: &StateDirError, purpose: &str, remedies: &'static [Remedy]) -> Words {
        let (text, remedies) = self.advice.folder(err, purpose, remedies);
        let command = match err {
            StateDirError::Named { error, .. } => self.command(error),
            StateDirError::NoneFound(_) => "install -d -m 700 ~/.signet".to_owned(),
        };
        let step = match remedies.is_empty() {
            // The text says what to do.
            true => "",
            false => FOR_OWNERS.follow_steps,
        };
        let mut words = Words::wrong(text).steps(step, command).detail(err);
        words.remedies = self.advice.in_order(remedies);
        words
    }

    fn key(&self, key: &Key) -> Words {
        let t = &FOR_OWNERS;
        match key {
            Key::InSettings => Words::good(t.key_in_settings),
            Key::InFile { path, mode } => {
                Words::good((t.key_in_file)(&name(path), *mode)).detail(path.display())
            }
            Key::NotYet => Words::good(t.key_not_yet),
            Key::Fault(err) => {
                let new_key = |path: &str| self.signet(&format!("key new --file {path}"));
                let command = match err.as_ref() {
                    KeyError::NamedFile(KeyFileError::File(FileError {
                        path,
                        at: None,
                        problem: FileProblem::Missing,
                    })) => new_key(&self.path(path)),
                    KeyError::Retired(KeyFileError::Weak { path, .. }) => {
                        format!("rm {}", self.path(path))
                    }
                    KeyError::File(err) | KeyError::NamedFile(err) | KeyError::Retired(err) => {
                        match err {
                            KeyFileError::File(err) => self.command(err),
                            KeyFileError::Weak { path, .. } => {
                                let path = self.path(path);
                                format!("rm {path} && {}", new_key(&path))
                            }
                            KeyFileError::Random(_) => "uname -r".to_owned(),
                        }
                    }
                    KeyError::StateDir(err) => {
                        return self.folder(err, t.secret_key, Remedy::FOR_THE_KEY);
                    }
                    KeyError::Exposed(path) if is_executable(path) => {
                        format!("chmod 700 {}", self.path(path))
                    }
                    KeyError::Exposed(path) => format!("chmod 600 {}", self.path(path)),
                    KeyError::Weak(_) | KeyError::WeakVariable(_) => self.signet("key new"),
                };
                // The text says what to do.
                Words::wrong(self.advice.key(err))
                    .steps("", command)
                    .detail(err)
            }
        }
    }

    fn sessions(&self, sessions: &Sessions) -> Words {
        let t = &FOR_OWNERS;
        match sessions {
            Sessions::InCookie => Words::good(t.sessions_in_cookie),
            Sessions::InFiles => Words::good(t.sessions_in_files),
            Sessions::InRedis => Words::good(t.sessions_in_redis),
            Sessions::NoFolder(err) => self.folder(err, t.sessions, Remedy::FOR_SESSIONS),
            Sessions::Folder(fault) => self.folder_fault(fault),
            Sessions::Store(StoreError::File(err)) => self.file(err),
            Sessions::Store(
                err @ (StoreError::Unavailable(_)
                | StoreError::Refused { .. }
                | StoreError::Damaged { .. }
                | StoreError::TooLarge(_)
                | StoreError::IdInUse),
            ) => Words::wrong(t.redis_unavailable)
                .steps(t.check_redis, "redis-cli ping")
                .detail(err),
        }
    }

    fn users(&self, users: &Users) -> Words {
        let t = &FOR_OWNERS;
        match users {
            Users::Demo => {
                Words::warning(t.users_demo).steps(t.make_users, self.signet("user add NAME"))
            }
            Users::OtherLogin => Words::good(t.users_of_other_login),
            Users::File { path, count } => {
                Words::good((t.users_in_file)(&name(path), *count)).detail(path.display())
            }
            Users::Fault(err @ AccountsError::Empty { .. }) => {
                Words::wrong(self.advice.accounts(err))
                    .steps("", self.signet("user add NAME"))
                    .detail(err)
            }
            Users::Fault(err) => Words::wrong(self.advice.accounts(err))
                .steps(t.correct_users, self.signet("user check"))
                .detail(err),
            Users::Line(LineProblem { line, problem }) => {
                Words::warning((t.users_line)(*line, &problem.to_string()))
                    .steps(t.correct_users_line, self.signet("user check"))
            }
            Users::MoreLines(count) => Words::warning((t.users_more_lines)(*count))
                .steps(t.correct_users_line, self.signet("user check")),
            Users::Readable { path, mode } => Words::warning((t.users_readable)(*mode))
                .steps(
                    (t.set_permissions)(0o640),
                    format!("chmod 640 {}", self.path(path)),
                )
                .detail(path.display()),
            Users::Unchangeable(err) => {
                let command = match err {
                    ChangeError::File(err) => self.command(err),
                    ChangeError::Denied { path, euid, .. } => {
                        format!("chown {} {}", user_in_command(*euid), self.path(path))
                    }
                    ChangeError::ReadOnly { path, .. } => {
                        format!("chmod u+w {}", self.path(path))
                    }
                };
                Words::warning((t.users_unchangeable)(&self.advice.unchangeable_users(err)))
                    .steps((t.add_setting)("PASSWORD_CHANGE = false"), command)
                    .detail(err)
            }
            Users::UnknownDoctor(name) => Words::warning(t.unknown_doctor)
                .steps(t.correct_settings, self.signet("user list"))
                .detail(format_args!("{name:?}")),
        }
    }

    fn pages(&self, pages: &Pages) -> Words {
        let t = &FOR_OWNERS;
        match pages {
            Pages::BuiltIn => Words::good(t.pages_built_in),
            Pages::Own { count } => Words::good((t.pages_own)(*count)),
            Pages::Fault(err) => Words::wrong(self.advice.template(err))
                .steps(
                    t.correct_template,
                    self.signet(&format!(
                        "print templates {}",
                        self.path(Path::new(&err.file))
                    )),
                )
                .detail(err),
            Pages::Texts(err) => Words::wrong(self.advice.own_texts(err))
                .steps(t.correct_texts, self.signet("doctor"))
                .detail(err),
            Pages::Undefined(variable) => Words::warning(t.page_undefined)
                .steps(t.correct_template, self.signet("print templates"))
                .detail(variable),
            Pages::NoFolder(path) => Words::warning(t.no_templates_dir)
                .steps(
                    (t.remove_setting)("TEMPLATES_DIR"),
                    format!("mkdir {}", self.path(path)),
                )
                .detail(path.display()),
        }
    }

    fn guard(&self, guard: &Guard) -> Words {
        let t = &FOR_OWNERS;
        match guard {
            Guard::Nothing => Words::good(t.guard_nothing),
            Guard::Folder { path, url } => {
                Words::good((t.guard_folder)(url)).detail(path.display())
            }
            Guard::Fault { setting, error } => {
                let words = self.file(error);
                let text = format!("{setting}: {}", words.text);
                Words { text, ..words }
            }
            Guard::NoUsers => {
                Words::wrong(t.guard_no_users).steps(t.make_users, self.signet("user add NAME"))
            }
            Guard::Groups(err) => Words::wrong(self.advice.groups(err))
                .steps(t.correct_groups, self.signet("user check"))
                .detail(err),
            Guard::Served { path, url, .. } => Words::warning((t.guard_served)(url))
                .steps(t.move_guarded, format!("mv {} ~/private", self.path(path)))
                .detail(path.display()),
            Guard::Opened { path, url, files } => {
                // A line for each file, whatever its name.
                let name = |file: &PathBuf| file.to_string_lossy().replace('\n', "\\n");
                let files: Vec<_> = files.iter().map(name).collect();
                Words::warning((t.guard_opened)(url, files.len()))
                    .steps(t.close_subfolder, self.find_htaccess(path))
                    .detail(files.join("\n"))
            }
            Guard::Unsearched { path, url } => Words::warning((t.guard_unsearched)(url))
                .steps(t.search_subfolders, self.find_htaccess(path))
                .detail(path.display()),
            Guard::Sent(server) => {
                let (server, command) = match server {
                    XSendfile::Lighttpd => ("lighttpd", "grep -r x-sendfile /etc/lighttpd"),
                    XSendfile::Apache => ("Apache", "grep -ri XSendFile /etc/apache2"),
                    XSendfile::Nginx => ("nginx", "grep -r internal /etc/nginx"),
                };
                Words::warning((t.guard_sent)(server))
                    .steps((t.remove_setting)("X_SENDFILE"), command)
            }
        }
    }

    /// A command that lists the files `.htaccess` in a folder that can open a subfolder.
    fn find_htaccess(&self, folder: &Path) -> String {
        let folder = self.path(folder);
        format!("grep -rilE --include=.htaccess 'Rewrite(Engine +off|Options)' {folder}/*/")
    }

    fn limits(&self, limits: &Limits) -> Words {
        let t = &FOR_OWNERS;
        match limits {
            Limits::Known {
                memory,
                file,
                seconds,
            } => {
                let number = |limit: &Option<u64>, unit: u64| match limit {
                    Some(limit) => (limit / unit).to_string(),
                    None => t.no_limit.to_owned(),
                };
                let (memory, file) = (number(memory, 1 << 20), number(file, 1 << 20));
                Words::good((t.limits_known)(&memory, &file, &number(seconds, 1)))
            }
            Limits::Memory(bytes) => {
                Words::wrong((t.limit_memory)(bytes >> 20)).steps(t.ask_for_limit, "ulimit -v")
            }
            Limits::File(bytes) => {
                Words::wrong((t.limit_file)(bytes >> 20)).steps(t.ask_for_limit, "ulimit -f")
            }
        }
    }

    /// What is wrong with a file or folder.
    fn file(&self, err: &FileError) -> Words {
        let (text, ftp) = self.advice.file_words(err);
        Words::wrong(format!("{text}."))
            .steps(ftp, self.command(err))
            .detail(err)
    }

    /// The command that corrects a file or folder, or shows what is wrong with it.
    fn command(&self, err: &FileError) -> String {
        let (path, user) = (self.path(err.at()), user_in_command(self.advice.euid));
        match err.problem {
            FileProblem::Missing => format!("install -d -o {user} -m 700 {path}"),
            FileProblem::Owner { .. } => format!("chown {user} {path}"),
            // As the advice: nobody else has to enter a folder of the program's own.
            FileProblem::Writable { wanted: 0o755, .. }
                if err.at.is_none() && err.path.is_dir() =>
            {
                format!("chmod 700 {path}")
            }
            FileProblem::Writable { wanted, .. } | FileProblem::Readable { wanted, .. } => {
                format!("chmod {wanted:o} {path}")
            }
            FileProblem::Unreadable { owner, euid, .. } if owner == euid => {
                format!("chmod u+rX {path}")
            }
            FileProblem::Unreadable { .. } => format!("chown {user} {path}"),
            FileProblem::NotAFolder | FileProblem::NotAFile => format!("mv {path} {path}.old"),
            FileProblem::Link => format!("ls -l {path}"),
            FileProblem::Names => format!("cp -p {path} {path}.new && mv {path}.new {path}"),
            FileProblem::TooLarge(_) => format!("ls -l {path}"),
            FileProblem::Damaged(_) => format!("file {path}"),
            FileProblem::NoLocks => format!("df -T {path}"),
            FileProblem::Held => format!("fuser {path}"),
            FileProblem::Served | FileProblem::OwnFiles | FileProblem::Temporary => {
                "install -d -m 700 ~/signet".to_owned()
            }
            FileProblem::System(_) => format!("namei -l {path}"),
        }
    }

    /// The path of a file in a command; only its name for visitors who may not see paths.
    fn path(&self, path: &Path) -> String {
        let text = match self.has_paths {
            true => path.to_string_lossy(),
            false => name(path),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
        match text.chars().all(is_plain) {
            true => text.into_owned(),
            false => quoted(&text),
        }
    }
}

/// The text as one word of a command.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The lines with which nginx passes `PATH_INFO` below this base path, which a visitor may
/// have chosen: no character has a meaning of its own.
fn nginx_lines(base: &str) -> String {
    let mut pattern = String::new();
    for c in base.trim_end_matches('/').chars() {
        if !c.is_ascii_alphanumeric() && !"/_~%-".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    format!(
        "fastcgi_split_path_info (?s)^({pattern})(/.*)$;\n\
         fastcgi_param PATH_INFO $fastcgi_path_info;"
    )
}
