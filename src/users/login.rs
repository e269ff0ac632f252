//! Logging in by a password.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use super::accounts::Accounts;
use super::browser::KnownBrowser;
use super::file::{Entry, UsersFile};
use super::fingerprint;
use super::hash::{HashError, PasswordHash};
use super::limits::{Address, Attempt, Limits, Name, Now, PATIENCE, WORKER_PATIENCE};
use super::new_password::FEWEST_CHARACTERS;
use super::password::Password;
use super::recent::RecentUsers;
use super::slots::Slots;
use super::store::Stored;
use super::upload::{self, Budget, UploadError};
use crate::gateway::{ClientAddress, Interface, log, uptime};
use crate::server::{Context, Failure};
use crate::session::signing::Signer;
use crate::session::{DEMO, Login, Session, USERNAME};

/// Why an attempt to log in does not succeed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refused {
    /// There is no such user, or the password is wrong.
    Wrong,
    /// Too many attempts failed, or are made at the moment.
    Limited {
        /// Seconds until the next attempt may succeed.
        seconds: u64,
    },
}

/// A function that judges the username of a session by its fingerprint. Without a users
/// file, every name is valid. With `LOGIN_URL`, the login of another program is.
#[cfg(feature = "program")]
pub(crate) fn check_login()
-> impl Fn(&Context, &str, Option<&str>) -> Result<Login, Failure> + Send + Sync {
    let recent = RecentUsers::default();
    move |context, username, claimed| {
        // The other login's sessions have no fingerprint.
        if context.config.login_url.is_some() {
            return Ok(Login::OfAnother);
        }
        recent.judge(context, username, claimed, || {
            Ok(match Accounts::of(&context.config)? {
                Accounts::Demo => None,
                Accounts::Users(users) => Some(users),
            })
        })
    }
}

/// How long the hashes of uploaded users may take, in a process of one request.
const UPLOAD_TIME: Duration = Duration::from_secs(2);

/// The same in a worker that has other visitors: one hash.
const WORKER_UPLOAD_TIME: Duration = Duration::from_millis(1);

/// Takes users from an uploaded `add_users.txt`, if there is one, and logs their names.
pub(crate) fn take_upload(context: &Context) {
    let began = Instant::now();
    let budget = Budget {
        elapsed: &|| began.elapsed(),
        limit: match context.interface {
            Interface::FastCgi => WORKER_UPLOAD_TIME,
            Interface::Cgi | Interface::CommandLine => UPLOAD_TIME,
        },
    };
    let upload = match upload::take(&context.config, context.now, &budget, PasswordHash::make) {
        Ok(Some(upload)) => upload,
        Ok(None) => return,
        // Without a folder there is no upload. Where one is needed, its fault is logged.
        Err(UploadError::StateDir(_)) => return,
        Err(err) if err.may_pass() => return,
        Err(err) => return log(err),
    };
    for (name, stored) in upload.stored {
        let name = name.as_str();
        log(match stored {
            Stored::Added => format!("{}: added the user {name:?}", upload::FILE_NAME),
            Stored::Changed => format!("{}: changed the password of {name:?}", upload::FILE_NAME),
        });
    }
    for name in upload.weak {
        log(format_args!(
            "{}: the password of {:?} is easy to guess: use at least {FEWEST_CHARACTERS} characters, \
             and neither a common password nor the name",
            upload::FILE_NAME,
            name.as_str()
        ));
    }
    for (line, reason) in upload.refused {
        log(format_args!("{}, line {line}: {reason}", upload::FILE_NAME));
    }
}

/// Makes the session that of the user `name` if the password is right.
///
/// # Errors
///
/// As those of [`attempt`].
pub(crate) fn log_in(
    context: &Context,
    users: &[u8],
    session: &mut Session,
    name: &str,
    password: &Password,
) -> Result<Result<(), Refused>, Failure> {
    let proved = attempt(context, users, name, password, |user, who| {
        session.insert(USERNAME, user.name.as_str());
        log(format_args!("login of {who}"));
        match &user.hash {
            Ok(hash) => prove(context, session, user.name.as_str(), hash),
            // Nobody's password is right.
            Err(_) => Ok(()),
        }
    })?;
    Ok(match proved {
        Ok(proved) => Ok(proved?),
        Err(refused) => Err(refused),
    })
}

/// Binds the session to the user's password, and gives it a new id and beginning. From
/// now on the browser is known.
pub(super) fn prove(
    context: &Context,
    session: &mut Session,
    name: &str,
    hash: &PasswordHash,
) -> Result<(), Failure> {
    let signer = context.config.signer(context.now).map_err(Failure::Key)?;
    session.remove(DEMO);
    session.prove(fingerprint::of(name, hash, &signer));
    let (cookie, scope) = (&context.config.cookie, context.cookie_scope());
    // Without random bytes it is not known.
    if let Ok(browser) = known_browser(context, &signer).with_user(name, hash, &signer)
        && let Some(line) = browser.set_cookie(cookie, scope, &signer, context.now)
    {
        session.add_cookie(line);
    }
    Ok(())
}

fn known_browser(context: &Context, signer: &Signer) -> KnownBrowser {
    let cookies = context.vars.all("HTTP_COOKIE");
    KnownBrowser::parse(cookies, &context.config.cookie, signer, context.now)
}

/// Verifies the password of the user `name`. If it is right, calls `when_right` with the
/// user and with name and address for the log, before other passwords are verified in
/// its place.
///
/// An attempt is counted before its password is verified, and none is verified while
/// the name or the address has to wait. An attempt that fails computes one hash for
/// each kind and cost in the file: so its time does not tell whether there is such a
/// user, or what the user's hash is.
///
/// # Errors
///
/// The key or the state folder cannot be used, or there is not enough memory.
pub(super) fn attempt<T>(
    context: &Context,
    users: &[u8],
    name: &str,
    password: &Password,
    when_right: impl FnOnce(&Entry, &str) -> T,
) -> Result<Result<T, Refused>, Failure> {
    let config = &context.config;
    let users = UsersFile::parse(users);
    let user = users.find(name);
    let address = ClientAddress::new(&context.vars, config.trust_proxy);
    if let ClientAddress::Unknown(reason) = &address {
        log(format_args!(
            "failed logins are not counted by address: {reason}"
        ));
    }
    // People type passwords into the field of the name: only known names are logged.
    let who = match user {
        Some(user) => format!("{:?} from {address}", user.name.as_str()),
        None => format!("from {address}"),
    };
    let of = if user.is_some() { "of " } else { "" };
    let own = user.and_then(|user| user.hash.as_ref().ok());
    let signer = config.signer(context.now).map_err(Failure::Key)?;
    let browser = known_browser(context, &signer);
    let attempt = Attempt {
        name: match user {
            Some(user) => Name::Known(user.name.as_str()),
            None => Name::Invented(name),
        },
        address: address.counts_as().map(Address::from),
        browser: own.and_then(|own| browser.id_for(name, own, &signer)),
    };
    let limited = |seconds| {
        let colon = if user.is_some() { ":" } else { "" };
        log(format_args!("login limited for {seconds} s{colon} {who}"));
        Ok(Err(Refused::Limited { seconds }))
    };
    // A worker has other visitors, who would wait as well.
    let (lock_wait, slot_wait) = match context.interface {
        Interface::FastCgi => (WORKER_PATIENCE, Duration::ZERO),
        Interface::Cgi | Interface::CommandLine => (PATIENCE, PATIENCE),
    };
    let now = || Now {
        unix: context.now,
        uptime: uptime(),
    };
    // Without a folder for them, no attempt is counted.
    let processors = available_parallelism().map_or(1, usize::from);
    let slots = Slots::of(config, processors).map_err(Failure::StateDir)?;
    let limits = Limits::of(config, signer.key(), lock_wait).map_err(Failure::StateDir)?;
    let admitted = match limits.begin(&attempt, now()) {
        Ok(admitted) => admitted,
        Err(wait) => return limited(wait.seconds),
    };
    let _slot = match slots.take(&admitted, slot_wait) {
        Ok(slot) => slot,
        Err(busy) => {
            admitted.cancel(now());
            return limited(busy.seconds);
        }
    };
    if let Some(Entry {
        hash: Err(reason),
        line,
        ..
    }) = user
    {
        log(format_args!("users file, line {line}: {reason}"));
    }
    match (is_right(&users, own, password), user) {
        (Ok(true), Some(user)) => {
            admitted.succeed(now());
            Ok(Ok(when_right(user, &who)))
        }
        (Ok(_), _) => {
            admitted.fail();
            log(format_args!("failed login {of}{who}"));
            Ok(Err(Refused::Wrong))
        }
        (Err(err), _) => {
            // It stays counted: only a wrong password may need the memory of a decoy, so that
            // the error tells that it is wrong.
            admitted.fail();
            log(format_args!("failed login {of}{who}"));
            Err(Failure::Unavailable(Box::new(err)))
        }
    }
}

/// Whether the password is the user's. If it is not, all hashes have been computed that
/// an attempt costs with this file.
fn is_right(
    users: &UsersFile,
    own: Option<&PasswordHash>,
    password: &Password,
) -> Result<bool, HashError> {
    if let Some(own) = own
        && own.verify(password)?
    {
        return Ok(true);
    }
    for work in users.works() {
        if own.is_none_or(|own| own.work() != work) {
            work.decoy().verify(password)?;
        }
    }
    Ok(false)
}
