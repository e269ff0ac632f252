//! Lists of the marks in files. Each list is of the marks of one span of time.
//!
//! The lists that have not expired show how many marks there are, the expired ones
//! show which marks to remove. So no request has to read the folder of the marks,
//! which may be large.
//!
//! `ended/lists/invented-FIRST-LAST` holds a line for each mark of an invented
//! name whose moment is in the seconds FIRST to LAST: the name of its file.
//! `known-FIRST-LAST` holds the other marks. A mark that is set again in a later
//! span is listed there too, and then counts twice until the first list expires.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, openat, statat, unlinkat};
use rustix::io::Errno;

use super::{MAX_CLEANED, MAX_INVENTED, Mark, kept_for};
use crate::files::FileProblem;
use crate::files::private::{self, UNFINISHED};
use crate::session::id::is_hash;
use crate::session::moment::Moment;

/// The folder of the lists, in that of the marks.
const FOLDER: &str = "lists";

/// The bytes of a line: 64 hex digits and a line feed.
const LINE: u64 = 65;

/// The number of spans in the time for which a mark is stored. With more spans, marks are
/// removed sooner after they expired, and more lists have to be counted.
const SPANS: u64 = 8;

/// Seconds after which an unfinished file is taken to be left by a process that
/// was killed.
const ABANDONED: i64 = 3600;

/// Which of the lists a mark belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The mark of a name that may be invented.
    Invented,
    /// The mark of a user that the site's owner named.
    Known,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Invented => "invented",
            Self::Known => "known",
        }
    }
}

/// The folder of the lists.
pub(super) struct Lists {
    folder: OwnedFd,
    kept: u64,
}

/// The data in the name of a list's file.
struct List {
    kind: Kind,
    last: u64,
}

impl List {
    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let word = parts.next()?;
        let kind = [Kind::Invented, Kind::Known]
            .into_iter()
            .find(|kind| kind.word() == word)?;
        let (_, last) = (parts.next()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { kind, last })
    }
}

impl Lists {
    /// The lists beside the marks in `marks`, of sessions that live for
    /// `lifetime` seconds.
    pub(super) fn open(marks: &OwnedFd, lifetime: u64) -> Result<Self, FileProblem> {
        Ok(Self {
            folder: private::make_folder(marks, FOLDER)?,
            kept: kept_for(lifetime),
        })
    }

    /// The folder, where new marks are written before they are put in place.
    pub(super) fn folder(&self) -> &OwnedFd {
        &self.folder
    }

    /// The first second of the span that the moment is in, and the last.
    fn span(&self, moment: Moment) -> (u64, u64) {
        let length = (self.kept / SPANS).max(1);
        let first = moment.second() - moment.second() % length;
        (first, first.saturating_add(length - 1))
    }

    /// Whether a mark that takes the place of `mark` is in its list already.
    pub(super) fn has(&self, mark: Mark, moment: Moment) -> bool {
        matches!(mark, Mark::At(earlier, _) if self.span(earlier) == self.span(moment))
    }

    /// Whether there are [`MAX_INVENTED`] marks of this kind.
    pub(super) fn is_full(&self, kind: Kind, now: u64) -> Result<bool, FileProblem> {
        Ok(self.lines(kind, now, None)? >= MAX_INVENTED)
    }

    /// Adds the mark `name` of this moment to its list. With `limited` it returns
    /// `false` if there are [`MAX_INVENTED`] others of its kind.
    ///
    /// However many processes do this at once, the limit is not exceeded: each learns
    /// from the position of its line how many came before it in the same list, and
    /// counts the other lists afterwards. Processes that add to different lists at the
    /// same time may count each other and all be refused. The line of a refused mark
    /// stays, so ask [`Lists::is_full`] before.
    pub(super) fn add(
        &self,
        kind: Kind,
        name: &str,
        moment: Moment,
        limited: bool,
        now: u64,
    ) -> Result<bool, FileProblem> {
        let (first, last) = self.span(moment);
        let list = format!("{}-{first}-{last}", kind.word());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.folder, &list, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(file);
        private::check_size_limit(file.metadata()?.len() + LINE)?;
        file.write_all(format!("{name}\n").as_bytes())?;
        let position = file.stream_position()? / LINE;
        Ok(!limited || position + self.lines(kind, now, Some(&list))? <= MAX_INVENTED)
    }

    /// The number of lines in the lists of a kind that have not expired, without the
    /// list `but`.
    fn lines(&self, kind: Kind, now: u64, but: Option<&str>) -> Result<u64, FileProblem> {
        let mut lines = 0;
        self.for_each(&mut |name| {
            if let Some(list) = List::parse(name)
                && list.kind == kind
                && !self.is_expired(&list, now)
                && but != Some(name)
            {
                match statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => lines += u64::try_from(stat.st_size).unwrap_or_default() / LINE,
                    Err(Errno::NOENT) => {}
                    Err(err) => return Err(err.into()),
                }
            }
            Ok(())
        })?;
        Ok(lines)
    }

    fn is_expired(&self, list: &List, now: u64) -> bool {
        list.last.saturating_add(self.kept) < now
    }

    fn for_each(
        &self,
        visit: &mut dyn FnMut(&str) -> Result<(), FileProblem>,
    ) -> Result<(), FileProblem> {
        for entry in Dir::read_from(&self.folder)? {
            if let Ok(name) = entry?.file_name().to_str() {
                visit(name)?;
            }
        }
        Ok(())
    }

    /// Calls `remove` with the names of some marks of expired lists and removes their
    /// lines. Removes unfinished files that are much older than the mark `newest` in
    /// `marks`, by the clock of the file system.
    pub(super) fn clean(
        &self,
        now: u64,
        marks: &OwnedFd,
        newest: &str,
        remove: &mut dyn FnMut(&str),
    ) -> Result<(), FileProblem> {
        let newest = statat(marks, newest, AtFlags::SYMLINK_NOFOLLOW)?.st_mtime;
        let mut left = MAX_CLEANED as u64;
        self.for_each(&mut |name| {
            match List::parse(name) {
                Some(list) if left > 0 && self.is_expired(&list, now) => {
                    left -= self.remove_lines(name, left, remove)?;
                }
                Some(_) => {}
                None if name.starts_with(UNFINISHED) => {
                    let stat = statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
                    if stat.st_mtime < newest - ABANDONED {
                        // A folder that was in the place of a mark stays.
                        let _ = unlinkat(&self.folder, name, AtFlags::empty());
                    }
                }
                None => {}
            }
            Ok(())
        })
    }

    /// Removes up to `lines` lines from the end of a list, and the list when it is
    /// empty. Returns how many lines it removed.
    fn remove_lines(
        &self,
        list: &str,
        lines: u64,
        remove: &mut dyn FnMut(&str),
    ) -> Result<u64, FileProblem> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.folder, list, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(0),
            Err(err) => return Err(err.into()),
        };
        let length = file.metadata()?.len();
        let left = (length / LINE).saturating_sub(lines) * LINE;
        let mut bytes = vec![0; usize::try_from(length - left).unwrap_or_default()];
        file.read_exact_at(&mut bytes, left)?;
        for name in bytes.split(|byte| *byte == b'\n') {
            // After a power failure there may be something else.
            if let Ok(name) = std::str::from_utf8(name)
                && is_hash(name)
            {
                remove(name);
            }
        }
        match left {
            0 => unlinkat(&self.folder, list, AtFlags::empty())?,
            left => file.set_len(left)?,
        }
        Ok((length - left) / LINE)
    }
}
