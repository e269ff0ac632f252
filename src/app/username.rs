//! The name that a visitor types into the login form.

use super::texts::Texts;
use crate::server::Form;
use crate::session::USERNAME;

/// The most bytes of a name.
const MAX_USERNAME: usize = 256;

/// The one name in the form, or what is wrong with it and what to show again.
pub(super) fn posted(form: &Form, t: &Texts) -> Result<String, (String, String)> {
    let mut names = form.all(USERNAME);
    let name = names.next().unwrap_or_default();
    if names.next().is_some() {
        return Err((t.two_names.to_owned(), String::new()));
    }
    if name.chars().all(is_invisible) {
        return Err((t.no_name.to_owned(), String::new()));
    }
    if name.len() > MAX_USERNAME {
        let ends = name.char_indices().map(|(at, c)| at + c.len_utf8());
        let letters = ends.take_while(|end| *end <= MAX_USERNAME).count();
        return Err(((t.long_name)(letters), name.chars().take(letters).collect()));
    }
    if name.contains(char::is_control) {
        let shown = name.replace(char::is_control, "");
        return Err((t.control_characters.to_owned(), shown));
    }
    Ok(name.to_owned())
}

/// Blanks and invisible characters.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
            | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::super::texts::ENGLISH;
    use super::*;

    fn of(body: &str) -> Result<String, (String, String)> {
        posted(&serde_urlencoded::from_str(body).unwrap(), &ENGLISH)
    }

    #[test]
    fn a_name_is_taken_exactly_or_not_at_all() {
        let long = "a".repeat(257);
        let longest = "a".repeat(256);
        #[rustfmt::skip]
        let cases: [(&str, Option<&str>); 14] = [
            ("username=admin", Some("admin")),
            ("username=admin+", Some("admin ")),
            ("username=zq'%22%3E%3Cb%3E%26", Some("zq'\"><b>&")),
            ("username=%F0%9F%A6%8A&other=1", Some("🦊")),
            ("", None),
            ("username=", None),
            ("username=+%09+", None),
            ("username=%E2%80%8B%EF%BB%BF", None),
            ("user=admin", None),
            ("username=a&username=b", None),
            ("username[]=a", None),
            ("username=a%0D%0ASet-Cookie:+x=1", None),
            ("username=a%00b", None),
            ("username=%C2%85x", None),
        ];
        for (body, want) in cases {
            assert_eq!(of(body).ok().as_deref(), want, "{body}");
        }
        assert_eq!(of(&format!("username={longest}")), Ok(longest.clone()));
        let (said, shown) = of(&format!("username={long}")).unwrap_err();
        assert_eq!(shown, longest);
        assert!(said.contains("at most 256 letters"), "{said}");
        let (said, shown) = of(&format!("username={}", "\u{65e5}".repeat(86))).unwrap_err();
        assert_eq!(shown.chars().count(), 85);
        assert!(said.contains("at most 85 letters"), "{said}");
    }
}
