//! The fingerprint that binds a session to its user's password.
//!
//! It is HMAC-SHA256 over the user's name and hash, in base64url. So a session ends
//! when its user is removed or gets another password, on every machine that has the
//! file, also if it is in a signed cookie.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::file::Entry;
use super::hash::PasswordHash;
use crate::session::signing::{Signer, salted};

/// The key of the HMAC is HMAC-SHA256(secret key, salt).
const SALT: &[u8] = b"signet.fingerprint";

/// The fingerprint of a user, by the key that signs.
pub(crate) fn of(name: &str, hash: &PasswordHash, keys: &Signer) -> String {
    let fingerprint = over(salted(keys.key(), SALT), name, hash);
    URL_SAFE_NO_PAD.encode(fingerprint.finalize().into_bytes())
}

/// Whether `claimed` is the fingerprint of a user by any key that is still accepted.
pub(crate) fn matches(claimed: &str, user: &Entry, keys: &Signer) -> bool {
    let (Ok(hash), Ok(claimed)) = (&user.hash, URL_SAFE_NO_PAD.decode(claimed)) else {
        return false;
    };
    let is_claimed = |mac| over(mac, user.name.as_str(), hash).verify_slice(&claimed);
    keys.macs(SALT).any(|mac| is_claimed(mac).is_ok())
}

/// `mac` over name and hash, before its end. The name has no NUL, so the two texts have
/// one boundary.
pub(super) fn over(mac: Hmac<Sha256>, name: &str, hash: &PasswordHash) -> Hmac<Sha256> {
    mac.chain_update(name)
        .chain_update([0])
        .chain_update(hash.as_str())
}
