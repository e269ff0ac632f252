//! The routes of a program: path, methods and endpoint of each. They determine which
//! methods a path allows, and the URL of a route.

use std::fmt;

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::gateway::Mount;

/// The routes of a program, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Routes(Vec<Row>);

/// The number of routes for which there is room at once: each request of a CGI process adds
/// all routes, and most programs have no more.
pub(super) const ROOM: usize = 8;

#[derive(Debug)]
struct Row {
    path: &'static str,
    methods: &'static [Method],
    endpoint: Option<&'static str>,
    takes_form: bool,
    /// Whether it answers web servers that ask about another request, by any method.
    is_check: bool,
}

/// Why a request has no route.
#[derive(Debug)]
pub(super) enum NoRoute {
    /// No route matches the path.
    NotFound,
    /// The path has routes for these methods only.
    MethodNotAllowed(Methods),
}

/// Names and values of a path's parameters.
pub(super) type Parameters = Vec<(&'static str, String)>;

/// The methods that a path allows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Methods(Vec<Method>);

impl Methods {
    /// Those of a file in a protected folder.
    pub(super) fn of_file() -> Self {
        Self(vec![Method::GET, Method::HEAD, Method::OPTIONS])
    }
}

/// As the value of `Allow` (RFC 9110, 10.2.1).
impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(Method::as_str).collect();
        f.write_str(&names.join(", "))
    }
}

/// Why there is no URL.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UrlError {
    /// No route has this endpoint.
    UnknownEndpoint {
        /// The endpoint.
        endpoint: String,
        /// The endpoints of all routes, separated by commas.
        known: String,
    },
    /// The endpoint's path has a parameter that is not given, or that is empty, has an
    /// empty or a dot segment, NUL, CR or LF, or (except for `{*rest}`) a slash.
    Parameter {
        /// The endpoint.
        endpoint: String,
        /// The parameter.
        name: String,
    },
}

error_texts! { UrlError:
    Self::UnknownEndpoint { endpoint, known } =>
        "no route has the endpoint {endpoint:?}: add .endpoint({endpoint:?}) after the route; known \
         endpoints: {known}";
    Self::Parameter { endpoint, name } =>
        "the URL of {endpoint:?} needs a parameter {name:?} that fits into its path";
}

/// One segment of a route's path.
enum Segment {
    Literal,
    /// `{name}`: one segment.
    One(&'static str),
    /// `{*name}`: the rest of the path.
    Rest(&'static str),
}

impl Segment {
    fn of(text: &'static str) -> Self {
        let name = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        match name {
            None => Self::Literal,
            Some(name) => match name.strip_prefix('*') {
                Some(name) => Self::Rest(name),
                None => Self::One(name),
            },
        }
    }
}

impl Routes {
    /// Without routes, with room for some.
    pub(super) fn with_room() -> Self {
        Self(Vec::with_capacity(ROOM))
    }

    /// Adds a route. `path` begins with a slash. Its segments may be `{name}`, and the
    /// last one `{*name}`.
    #[track_caller]
    pub(super) fn add(&mut self, path: &'static str, methods: &'static [Method]) {
        let mistake = mistake_in(path).or_else(|| self.clash_of(path, methods));
        assert!(
            mistake.is_none(),
            "the route {path:?} {}",
            mistake.unwrap_or_default()
        );
        self.0.push(Row {
            path,
            methods,
            endpoint: None,
            takes_form: false,
            is_check: false,
        });
    }

    /// Adds a route of [`Server::check`](super::Server::check).
    pub(super) fn add_check(&mut self, path: &'static str) {
        self.0.push(Row {
            path,
            methods: &[],
            endpoint: None,
            takes_form: false,
            is_check: true,
        });
    }

    /// The number of the route of [`Server::check`](super::Server::check) with this path.
    pub(super) fn find_check(&self, path: &[u8]) -> Option<usize> {
        let is_it = |row: &Row| row.is_check && row.path.as_bytes() == path;
        self.0.iter().position(is_it)
    }

    /// Why a route for these methods could never be used.
    fn clash_of(&self, path: &'static str, methods: &[Method]) -> Option<&'static str> {
        if methods.is_empty() {
            return Some("has no methods");
        }
        if methods.contains(&Method::HEAD) && !methods.contains(&Method::GET) {
            return Some("has HEAD without GET: a HEAD request is answered as GET");
        }
        // Most routes are quickly told apart.
        let has_parameters = path.contains('{');
        let mut same = self
            .0
            .iter()
            .filter(|row| row.path == path || has_parameters && is_same(row.path, path));
        same.any(|row| row.methods.iter().any(|method| methods.contains(method)))
            .then_some("and one of its methods were added before")
    }

    /// Gives the route that was added last a name for [`Routes::url_for`].
    #[track_caller]
    pub(super) fn name_last(&mut self, endpoint: &'static str) {
        let path = self.last().path;
        let mut named = self.0.iter().filter(|row| row.endpoint == Some(endpoint));
        assert!(
            named.all(|row| row.path == path),
            "the endpoint {endpoint:?} has two paths"
        );
        self.last().endpoint = Some(endpoint);
    }

    /// Lets the route that was added last accept only forms.
    #[track_caller]
    pub(super) fn last_takes_form(&mut self) {
        self.last().takes_form = true;
    }

    #[track_caller]
    #[expect(clippy::expect_used, reason = "a mistake in the program's source")]
    fn last(&mut self) -> &mut Row {
        self.0.last_mut().expect("a route comes first")
    }

    /// Whether the body of a POST to the route is a form.
    pub(super) fn takes_form(&self, number: usize) -> bool {
        self.0[number].takes_form
    }

    /// The number of the route for a request, and its parameters. `path` is decoded. If
    /// several routes match, a route without `{*name}` comes before one with it; then the
    /// route with the fewest parameters is used, then the one that was added first.
    ///
    /// # Errors
    ///
    /// [`NoRoute`].
    pub(super) fn find(
        &self,
        method: &Method,
        path: &[u8],
    ) -> Result<(usize, Parameters), NoRoute> {
        let wanted = match *method {
            Method::HEAD => &Method::GET,
            _ => method,
        };
        let matching = self.0.iter().enumerate().filter_map(|(number, row)| {
            row.methods.contains(wanted).then_some(())?;
            Some((number, parameters(row.path, path)?))
        });
        let found = matching.min_by_key(|(number, _)| weight(self.0[*number].path));
        found.ok_or_else(|| match self.methods(path) {
            Some(methods) => NoRoute::MethodNotAllowed(methods),
            None => NoRoute::NotFound,
        })
    }

    /// The methods of all routes that match `path`; `None` if none does.
    fn methods(&self, path: &[u8]) -> Option<Methods> {
        let mut methods = Vec::new();
        for row in self.matching(path) {
            for method in row.methods {
                if !methods.contains(method) {
                    methods.push(method.clone());
                }
                if *method == Method::GET && !methods.contains(&Method::HEAD) {
                    methods.push(Method::HEAD);
                }
            }
        }
        if methods.is_empty() {
            return None;
        }
        if !methods.contains(&Method::OPTIONS) {
            methods.push(Method::OPTIONS);
        }
        Some(Methods(methods))
    }

    /// Whether a route answers GET at `path`.
    pub(super) fn has_page(&self, path: &[u8]) -> bool {
        self.find(&Method::GET, path).is_ok()
    }

    /// Whether a route matches `path`.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        self.matching(path).next().is_some()
    }

    fn matching(&self, path: &[u8]) -> impl Iterator<Item = &Row> {
        self.0
            .iter()
            .filter(move |row| parameters(row.path, path).is_some())
    }

    /// See [`url_for`](super::url_for).
    ///
    /// # Errors
    ///
    /// [`UrlError`].
    pub(crate) fn url_for(
        &self,
        mount: &Mount,
        endpoint: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, UrlError> {
        let row = self.0.iter().find(|row| row.endpoint == Some(endpoint));
        let Some(row) = row else {
            let mut known: Vec<&str> = self.0.iter().filter_map(|row| row.endpoint).collect();
            known.dedup();
            return Err(UrlError::UnknownEndpoint {
                endpoint: endpoint.to_owned(),
                known: known.join(", "),
            });
        };
        // Most URLs: a page has several of them.
        if parameters.is_empty() && !row.path.contains('{') {
            return Ok(mount.url_for(row.path));
        }
        let value_of = |name: &str| {
            let given = parameters.iter().find(|(given, _)| *given == name);
            given.map(|(_, value)| *value)
        };
        let mut route = String::with_capacity(row.path.len());
        let mut used: Vec<&str> = Vec::new();
        for segment in row.path.split('/').skip(1) {
            route.push('/');
            let (name, value) = match Segment::of(segment) {
                Segment::Literal => {
                    route.push_str(segment);
                    continue;
                }
                Segment::One(name) => (name, value_of(name).filter(|value| !value.contains('/'))),
                Segment::Rest(name) => (name, value_of(name)),
            };
            match value.filter(|value| is_plain(value.as_bytes())) {
                Some(value) => route.push_str(value),
                None => {
                    return Err(UrlError::Parameter {
                        endpoint: endpoint.to_owned(),
                        name: name.to_owned(),
                    });
                }
            }
            used.push(name);
        }
        let mut url = mount.url_for(&route);
        for (name, value) in parameters.iter().filter(|(name, _)| !used.contains(name)) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.extend(utf8_percent_encode(name, NON_ALPHANUMERIC));
            url.push('=');
            url.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        Ok(url)
    }
}

/// Whether two routes match the same paths.
fn is_same(one: &'static str, other: &'static str) -> bool {
    let is_same =
        |(one, other): (&'static str, &'static str)| match (Segment::of(one), Segment::of(other)) {
            (Segment::Literal, Segment::Literal) => one == other,
            (Segment::One(_), Segment::One(_)) | (Segment::Rest(_), Segment::Rest(_)) => true,
            (Segment::Literal | Segment::One(_) | Segment::Rest(_), _) => false,
        };
    one.matches('/').count() == other.matches('/').count()
        && one.split('/').zip(other.split('/')).all(is_same)
}

/// What is wrong with the path of a route.
fn mistake_in(path: &'static str) -> Option<&'static str> {
    let Some(rest) = path.strip_prefix('/') else {
        return Some("does not begin with a slash");
    };
    // Each CGI request adds all routes: most of them have only literal segments.
    if !rest.bytes().any(|b| matches!(b, b'{' | b'}' | b'%')) {
        return None;
    }
    if path.contains('%') && percent_encoding::percent_decode_str(path).ne(path.bytes()) {
        return Some("is percent-encoded: write the characters themselves");
    }
    let mut names: Vec<&str> = Vec::new();
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let name = match Segment::of(segment) {
            Segment::Literal if segment.contains(['{', '}']) => {
                return Some("has a segment that is only partly a parameter");
            }
            Segment::Literal => continue,
            Segment::One(name) => name,
            Segment::Rest(_) if segments.peek().is_some() => {
                return Some("has segments behind {*...}");
            }
            Segment::Rest(name) => name,
        };
        if name.is_empty() || name.contains(['{', '}', '*']) {
            return Some("has a parameter without a name");
        }
        if names.contains(&name) {
            return Some("has two parameters of one name");
        }
        names.push(name);
    }
    None
}

/// The route with the least weight is used: see [`Routes::find`].
fn weight(path: &str) -> usize {
    // A search for the text "{*" is code that nothing else on the way of a request uses.
    let rests = path.as_bytes().windows(2).filter(|pair| *pair == b"{*");
    path.matches('{').count() + 100 * rests.count()
}

/// The parameters of `path`, which is decoded; `None` if the route does not match. A
/// parameter is UTF-8, and see [`is_plain`].
fn parameters(route: &'static str, path: &[u8]) -> Option<Parameters> {
    let mut parameters = Parameters::new();
    let (mut route, mut path) = (route.strip_prefix('/')?, path.strip_prefix(b"/")?);
    loop {
        let (segment, more) = match route.split_once('/') {
            Some((segment, more)) => (segment, Some(more)),
            None => (route, None),
        };
        let slash = path.iter().position(|byte| *byte == b'/');
        let kind = Segment::of(segment);
        let (value, rest) = match (&kind, slash) {
            (Segment::Rest(_), _) | (_, None) => (path, None),
            (_, Some(slash)) => (&path[..slash], Some(&path[slash + 1..])),
        };
        match kind {
            Segment::Literal if value == segment.as_bytes() => {}
            Segment::Literal => return None,
            Segment::One(name) | Segment::Rest(name) => {
                let text = std::str::from_utf8(value).ok()?;
                is_plain(value).then_some(())?;
                parameters.push((name, text.to_owned()));
            }
        }
        match (more, rest) {
            (None, None) => return Some(parameters),
            (Some(more), Some(rest)) => (route, path) = (more, rest),
            (None, Some(_)) | (Some(_), None) => return None,
        }
    }
}

/// Whether a value is a relative path that stays inside a folder: it has no empty and no
/// dot segments, except that a slash may end it. NUL cannot be in the name of a file, and
/// CR and LF not in a header field.
fn is_plain(value: &[u8]) -> bool {
    let mut segments = value
        .strip_suffix(b"/")
        .unwrap_or(value)
        .split(|b| *b == b'/');
    !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
        && !segments.any(|segment| matches!(segment, b"" | b"." | b".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&'static str, &'static [Method], &'static str)]) -> Routes {
        let mut routes = Routes::default();
        for (path, methods, endpoint) in rows {
            routes.add(path, methods);
            routes.name_last(endpoint);
        }
        routes
    }

    fn notes() -> Routes {
        table(&[
            ("/", &[Method::GET], "index"),
            ("/notes/{id}", &[Method::GET, Method::DELETE], "show"),
            ("/notes/new", &[Method::GET, Method::POST], "new"),
            ("/files/{*rest}", &[Method::GET], "file"),
            ("/files/{*rest}", &[Method::PUT], "file"),
        ])
    }

    #[test]
    fn a_request_finds_its_route_or_says_what_is_allowed() {
        type Found = Result<(usize, &'static [(&'static str, &'static str)]), &'static str>;
        #[rustfmt::skip]
        let cases: [(&str, &[u8], Found); 29] = [
            ("GET",     b"/",                 Ok((0, &[]))),
            ("HEAD",    b"/",                 Ok((0, &[]))),
            ("POST",    b"/",                 Err("GET, HEAD, OPTIONS")),
            ("OPTIONS", b"/",                 Err("GET, HEAD, OPTIONS")),
            ("GET",     b"",                  Err("")),
            ("GET",     b"//",                Err("")),
            ("GET",     b"/notes",            Err("")),
            ("GET",     b"/notes/",           Err("")),
            ("GET",     b"/notes/7",          Ok((1, &[("id", "7")]))),
            ("DELETE",  b"/notes/7",          Ok((1, &[("id", "7")]))),
            ("GET",     "/notes/\u{fc} &".as_bytes(), Ok((1, &[("id", "\u{fc} &")]))),
            ("GET",     b"/notes/\xff",       Err("")),
            ("GET",     b"/notes/..",         Err("")),
            ("GET",     b"/notes/7/",         Err("")),
            ("GET",     b"/notes/new",        Ok((2, &[]))),
            ("DELETE",  b"/notes/new",        Ok((1, &[("id", "new")]))),
            ("PUT",     b"/notes/new",        Err("GET, HEAD, DELETE, POST, OPTIONS")),
            ("PUT",     b"/files/a/b.txt",    Ok((4, &[("rest", "a/b.txt")]))),
            ("GET",     b"/files/",           Err("")),
            ("GET",     b"/files/a/../../etc", Err("")),
            ("POST",    b"/files/a",          Err("GET, HEAD, PUT, OPTIONS")),
            ("GET",     b"/files/a/",         Ok((3, &[("rest", "a/")]))),
            ("GET",     b"/files//",          Err("")),
            ("GET",     b"/files//etc/passwd", Err("")),
            ("GET",     b"/files/a//b",       Err("")),
            ("GET",     b"/files/a//",        Err("")),
            ("GET",     b"/files/a\0b",       Err("")),
            ("GET",     b"/notes/a\rb",       Err("")),
            ("GET",     b"/notes/a\nb",       Err("")),
        ];
        let routes = notes();
        for (method, path, want) in cases {
            let method: Method = method.parse().unwrap();
            let name = format!("{method} {}", String::from_utf8_lossy(path));
            match (routes.find(&method, path), want) {
                (Ok((number, found)), Ok((wanted, parameters))) => {
                    let found: Vec<(&str, &str)> = found
                        .iter()
                        .map(|(name, value)| (*name, value.as_str()))
                        .collect();
                    assert_eq!((number, &*found), (wanted, parameters), "{name}");
                }
                (Err(NoRoute::NotFound), Err("")) => {}
                (Err(NoRoute::MethodNotAllowed(methods)), Err(allow)) => {
                    assert_eq!(methods.to_string(), allow, "{name}");
                }
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_url_has_its_parameters_in_the_path_and_others_in_the_query() {
        let mount = |vars: &[(&str, &str)]| Mount::new(&vars.iter().copied().collect(), None);
        let app = mount(&[("SCRIPT_NAME", "/app"), ("PATH_INFO", "/")]);
        let by_query = mount(&[("SCRIPT_NAME", "/x.cgi"), ("QUERY_STRING", "r=/")]);
        type Parameters = &'static [(&'static str, &'static str)];
        #[rustfmt::skip]
        let cases: [(&Mount, &str, Parameters, Option<&str>); 14] = [
            (&app, "index", &[],                           Some("/app/")),
            (&app, "index", &[("next", "/a b&c=1")],       Some("/app/?next=%2Fa%20b%26c%3D1")),
            (&app, "show",  &[("id", "\u{fc} ?#%")],       Some("/app/notes/%C3%BC%20%3F%23%25")),
            (&app, "show",  &[("id", "7"), ("x", "1"), ("y", "2")], Some("/app/notes/7?x=1&y=2")),
            (&app, "show",  &[],                           None),
            (&app, "show",  &[("id", "")],                 None),
            (&app, "show",  &[("id", "a/b")],              None),
            (&app, "show",  &[("id", "..")],               None),
            (&app, "file",  &[("rest", "a/b.txt")],        Some("/app/files/a/b.txt")),
            (&app, "file",  &[("rest", "a/../b")],         None),
            (&app, "file",  &[("rest", "/etc/passwd")],    None),
            (&app, "none",  &[],                           None),
            (&by_query, "show", &[("id", "a&b=c+d")],      Some("/x.cgi?r=/notes/a%26b=c%2Bd")),
            (&by_query, "show", &[("id", "7"), ("x", "1")], Some("/x.cgi?r=/notes/7&x=1")),
        ];
        for (mount, endpoint, parameters, want) in cases {
            let url = notes().url_for(mount, endpoint, parameters);
            assert_eq!(url.as_deref().ok(), want, "{endpoint} {parameters:?}");
        }
        let unknown = notes().url_for(&app, "none", &[]).unwrap_err().to_string();
        assert_eq!(
            unknown,
            "no route has the endpoint \"none\": add .endpoint(\"none\") after the route; known \
             endpoints: index, show, new, file"
        );
    }

    #[test]
    fn a_mistake_in_the_table_is_refused() {
        assert_eq!(mistake_in("/a/{b}/{*c}"), None);
        assert_eq!(mistake_in("/100%/caf\u{e9}"), None);
        for path in [
            "",
            "a",
            "/caf%C3%A9",
            "/a{b}",
            "/{}",
            "/{*}",
            "/{*a}/b",
            "/{a}/{a}",
            "/{a",
            "/{{a}}",
        ] {
            assert!(mistake_in(path).is_some(), "{path}");
        }
    }

    #[test]
    fn a_route_that_can_never_be_used_is_refused() {
        const GET: &[Method] = &[Method::GET];
        const HEAD: &[Method] = &[Method::HEAD];
        let routes = notes();
        #[rustfmt::skip]
        let cases: [(&'static str, &[Method], Option<&str>); 9] = [
            ("/other",          &[],              Some("has no methods")),
            ("/other",          HEAD,             Some("HEAD without GET")),
            ("/other",          &[Method::GET, Method::HEAD], None),
            ("/notes/new",      GET,              Some("added before")),
            ("/notes/{number}", &[Method::POST, Method::DELETE], Some("added before")),
            ("/notes/{number}", &[Method::POST],  None),
            ("/notes/{*rest}",  GET,              None),
            ("/{id}/new",       GET,              None),
            ("/files/{*path}",  GET,              Some("added before")),
        ];
        for (path, methods, want) in cases {
            let clash = routes.clash_of(path, methods);
            let is_wanted = match (clash, want) {
                (Some(clash), Some(want)) => clash.contains(want),
                (clash, want) => clash == want,
            };
            assert!(is_wanted, "{path} {methods:?}: {clash:?}");
        }
    }

    #[test]
    #[should_panic(expected = "the endpoint \"a\" has two paths")]
    fn an_endpoint_has_one_path() {
        table(&[("/a", &[Method::GET], "a"), ("/b", &[Method::GET], "a")]);
    }
}
