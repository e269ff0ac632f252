//! A process with too little address space gets an error, never an end.

use super::password_hash;

/// Kibibytes of address space, as `ulimit -v` counts them.
fn verified(limit: u32, text: &str) -> Result<String, String> {
    let option = format!("--as={}", u64::from(limit) << 10);
    let out = password_hash(&["/usr/bin/prlimit", &option], &["verify", text], b"geheim");
    match out.status.success() {
        true => Ok(String::from_utf8(out.stdout).expect("UTF-8")),
        false => Err(format!("{limit} KiB: {out:?}")),
    }
}

#[test]
fn too_little_memory_is_an_error() {
    let cheap = format!("$apr1$saltsalt${}", ".".repeat(22));
    // The program itself, without a hash.
    let least = (4 << 10..64 << 10)
        .step_by(1 << 10)
        .find(|limit| verified(*limit, &cheap).is_ok_and(|out| out == "false\n"))
        .expect("the program starts");
    // Each needs 8 MiB.
    let cases = [
        format!("scrypt:8192:8:1$salt${}", "0".repeat(128)),
        format!("scrypt:2048:32:3$salt${}", "0".repeat(128)),
        format!(
            "$argon2id$v=19$m=8192,t=1,p=1$c2FsdHNhbHQ${}",
            "A".repeat(43)
        ),
    ];
    for text in cases {
        let (mut errors, mut verdicts) = (0, 0);
        for limit in (least..least + (16 << 10)).step_by(256) {
            let out = verified(limit, &text).unwrap_or_else(|err| panic!("{text}: {err}"));
            match out.as_str() {
                "false\n" => verdicts += 1,
                out if out.starts_with("not enough memory to check a password: ") => errors += 1,
                out => panic!("{text}, {limit} KiB: {out}"),
            }
        }
        assert!(errors > 16 && verdicts > 16, "{text}: {errors}, {verdicts}");
    }
}
