//! The users of this machine, as `/etc/passwd` names them. (A static program
//! has no other source of it.)

/// The name of the user `uid`; `user 1000` where it has none.
pub(crate) fn user_name(uid: u32) -> String {
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let name = passwd.split(|b| *b == b'\n').find_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let name = std::str::from_utf8(fields.next()?).ok()?;
        let id: u32 = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
        (id == uid && !name.is_empty()).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("user {uid}"))
}
