//! Logging in by a password.

use std::thread::available_parallelism;
use std::time::Duration;

use super::accounts::Accounts;
use super::browser::KnownBrowser;
use super::file::{Entry, UsersFile};
use super::fingerprint;
use super::hash::{HashError, PasswordHash};
use super::limits::{Address, Admitted, Attempt, Limits, Now, PATIENCE, WORKER_PATIENCE, Wait};
use super::password::Password;
use super::recent::RecentUsers;
use super::slots::{Slot, Slots};
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
    let proved = attempt(context, users, name, password, |user, hash, who| {
        session.insert(USERNAME, user.name.as_str());
        log(format_args!("login of {who}"));
        prove(context, session, user.name.as_str(), hash)
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
    when_right: impl FnOnce(&Entry, &PasswordHash, &str) -> T,
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
    let own = user.and_then(|user| Some((user, user.hash.as_ref().ok()?)));
    let signer = config.signer(context.now).map_err(Failure::Key)?;
    let browser = known_browser(context, &signer);
    let attempt = Attempt {
        name,
        address: address.counts_as().map(Address::from),
        browser: own.and_then(|(_, hash)| browser.id_for(name, hash, &signer)),
    };
    let (lock_wait, slot_wait) = waits(context.interface);
    let limits = Limits::of(config, signer.key(), lock_wait).map_err(Failure::StateDir)?;
    let processors = available_parallelism().map_or(1, usize::from);
    let slots = Slots::of(config, processors).map_err(Failure::StateDir)?;
    let now = || Now {
        unix: context.now,
        uptime: uptime(),
    };
    let (admitted, _slot) = match admit(&attempt, &limits, &slots, slot_wait, &now) {
        Ok(admitted) => admitted,
        Err(Wait { seconds }) => {
            let colon = if user.is_some() { ":" } else { "" };
            log(format_args!("login limited for {seconds} s{colon} {who}"));
            return Ok(Err(Refused::Limited { seconds }));
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
    match (is_right(&users, own.map(|(_, hash)| hash), password), own) {
        (Ok(true), Some((user, hash))) => {
            admitted.succeed(now());
            Ok(Ok(when_right(user, hash, &who)))
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

/// How long an attempt waits for the lock of the counters, and for a slot. A worker has other
/// visitors, who would wait as well.
fn waits(interface: Interface) -> (Duration, Duration) {
    match interface {
        Interface::FastCgi => (WORKER_PATIENCE, Duration::ZERO),
        Interface::Cgi | Interface::CommandLine => (PATIENCE, PATIENCE),
    }
}

/// Counts an attempt and takes a slot for its hashes; or how long it has to wait.
fn admit<'l>(
    attempt: &Attempt<'_>,
    limits: &'l Limits,
    slots: &Slots,
    slot_wait: Duration,
    now: &dyn Fn() -> Now,
) -> Result<(Admitted<'l>, Slot), Wait> {
    let admitted = limits.begin(attempt, now())?;
    match slots.take(&admitted, slot_wait) {
        Ok(slot) => Ok((admitted, slot)),
        Err(wait) => {
            admitted.cancel(now());
            Err(wait)
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
