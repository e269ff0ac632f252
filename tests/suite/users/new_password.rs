//! Which new passwords are refused.

use signet::users::new_password::{RefusedPassword, check_new};
use signet::users::password::Password;

use RefusedPassword::{Common, Name, NotUtf8, Nul, TooLong, TooShort};

fn refused(password: &[u8], name: &str) -> Option<RefusedPassword> {
    let password = Password::new(password).expect("a password");
    check_new(&password, name).err()
}

#[test]
fn a_new_password_has_8_characters_and_72_bytes() {
    #[rustfmt::skip]
    let cases = [
        // password                              refused
        ("qzvwxkj".to_owned(),                   Some(TooShort(7))),
        ("qzvwxkjp".to_owned(),                  None),
        ("qzvwxkj ".to_owned(),                  None),
        ("        q".to_owned(),                 None),
        // Characters are Unicode scalar values.
        ("\u{e9}".repeat(7),                     Some(TooShort(7))),
        ("\u{e9}".repeat(8),                     None),
        ("\u{1f511}".repeat(7),                  Some(TooShort(7))),
        ("\u{1f511}".repeat(18),                 None),
        ("\u{1f511}".repeat(19),                 Some(TooLong(76))),
        ("qz".repeat(36),                        None),
        ("qz".repeat(36) + "x",                  Some(TooLong(73))),
        ("qz".repeat(512),                       Some(TooLong(1024))),
        ("\u{65e5}".repeat(24),                  None),
        ("\u{65e5}".repeat(25),                  Some(TooLong(75))),
    ];
    for (password, want) in cases {
        assert_eq!(refused(password.as_bytes(), "ada"), want, "{password}");
    }
}

#[test]
fn a_new_password_can_be_sent_and_hashed_everywhere() {
    assert_eq!(refused(b"correct horse\0battery", "ada"), Some(Nul));
    assert_eq!(refused(b"correct horse\xff", "ada"), Some(NotUtf8));
}

#[test]
fn a_new_password_is_not_the_users_name() {
    #[rustfmt::skip]
    let cases = [
        // password              name                    refused
        ("ada.lovelace.1815",    "ada.lovelace.1815",    Some(Name)),
        ("ADA.Lovelace.1815",    "ada.lovelace.1815",    Some(Name)),
        ("\u{c9}MILIE-qzvwxkj",  "\u{e9}milie-QZVWXKJ",  Some(Name)),
        ("ada.lovelace.1815!",   "ada.lovelace.1815",    None),
        ("1815.lovelace.ada",    "ada.lovelace.1815",    None),
        ("ada.lovelace",         "ada",                  None),
    ];
    for (password, name, want) in cases {
        assert_eq!(refused(password.as_bytes(), name), want, "{password}");
    }
}

/// No rules about kinds of characters.
#[test]
fn common_passwords_are_refused_as_a_whole_only() {
    #[rustfmt::skip]
    let cases = [
        // password                      refused
        ("password",                     Some(Common)),
        ("Password",                     Some(Common)),
        ("PASSWORD1",                    Some(Common)),
        ("12345678",                     Some(Common)),
        ("iloveyou",                     Some(Common)),
        ("password ",                    None),
        (" password",                    None),
        ("my password is password",      None),
        ("p\u{e4}ssword",                None),
        ("correct horse battery staple", None),
        ("qzvwxkjpqz",                   None),
    ];
    for (password, want) in cases {
        assert_eq!(refused(password.as_bytes(), "ada"), want, "{password}");
    }
}

#[test]
fn the_reason_says_what_to_do() {
    for (reason, part) in [
        (TooShort(7), "7 characters; use at least 8"),
        (TooLong(73), "73 bytes, more than the 72"),
        (Common, "use another"),
        (Name, "use another"),
        (Nul, "use another"),
        (NotUtf8, "use another"),
    ] {
        assert!(reason.to_string().contains(part), "{reason}");
    }
}
