//! The fingerprint that binds a session to its user's password.
//!
//! It is HMAC-SHA256 with the secret key over `signet.fingerprint`, the user's name and the
//! user's hash, with a zero byte between them, in base64url. So a session ends when its user
//! is removed or gets another password, on every machine that has the file, also if it is in
//! a signed cookie.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::hash::PasswordHash;
use crate::session::Login;
use crate::session::signing::Signer;

/// The beginning of the message. Each page of a logged-in visitor needs the fingerprint: a
/// key that is derived from the secret key would double its time.
const PURPOSE: &[u8] = b"signet.fingerprint\0";

/// The fingerprint of a user, by the key that signs.
pub(crate) fn of(name: &str, hash: &PasswordHash, keys: &Signer) -> String {
    let mac = over(keys.unsalted_mac(), PURPOSE, name, hash);
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// The login of a user by the fingerprint `claimed`, made by any key that is still accepted.
pub(crate) fn judge(claimed: &str, name: &str, hash: &PasswordHash, keys: &Signer) -> Login {
    let mut bytes = [0; 32];
    if URL_SAFE_NO_PAD.decode_slice(claimed, &mut bytes) != Ok(bytes.len()) {
        return Login::Ended;
    }
    let is_claimed = |mac| over(mac, PURPOSE, name, hash).verify_slice(&bytes).is_ok();
    match keys.unsalted_macs().position(is_claimed) {
        Some(0) => Login::Valid,
        Some(_) => Login::ByFallbackKey(of(name, hash, keys)),
        None => Login::Ended,
    }
}

/// `mac` over a purpose, a name and a hash, before its end. The name has no NUL, so the last
/// two texts have one boundary.
pub(super) fn over(
    mut mac: Hmac<Sha256>,
    purpose: &[u8],
    name: &str,
    hash: &PasswordHash,
) -> Hmac<Sha256> {
    for part in [purpose, name.as_bytes(), &[0], hash.as_str().as_bytes()] {
        mac.update(part);
    }
    mac
}
