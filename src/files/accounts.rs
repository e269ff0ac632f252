//! `/etc/passwd` and `/etc/group`: a static program has no other source of
//! users.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const PASSWD: &str = "/etc/passwd";

/// A line of `/etc/passwd`.
struct User<'p> {
    name: &'p [u8],
    uid: u32,
    gid: u32,
    home: &'p [u8],
}

fn users(passwd: &[u8]) -> impl Iterator<Item = User<'_>> {
    passwd.split(|b| *b == b'\n').filter_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        Some(User {
            name: fields.next()?,
            uid: number(fields.nth(1)?)?,
            gid: number(fields.next()?)?,
            home: fields.nth(1)?,
        })
    })
}

/// The name of the user `uid`.
pub(crate) fn name(uid: u32) -> Option<String> {
    let passwd = std::fs::read(PASSWD).unwrap_or_default();
    let user = users(&passwd).find(|user| user.uid == uid && !user.name.is_empty());
    Some(std::str::from_utf8(user?.name).ok()?.to_owned())
}

/// The name of the user `uid`, for messages; `user 1000` if it has none.
pub(crate) fn user_name(uid: u32) -> String {
    name(uid).unwrap_or_else(|| format!("user {uid}"))
}

/// The user `uid`, for commands: the name, or the number if it has none.
pub(crate) fn user_in_command(uid: u32) -> String {
    name(uid).unwrap_or_else(|| uid.to_string())
}

/// The home folder of the user `uid`.
pub(crate) fn home(uid: u32) -> Option<PathBuf> {
    let passwd = std::fs::read(PASSWD).ok()?;
    let mut homes = users(&passwd).filter(|user| user.uid == uid);
    homes.find_map(|user| {
        let home = Path::new(OsStr::from_bytes(user.home));
        home.is_absolute().then(|| home.to_owned())
    })
}

/// Whether the group `gid` has a member who is not `trusted`: one that
/// `/etc/group` lists, or a user whose own group it is in `/etc/passwd`.
///
/// # Errors
///
/// The system's reason if one of the files exists and cannot be read.
pub(super) fn has_outsiders(gid: u32, trusted: impl Fn(u32) -> bool) -> io::Result<bool> {
    let (passwd, group) = (read_if_there(PASSWD)?, read_if_there("/etc/group")?);
    let is_trusted =
        |member: &[u8]| users(&passwd).any(|user| user.name == member && trusted(user.uid));
    let mut lists = group.split(|b| *b == b'\n').filter_map(|line| {
        let mut fields = line.split(|b| *b == b':').skip(2);
        (number(fields.next()?)? == gid).then(|| fields.next())?
    });
    let mut own = users(&passwd).filter(|user| user.gid == gid);
    Ok(own.any(|user| !trusted(user.uid))
        || lists.any(|list| {
            let mut members = list.split(|b| *b == b',').filter(|name| !name.is_empty());
            members.any(|name| !is_trusted(name))
        }))
}

/// The bytes of a file; none if it does not exist, as in a container without
/// users.
fn read_if_there(path: &str) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        outcome => outcome,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
