//! What a person copies or runs: the scripts of `deploy/`, as they are shipped.
//! (The web servers' files are tested by `live`.)

mod build;
mod checkout;
mod fail2ban;
mod machines;
mod packages;
mod probe;
mod release;
mod serve;
mod service;
mod update;

use std::path::{Path, PathBuf};

/// A file of `deploy/`.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name)
}

/// What `deploy/build` makes; `tests/run` has it made before it runs these.
#[track_caller]
pub(crate) fn static_program() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/signet.cgi");
    assert!(
        path.exists(),
        "{} is missing: run tests/run",
        path.display()
    );
    path
}
