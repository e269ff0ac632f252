//! Finds out what is right and wrong, from values: the settings, the request, the clock.
//! Nothing is created or corrected.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use minijinja::Value;
use rustix::fs::{Access, AtFlags, CWD, accessat, statfs, statvfs};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::canary;
use super::finding::{
    Address, Clock, Connection, Cookies, Finding, FolderFault, Guard, Key, Limits,
};
use super::finding::{Pages, Sessions, Settings, Start, StateFolder, Users};
use super::htaccess::{self, Search};
use crate::app::asked::served;
use crate::app::own_texts::OwnTexts;
use crate::app::unread::unread_settings;
use crate::config::{Config, SessionType, StoreType, Survey};
use crate::files::lock::has_locks;
use crate::files::shared::Patience;
use crate::files::trusted::{Anywhere, Readers, TrustedFile, TrustedFolder};
use crate::files::{FileError, FileProblem, PROGRAM, program_owner, program_path};
use crate::gateway::{ClientAddress, Interface, Language, NoAddress, Site, TrustProxy, fastcgi};
use crate::guard::groups::Groups;
use crate::guard::own_files;
use crate::server::{Context, render_own_from};
use crate::session::SessionId;
use crate::session::store::StoreError;
use crate::users::file::UsersFile;
use crate::users::{Accounts, AccountsError, check_not_empty};

/// The least free bytes and files of a disk that is not full.
const FREE_BYTES: u64 = 1 << 20;
const FREE_FILES: u64 = 16;

/// With less memory, some requests fail.
const MEMORY: u64 = 16 << 20;

/// A smaller file cannot hold all counters of failed logins.
const FILE_SIZE: u64 = 4 << 20;

/// How long the subfolders of protected folders are searched, for visitors who know the word,
/// and for others, who may be many.
pub(super) const LONG_SEARCH: Duration = Duration::from_secs(1);
pub(super) const SHORT_SEARCH: Duration = Duration::from_millis(100);

/// What is examined.
pub(super) struct Case<'c> {
    pub(super) survey: &'c Survey,
    /// The request for the page; of a command, a request without variables.
    pub(super) context: &'c Context,
    /// How the process was started.
    pub(super) by: Interface,
    /// The templates of pages, each with variables to try.
    pub(super) pages: Vec<(&'static str, [Value; 2])>,
    /// How long the subfolders of all protected folders are searched.
    pub(super) max_search: Duration,
    /// What is known of cookies; `None` for a command.
    pub(super) cookies: Option<Cookies>,
}

impl Case<'_> {
    fn config(&self) -> &Arc<Config> {
        &self.survey.config
    }

    fn euid(&self) -> u32 {
        self.config().euid()
    }

    /// All findings, by subject.
    pub(super) fn examine(mut self) -> Vec<Finding> {
        let mut findings = vec![Finding::Version];
        self.start(&mut findings);
        if let Some(cookies) = self.cookies.take() {
            findings.push(self.address().into());
            findings.extend(self.connection().into_iter().map(Finding::from));
            let in_context = self.in_context();
            let dropped = in_context.dropped_cookies().map(Cookies::Dropped);
            findings.extend(dropped.map(Finding::from));
            findings.push(cookies.into());
        }
        findings.push(self.clock().into());
        self.settings(&mut findings);
        self.state_folder(&mut findings);
        findings.push(self.key().into());
        self.sessions(&mut findings);
        self.users(&mut findings);
        self.pages(&mut findings);
        self.guard(&mut findings);
        self.limits(&mut findings);
        findings
    }

    /// The request with the settings as far as they can be read.
    fn in_context(&self) -> Context {
        let mut context = self.context.clone();
        context.config = Arc::clone(self.config());
        context
    }

    fn start(&self, findings: &mut Vec<Finding>) {
        let (by, user) = (self.by, self.euid());
        findings.push(Finding::Start(match program_owner() {
            _ if user == 0 => Start::AsRoot { by },
            Some(owner) if owner == user => Start::AsOwner { by, user },
            Some(0) | None => Start::Installed { by, user },
            Some(owner) => Start::AsOther { by, user, owner },
        }));
        let script = self.context.started.script.clone();
        for path in program_path().into_iter().chain(script) {
            let file = TrustedFile::find(&path, user, &Anywhere);
            if let Err(err) = file.and_then(|file| file.open(Readers::Anybody))
                && let FileProblem::Writable { .. } | FileProblem::Owner { .. } = err.problem
            {
                findings.push(Start::Replaceable(err).into());
            }
        }
    }

    fn address(&self) -> Address {
        let (mount, vars) = (&self.context.mount, &self.context.vars);
        let base = mount.cookie_path().to_owned();
        let is_chosen = self.by == Interface::FastCgi
            && fastcgi::is_split(vars)
            && self.config().application_root.is_none();
        match mount.by_query() {
            true => Address::ByQuery { base },
            false if is_chosen => Address::Chosen { base },
            false => Address::ByPath { base },
        }
    }

    fn connection(&self) -> Vec<Connection> {
        let (config, vars) = (self.config(), &self.context.vars);
        let site = Site::new(vars, config.trust_proxy);
        let is_local = vars
            .get("REMOTE_ADDR")
            .is_some_and(|address| address.starts_with(b"127.") || address == b"::1");
        let mut found = vec![match site.is_https {
            true => Connection::Https,
            false if config.cookie_secure == Some(true) => Connection::SecureByHttp,
            false if is_local => Connection::Local,
            false => Connection::Http,
        }];
        match (
            ClientAddress::new(vars, config.trust_proxy),
            config.trust_proxy,
        ) {
            (ClientAddress::Unknown(NoAddress::NotTrusted { field, .. }), _) => {
                found.push(Connection::UnusedProxy { field });
            }
            (ClientAddress::Unknown(NoAddress::NotSent { field, .. }), _) => {
                found.push(Connection::SilentProxy { field });
            }
            // A proxy on another computer.
            (_, TrustProxy::Off) if !site.is_https => {
                let is_behind = Site::new(vars, TrustProxy::XForwarded).is_https;
                found.extend(is_behind.then_some(Connection::UnusedProxy {
                    field: "X-Forwarded-Proto",
                }));
            }
            (_, TrustProxy::Off | TrustProxy::XForwarded | TrustProxy::Forwarded) => {}
        }
        found
    }

    fn clock(&self) -> Clock {
        let now = self.context.now;
        let program = std::fs::metadata(PROGRAM).ok();
        let program = program.and_then(|meta| u64::try_from(meta.mtime()).ok());
        match program.filter(|program| now < *program) {
            Some(program) => Clock::BeforeProgram { now, program },
            None => Clock::Now(now),
        }
    }

    fn settings(&self, findings: &mut Vec<Finding>) {
        let config = self.config();
        findings.push(Finding::Settings(match config.settings_file() {
            Some(path) => Settings::File(path.to_owned()),
            None => Settings::NoFile,
        }));
        let mistakes = self.survey.mistakes.iter().cloned();
        let above = config.guard_above_program(self.context.mount.base());
        findings.extend(
            mistakes
                .chain(above)
                .map(|err| Settings::Mistake(Box::new(err)).into()),
        );
        let unread = unread_settings(config.settings_file());
        findings.extend(unread.map(|path| Settings::Unread(path).into()));
        findings.extend(config.debug.then(|| Settings::Debug.into()));
        let refused = config.refused_fallbacks.iter().cloned();
        findings.extend(refused.map(|reason| Settings::RefusedFallback(reason).into()));
    }

    fn state_folder(&self, findings: &mut Vec<Finding>) {
        let config = self.config();
        let folder = config.state_folder();
        match &folder {
            Ok(folder) => {
                let nearest = nearest(folder);
                findings.push(Finding::StateFolder(StateFolder::Used {
                    path: folder.path().to_owned(),
                    exists: folder.missing() == 0,
                    file_system: file_system(nearest),
                }));
                let faults = folder_faults(nearest).into_iter();
                findings.extend(faults.map(|fault| StateFolder::Fault(fault).into()));
            }
            Err(err) => findings.push(StateFolder::None(err.clone()).into()),
        }
        // With STATE_DIR, the default folders are not tried.
        if config.given_state_dir().is_some() {
            return;
        }
        for (source, candidate) in &self.survey.candidates {
            let source = *source;
            match candidate {
                Err(error) => findings.push(Finding::StateFolder(StateFolder::Candidate {
                    source,
                    error: error.clone(),
                    has_other: folder.is_ok(),
                })),
                Ok(spare) if Some(spare.path()) != config.state_dir() => {
                    let path = spare.path().to_owned();
                    findings.push(Finding::StateFolder(StateFolder::Spare { source, path }));
                }
                Ok(_) => {}
            }
        }
    }

    fn key(&self) -> Key {
        let config = self.config();
        let is_new = config.own_key_file().is_some_and(|path| !may_exist(&path));
        match config.existing_keys(self.context.now) {
            Err(_) if is_new => Key::NotYet,
            Err(err) => Key::Fault(Box::new(err)),
            Ok(_) => match config.own_key_file().or_else(|| config.named_key_file()) {
                None => Key::InSettings,
                Some(path) => {
                    let meta = std::fs::metadata(&path);
                    let mode = meta.map_or(0, |meta| meta.permissions().mode() & 0o7777);
                    Key::InFile { path, mode }
                }
            },
        }
    }

    fn sessions(&self, findings: &mut Vec<Finding>) {
        let config = self.config();
        let kind = match config.session_type {
            SessionType::Stored(kind) => Some(kind),
            SessionType::Cookie => config.overflow,
        };
        let found = match kind {
            None => Sessions::InCookie,
            Some(StoreType::Filesystem) => {
                let faults = match config.session_file_dir() {
                    Err(err) => return findings.push(Sessions::NoFolder(err).into()),
                    Ok(folder) => match folder.open(Readers::Anybody) {
                        Err(err) => vec![FolderFault::File(err)],
                        Ok(_) => folder_faults(nearest(&folder)),
                    },
                };
                if !faults.is_empty() {
                    let faults = faults.into_iter();
                    return findings.extend(faults.map(|fault| Sessions::Folder(fault).into()));
                }
                Sessions::InFiles
            }
            Some(StoreType::Redis) => match self.ask_redis() {
                Ok(()) => Sessions::InRedis,
                Err(err) => Sessions::Store(err),
            },
        };
        findings.push(found.into());
    }

    /// Looks for a session that does not exist.
    fn ask_redis(&self) -> Result<(), StoreError> {
        let unavailable = |err: &dyn std::fmt::Display| StoreError::Unavailable(err.to_string());
        let store = self.config().store().map_err(|err| unavailable(&err))?;
        let id = SessionId::generate().map_err(|err| unavailable(&err))?;
        let loaded = store.map(|store| store.load(&id, self.context.now));
        loaded.transpose().map(|_| ())
    }

    fn users(&self, findings: &mut Vec<Finding>) {
        let config = self.config();
        if config.login_url.is_some() {
            return findings.push(Users::OtherLogin.into());
        }
        let content = match Accounts::look(config) {
            Ok(Accounts::Users(content)) => content,
            Ok(Accounts::Demo) => return findings.push(Users::Demo.into()),
            Err(err) => return findings.push(Users::Fault(err).into()),
        };
        let users = UsersFile::parse(&content.bytes);
        let file = match config.users_file() {
            Ok(file) => file,
            Err(err) => return findings.push(Users::Fault(AccountsError::Place(err)).into()),
        };
        let path = file.path().to_owned();
        findings.push(Finding::Users(
            match check_not_empty(config, &content.bytes) {
                Ok(()) => Users::File {
                    path: path.clone(),
                    count: users.users().len(),
                },
                Err(err) => Users::Fault(err),
            },
        ));
        let lines = users.problems().iter().cloned();
        findings.extend(lines.map(|problem| Users::Line(problem).into()));
        if users.more_problems() > 0 {
            findings.push(Users::MoreLines(users.more_problems()).into());
        }
        let mode = content.meta.mode() & 0o7777;
        if mode & 0o004 != 0 && !self.is_shut_in(&path) {
            findings.push(Users::Readable { path, mode }.into());
        }
        if config.password_change
            && let Err(err) = file.check_changeable(Patience::Short, 0)
        {
            findings.push(Users::Unchangeable(err).into());
        }
        let unknown = config.doctor_users.iter();
        let unknown = unknown.filter(|name| users.find(name).is_none());
        findings.extend(unknown.map(|name| Users::UnknownDoctor(name.clone()).into()));
    }

    /// Whether others cannot enter the folder of the file.
    fn is_shut_in(&self, path: &Path) -> bool {
        let folder = path.parent().and_then(|folder| folder.metadata().ok());
        folder.is_some_and(|folder| folder.mode() & 0o001 == 0)
    }

    fn pages(&self, findings: &mut Vec<Finding>) {
        let config = self.config();
        if let Some(path) = config.missing_templates_dir() {
            return findings.push(Pages::NoFolder(path.to_owned()).into());
        }
        let context = self.in_context();
        let (mut count, mut has_faults) = (0, false);
        // One language is enough: `load` checks the placeholders of each.
        let mut texts = OwnTexts::none(Language::English).variables();
        for language in config.languages.iter() {
            match OwnTexts::load(&context, language) {
                Ok(own) => texts = own.variables(),
                Err(err) => {
                    has_faults = true;
                    findings.push(Pages::Texts(err).into());
                }
            }
        }
        for (file, variables) in &self.pages {
            for (number, variables) in variables.iter().enumerate() {
                let variables = minijinja::context! { ..variables.clone(), ..texts.clone() };
                let found = match render_own_from(&context, file, &variables) {
                    Ok(None) => break,
                    Ok(Some(rendered)) => {
                        count += usize::from(number == 0);
                        rendered.undefined.map(Pages::Undefined)
                    }
                    Err(err) => Some(Pages::Fault(err)),
                };
                if let Some(found) = found {
                    has_faults = true;
                    findings.push(found.into());
                    break;
                }
            }
        }
        match (has_faults, count) {
            (true, _) => {}
            (false, 0) => findings.push(Pages::BuiltIn.into()),
            (false, count) => findings.push(Pages::Own { count }.into()),
        }
    }

    fn guard(&self, findings: &mut Vec<Finding>) {
        let config = self.config();
        let guard = &config.guard;
        if guard.dirs().next().is_none() {
            return findings.push(Guard::Nothing.into());
        }
        let vars = &self.context.vars;
        let end = Instant::now() + self.max_search;
        for (dir, path) in guard.dirs() {
            let prefix = guard.prefix(dir);
            let url = match prefix {
                Some(prefix) => prefix.as_str().to_owned(),
                None => self.context.mount.url_of_file(b"/"),
            };
            let mut below = Vec::new();
            let found = match own_files::open(config, path, served(dir, path, vars)) {
                Err(error) => Guard::Fault {
                    setting: dir.setting(),
                    error,
                },
                Ok(folder) => {
                    let canaries = canary::urls(vars, &folder, prefix);
                    let is_in_site = prefix.is_some() || canaries.is_some();
                    if is_in_site && htaccess::is_read(vars) {
                        below.extend(subfolders(path, &url, end));
                    }
                    let path = path.to_owned();
                    match canaries {
                        Some(canaries) => Guard::Served {
                            path,
                            url,
                            canaries,
                        },
                        None => Guard::Folder { path, url },
                    }
                }
            };
            findings.extend(std::iter::once(found).chain(below).map(Finding::from));
        }
        let is_demo = |finding: &Finding| matches!(finding, Finding::Users(Users::Demo));
        if findings.iter().any(is_demo) {
            findings.push(Guard::NoUsers.into());
        }
        if let Err(err) = Groups::load(config) {
            findings.push(Guard::Groups(err).into());
        }
        findings.extend(guard.x_sendfile.map(|server| Guard::Sent(server).into()));
    }

    fn limits(&self, findings: &mut Vec<Finding>) {
        let limit = |resource| getrlimit(resource).current;
        let (memory, file) = (limit(Resource::As), limit(Resource::Fsize));
        let seconds = limit(Resource::Cpu);
        findings.push(Finding::Limits(Limits::Known {
            memory,
            file,
            seconds,
        }));
        let low = memory.filter(|bytes| *bytes < MEMORY).map(Limits::Memory);
        let small = file.filter(|bytes| *bytes < FILE_SIZE).map(Limits::File);
        findings.extend(low.into_iter().chain(small).map(Finding::from));
    }
}

/// What is wrong with the subfolders of a protected folder of the site.
fn subfolders(path: &Path, url: &str, end: Instant) -> Vec<Guard> {
    let Search { found, is_cut } = Search::below(path, end);
    let (path, url) = (path.to_owned(), url.to_owned());
    let mut faults = Vec::new();
    if is_cut {
        let (path, url) = (path.clone(), url.clone());
        faults.push(Guard::Unsearched { path, url });
    }
    if !found.is_empty() {
        let files = found;
        faults.push(Guard::Opened { path, url, files });
    }
    faults
}

/// Whether something has this name, or it cannot be known.
pub(super) fn may_exist(path: &Path) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match std::fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(err) => !matches!(err.kind(), NotFound | NotADirectory),
    }
}

/// The folder itself, or the nearest one above it that exists.
fn nearest(folder: &TrustedFolder) -> &Path {
    let mut above = folder.path().ancestors();
    above.nth(folder.missing()).unwrap_or(folder.path())
}

/// Why nothing can be written into a folder, without writing anything.
fn folder_faults(path: &Path) -> Vec<FolderFault> {
    let fault = |problem: FileProblem| FolderFault::File(FileError::new(path, problem));
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    match accessat(CWD, path, wanted, AtFlags::EACCESS) {
        // Kernels before 5.8 cannot tell.
        Ok(()) | Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => {}
        Err(err) => return vec![fault(err.into())],
    }
    let mut faults = Vec::new();
    if let Ok(folder) = File::open(path)
        && !has_locks(&folder)
    {
        faults.push(fault(FileProblem::NoLocks));
    }
    if let Ok(room) = statvfs(path) {
        let bytes = room.f_bavail.saturating_mul(room.f_frsize);
        let files = (room.f_files > 0).then_some(room.f_favail);
        if bytes < FREE_BYTES || files.is_some_and(|files| files < FREE_FILES) {
            let path = path.to_owned();
            faults.push(FolderFault::Full { path, bytes, files });
        }
    }
    faults
}

/// The name of the file system of a folder, or its number in hexadecimal digits
/// (statfs(2)).
fn file_system(path: &Path) -> String {
    const NAMES: [(i64, &str); 12] = [
        (0xef53, "ext4"),
        (0x6969, "NFS"),
        (0x0102_1994, "tmpfs"),
        (0x794c_7630, "overlay"),
        (0x5846_5342, "XFS"),
        (0x9123_683e, "Btrfs"),
        (0x6573_5546, "FUSE"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB"),
        (0x4d44, "FAT"),
        (0x2fc1_2fc1, "ZFS"),
        (0x0bd0_0bd0, "Lustre"),
    ];
    let Ok(found) = statfs(path) else {
        return String::new();
    };
    let number = found.f_type & 0xffff_ffff;
    match NAMES.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("{number:#x}"),
    }
}
