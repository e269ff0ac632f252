//! The body of a response: bytes, or a part of a file.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{OFlags, fcntl_getfl, sendfile};
use rustix::io::Errno;

/// The body of a response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Body {
    /// Bytes in memory.
    Bytes(Vec<u8>),
    /// A part of a file, which is read while it is sent.
    File(FileRange),
}

impl Body {
    /// The number of bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(range) => range.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An empty body.
impl Default for Body {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<FileRange> for Body {
    fn from(range: FileRange) -> Self {
        Self::File(range)
    }
}

/// Consecutive bytes of an open regular file.
///
/// In a response, the bytes are sent in pieces, with a `Content-Length` header. lighttpd
/// and nginx pass this header on. Apache 2.4.59 and later pass it on only with
/// `SetEnv ap_trust_cgilike_cl 1`; without it, a visitor does not notice that a download
/// was cut off. By FastCGI, it is cut off, and the log says so, if the web server reads
/// nothing for 30 seconds (a visitor paused the download, say), or if the worker has to end:
/// 5 seconds after a signal, a minute after its file was replaced.
///
/// The response is sent with the `Content-Type` that it has: for a file, no charset is
/// added to `text/html`. The request's `Range` and `If-*` fields are ignored: unless the
/// handler sets another status, the response has status 200 and all bytes of the range.
///
/// Each read shortens the range at its front. The position of the file is neither used
/// nor changed. If the file has become shorter than the range, reading fails with
/// [`io::ErrorKind::UnexpectedEof`].
#[derive(Debug)]
pub struct FileRange {
    file: File,
    start: u64,
    length: u64,
}

/// Why a part of a file cannot be the body of a response.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileRangeError {
    /// It is a folder, a pipe or a device: its length is not known, and reading it may
    /// wait.
    NotRegular,
    /// It is not open for reading.
    NotReadable,
    /// The file ends before the range does.
    OutOfRange {
        /// The first byte of the range.
        start: u64,
        /// Bytes of the range.
        length: u64,
        /// Bytes of the file.
        size: u64,
    },
    /// The metadata of the file cannot be read.
    System(io::Error),
}

error_texts! { FileRangeError:
    Self::NotRegular => "it is not a regular file";
    Self::NotReadable => "it is not open for reading";
    Self::OutOfRange { start, length, size } =>
        "{length} bytes from byte {start} on are not in a file of {size} bytes";
    Self::System(err) => "{err}";
}

from_errors! { FileRangeError:
    System(io::Error);
}

impl FileRange {
    /// `length` bytes of `file`, from byte `start` on. `file` must be open for reading.
    ///
    /// # Errors
    ///
    /// [`FileRangeError`] if `file` is not a regular file, is not open for reading, or is
    /// too short.
    pub fn new(file: File, start: u64, length: u64) -> Result<Self, FileRangeError> {
        let size = regular_size(&file)?;
        if start.checked_add(length).is_none_or(|end| end > size) {
            return Err(FileRangeError::OutOfRange {
                start,
                length,
                size,
            });
        }
        Ok(Self {
            file,
            start,
            length,
        })
    }

    /// All bytes of `file`, which must be open for reading.
    ///
    /// # Errors
    ///
    /// [`FileRangeError`] if `file` is not a regular file, or is not open for reading.
    pub fn all(file: File) -> Result<Self, FileRangeError> {
        let length = regular_size(&file)?;
        Ok(Self {
            file,
            start: 0,
            length,
        })
    }

    /// The number of bytes that have not been read.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether all bytes have been read.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The number of bytes that have not been read, up to `most`.
    pub(super) fn len_up_to(&self, most: usize) -> usize {
        usize::try_from(self.length).map_or(most, |left| left.min(most))
    }

    /// Lets the kernel copy bytes to `to`, as many as one call copies.
    ///
    /// # Errors
    ///
    /// The error of the system call, for the file or for `to`. Some kinds of descriptor
    /// do not support it (`EINVAL`): then the bytes have to be read and written.
    pub(super) fn copy_to(&mut self, to: impl AsFd) -> Result<(), Errno> {
        /// A multiple of every page size.
        const MOST: usize = 1 << 30;
        let mut offset = self.start;
        let most = self.len_up_to(MOST);
        let copied = sendfile(to, &self.file, Some(&mut offset), most)?;
        if copied == 0 && most > 0 {
            // The end of the file: a read returns the right error.
            return Err(Errno::NODATA);
        }
        self.advance(copied);
        Ok(())
    }

    fn advance(&mut self, count: usize) {
        self.start += count as u64;
        self.length -= count as u64;
    }
}

fn regular_size(file: &File) -> Result<u64, FileRangeError> {
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(FileRangeError::NotRegular);
    }
    let mode = fcntl_getfl(file).map_err(io::Error::from)?;
    if mode.contains(OFlags::PATH) || mode & OFlags::RWMODE == OFlags::WRONLY {
        return Err(FileRangeError::NotReadable);
    }
    Ok(meta.len())
}

impl Read for FileRange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.len_up_to(buffer.len());
        let read = loop {
            match self.file.read_at(&mut buffer[..most], self.start) {
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if read == 0 && most > 0 {
            let missing = format!(
                "the file became shorter: its last {} bytes are missing",
                self.length
            );
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, missing));
        }
        self.advance(read);
        Ok(read)
    }
}

/// A file with these bytes, opened twice, which has no name any more.
#[cfg(test)]
pub(super) fn unnamed_file(name: &str, bytes: &[u8]) -> (File, File) {
    let name = format!("signet-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, bytes).unwrap();
    let files = (
        File::open(&path).unwrap(),
        File::options().write(true).open(&path).unwrap(),
    );
    std::fs::remove_file(&path).unwrap();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_lies_in_its_file() {
        let (file, _) = unnamed_file("range", b"0123456789");
        #[rustfmt::skip]
        let cases: [(u64, u64, Option<&[u8]>); 8] = [
            (0, 10, Some(b"0123456789")),
            (3, 4, Some(b"3456")),
            (9, 1, Some(b"9")),
            (10, 0, Some(b"")),
            (11, 0, None),
            (0, 11, None),
            (9, 2, None),
            (1, u64::MAX, None),
        ];
        for (start, length, want) in cases {
            let range = FileRange::new(file.try_clone().unwrap(), start, length);
            let seen = range.ok().map(|mut range| {
                let mut bytes = Vec::new();
                range.read_to_end(&mut bytes).unwrap();
                bytes
            });
            assert_eq!(seen.as_deref(), want, "{length} from {start}");
        }
        assert_eq!(FileRange::all(file).unwrap().len(), 10);
    }

    #[test]
    fn only_a_regular_file_has_a_range() {
        let (pipe, _writer) = io::pipe().unwrap();
        let others = [
            File::open("/").unwrap(),
            File::open("/dev/zero").unwrap(),
            File::from(std::os::fd::OwnedFd::from(pipe)),
        ];
        for other in others {
            let outcome = FileRange::new(other, 0, 0);
            assert!(
                matches!(outcome, Err(FileRangeError::NotRegular)),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn a_file_that_is_open_for_writing_only_has_no_range() {
        let (_, writer) = unnamed_file("writer", b"0123456789");
        for outcome in [
            FileRange::new(writer.try_clone().unwrap(), 0, 1),
            FileRange::all(writer),
        ] {
            assert!(
                matches!(outcome, Err(FileRangeError::NotReadable)),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn a_file_that_became_shorter_is_not_read_to_its_end() {
        let (file, other) = unnamed_file("shorter", b"0123456789");
        let mut range = FileRange::new(file, 2, 8).unwrap();
        other.set_len(5).unwrap();
        let mut bytes = Vec::new();
        let err = range.read_to_end(&mut bytes).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(bytes, b"234");
        assert_eq!(range.len(), 5);
    }
}
