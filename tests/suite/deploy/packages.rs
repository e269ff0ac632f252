//! `deploy/packages.sh`: the folder for state folders of `tests/bench` and `tests/peers`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use signet::config::SERVED_NAMES;

use super::shipped;
use crate::support::StateDir;

/// What `state_root` prints in `checkout`.
fn state_root(checkout: &Path, cache: &Path) -> PathBuf {
    let out = Command::new("bash")
        .args(["-euc", ". \"$0\"; state_root"])
        .arg(shipped("packages.sh"))
        .current_dir(checkout)
        .env("XDG_CACHE_HOME", cache)
        .output()
        .expect("bash");
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout)
        .expect("UTF-8")
        .trim_end()
        .into()
}

/// signet would refuse the key in the folder otherwise.
#[test]
fn state_folders_are_in_no_folder_that_the_program_refuses() {
    let folder = StateDir::new();
    let cache = folder.path().join("cache");
    for name in SERVED_NAMES.into_iter().chain(["sources"]) {
        let checkout = folder.path().join(name).join("signet");
        fs::create_dir_all(checkout.join("target")).expect("mkdir");
        let wanted = match name {
            "sources" => checkout.join("target"),
            _ => cache.clone(),
        };
        assert_eq!(state_root(&checkout, &cache), wanted, "{name}");
    }
}
