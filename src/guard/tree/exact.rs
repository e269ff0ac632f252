//! Whether a name in a folder is spelled exactly as it was asked for.
//!
//! Some file systems find a file also by other spellings of its name: in upper or lower
//! case, in another Unicode normalization, with dots or spaces at the end, by a short name
//! such as `SECRET~1.TXT` (FAT, NTFS, SMB, ext4 and tmpfs with `casefold`, APFS). Such a
//! spelling must not evade an access rule for the name.

use std::os::fd::BorrowedFd;

use rustix::fs::Dir;
use rustix::io::Errno;
use unicode_normalization::UnicodeNormalization;

use super::open::{OpenBy, stat};

/// Whether `folder`, in which `name` was found, has it under exactly this name.
///
/// A list of the folder shows it, but takes long if the folder is large. So a list is read
/// only if another spelling of the name exists too. A folder that cannot be listed then has
/// no exact names.
pub(super) fn is_exact(
    open_by: OpenBy,
    folder: BorrowedFd<'_>,
    name: &[u8],
) -> Result<bool, Errno> {
    for spelling in other_spellings(name) {
        match stat(folder, &spelling) {
            // The file system does not have such a name, or cannot have it.
            Err(
                Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ,
            ) => {}
            Err(err @ (Errno::ACCESS | Errno::PERM)) => return Err(err),
            Ok(_) | Err(_) => return lists(open_by, folder, name),
        }
    }
    Ok(true)
}

fn lists(open_by: OpenBy, folder: BorrowedFd<'_>, name: &[u8]) -> Result<bool, Errno> {
    let list = match open_by.list(folder) {
        Ok(list) => list,
        Err(Errno::ACCESS) => return Ok(false),
        Err(err) => return Err(err),
    };
    for entry in Dir::new(list)? {
        if entry?.file_name().to_bytes() == name {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Other spellings of `name`, at least one of which is found too in a folder whose file
/// system does not compare names byte by byte. Each changes one thing, because a file system
/// may fold only some of them.
fn other_spellings(name: &[u8]) -> Vec<Vec<u8>> {
    let mut spellings = vec![name.iter().map(other_ascii_case).collect()];
    if let Ok(text) = str::from_utf8(name)
        && !text.is_ascii()
    {
        let others: [String; 4] = [
            text.chars().map(other_letter).collect(),
            text.chars().flat_map(other_case).collect(),
            text.nfkc().collect(),
            text.nfd().collect(),
        ];
        spellings.extend(others.map(String::into_bytes));
    }
    spellings.retain(|spelling| spelling != name);
    spellings.dedup();
    if spellings.is_empty() {
        spellings.push(match name {
            [start @ .., b'.' | b' '] if !start.is_empty() => start.to_vec(),
            _ => [name, b"."].concat(),
        });
    }
    spellings
}

/// The letter in the other case, in Unicode's full mapping: `SS` for `ß`.
fn other_case(letter: char) -> Vec<char> {
    match letter.is_lowercase() {
        true => letter.to_uppercase().collect(),
        false => letter.to_lowercase().collect(),
    }
}

/// The same, but letters remain that have no single letter in the other case, such as `ß`.
fn other_letter(letter: char) -> char {
    match other_case(letter)[..] {
        [other] => other,
        _ => letter,
    }
}

fn other_ascii_case(byte: &u8) -> u8 {
    match byte.is_ascii_alphabetic() {
        true => byte ^ 0x20,
        false => *byte,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_another_spelling() {
        #[rustfmt::skip]
        let cases: [(&[u8], &[&[u8]]); 9] = [
            (b"Ab1.txt",       &[b"aB1.TXT"]),
            (b"SECRET~1",      &[b"secret~1"]),
            (b"12",            &[b"12."]),
            (b"12.",           &[b"12"]),
            (b"12 ",           &[b"12"]),
            ("é".as_bytes(),   &["É".as_bytes(), "e\u{301}".as_bytes()]),
            ("aß".as_bytes(),  &["Aß".as_bytes(), b"ASS"]),
            ("語".as_bytes(),  &["語.".as_bytes()]),
            (b"a\xff",         &[b"A\xff"]),
        ];
        for (name, spellings) in cases {
            assert_eq!(other_spellings(name), spellings, "{name:?}");
        }
    }
}
