//! Tokens as itsdangerous signs them, made from the format's description
//! alone: the oracle for what the program accepts and hands out.
//!
//! `payload.timestamp.signature`, each in URL-safe base64 without padding; a
//! compressed payload has a dot in front. Any part may be any bytes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::KEY;

/// The hash of both HMACs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

/// How the signing key comes from SECRET_KEY and salt. Flask uses `Hmac`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Derivation {
    Concat,
    DjangoConcat,
    Hmac,
    None,
}

/// All that a signature depends on.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) key: Vec<u8>,
    pub(crate) salt: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) derivation: Derivation,
}

impl Default for Signer {
    /// The tests' own key, and else the program's defaults.
    fn default() -> Self {
        Self::with_key(KEY)
    }
}

impl Signer {
    pub(crate) fn with_key(key: impl AsRef<[u8]>) -> Self {
        Self {
            key: key.as_ref().to_vec(),
            salt: b"cookie-session".to_vec(),
            digest: Digest::Sha256,
            derivation: Derivation::Hmac,
        }
    }

    pub(crate) fn digest(self, digest: Digest) -> Self {
        Self { digest, ..self }
    }

    /// A token for this JSON, signed at that Unix second, not compressed.
    pub(crate) fn token(&self, json: impl AsRef<[u8]>, timestamp: u64) -> String {
        self.sign(&encode(json), &timestamp_bytes(timestamp))
    }

    /// [`Signer::token`] with the payload compressed, whatever that gains.
    pub(crate) fn compressed(&self, json: impl AsRef<[u8]>, timestamp: u64) -> String {
        let zlib = compress_to_vec_zlib(json.as_ref(), 6);
        self.sign(&format!(".{}", encode(zlib)), &timestamp_bytes(timestamp))
    }

    /// Signs a payload as it stands in the token, with any timestamp bytes.
    pub(crate) fn sign(&self, payload: &str, timestamp: &[u8]) -> String {
        let signed = format!("{payload}.{}", encode(timestamp));
        let signature = encode(self.signature(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// What a token holds: its JSON and the second it was signed at; `None`
    /// when the signature is not this signer's.
    pub(crate) fn read(&self, token: &str) -> Option<(Vec<u8>, u64)> {
        let (signed, signature) = token.rsplit_once('.')?;
        if decode(signature)? != self.signature(signed.as_bytes()) {
            return None;
        }
        let (payload, timestamp) = signed.rsplit_once('.')?;
        let timestamp = decode(timestamp)?
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let json = match payload.strip_prefix('.') {
            Some(zlib) => decompress_to_vec_zlib_with_limit(&decode(zlib)?, 1 << 20).ok()?,
            None => decode(payload)?,
        };
        Some((json, timestamp))
    }

    /// What a session's token holds: its JSON without the date of its
    /// beginning, that date, and the second it was signed at.
    pub(crate) fn read_session(&self, token: &str) -> Option<(String, String, u64)> {
        let (json, timestamp) = self.read(token)?;
        let json = String::from_utf8(json).expect("JSON is text");
        let (before, rest) = json.split_once(r#""_started":"#).expect("a beginning");
        let end = rest.find([',', '}']).expect("more after it");
        let (began, after) = rest.split_at(end);
        let after = match before.ends_with(',') {
            true => after.to_owned(),
            false => after.trim_start_matches(',').to_owned(),
        };
        let before = match after.starts_with(',') || after == "}" {
            true => before.trim_end_matches(','),
            false => before,
        };
        Some((format!("{before}{after}"), began.to_owned(), timestamp))
    }

    fn signature(&self, signed: &[u8]) -> Vec<u8> {
        self.mac(&self.derived_key(), signed)
    }

    fn derived_key(&self) -> Vec<u8> {
        match self.derivation {
            Derivation::Concat => self.hash(&[&self.salt[..], &self.key].concat()),
            Derivation::DjangoConcat => self.hash(&[&self.salt[..], b"signer", &self.key].concat()),
            Derivation::Hmac => self.mac(&self.key, &self.salt),
            Derivation::None => self.key.clone(),
        }
    }

    fn mac(&self, key: &[u8], message: &[u8]) -> Vec<u8> {
        fn keyed<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
            let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes any key");
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        match self.digest {
            Digest::Sha1 => keyed::<Hmac<Sha1>>(key, message),
            Digest::Sha256 => keyed::<Hmac<Sha256>>(key, message),
            Digest::Sha512 => keyed::<Hmac<Sha512>>(key, message),
        }
    }

    fn hash(&self, message: &[u8]) -> Vec<u8> {
        match self.digest {
            Digest::Sha1 => Sha1::digest(message).to_vec(),
            Digest::Sha256 => Sha256::digest(message).to_vec(),
            Digest::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// URL-safe base64 without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The inverse of [`encode`].
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Big-endian, leading zero bytes removed.
pub(crate) fn timestamp_bytes(timestamp: u64) -> Vec<u8> {
    timestamp
        .to_be_bytes()
        .iter()
        .copied()
        .skip_while(|&byte| byte == 0)
        .collect()
}

/// `tests/vectors.json` was made by real Flask; every row of it.
#[test]
fn oracle_agrees_with_flask() {
    let text = include_str!("../../vectors.json");
    let vectors: Vec<serde_json::Value> = serde_json::from_str(text).expect("vectors");
    assert_eq!(vectors.len(), 9);
    for vector in vectors {
        let text = |field: &str| vector[field].as_str().expect(field);
        let digest = match text("digest") {
            "sha1" => Digest::Sha1,
            "sha256" => Digest::Sha256,
            other => panic!("digest {other}"),
        };
        let (name, json, cookie) = (text("name"), text("json"), text("cookie"));
        let key = match name {
            "bytes key sha1" => (0..32).collect(),
            _ => text("secret_key").as_bytes().to_vec(),
        };
        let signer = Signer::with_key(key).digest(digest);
        let timestamp = vector["timestamp"].as_u64().expect("a timestamp");
        assert_eq!(
            signer.derived_key(),
            unhex(text("derived_key_hex")),
            "{name}"
        );
        assert_eq!(
            signer.read(cookie),
            Some((json.as_bytes().to_vec(), timestamp)),
            "{name}"
        );
        if vector["compressed"] == false {
            assert_eq!(signer.token(json, timestamp), cookie, "{name}");
        } else {
            // Deflate may choose other bytes for the same text.
            let own = signer.compressed(json, timestamp);
            assert_eq!(signer.read(&own), signer.read(cookie), "{name}");
        }
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let pairs = digits.map(|pair| std::str::from_utf8(pair).expect("hex"));
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect("hex"))
        .collect()
}
