//! signet's signer at the other end of a pipe, for itsdangerous' own tests: a
//! request in JSON on each line in, an answer in JSON on each line out.
//! `itsdangerous_tests.py` writes and reads them.

use std::error::Error;
use std::io::{Write, stdin, stdout};

use serde_json::{Value as Json, json};
use signet::session::key::{Key, Keys};
use signet::session::signing::{Digest, Signer, VerifyError, decode_payload, encode_payload};

fn main() -> Result<(), Box<dyn Error>> {
    for line in stdin().lines() {
        let answer = answer(&serde_json::from_str(&line?)?)?;
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}

fn answer(line: &Json) -> Result<Json, Box<dyn Error>> {
    let text = |name: &str| line[name].as_str().ok_or(format!("{name}: not a text"));
    let number = |name: &str| line[name].as_u64().ok_or(format!("{name}: not a number"));
    Ok(match text("do")? {
        "sign" => json!(signer(line)?.sign(text("payload")?, number("now")?)),
        "unsign" => {
            let signer = signer(line)?;
            match signer.verify(text("token")?, number("max_age")?, number("now")?) {
                Ok(good) => json!({ "payload": good.payload, "signed_at": good.signed_at }),
                Err(err) => json!({ "error": kind(&err), "text": err.to_string() }),
            }
        }
        "encode" => json!(encode_payload(text("json")?)),
        "decode" => json!(decode_payload(text("payload")?)),
        other => return Err(format!("nothing is called {other}").into()),
    })
}

fn signer(line: &Json) -> Result<Signer, Box<dyn Error>> {
    let digest = match line["digest"].as_str() {
        Some("sha1") => Digest::Sha1,
        Some("sha256") => Digest::Sha256,
        _ => return Err("digest: neither sha1 nor sha256".into()),
    };
    let keys: Vec<String> = serde_json::from_value(line["keys"].clone())?;
    let mut keys = keys.into_iter().map(|key| Key::new(key.into_bytes()));
    let signing = keys.next().ok_or("keys: an empty list")??;
    Ok(Signer::new(
        digest,
        Keys::new(signing, keys.collect::<Result<_, _>>()?),
    ))
}

fn kind(err: &VerifyError) -> &'static str {
    match err {
        VerifyError::Malformed => "malformed",
        VerifyError::BadSignature => "bad signature",
        VerifyError::Expired { .. } => "expired",
        VerifyError::FromFuture { .. } => "from the future",
        _ => "unknown",
    }
}
