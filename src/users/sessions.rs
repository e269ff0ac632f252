//! The sessions of a user in a store, as the user sees and ends them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::config::SessionType;
use crate::server::{Context, Failure};
use crate::session::of_user::{ListedSession, Sessions};
use crate::session::signing::Signer;
use crate::session::store::Store;
use crate::session::{Session, SessionKey};

/// The salt of handles. Their key is HMAC-SHA256(secret key, salt).
const SALT: &[u8] = b"signet.session-handle";

/// The bytes of a handle.
const HANDLE: usize = 12;

/// A session in the list that its user sees.
#[derive(Clone, Debug)]
pub(crate) struct UserSession {
    /// A name for it that opens no session and says nothing about its id or its key in the
    /// store.
    pub(crate) handle: String,
    /// When it began, in Unix seconds.
    pub(crate) started: u64,
    /// When it was last saved, in Unix seconds.
    pub(crate) saved: u64,
    /// Whether it is that of the request.
    pub(crate) is_own: bool,
}

/// Whether sessions are in a store, so that a user's can be listed.
pub(crate) fn are_listed(context: &Context) -> bool {
    match context.config.session_type {
        SessionType::Stored(_) => true,
        SessionType::Cookie => false,
    }
}

/// The sessions of the user of `session`, with this one at the beginning and then the last
/// used ones first.
///
/// # Errors
///
/// The store, the revocation marks or the key cannot be used.
pub(crate) fn of_user(context: &Context, session: &Session) -> Result<Vec<UserSession>, Failure> {
    let signer = context.config.signer(context.now).map_err(Failure::Key)?;
    let Some(store) = store(context)? else {
        return Ok(Vec::new());
    };
    let listed = listed(context, store.as_ref(), session)?;
    let sessions = listed.into_iter().map(|listed| UserSession {
        handle: handle(&listed.key, &signer),
        started: listed.started,
        saved: listed.saved,
        is_own: listed.is_own,
    });
    Ok(sessions.collect())
}

/// Ends another session of the user of `session`. Returns `false` if there is none with this
/// handle.
///
/// # Errors
///
/// As those of [`of_user`].
pub(crate) fn end(context: &Context, session: &Session, named: &str) -> Result<bool, Failure> {
    let signer = context.config.signer(context.now).map_err(Failure::Key)?;
    let (Some(store), Some(user)) = (store(context)?, session.username()) else {
        return Ok(false);
    };
    let mut listed = listed(context, store.as_ref(), session)?.into_iter();
    let is_named =
        |listed: &ListedSession| !listed.is_own && is_handle(named, &listed.key, &signer);
    let Some(ended) = listed.find(is_named) else {
        return Ok(false);
    };
    let was_there = store.delete_by(&ended.key)?;
    store.change_list(user, &mut |list| list.remove(&ended.key))?;
    Ok(was_there)
}

/// Ends all other sessions of the user of `session`, also those that are in no list.
///
/// # Errors
///
/// As those of [`of_user`].
pub(crate) fn end_others(context: &Context, session: &mut Session) -> Result<(), Failure> {
    let (Some(store), Some(user)) = (store(context)?, session.username()) else {
        return Ok(());
    };
    let listed = listed(context, store.as_ref(), session)?;
    for other in listed.iter().filter(|other| !other.is_own) {
        store.delete_by(&other.key)?;
    }
    if let Some(own) = listed.iter().find(|listed| listed.is_own) {
        store.change_list(user, &mut |list| list.keep_only(&own.key))?;
    }
    session.end_elsewhere();
    Ok(())
}

fn store(context: &Context) -> Result<Option<Box<dyn Store>>, Failure> {
    context.config.store().map_err(Failure::StateDir)
}

fn listed(
    context: &Context,
    store: &dyn Store,
    session: &Session,
) -> Result<Vec<ListedSession>, Failure> {
    let revocations = context.config.revocations();
    let sessions = Sessions {
        store,
        revocations: revocations.as_deref(),
        settings: &context.config.cookie,
        check: &|user, fingerprint| context.judge(user, fingerprint),
        now: context.now,
    };
    Ok(sessions.of_user(session)?)
}

fn handle(key: &SessionKey, keys: &Signer) -> String {
    let mac = keys.mac(SALT).chain_update(key.as_str());
    URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..HANDLE])
}

/// Whether a handle is that of a session by any key that is still accepted.
fn is_handle(text: &str, key: &SessionKey, keys: &Signer) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else {
        return false;
    };
    let is_it = |mac: Hmac<Sha256>| mac.chain_update(key.as_str()).verify_truncated_left(&bytes);
    bytes.len() == HANDLE && keys.macs(SALT).any(|mac| is_it(mac).is_ok())
}
