//! Costs at and beyond each limit, and texts of formats that are not accepted. Nothing is
//! hashed.

use signet::users::hash::{Limit, PasswordHash, RefusedHash};

/// Lengths of a salt and digests in each format, of which the contents do not matter.
fn bcrypt(cost: &str) -> String {
    format!("$2y${cost}${}", ".".repeat(53))
}

fn crypt(rounds: &str) -> String {
    format!("$6$rounds={rounds}$salt${}", ".".repeat(86))
}

fn argon2(costs: &str) -> String {
    format!("$argon2id$v=19${costs}$c2FsdHNhbHQ${}", "A".repeat(43))
}

fn scrypt(costs: &str) -> String {
    format!("scrypt:{costs}$salt${}", "0".repeat(128))
}

fn pbkdf2(method: &str, digits: usize) -> String {
    format!("pbkdf2:{method}$salt${}", "0".repeat(digits))
}

#[test]
fn costs_are_accepted_up_to_their_limits() {
    #[rustfmt::skip]
    let cases = [
        // accepted                       refused                            the value
        (bcrypt("04"),                    bcrypt("03"),                      3),
        (bcrypt("14"),                    bcrypt("15"),                      15),
        (bcrypt("14"),                    bcrypt("31"),                      31),
        (crypt("1000"),                   crypt("999"),                      999),
        (crypt("500000"),                 crypt("500001"),                   500_001),
        (crypt("500000"),                 crypt("999999999"),                999_999_999),
        (crypt("500000"),                 crypt("99999999999999999999999"),  u64::MAX),
        (argon2("m=8,t=1,p=1"),           argon2("m=7,t=1,p=1"),             7),
        (argon2("m=65536,t=4,p=1"),       argon2("m=65537,t=4,p=1"),         65_537),
        (argon2("m=65536,t=4,p=1"),       argon2("m=4294967296,t=4,p=1"),    1 << 32),
        (argon2("m=65536,t=16,p=1"),      argon2("m=65536,t=17,p=1"),        17),
        (argon2("m=65536,t=1,p=1"),       argon2("m=65536,t=0,p=1"),         0),
        (argon2("m=128,t=1,p=16"),        argon2("m=136,t=1,p=17"),          17),
        (argon2("m=8,t=1,p=1"),           argon2("m=8,t=1,p=0"),             0),
        (scrypt("65536:8:1"),             scrypt("131072:8:1"),              128 << 20),
        (scrypt("32768:8:1"),             scrypt("9223372036854775808:8:1"), u64::MAX),
        (scrypt("16384:32:1"),            scrypt("16384:33:1"),              33),
        (scrypt("8192:8:16"),             scrypt("8192:8:17"),               17),
        (scrypt("65536:8:4"),             scrypt("65536:8:5"),               320 << 20),
        (scrypt("2:1:1"),                 scrypt("2:0:1"),                   0),
        (scrypt("2:1:1"),                 scrypt("0:8:1"),                   0),
        (pbkdf2("sha256:2000000", 64),    pbkdf2("sha256:2000001", 64),      2_000_001),
        (pbkdf2("sha1:1", 40),            pbkdf2("sha1:0", 40),              0),
        (pbkdf2("sha512:2000000", 128),   pbkdf2("sha512:9999999999", 128),  9_999_999_999),
    ];
    for (accepted, refused, value) in cases {
        assert!(PasswordHash::parse(&accepted).is_ok(), "{accepted}");
        let got = PasswordHash::parse(&refused).expect_err(&refused);
        let RefusedHash::Cost { limit, value: got } = got else {
            panic!("{refused}: {got}");
        };
        assert_eq!(got, value, "{refused}: {limit}");
    }
}

#[test]
fn a_message_names_the_limit_and_the_remedy() {
    let refused = PasswordHash::parse(&bcrypt("15")).expect_err("a cost of 15");
    let limit = Limit {
        name: "the cost of bcrypt",
        least: 4,
        most: 14,
    };
    assert_eq!(refused, RefusedHash::Cost { limit, value: 15 });
    assert_eq!(
        refused.to_string(),
        "the cost of bcrypt must be 4 to 14, but is 15: set the password again with `htpasswd -B`"
    );
}

#[test]
fn malformed_hashes_are_refused() {
    let texts = [
        // bcrypt
        "$2y$".to_owned(),
        "$2y$12$".to_owned(),
        bcrypt("4"),
        bcrypt("004"),
        bcrypt("+4"),
        bcrypt("ab"),
        format!("{}.", bcrypt("04")),
        bcrypt("04").replace("....", "..=."),
        bcrypt("04").replace("....", "..\u{e9}"),
        // Bits of the salt's and the digest's last characters that are not used.
        format!("$2y$04${}/{}", ".".repeat(21), ".".repeat(31)),
        format!("$2y$04${}/", ".".repeat(52)),
        // SHA-crypt
        "$6$".to_owned(),
        "$6$salt".to_owned(),
        format!("$6$salt${}", ".".repeat(85)),
        format!("$5$salt${}", ".".repeat(86)),
        format!("$6$salt${}$", ".".repeat(86)),
        format!("$6$salt${}-", ".".repeat(85)),
        format!("$6${}${}", "s".repeat(17), ".".repeat(86)),
        format!("$6$s\u{e9}${}", ".".repeat(86)),
        crypt("01000"),
        crypt("+1000"),
        crypt("1000 "),
        crypt(""),
        // Argon2
        "$argon2".to_owned(),
        "$argon2id$".to_owned(),
        argon2("m=64,t=1"),
        argon2("t=1,m=64,p=1"),
        argon2("m=64,t=1,p=1,data=AAAA"),
        argon2("m=064,t=1,p=1"),
        argon2("m=15,t=1,p=2"),
        argon2("m=64,t=1,p=1").replace("v=19", "v=18"),
        argon2("m=64,t=1,p=1").replace("argon2id", "argon2x"),
        argon2("m=64,t=1,p=1").replace("c2FsdHNhbHQ", "c2FsdA"),
        argon2("m=64,t=1,p=1").replace("c2FsdHNhbHQ", "c2FsdHNhbHQ="),
        argon2("m=64,t=1,p=1").replace("AAAA", ""),
        format!("{}{}", argon2("m=64,t=1,p=1"), "AAAA".repeat(20)),
        // Werkzeug
        "scrypt:".to_owned(),
        scrypt("1:8:1"),
        scrypt("1000:8:1"),
        scrypt("65536:1:1"),
        scrypt("2:1:1:1"),
        scrypt("2:1"),
        scrypt("1_024:8:1"),
        format!("{}0", scrypt("2:1:1")),
        scrypt("2:1:1").replace("0000", "00"),
        scrypt("2:1:1").replace("0000", "00AA"),
        scrypt("2:1:1").replace("salt", &"s".repeat(65)),
        pbkdf2("sha256:", 64),
        pbkdf2("sha256:1", 62),
        pbkdf2("sha1:1", 64),
        pbkdf2("sha256:1:1", 64),
        // apr1
        "$apr1$".to_owned(),
        "$apr1$saltsalt$".to_owned(),
        format!("$apr1$saltsalts${}", ".".repeat(22)),
        format!("$apr1$saltsalt${}", ".".repeat(21)),
        format!("$apr1$saltsalt${}!", ".".repeat(21)),
    ];
    for text in texts {
        let refused = PasswordHash::parse(&text).expect_err(&text);
        assert!(
            matches!(refused, RefusedHash::Malformed(_)),
            "{text}: {refused}"
        );
    }
}

/// The texts are from the manuals of the programs that make them.
#[test]
fn other_formats_are_refused_by_name() {
    let remedy = ": set the password again with `htpasswd -B`";
    #[rustfmt::skip]
    let cases = [
        ("",                                    "no password hash"),
        ("{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=",   "{SHA}, a fast hash without a salt"),
        ("rqXexS6ZhobKA",                       "DES crypt, which ignores all but 8 characters of a password"),
        ("myPassword",                          "plain text or an unknown format"),
        (" ",                                   "plain text or an unknown format"),
        ("scrypt$salt$00",                      "a hash of Werkzeug without its costs, which is not accepted"),
        ("pbkdf2$salt$00",                      "a hash of Werkzeug without its costs, which is not accepted"),
        ("pbkdf2:sha256$salt$00",               "a hash of Werkzeug without its costs, which is not accepted"),
        ("p\u{e4}sswort13",                     "plain text or an unknown format"),
        ("{SSHA}x",                             "a hash of LDAP, which is not accepted"),
        ("$1$salt$qJH7.N4xYta3aEG/dfqo/0",      "MD5 crypt, which is not accepted"),
        ("$2x$05$x",                            "bcrypt of a faulty version (2x), which is not accepted"),
        ("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$x",     "yescrypt, which is not accepted"),
        ("$P$B",                                "a hash of phpass, which is not accepted"),
        ("pbkdf2_sha256$1$s$x",                 "a hash of Django, which is not accepted"),
        ("sha256$salt$00",                      "a salted digest of Werkzeug before 3.0, which is not accepted"),
        ("pbkdf2:md5:1$salt$00",                "PBKDF2 with another digest than SHA-1, SHA-256 and SHA-512, which is not accepted"),
        ("$",                                   "a hash in an unknown format, which is not accepted"),
    ];
    for (text, want) in cases {
        let refused = PasswordHash::parse(text).expect_err(text).to_string();
        assert_eq!(refused, format!("{want}{remedy}"), "{text}");
    }
}
