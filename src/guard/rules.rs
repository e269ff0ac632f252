//! Files `.signet-users`, by which an owner who has nothing but FTP says who may open a
//! folder: a user, or a group as `@staff`, in each line.
//!
//! A line ends with LF or CR LF; blanks around it do not count; an empty line and one that
//! begins with `#` mean nothing; a byte order mark is ignored. A file without names lets
//! nobody in.

use super::groups::Groups;
use super::words;
use crate::config::Member;
use crate::files::FileProblem;
use crate::files::text;

/// The name of the file in a folder.
pub const FILE_NAME: &str = ".signet-users";

/// The most bytes of the file.
pub(super) const MAX_FILE: usize = 64 * 1024;

/// Reads a file `.signet-users`.
///
/// # Errors
///
/// [`FileProblem::Damaged`]: it is not UTF-8, or a line is no name. Then nobody may open
/// the folder: a damaged name may have been any name.
pub fn parse(file: &[u8]) -> Result<Vec<Member>, FileProblem> {
    let text = text::decode(file)
        .map_err(|_| FileProblem::Damaged("is not UTF-8: save the file as UTF-8"))?;
    let lines = text
        .split('\n')
        .map(|line| line.trim_matches(words::is_blank));
    let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let members: Option<Vec<Member>> = names.map(Member::parse).collect();
    members.ok_or(FileProblem::Damaged("has a line that is no name"))
}

/// Whether the user is one of the members or in one of their groups. An unknown group has
/// no users.
pub fn includes(members: &[Member], groups: &Groups, user: &str) -> bool {
    members.iter().any(|member| match member {
        Member::User(name) => name == user,
        Member::Group(name) => groups.contains(name, user),
    })
}
