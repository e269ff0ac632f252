//! The fingerprint that binds a session to its user's password.
//!
//! It is HMAC-SHA256 over the user's name and hash, in base64url. So a session ends
//! when its user is removed or gets another password, on every machine that has the
//! file, also if it is in a signed cookie.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::file::Entry;
use super::hash::PasswordHash;
use crate::session::signing::Signer;

/// The key of the HMAC is HMAC-SHA256(secret key, salt).
const SALT: &[u8] = b"signet.fingerprint";

/// The fingerprint of a user, by the newest key.
pub(crate) fn of(name: &str, hash: &PasswordHash, keys: &Signer) -> Option<String> {
    let key = keys.derived_keys(SALT).next()?;
    let fingerprint = over(&key, name, hash.as_str())?;
    Some(URL_SAFE_NO_PAD.encode(fingerprint.finalize().into_bytes()))
}

/// Whether `claimed` is the fingerprint of a user by any key that is still accepted.
pub(crate) fn matches(claimed: &str, user: &Entry, keys: &Signer) -> bool {
    let (Ok(hash), Ok(claimed)) = (&user.hash, URL_SAFE_NO_PAD.decode(claimed)) else {
        return false;
    };
    keys.derived_keys(SALT).any(|key| {
        over(&key, user.name.as_str(), hash.as_str())
            .is_some_and(|fingerprint| fingerprint.verify_slice(&claimed).is_ok())
    })
}

/// HMAC before its end. The name has no NUL, so the two texts have one boundary.
fn over(key: &[u8], name: &str, hash: &str) -> Option<Hmac<Sha256>> {
    let hmac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).ok()?;
    Some(hmac.chain_update(name).chain_update([0]).chain_update(hash))
}
