//! The name that a visitor types into the login form.

use crate::server::Form;
use crate::session::USERNAME;

/// Bytes that a name may have.
const MAX_USERNAME: usize = 256;

/// The one name in the form, or what is wrong with it and what to show again.
pub(super) fn posted(form: &Form) -> Result<String, (&'static str, String)> {
    let mut names = form.all(USERNAME);
    let Some(name) = names.next() else {
        return Err(("Please type your name.", String::new()));
    };
    if names.next().is_some() {
        return Err(("The form had two names; please type one.", String::new()));
    }
    if name.chars().all(is_invisible) {
        return Err(("Please type your name.", String::new()));
    }
    if name.len() > MAX_USERNAME {
        let mut end = MAX_USERNAME;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        return Err((
            "That name is too long; 256 bytes are the limit.",
            name[..end].to_owned(),
        ));
    }
    if name.contains(char::is_control) {
        let shown = name.replace(char::is_control, "");
        return Err(("That name has characters that cannot be used.", shown));
    }
    Ok(name.to_owned())
}

/// Blanks, and characters that show nothing at all.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
            | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Result<String, (&'static str, String)> {
        posted(&serde_urlencoded::from_str(body).unwrap())
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
        let (_, shown) = of(&format!("username={long}")).unwrap_err();
        assert_eq!(shown, longest);
    }
}
