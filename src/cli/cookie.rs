//! `signet cookie`.

use super::site::{self, Subject};
use super::{Failure, note, print};
use crate::gateway::ProcessInput;
use crate::session::DateTime;
use crate::session::signing::{Signer, VerifyError, decode_payload};
use crate::session::tagged_json;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Verify a session cookie and show the session as JSON
    ///
    /// The JSON is Flask's, with its tags for types that JSON does not have. The time of
    /// the signature is written to standard error.
    Decode {
        /// The cookie's value, or NAME=VALUE
        cookie: String,
        /// Do not verify it: anybody may have written the content
        #[arg(long)]
        unverified: bool,
    },
}

pub(super) fn run(command: Command, input: &ProcessInput) -> Result<(), Failure> {
    let Command::Decode { cookie, unverified } = command;
    let token = match cookie.split_once('=') {
        Some((_, value)) => value.split(';').next().unwrap_or_default(),
        None => &cookie,
    };
    let payload = if unverified {
        let (signed, _) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (payload, _) = signed.rsplit_once('.').ok_or_else(malformed)?;
        note("not verified: anybody may have written this cookie");
        payload
    } else {
        verify(token, input)?
    };
    let session = decode_payload(payload)
        .and_then(|json| tagged_json::loads(&json))
        .ok_or_else(|| Failure::new("the cookie does not contain a session"))?;
    print(format!("{}\n", tagged_json::dumps(&session)).as_bytes())
}

fn verify<'t>(token: &'t str, input: &ProcessInput) -> Result<&'t str, Failure> {
    let config = site::settings(input, Subject::Key)?;
    let keys = config.existing_keys(input.now).map_err(Failure::new)?;
    let signer = Signer::new(config.digest, keys);
    match signer.verify(token, config.cookie.lifetime, input.now) {
        Ok(verified) => {
            let date = i64::try_from(verified.signed_at)
                .ok()
                .and_then(|at| DateTime::from_unix(at).ok());
            if let Some(date) = date {
                note(format_args!("signed {date}"));
            }
            Ok(verified.payload)
        }
        Err(err @ VerifyError::BadSignature) => {
            Err(Failure::new(err)
                .hint("check SESSION_DIGEST (Flask's default is sha1) and SECRET_KEY"))
        }
        Err(err) => Err(Failure::new(err)),
    }
}

fn malformed() -> Failure {
    Failure::new(VerifyError::Malformed)
}
