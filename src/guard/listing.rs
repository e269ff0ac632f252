//! The names in a folder, sorted, in pages.

use std::cell::LazyCell;
use std::cmp::Ordering;

use rustix::fs::{AtFlags, FileType, statat};

use super::tree::{GuardedFolder, GuardedSubfolder, Name};
use crate::files::FileError;

/// The most names in a page.
pub const PAGE: usize = 1000;

/// The most names of a folder that are listed. A hundred thousand of 20 bytes take 4 MB.
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

/// The order of the names. Folders are before files. A symbolic link is sorted as a file, by
/// its own size and date.
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
    /// The names, some of which may not be shown: see [`GuardedFolder::entry`].
    pub names: Vec<Vec<u8>>,
    /// The number of the page, from 1.
    pub number: usize,
    /// The number of the last page, from 1.
    pub last: usize,
}

/// The names of a folder, one after the other: an allocation for each would take more
/// memory than the names.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    list: Vec<Sorted>,
}

/// A name with the value that it is sorted by.
#[derive(Clone, Copy)]
struct Sorted {
    value: i64,
    start: u32,
    length: u16,
    is_file: bool,
}

/// A page of the names in `folder`. For a number that is too large it is the last page.
///
/// To sort by size or date, the size or date of every name is read.
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
    let mut names = Names::default();
    for name in tree.names(folder)?.take(MAX_NAMES) {
        names.push(&name?, folder, order.key);
    }
    let Names { bytes, mut list } = names;
    let last = list.len().div_ceil(PAGE).max(1);
    let number = number.clamp(1, last);
    let (start, end) = ((number - 1) * PAGE, list.len().min(number * PAGE));
    // The rest need not be sorted.
    let compare = |a: &Sorted, b: &Sorted| a.compare(b, &bytes, order.is_down);
    if end < list.len() {
        list.select_nth_unstable_by(end, compare);
        list.truncate(end);
    }
    if start > 0 && start < list.len() {
        list.select_nth_unstable_by(start, compare);
    }
    let shown = &mut list[start..];
    shown.sort_unstable_by(compare);
    let names = shown.iter().map(|sorted| sorted.name(&bytes).to_vec());
    Ok(Page {
        names: names.collect(),
        number,
        last,
    })
}

impl Names {
    /// Adds a name. One that is longer than any file system allows is left out.
    fn push(&mut self, name: &Name, folder: &GuardedSubfolder, key: Key) {
        let (start, length) = (self.bytes.len().try_into(), name.name.len().try_into());
        let (Ok(start), Ok(length)) = (start, length) else {
            return;
        };
        // A name that is gone in the meantime will not be shown.
        let stat = LazyCell::new(|| {
            let folder = folder.folders.last()?;
            statat(folder, name.name.as_slice(), AtFlags::SYMLINK_NOFOLLOW).ok()
        });
        // Some file systems list names without types.
        let is_folder = name.is_folder.unwrap_or_else(|| {
            let kind = stat.map(|stat| FileType::from_raw_mode(stat.st_mode));
            kind == Some(FileType::Directory)
        });
        let value = match key {
            Key::Name => 0,
            Key::Size if is_folder => 0,
            Key::Size => stat.map_or(0, |stat| stat.st_size),
            Key::Changed => stat.map_or(0, |stat| stat.st_mtime),
        };
        self.bytes.extend_from_slice(&name.name);
        self.list.push(Sorted {
            value,
            start,
            length,
            is_file: !is_folder,
        });
    }
}

impl Sorted {
    fn name<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.start as usize..][..usize::from(self.length)]
    }

    fn compare(&self, other: &Self, bytes: &[u8], is_down: bool) -> Ordering {
        let names = || compare_names(self.name(bytes), other.name(bytes));
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
