//! Counters in a file, `rate_limits` in the state folder, for the processes of one
//! machine.
//!
//! It is one file of fixed places, and not a file for each name and address, because
//! then its size has a limit that needs no cleaning (3.2 MB, of which only pages in use
//! take disk space), one lock is enough to count an attempt by name and address at
//! once, and a check takes nine system calls. A bucket is written by one call within a
//! page, so a process that is killed leaves it as it was or as it should be.
//!
//! The lock is held while a few hundred bytes are read and written, never while a
//! password is verified.

use std::time::Duration;

use rustix::fs::{FallocateFlags, SeekFrom, fallocate, seek};
use rustix::io::{Errno, pread, pwrite};

use super::bucket::Bucket;
use super::counter::{Counter, Damaged, LIFETIME, SIZE};
use super::store::{Counters, State, Step, Unavailable};
use super::table::{Place, size_of_all};
use super::time::Now;
use crate::files::lock::lock_file;
use crate::files::private::check_size_limit;
use crate::files::trusted::{Opened, Readers, TrustedFolder};
use crate::files::{FileError, FileProblem};

/// The file in the state folder.
pub const FILE_NAME: &str = "rate_limits";

/// Bytes before the tables. Their beginning is the header: a [`Counter`] whose tag and
/// count are those of this format, and whose time is that of the last cleaning.
const HEADER: u64 = 4096;

const FORMAT: (u32, u8) = (u32::from_le_bytes(*b"rate"), 1);

/// Bytes that are cleaned at a time. No bucket is on both sides of a multiple.
const PAGE: usize = 4096;

/// Counters in a file.
#[derive(Debug)]
pub(super) struct CounterFile {
    folder: TrustedFolder,
    max_wait: Duration,
}

impl CounterFile {
    /// Counters in the file in `folder`. Its lock is waited for at most `max_wait`.
    pub(super) fn new(folder: TrustedFolder, max_wait: Duration) -> Self {
        Self { folder, max_wait }
    }

    fn open(&self) -> Result<Opened, FileError> {
        match self.folder.make_writable(FILE_NAME) {
            Err(err) if err.problem == FileProblem::Missing => {
                self.folder.make(Readers::Anybody)?;
                self.folder.make_writable(FILE_NAME)
            }
            opened => opened,
        }
    }

    fn failed(&self, problem: impl Into<FileProblem>) -> Unavailable {
        let path = self.folder.path().join(FILE_NAME);
        Unavailable::Failed(FileError::new(&path, problem).to_string())
    }
}

impl Counters for CounterFile {
    fn change(
        &self,
        places: &[Place],
        now: Now,
        step: &mut Step<'_>,
    ) -> Result<State, Unavailable> {
        let opened = self
            .open()
            .map_err(|err| Unavailable::Failed(err.to_string()))?;
        let file = Locked(opened);
        match lock_file(&file.0.file, self.max_wait) {
            // Without locks, attempts at the same moment may be counted as one.
            Ok(true) | Err(FileProblem::NoLocks) => {}
            Ok(false) => return Err(Unavailable::Held),
            Err(problem) => return Err(self.failed(problem)),
        }
        let mut state = file.begin(now).map_err(|err| self.failed(err))?;
        let mut buckets = Vec::with_capacity(places.len());
        for place in places {
            let bytes = file.read(HEADER + place.offset(), place.size());
            let bytes = bytes.map_err(|err| self.failed(err))?;
            let (bucket, read) = Bucket::read(*place, &bytes);
            if read == Err(Damaged) {
                state = State::Repaired;
            }
            buckets.push((bucket, bytes));
        }
        let mut changed: Vec<Bucket> = buckets.iter().map(|(bucket, _)| bucket.clone()).collect();
        step(&mut changed, now);
        let mut writes = Vec::with_capacity(places.len());
        for ((place, (before, bytes)), bucket) in places.iter().zip(&buckets).zip(&changed) {
            if bucket != before || state == State::Repaired {
                let mut written = bucket.write();
                // What was there and is not any more.
                written.resize(written.len().max(bytes.len()), 0);
                writes.push((HEADER + place.offset(), written));
            }
        }
        file.write(&writes).map_err(|err| self.failed(err))?;
        Ok(state)
    }
}

/// The file, while it is locked, if its file system has locks.
struct Locked(Opened);

impl Locked {
    /// Checks the header. A file that is none of this format is emptied, and one that
    /// was not cleaned for a day is cleaned.
    fn begin(&self, now: Now) -> Result<State, Errno> {
        let header = self.read(0, SIZE)?;
        let cleaned = match <[u8; SIZE]>::try_from(header.as_slice()) {
            Ok(bytes) => Counter::read(&bytes),
            Err(_) if header.is_empty() => Ok(None),
            Err(_) => Err(Damaged),
        };
        let state = match cleaned {
            Ok(Some(header)) if (header.tag, header.count) == FORMAT => {
                if header.age(now) < LIFETIME && !now.is_far_before(header.last) {
                    return Ok(State::Intact);
                }
                self.clean(now)?;
                State::Intact
            }
            Ok(None) if self.0.meta.len() == 0 => State::Intact,
            Ok(Some(_) | None) | Err(Damaged) => {
                self.0.file.set_len(0).map_err(errno)?;
                State::Repaired
            }
        };
        let (tag, count) = FORMAT;
        let header = Counter {
            tag,
            count,
            last: now,
        };
        self.write(&[(0, header.write().to_vec())])?;
        Ok(state)
    }

    /// Removes the counters that are over.
    fn clean(&self, now: Now) -> Result<(), Errno> {
        let file = &self.0.file;
        let mut at = HEADER;
        loop {
            // Only what takes disk space is read.
            at = match seek(file, SeekFrom::Data(at)) {
                Ok(data) => data.max(at) / PAGE as u64 * PAGE as u64,
                Err(Errno::NXIO) => return Ok(()),
                Err(Errno::INVAL) => at,
                Err(err) => return Err(err),
            };
            let page = self.read(at, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            let is_alive = |bytes: &&[u8]| {
                let bytes = <&[u8; SIZE]>::try_from(*bytes);
                let counter = bytes.map_err(|_| Damaged).and_then(Counter::read);
                // Damage is reported by the attempt that finds it.
                counter.map_or(true, |counter| {
                    counter.is_some_and(|counter| !counter.is_over(now))
                })
            };
            let left = page.chunks(SIZE).map(|bytes| match is_alive(&bytes) {
                true => bytes,
                false => &[0; SIZE][..bytes.len()],
            });
            let left = left.collect::<Vec<_>>().concat();
            let is_empty = left.iter().all(|byte| *byte == 0);
            if left != page {
                self.write(&[(at, left)])?;
            }
            if is_empty {
                // Some file systems cannot give the space back.
                let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                let _ = fallocate(file, hole, at, PAGE as u64);
            }
            at += PAGE as u64;
        }
    }

    /// Reads up to `size` bytes; fewer at the end of the file.
    fn read(&self, offset: u64, size: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; size];
        let mut length = 0;
        while length < size {
            match pread(&self.0.file, &mut bytes[length..], offset + length as u64) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(Errno::INTR) => {}
                Err(err) => return Err(err),
            }
            // The end of the file: no second call is needed to find it.
            if offset + length as u64 >= self.0.meta.len() {
                break;
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Writes bytes to offsets.
    fn write(&self, writes: &[(u64, Vec<u8>)]) -> Result<(), Errno> {
        if !writes.is_empty() {
            // The same for all of the file: with a lower limit none of it is used.
            check_size_limit(HEADER + size_of_all()).map_err(errno)?;
        }
        for (offset, bytes) in writes {
            let mut done = 0;
            while done < bytes.len() {
                match pwrite(&self.0.file, &bytes[done..], offset + done as u64) {
                    Ok(0) => return Err(Errno::IO),
                    Ok(written) => done += written,
                    Err(Errno::INTR) => {}
                    Err(err) => return Err(err),
                }
            }
        }
        Ok(())
    }
}

fn errno(err: std::io::Error) -> Errno {
    Errno::from_io_error(&err).unwrap_or(Errno::IO)
}
