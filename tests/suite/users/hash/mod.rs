//! Password hashes of other programs, right and wrong passwords, and texts that are no
//! accepted hash.

mod decoys;
mod hostile;
mod limits;
mod memory;
mod peers;
mod recorded;

use std::io::Write;
use std::process::{Command, Stdio};

use signet::users::hash::{HashError, PasswordHash};
use signet::users::password::Password;

use crate::support::example;

#[track_caller]
fn hash(text: &str) -> PasswordHash {
    PasswordHash::parse(text).unwrap_or_else(|refused| panic!("{text}: {refused}"))
}

/// What `hash` says of a password. Nobody's is empty.
fn verify(hash: &PasswordHash, typed: &[u8]) -> Result<bool, HashError> {
    match Password::new(typed) {
        Ok(password) => hash.verify(&password),
        Err(_) => Ok(false),
    }
}

/// The output of the program `password_hash`, started by `before`.
fn password_hash(before: &[&str], arguments: &[&str], input: &[u8]) -> std::process::Output {
    let program = example("password_hash");
    let program = program.to_str().expect("a path in UTF-8");
    let command = [before, &[program], arguments].concat();
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start the program");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that cannot start does not read.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("the program's end")
}
