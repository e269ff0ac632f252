//! The list of a user's sessions in a store.
//!
//! A store has one list for each user who has logged in with a password, so that a user's
//! sessions are found without a look at those of others. It holds keys, which open no
//! session. What is in it may have ended, and whoever reads it looks.

use super::dict::{Origin, Session};
use super::id::SessionKey;

/// The most sessions in a list. A session is listed anew when it is used, and the one that
/// was not used for longest makes room.
pub const MAX_LISTED: usize = 100;

/// The bytes of a line: 64 hex digits and a line feed.
const LINE: usize = 65;

/// The most bytes of a list.
pub(super) const MAX_LIST: usize = MAX_LISTED * LINE;

/// The keys of a user's sessions, the last used one at the end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SessionList(Vec<SessionKey>);

impl SessionList {
    /// Reads what [`SessionList::to_bytes`] wrote. Lines that are no keys are left out.
    pub fn parse(bytes: &[u8]) -> Self {
        let lines = bytes.split(|byte| *byte == b'\n');
        let texts = lines.filter_map(|line| str::from_utf8(line).ok());
        Self(
            texts
                .filter_map(SessionKey::parse)
                .take(MAX_LISTED)
                .collect(),
        )
    }

    /// A line for each key.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines = self.0.iter().flat_map(|key| [key.as_str(), "\n"]);
        lines.collect::<String>().into_bytes()
    }

    /// The keys, the last used one at the end.
    pub fn keys(&self) -> &[SessionKey] {
        &self.0
    }

    /// Moves a key to the end, or adds it there.
    pub fn add(&mut self, key: SessionKey) {
        self.remove(&key);
        if self.0.len() >= MAX_LISTED {
            self.0.remove(0);
        }
        self.0.push(key);
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &SessionKey) {
        self.0.retain(|other| other != key);
    }

    /// Removes all keys but this one.
    pub fn keep_only(&mut self, key: &SessionKey) {
        self.0.retain(|other| other == key);
    }
}

impl Session {
    /// The key of a session in a store.
    pub(super) fn key(&self) -> Option<SessionKey> {
        match &self.state().origin {
            Origin::Store(id) => Some(id.key()),
            Origin::New | Origin::Cookie => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> SessionKey {
        SessionKey::parse(&format!("{number:064x}")).unwrap()
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let mut list = SessionList::default();
        (0..3).for_each(|number| list.add(key(number)));
        assert_eq!(SessionList::parse(&list.to_bytes()), list);
        assert_eq!(list.to_bytes().len(), 3 * LINE);
    }

    #[test]
    fn the_session_that_was_not_used_for_longest_makes_room() {
        let mut list = SessionList::default();
        (0..MAX_LISTED).for_each(|number| list.add(key(number)));
        list.add(key(0));
        assert_eq!(list.keys().len(), MAX_LISTED);
        list.add(key(1000));
        assert_eq!(list.keys().len(), MAX_LISTED);
        assert!(!list.keys().contains(&key(1)));
        assert_eq!(list.keys().last(), Some(&key(1000)));
        assert!(list.keys().contains(&key(0)));
        assert_eq!(list.to_bytes().len(), MAX_LIST);
    }

    #[test]
    fn what_is_no_key_is_left_out() {
        let good = key(7);
        let text = format!(
            "\n../x\n{}\n{}\u{0}\n{}A\n",
            good.as_str(),
            good.as_str(),
            &good.as_str()[1..]
        );
        assert_eq!(SessionList::parse(text.as_bytes()).keys(), [good]);
        assert_eq!(SessionList::parse(&[0xff; 65]).keys(), []);
        let long: String = (0..200).map(|number| format!("{number:064x}\n")).collect();
        assert_eq!(SessionList::parse(long.as_bytes()).keys().len(), MAX_LISTED);
    }
}
