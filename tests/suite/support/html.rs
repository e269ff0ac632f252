//! What a person sees of a page and can click or fill in.

/// The words in the page's body: no tags, single blanks.
#[track_caller]
pub(crate) fn words(page: &str) -> String {
    let (_, body) = page.split_once("<body").expect("a page with a body");
    let mut words = String::new();
    let mut in_tag = true;
    for letter in body.chars() {
        match letter {
            '<' => {
                in_tag = true;
                words.push(' ');
            }
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            _ => words.push(letter),
        }
    }
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    unescape(&words)
}

/// The target of the one link with exactly these words.
#[track_caller]
pub(crate) fn link(page: &str, words: &str) -> String {
    let end = page
        .find(&format!(">{words}</a>"))
        .unwrap_or_else(|| panic!("no {words:?}: {page}"));
    let tag = &page[page[..end].rfind("<a").expect("the tag begins")..end];
    let (_, rest) = tag.split_once("href=\"").expect("a link has a target");
    unescape(rest.split('"').next().expect("the target ends"))
}

/// Every `href` and `action` of a page, as a browser reads them.
pub(crate) fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    for attribute in [" href=\"", " action=\""] {
        for piece in page.split(attribute).skip(1) {
            let (value, _) = piece.split_once('"').expect("the attribute's end");
            links.push(unescape(value));
        }
    }
    links
}

/// Where the login form of the page at `url` posts its `username`.
#[track_caller]
pub(crate) fn form_target(page: &str, url: &str) -> String {
    let (_, form) = page.split_once("<form").expect("a form");
    let (tag, fields) = form.split_once('>').expect("its tag ends");
    let (fields, _) = fields.split_once("</form>").expect("it ends");
    assert!(
        tag.to_ascii_lowercase().contains("method=\"post\""),
        "<form{tag}>"
    );
    assert!(fields.contains("name=\"username\""), "{fields}");
    match tag.split_once("action=\"") {
        Some((_, rest)) if !rest.starts_with('"') => {
            unescape(rest.split('"').next().expect("the target ends"))
        }
        // No action, or an empty one: the page's own address.
        _ => url.to_owned(),
    }
}

/// Text without HTML's character references, of those that pages here use.
pub(crate) fn unescape(text: &str) -> String {
    const REFERENCES: [(&str, &str); 9] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&#60;", "<"),
        ("&#62;", ">"),
    ];
    let text = REFERENCES
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&#38;", "&").replace("&amp;", "&")
}
