//! The names in a folder, sorted, in pages.

use std::cmp::Ordering;

use rustix::fs::{AtFlags, statat};

use super::tree::{Entry, GuardedFolder, GuardedSubfolder, Name};
use crate::files::FileError;

/// The most names in a page.
pub const PAGE: usize = 1000;

/// The most names of a folder that are listed. A hundred thousand take some megabytes.
const MAX_NAMES: usize = 500_000;

/// What the names are sorted by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Key {
    /// The name, without difference between upper and lower case of ASCII letters.
    #[default]
    Name,
    /// The number of bytes.
    Size,
    /// When it was last changed.
    Changed,
}

/// The order of the names. Folders are before files, whatever the order is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Order {
    /// What they are sorted by. Those with the same key are sorted by name.
    pub key: Key,
    /// Whether the greatest is the first.
    pub is_down: bool,
}

/// A part of the names in a folder.
#[derive(Debug)]
pub struct Page {
    /// Names with their files and folders. Those that are not shown are left out, so that
    /// there can be fewer than [`PAGE`].
    pub rows: Vec<(Vec<u8>, Entry)>,
    /// The number of the page, from 1.
    pub number: usize,
    /// The number of the last page, from 1.
    pub last: usize,
}

/// A name with the value that it is sorted by.
struct Sorted {
    is_file: bool,
    value: i64,
    name: Name,
}

/// A page of the names in `folder`. For a number that is too large it is the last page.
///
/// Only the names of this page are looked at one by one. To sort by size or date, the size
/// and date of every name are read.
///
/// # Errors
///
/// [`FileError`] if the folder may not be listed, and for a fault of the machine.
pub fn page(
    tree: &GuardedFolder,
    folder: &GuardedSubfolder,
    order: Order,
    number: usize,
) -> Result<Page, FileError> {
    let mut names = Vec::new();
    for name in tree.names(folder)?.take(MAX_NAMES) {
        names.push(Sorted::new(name?, folder, order.key));
    }
    let last = names.len().div_ceil(PAGE).max(1);
    let number = number.clamp(1, last);
    let (start, end) = ((number - 1) * PAGE, names.len().min(number * PAGE));
    // The rest need not be sorted.
    let compare = |a: &Sorted, b: &Sorted| a.compare(b, order.is_down);
    if end < names.len() {
        names.select_nth_unstable_by(end, compare);
        names.truncate(end);
    }
    if start > 0 && start < names.len() {
        names.select_nth_unstable_by(start, compare);
    }
    let mut shown = names.split_off(start);
    shown.sort_unstable_by(compare);
    let mut rows = Vec::with_capacity(shown.len());
    for Sorted { name, .. } in shown {
        if let Some(entry) = tree.entry(folder, &name.name)? {
            rows.push((name.name, entry));
        }
    }
    Ok(Page { rows, number, last })
}

impl Sorted {
    fn new(name: Name, folder: &GuardedSubfolder, key: Key) -> Self {
        // A name that is gone in the meantime will not be shown.
        let stat = || {
            let folder = folder.folders.last()?;
            statat(folder, name.name.as_slice(), AtFlags::SYMLINK_NOFOLLOW).ok()
        };
        let value = match key {
            Key::Name => 0,
            Key::Size if name.is_folder == Some(true) => 0,
            Key::Size => stat().map_or(0, |stat| stat.st_size),
            Key::Changed => stat().map_or(0, |stat| stat.st_mtime),
        };
        Self {
            is_file: name.is_folder != Some(true),
            value,
            name,
        }
    }

    fn compare(&self, other: &Self, is_down: bool) -> Ordering {
        let names = || compare_names(&self.name.name, &other.name.name);
        let keys = self.value.cmp(&other.value).then_with(names);
        self.is_file
            .cmp(&other.is_file)
            .then_with(|| if is_down { keys.reverse() } else { keys })
    }
}

/// The order of two different names.
fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    a.iter()
        .map(u8::to_ascii_lowercase)
        .cmp(b.iter().map(u8::to_ascii_lowercase))
        .then_with(|| a.cmp(b))
}
