//! Texts as visitors send them, and what WHATWG's URL parser makes of them on a page of
//! `https://site.example/app/login`. A test compares these tables with the parser of Node.

/// Paths of the site, each with the path and query that a browser asks for.
#[rustfmt::skip]
pub(super) const ACCEPTED: [(&str, &str); 42] = [
    ("/",                              "/"),
    ("/notes/7",                       "/notes/7"),
    ("/notes/",                        "/notes/"),
    ("/notes?edit=1&a[]=x",            "/notes?edit=1&a[]=x"),
    ("/?",                             "/?"),
    ("/??",                            "/??"),
    ("/a?next=/b?next=//evil.example", "/a?next=/b?next=//evil.example"),
    ("/a?u=https://evil.example/@",    "/a?u=https://evil.example/@"),
    ("/a?../..//evil.example",         "/a?../..//evil.example"),
    ("/a?%0d%0aSet-Cookie:a=b",        "/a?%0d%0aSet-Cookie:a=b"),
    ("/a?%2F%5C%00%",                  "/a?%2F%5C%00%"),
    // RFC 3986, 3.3: all of pchar.
    ("/-._~!$&'()*+,;=:@/x",           "/-._~!$&'()*+,;=:@/x"),
    ("/@evil.example",                 "/@evil.example"),
    ("/user:pass@evil.example",        "/user:pass@evil.example"),
    ("/:443",                          "/:443"),
    ("/evil.example:443/x",            "/evil.example:443/x"),
    ("/javascript:alert(1)",           "/javascript:alert(1)"),
    ("/...",                           "/..."),
    ("/.../x",                         "/.../x"),
    ("/.a/..b/c.",                     "/.a/..b/c."),
    ("/.well-known/x",                 "/.well-known/x"),
    ("/x;y=1",                         "/x;y=1"),
    ("/[x]",                           "/[x]"),
    ("/100%25",                        "/100%25"),
    ("/100%",                          "/100%"),
    ("/%zz",                           "/%zz"),
    ("/%C3%A9",                        "/%C3%A9"),
    ("/%e9%FF",                        "/%e9%FF"),
    ("/%E3%80%80",                     "/%E3%80%80"),
    // Characters that a form has decoded.
    ("/a b.pdf",                       "/a%20b.pdf"),
    ("/ a",                            "/%20a"),
    ("/a ?b",                          "/a%20?b"),
    ("/a?b c",                         "/a?b%20c"),
    ("/a?it's",                        "/a?it%27s"),
    ("/\u{e9}",                        "/%C3%A9"),
    ("/\u{65e5}\u{672c}?\u{8a9e}",     "/%E6%97%A5%E6%9C%AC?%E8%AA%9E"),
    ("/\u{3000}/evil.example",         "/%E3%80%80/evil.example"),
    ("/\u{2215}/evil.example",         "/%E2%88%95/evil.example"),
    ("/\u{ff0f}evil.example",          "/%EF%BC%8Fevil.example"),
    ("/\u{ff0e}\u{ff0e}/x",            "/%EF%BC%8E%EF%BC%8E/x"),
    ("/\u{2028}\u{202e}\u{feff}",      "/%E2%80%A8%E2%80%AE%EF%BB%BF"),
    ("/\u{10a}\u{560a}x",              "/%C4%8A%E5%98%8Ax"),
];

/// Texts with which a browser leaves the site, or runs a script.
#[rustfmt::skip]
pub(super) const LEAVING: [&str; 47] = [
    "//evil.example", "///evil.example", "////evil.example", "//evil.example/notes",
    "/\\evil.example", "\\\\evil.example", "\\/evil.example", "/\\/evil.example", "//\\evil.example",
    "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "/\r\n/evil.example",
    "/\t\\evil.example", "\t//evil.example", "\n//evil.example", "\r//evil.example",
    " //evil.example", "  /\\evil.example", "\0//evil.example", "\u{1}//evil.example",
    "\u{1f}//evil.example", "\u{b}//evil.example", "\u{c}//evil.example", "//\tevil.example",
    "//app@evil.example", "//site.example@evil.example", "//site.example.evil.example",
    "//site.example:81", "//evil%E3%80%82example",
    "//evil\u{3002}example", "//\u{ff45}vil.example", "//[::1]/", "//127.1", "//2130706433",
    "https://evil.example", "HTTPS://evil.example", "https:///evil.example", "https:\\\\evil.example",
    "http:evil.example", "http://site.example", "ftp://evil.example", "x:y",
    "javascript:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "//%65vil.example",
];

/// Texts with which a browser stays on the site, or does nothing, but to another path than
/// the text says, or that a server might resolve in another way than the browser.
#[rustfmt::skip]
pub(super) const REFUSED: [&str; 84] = [
    // No path, or not an absolute one.
    "", "?x", "#x", "x", "./x", "../x", "@evil.example", "notes/7", ".", "%2f%2fevil.example",
    "https:evil.example", "https:/evil.example", "https:notes", "http://", "https://", "//", "///",
    "https://site.example/notes", "//site.example/notes", "//site.example:443\\@evil.example", "///site.example", "mailto", "*",
    "\u{3000}/x", "\u{a0}/x", "\u{feff}/x", "\u{2028}/x", "\u{ff0f}/evil.example",
    // Browsers remove spaces and control characters around the text, and tabs and newlines
    // inside it.
    " /x", "\t/x", "/x ", "/x?y ", "/x\t", "/x\n", "/x\r\nSet-Cookie: a=b", "/x\0", "/x\0y",
    "/x?\0", "/x?a\nb", "/\u{7f}", "/x\u{1b}[2J",
    // Dot segments and empty segments.
    "/.", "/..", "/./x", "/../x", "/x/..", "/x/../y", "/.//evil.example", "/..//evil.example",
    "/x/..//evil.example", "/x/../..//evil.example", "/%2e%2e//evil.example", "/%2E/x", "/.%2e/x",
    "/x/%2e%2E", "/%2e", "/x//y", "/x//", "/.\\evil.example", "/%2e%2e\\evil.example",
    // Servers decode these.
    "/%2f/evil.example", "/%2Fevil.example", "/%2f%2fevil.example", "/%5cevil.example",
    "/%5C%5Cevil.example", "/x%2f..%2f..", "/%252fevil.example", "/%255cevil.example",
    "/x/%252e%252e/y", "/%25%32%66evil.example", "/%00", "/%0a", "/%0d%0aSet-Cookie:a=b", "/%09/evil",
    "/%7f", "/%250a",
    // Browsers encode these, or read them as something else.
    "/x#y", "/x?y#//evil.example", "/<x>", "/\"x", "/x?\"y", "/{x}", "/x^", "/x|y",
];
