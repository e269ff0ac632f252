//! Password hashes in a process of its own, whose memory or instructions a test counts.
//!
//! - `password_hash verify HASH` and `password_hash decoy HASH` verify the password on
//!   standard input with the hash or a decoy for it, and print the outcome.
//! - `password_hash parse` parses each line of standard input, and prints those that took
//!   more memory than they have bytes.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unsafe_code,
    reason = "a program of the tests, with an allocator that counts"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use signet::process::Allocator;
use signet::users::hash::PasswordHash;
use signet::users::password::Password;

/// signet's own allocator, with the sum of all that it gave.
struct Counting {
    allocator: Allocator,
    sum: AtomicUsize,
}

// SAFETY: everything is done by an allocator with the same contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.sum.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { self.allocator.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { self.allocator.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting {
    allocator: Allocator::new(),
    sum: AtomicUsize::new(0),
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).expect("input");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["parse"] => parse(std::str::from_utf8(&input).expect("UTF-8")),
        [how @ ("verify" | "decoy"), text] => {
            let hash = PasswordHash::parse(text).expect("an accepted hash");
            let hash = match how {
                "verify" => hash,
                _ => hash.work().decoy(),
            };
            let password = Password::new(&input).expect("a password");
            match hash.verify(&password) {
                Ok(matches) => println!("{matches}"),
                Err(err) => println!("{err}"),
            }
        }
        _ => panic!("verify HASH, decoy HASH or parse"),
    }
}

fn parse(texts: &str) {
    for text in texts.lines() {
        let before = ALLOCATOR.sum.load(Ordering::Relaxed);
        let outcome = PasswordHash::parse(text);
        let allocated = ALLOCATOR.sum.load(Ordering::Relaxed) - before;
        if allocated > text.len() {
            println!("{allocated} bytes for {text:?}: {outcome:?}");
        }
    }
}
