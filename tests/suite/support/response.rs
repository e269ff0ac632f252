//! A strict reader of CGI responses: RFC 3875, section 6, and no leniency that
//! some server shows. What one server forgives, another turns into a page.

use std::collections::BTreeSet;

use super::html;
pub(crate) use super::set_cookie::SetCookie;

/// Headers of the connection, which are the server's (RFC 3875, 6.3.4).
const CONNECTION_FIELDS: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A valid CGI response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) reason: String,
    /// Every field behind the Status, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Reads all that a program wrote; `Err` says in words what is wrong.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .ok_or("no blank line ends the headers")?;
        let body = bytes[end + 4..].to_vec();
        let mut lines = Vec::new();
        for line in bytes[..end].split(|&byte| byte == b'\n') {
            lines.push(line.strip_suffix(b"\r").unwrap_or(line));
        }
        if bytes[..end]
            .windows(2)
            .any(|two| two[1] == b'\n' && two[0] != b'\r')
        {
            return Err("a line ends in LF alone".into());
        }
        let mut fields = lines
            .iter()
            .map(|line| field(line))
            .collect::<Result<Vec<_>, _>>()?;
        let (name, status) = fields.remove(0);
        if name != "Status" {
            return Err(format!("the first line is {name}, not Status"));
        }
        let (code, reason) = status.split_once(' ').ok_or("Status without a reason")?;
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) || reason.is_empty() {
            return Err(format!("Status is {status:?}"));
        }
        let response = Self {
            status: code.parse().map_err(|err| format!("{err}"))?,
            reason: reason.to_owned(),
            headers: fields,
            body,
        };
        response.check()?;
        Ok(response)
    }

    fn check(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for (name, _) in &self.headers {
            let name = name.to_ascii_lowercase();
            if CONNECTION_FIELDS.contains(&name.as_str()) {
                return Err(format!("{name} is the server's business"));
            }
            if name == "status" || name.starts_with("x-cgi-") {
                return Err(format!("{name} may not stand there"));
            }
            if name != "set-cookie" && !seen.insert(name.clone()) {
                return Err(format!("{name} twice"));
            }
        }
        // An answer to a web server that asks has no content to have a type.
        let tells_a_user = ["Remote-User", "Variable-REMOTE_USER"]
            .iter()
            .any(|name| self.header(name).is_some());
        let kind = match self.header("Content-Type") {
            None if tells_a_user && self.body.is_empty() => "application/octet-stream",
            kind => kind.ok_or("no Content-Type")?,
        };
        // Bytes have none (RFC 2046, 4.5.1), and a file, which has no policies for pages,
        // may be in any encoding.
        let is_page = self.header("Content-Security-Policy").is_some();
        let is_text = is_page && kind != "application/octet-stream";
        if is_text && !kind.to_ascii_lowercase().contains("; charset=") {
            return Err(format!("Content-Type {kind:?} names no charset"));
        }
        // A HEAD's answer may state the length of the body that GET would have.
        if let Some(length) = self.header("Content-Length")
            && !self.body.is_empty()
            && length != self.body.len().to_string()
        {
            return Err(format!(
                "Content-Length {length}, but {} bytes",
                self.body.len()
            ));
        }
        let redirects = (300..400).contains(&self.status) && self.status != 304;
        match self.header("Location") {
            // Without its 3xx it would be the server's internal redirect.
            Some(_) if !redirects => return Err(format!("Location with {}", self.status)),
            None if redirects => return Err(format!("{} without Location", self.status)),
            Some(path)
                if !path.starts_with('/') || path.starts_with("//") || path.contains('\\') =>
            {
                return Err(format!("Location {path:?} is not a path"));
            }
            _ => {}
        }
        // By its name, domain and path a cookie is one (RFC 6265, 5.3). Of one name
        // the last is set, and those before it are only deleted.
        let (mut names, mut cookies) = (BTreeSet::new(), BTreeSet::new());
        for cookie in self.cookies_checked()?.into_iter().rev() {
            let scope = ["Domain", "Path"].map(|name| cookie.attribute(name).map(str::to_owned));
            let is_first = names.insert(cookie.name.clone());
            if !cookies.insert((cookie.name.clone(), scope)) || !(is_first || cookie.deletes()) {
                return Err(format!("cookie {} set twice", cookie.name));
            }
        }
        Ok(())
    }

    /// The value of a field that stands once or not at all.
    pub(crate) fn header(&self, wanted: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        values.next().map(|(_, value)| value.as_str())
    }

    /// All cookies set.
    pub(crate) fn cookies(&self) -> Vec<SetCookie> {
        self.cookies_checked().expect("checked when it was read")
    }

    /// The cookie of that name, if it is set. Before it others may be deleted.
    pub(crate) fn cookie(&self, name: &str) -> Option<SetCookie> {
        self.cookies()
            .into_iter()
            .rfind(|cookie| cookie.name == name)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a page in UTF-8")
    }

    /// The words a person reads, see [`html::words`].
    pub(crate) fn words(&self) -> String {
        html::words(self.text())
    }

    fn cookies_checked(&self) -> Result<Vec<SetCookie>, String> {
        self.headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            .map(|(_, line)| SetCookie::parse(line))
            .collect()
    }
}

/// Splits a header line: a token, a colon right behind it, a printable value.
fn field(line: &[u8]) -> Result<(String, String), String> {
    let shown = line.escape_ascii();
    if line.len() > 4096 {
        return Err(format!("a line of {} bytes", line.len()));
    }
    let colon = line
        .iter()
        .position(|&byte| byte == b':')
        .ok_or(format!("no colon: {shown}"))?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
        return Err(format!("the name is no token: {shown}"));
    }
    if !value.iter().all(|byte| (0x20..=0x7e).contains(byte)) {
        return Err(format!("a value outside 0x20-0x7E: {shown}"));
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|err| err.to_string());
    Ok((text(name)?, text(value.trim_ascii())?))
}

pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The strictness itself is tested: every line here some program has printed.
#[test]
fn responses_that_are_none() {
    const OK: &str = "Content-Type: text/html; charset=utf-8\r\n";
    let cases = [
        ("nothing", String::new(), "blank line"),
        ("no status", format!("{OK}\r\n"), "not Status"),
        (
            "no reason",
            format!("Status: 200\r\n{OK}\r\n"),
            "without a reason",
        ),
        (
            "two digits",
            format!("Status: 20 OK\r\n{OK}\r\n"),
            "Status is",
        ),
        (
            "no type",
            "Status: 200 OK\r\nAllow: GET\r\n\r\n".into(),
            "no Content-Type",
        ),
        (
            "a page without charset",
            "Status: 200 OK\r\nContent-Security-Policy: x\r\nContent-Type: text/html\r\n\r\n"
                .into(),
            "charset",
        ),
        (
            "type twice",
            format!("Status: 200 OK\r\n{OK}{OK}\r\n"),
            "twice",
        ),
        (
            "lone LF",
            format!("Status: 200 OK\nX: y\r\n{OK}\r\n"),
            "LF alone",
        ),
        (
            "lone CR",
            format!("Status: 200 OK\r\nX: a\rb\r\n{OK}\r\n"),
            "0x20-0x7E",
        ),
        (
            "8 bit",
            format!("Status: 200 OK\r\nX: caf\u{e9}\r\n{OK}\r\n"),
            "0x20-0x7E",
        ),
        (
            "blank in name",
            format!("Status: 200 OK\r\nX : y\r\n{OK}\r\n"),
            "no token",
        ),
        (
            "long",
            format!("Status: 200 OK\r\nX: {}\r\n{OK}\r\n", "a".repeat(4096)),
            "a line of",
        ),
        (
            "connection",
            format!("Status: 200 OK\r\nConnection: close\r\n{OK}\r\n"),
            "server's",
        ),
        (
            "internal redirect",
            format!("Status: 200 OK\r\nLocation: /\r\n{OK}\r\n"),
            "with 200",
        ),
        (
            "other host",
            format!("Status: 303 See\r\nLocation: //e\r\n{OK}\r\n"),
            "not a path",
        ),
        (
            "length",
            format!("Status: 200 OK\r\nContent-Length: 3\r\n{OK}\r\nab"),
            "2 bytes",
        ),
        (
            "cookie blank",
            format!("Status: 200 OK\r\nSet-Cookie: a=b c\r\n{OK}\r\n"),
            "octets",
        ),
        (
            "cookie date",
            format!("Status: 200 OK\r\nSet-Cookie: a=b; Expires=1\r\n{OK}\r\n"),
            "Expires",
        ),
        (
            "cookie attribute",
            format!("Status: 200 OK\r\nSet-Cookie: a=b; Secure; Secure\r\n{OK}\r\n"),
            "twice",
        ),
        (
            "cookie twice",
            format!("Status: 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: a=c\r\n{OK}\r\n"),
            "set twice",
        ),
        (
            "cookie twice, by another path",
            format!("Status: 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: a=c; Path=/\r\n{OK}\r\n"),
            "set twice",
        ),
        (
            "cookie deleted twice",
            format!(
                "Status: 200 OK\r\nSet-Cookie: a=; Max-Age=0\r\nSet-Cookie: a=; Max-Age=0\r\n{OK}\r\n"
            ),
            "set twice",
        ),
    ];
    for (name, text, want) in cases {
        let why = Response::parse(text.as_bytes()).expect_err(name);
        assert!(why.contains(want), "{name}: {why}");
    }
    let two =
        format!("Status: 200 OK\r\nSet-Cookie: a=b; Path=/app\r\nSet-Cookie: c=d\r\n{OK}\r\nhi");
    let response = Response::parse(two.as_bytes()).expect("a valid response");
    assert_eq!((response.cookies().len(), response.text()), (2, "hi"));
    assert_eq!(
        response.cookie("a").expect("set").attribute("Path"),
        Some("/app")
    );
}
