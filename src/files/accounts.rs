//! `/etc/passwd` and `/etc/group`: a static program has no other source of
//! users.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The name of the user `uid`; `user 1000` where it has none.
pub(crate) fn user_name(uid: u32) -> String {
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let name = passwd.split(|b| *b == b'\n').find_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let name = std::str::from_utf8(fields.next()?).ok()?;
        (number(fields.nth(1)?)? == uid && !name.is_empty()).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("user {uid}"))
}

/// The home folder of the user `uid`.
pub(crate) fn home(uid: u32) -> Option<PathBuf> {
    let passwd = std::fs::read("/etc/passwd").ok()?;
    passwd.split(|b| *b == b'\n').find_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let owner = number(fields.nth(2)?)?;
        let home = Path::new(OsStr::from_bytes(fields.nth(2)?));
        (owner == uid && home.is_absolute()).then(|| home.to_owned())
    })
}

/// Whether the group `gid` has a member who is not `trusted`: one that
/// `/etc/group` lists, or a user whose own group it is in `/etc/passwd`.
///
/// # Errors
///
/// The system's reason if one of the files exists and cannot be read.
pub(super) fn has_outsiders(gid: u32, trusted: impl Fn(u32) -> bool) -> io::Result<bool> {
    let passwd = read_if_there("/etc/passwd")?;
    let mut users = Vec::new();
    for line in passwd.split(|b| *b == b'\n') {
        let mut fields = line.split(|b| *b == b':');
        let (Some(name), Some(uid)) = (fields.next(), fields.nth(1).and_then(number)) else {
            continue;
        };
        let is_trusted = trusted(uid);
        if !is_trusted && fields.next().and_then(number) == Some(gid) {
            return Ok(true);
        }
        if is_trusted {
            users.push(name);
        }
    }
    let group = read_if_there("/etc/group")?;
    let mut lists = group.split(|b| *b == b'\n').filter_map(|line| {
        let mut fields = line.split(|b| *b == b':').skip(2);
        (number(fields.next()?)? == gid).then(|| fields.next())?
    });
    Ok(lists.any(|list| {
        let mut members = list.split(|b| *b == b',').filter(|name| !name.is_empty());
        members.any(|name| !users.contains(&name))
    }))
}

/// Its bytes; none if it does not exist, as in a container without users.
fn read_if_there(path: &str) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        outcome => outcome,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
