//! Takes uploaded users when a page asks for it, and logs what became of them.

use std::time::{Duration, Instant};

use super::hash::PasswordHash;
use super::new_password::FEWEST_CHARACTERS;
use super::store::Stored;
use super::upload::{self, Budget, UploadError};
use crate::gateway::{Interface, log};
use crate::server::Context;

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
    if upload.left > 0 {
        log(format_args!(
            "{}: lines left for the next requests for the login page: {}",
            upload::FILE_NAME,
            upload.left
        ));
    }
    for (line, reason) in upload.refused {
        log(format_args!("{}, line {line}: {reason}", upload::FILE_NAME));
    }
}

/// Logs that an upload has the wrong name.
#[cfg(feature = "program")]
pub(crate) fn log_misnamed_upload(context: &Context) {
    // Windows shows it without its end.
    const MISNAMED: &str = "add_users.txt.txt";
    if let Ok(folder) = context.config.state_folder()
        && folder.path().join(MISNAMED).exists()
    {
        log(format_args!(
            "{MISNAMED} is not read: rename it to {}",
            upload::FILE_NAME
        ));
    }
}
