//! Records, by sections 3 and 8 of the FastCGI 1.0 specification.

/// Bytes of a record's header.
pub(super) const HEADER: usize = 8;

/// Bytes of content that one record can have.
pub(super) const MAX_CONTENT: usize = 0xffff;

const VERSION: u8 = 1;

pub(super) const BEGIN_REQUEST: u8 = 1;
pub(super) const ABORT_REQUEST: u8 = 2;
pub(super) const END_REQUEST: u8 = 3;
pub(super) const PARAMS: u8 = 4;
pub(super) const STDIN: u8 = 5;
pub(super) const STDOUT: u8 = 6;
pub(super) const GET_VALUES: u8 = 9;
pub(super) const GET_VALUES_RESULT: u8 = 10;
pub(super) const UNKNOWN_TYPE: u8 = 11;

/// The peer sent something that is not FastCGI 1.0, or too much: the connection has to be
/// closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ProtocolError;

/// A record that was received, without its padding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Record<'b> {
    pub(super) kind: u8,
    pub(super) id: u16,
    pub(super) content: &'b [u8],
}

impl<'b> Record<'b> {
    /// The first record in `bytes` and the bytes after it; `None` if the record is not
    /// complete.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if it has another version.
    pub(super) fn split_first(bytes: &'b [u8]) -> Result<Option<(Self, &'b [u8])>, ProtocolError> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let &[version, kind, id1, id0, content1, content0, padding, _] = header;
        if version != VERSION {
            return Err(ProtocolError);
        }
        let length = usize::from(u16::from_be_bytes([content1, content0]));
        let record = rest.split_at_checked(length).and_then(|(content, rest)| {
            let id = u16::from_be_bytes([id1, id0]);
            Some((
                Self { kind, id, content },
                rest.get(usize::from(padding)..)?,
            ))
        });
        Ok(record)
    }
}

/// The header, without padding, of a record with `content` bytes, at most
/// [`MAX_CONTENT`].
pub(super) fn header(kind: u8, id: u16, content: usize) -> [u8; HEADER] {
    let [id1, id0] = id.to_be_bytes();
    let [content1, content0] = u16::try_from(content).unwrap_or(u16::MAX).to_be_bytes();
    [VERSION, kind, id1, id0, content1, content0, 0, 0]
}

/// The protocol status of the end of a request (section 5.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ProtocolStatus {
    RequestComplete = 0,
    CantMultiplex = 1,
    Overloaded = 2,
    UnknownRole = 3,
}

/// Appends records of `kind` with `content`. Without content, it appends an empty record,
/// which ends a stream.
pub(super) fn write(out: &mut Vec<u8>, kind: u8, id: u16, content: &[u8]) {
    let mut rest = content;
    loop {
        let (part, next) = rest.split_at(rest.len().min(MAX_CONTENT));
        out.extend_from_slice(&header(kind, id, part.len()));
        out.extend_from_slice(part);
        rest = next;
        if rest.is_empty() {
            return;
        }
    }
}

/// Appends the record that ends request `id`.
pub(super) fn write_end(out: &mut Vec<u8>, id: u16, status: ProtocolStatus) {
    write(out, END_REQUEST, id, &[0, 0, 0, 0, status as u8, 0, 0, 0]);
}

/// Reads name-value pairs (section 3.4); `None` if one ends past the last byte.
pub(super) fn pairs(mut bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut pairs = Vec::new();
    while !bytes.is_empty() {
        let name = take_length(&mut bytes)?;
        let value = take_length(&mut bytes)?;
        pairs.push((bytes.split_off(..name)?, bytes.split_off(..value)?));
    }
    Some(pairs)
}

/// One byte, or four if the first one's highest bit is set.
fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    if first < 0x80 {
        *bytes = &bytes[1..];
        return Some(usize::from(first));
    }
    let four: [u8; 4] = bytes.split_off(..4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four) & 0x7fff_ffff).ok()
}

/// Appends one name-value pair; both are short.
pub(super) fn write_pair(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, value] {
        out.push(u8::try_from(part.len()).unwrap_or_default());
    }
    out.extend_from_slice(name);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_end_where_their_lengths_say_or_not_at_all() {
        let long = [&[0x80, 0, 0, 200, 1][..], &[b'n'; 200], b"v"].concat();
        #[rustfmt::skip]
        let cases: [(&str, &[u8], Option<usize>); 11] = [
            ("none",                     b"", Some(0)),
            ("one",                      b"\x01\x01nv", Some(1)),
            ("two",                      b"\x01\x01nv\x01\x00n", Some(2)),
            ("both empty",               b"\x00\x00", Some(1)),
            ("a long name",              &long, Some(1)),
            ("a short one in four bytes", b"\x80\x00\x00\x01\x01nv", Some(1)),
            ("no value's length",        b"\x01", None),
            ("name cut short",           b"\x02\x00n", None),
            ("value cut short",          b"\x01\x02nv", None),
            ("length cut short",         b"\x80\x00\x00", None),
            // CVE-2025-23016: libfcgi added such lengths up and overflowed.
            ("lengths that overflow",    b"\xff\xff\xff\xff\xff\xff\xff\xffnv", None),
        ];
        for (name, bytes, want) in cases {
            assert_eq!(pairs(bytes).map(|pairs| pairs.len()), want, "{name}");
        }
    }

    #[test]
    fn content_is_cut_into_records() {
        let mut out = Vec::new();
        write(&mut out, STDOUT, 258, &[b'a'; MAX_CONTENT + 1]);
        let (first, second) = Record::split_first(&out).unwrap().unwrap();
        let want = Record {
            kind: STDOUT,
            id: 258,
            content: &[b'a'; MAX_CONTENT],
        };
        assert_eq!(first, want);
        assert_eq!(second, b"\x01\x06\x01\x02\x00\x01\x00\x00a");
    }
}
