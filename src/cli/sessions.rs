//! `signet sessions`: listing and ending sessions.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde_json::json;

use super::site::{self, Subject};
use super::{Failure, count, note, print};
use crate::app::dates::utc;
use crate::config::Config;
use crate::gateway::ProcessInput;
use crate::session::record::Record;
use crate::session::revocation::{Ended, Users};
use crate::session::store::{Store, Visit};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the sessions in the store
    ///
    /// One line for each: when it began, when it was last saved, its size in bytes, its
    /// user. Sessions in signed cookies cannot be listed, as only browsers store them.
    List {
        /// Only those of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Print a JSON array of objects: started and saved (Unix seconds), size (bytes),
        /// user (null if nobody is logged in)
        #[arg(long)]
        json: bool,
    },
    /// End sessions that began before now, in cookies and in the store
    #[command(group = clap::ArgGroup::new("whose").required(true))]
    Revoke {
        /// Those of this user
        #[arg(long, value_name = "NAME", group = "whose")]
        user: Option<String>,
        /// Those of every user
        #[arg(long, group = "whose")]
        all: bool,
    },
    /// Remove expired and ended sessions from the store
    ///
    /// This is not necessary: requests remove expired sessions, a few at a time.
    Clean,
}

pub(super) fn run(command: Command, input: &ProcessInput) -> Result<(), Failure> {
    let config = site::settings(input, Subject::Sessions)?;
    match command {
        Command::List { user, json } => list(&find(&config, user.as_deref(), input.now)?, json),
        Command::Revoke { user, .. } => revoke(&config, user.as_deref(), input.now),
        Command::Clean => clean(&config, input.now),
    }
}

fn store(config: &Config) -> Result<Box<dyn Store>, Failure> {
    config.store().map_err(Failure::new)?.ok_or_else(|| {
        Failure::new("this site has no store: its sessions are in signed cookies")
            .hint("see the settings SESSION_TYPE and SESSION_OVERFLOW")
    })
}

/// Calls `visit` with every session in the store, its size in bytes, and whether a
/// revocation mark or its absolute lifetime has ended it. Returns how many could not
/// be deleted that should be.
fn for_each(
    config: &Config,
    now: u64,
    mut visit: impl FnMut(&Record, usize, bool) -> Visit,
) -> Result<usize, Failure> {
    let revocations = config.revocations();
    // Each user's mark is looked up once.
    let mut marks: BTreeMap<Option<String>, Ended> = BTreeMap::new();
    let mut ended = |user: Option<&str>| match (&revocations, marks.entry(user.map(str::to_owned)))
    {
        (_, Entry::Occupied(ended)) => Ok(*ended.get()),
        (Some(revocations), Entry::Vacant(unknown)) => {
            Ok(*unknown.insert(revocations.ended(user, now)?))
        }
        (None, Entry::Vacant(_)) => Ok(Ended::Never),
    };
    let mut failure = None;
    let shown = store(config)?.for_each(now, &mut |record, size| match ended(record.user()) {
        Ok(ended) => {
            let over = ended.covers(record.started, now)
                || config.cookie.is_past_absolute_lifetime(record.started, now);
            visit(record, size, over)
        }
        Err(err) => {
            failure = Some(err);
            Visit::Stop
        }
    });
    match (shown, failure) {
        (Ok(undeleted), None) => Ok(undeleted),
        (Err(err), _) | (_, Some(err)) => Err(Failure::new(err)),
    }
}

/// The columns of `list`; the list is sorted by them.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Found {
    started: u64,
    saved: u64,
    /// Bytes of its record.
    size: usize,
    user: Option<String>,
}

fn find(config: &Config, user: Option<&str>, now: u64) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for_each(config, now, |record, size, has_ended| {
        if !has_ended && (user.is_none() || record.user() == user) {
            found.push(Found {
                started: record.started.second(),
                saved: record.saved,
                size,
                user: record.user().map(str::to_owned),
            });
        }
        Visit::Next
    })?;
    found.sort();
    Ok(found)
}

fn list(found: &[Found], as_json: bool) -> Result<(), Failure> {
    if as_json {
        let rows = found.iter().map(|found| {
            json!({
                "started": found.started,
                "saved": found.saved,
                "size": found.size,
                "user": found.user,
            })
        });
        return print(format!("{}\n", rows.collect::<serde_json::Value>()).as_bytes());
    }
    let mut text = String::new();
    for Found {
        started,
        saved,
        size,
        user,
    } in found
    {
        let (started, saved) = (utc(*started, "Z"), utc(*saved, "Z"));
        let name = user.as_deref().unwrap_or_default().escape_debug();
        text.push_str(&format!("{started}  {saved}  {size:>6}  {name}\n"));
    }
    print(text.as_bytes())?;
    note(format_args!("{}", count(found.len(), "session")));
    Ok(())
}

fn revoke(config: &Config, user: Option<&str>, now: u64) -> Result<(), Failure> {
    let revocations = config.revocations().ok_or_else(|| {
        Failure::new("there is no state folder for revocation marks")
            .hint("set STATE_DIR, or run this as the user that the web server runs it as")
    })?;
    let whose = user.map_or(Users::All, Users::Known);
    revocations.end(whose, None, now).map_err(Failure::new)?;
    let ended = match user {
        Some(user) => format!(
            "ended the sessions of {user:?} (upper and lower case differ) that began before now"
        ),
        None => "ended all sessions that began before now".to_owned(),
    };
    if matches!(config.store(), Ok(None)) {
        note(ended);
        return Ok(());
    }
    // The marks have ended the sessions: errors while records are removed are not
    // failures.
    let removed = remove_ended(config, now, |record| {
        user.is_none() || record.user() == user
    });
    match removed {
        Ok(removed) => note(format_args!("{ended}; {removed}")),
        Err(failure) => note(format_args!(
            "{ended}; their records are still stored: {}",
            failure.reason
        )),
    }
    Ok(())
}

/// How many ended sessions were removed, and could not be removed.
struct Removed {
    removed: usize,
    undeleted: usize,
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "removed {}", count(self.removed, "session"))?;
        match self.undeleted {
            0 => Ok(()),
            undeleted => write!(
                f,
                "; the records of {} could not be removed now",
                count(undeleted, "ended session")
            ),
        }
    }
}

/// Removes the ended sessions of those that are `wanted`.
fn remove_ended(
    config: &Config,
    now: u64,
    wanted: impl Fn(&Record) -> bool,
) -> Result<Removed, Failure> {
    let mut ended = 0;
    let undeleted = for_each(config, now, |record, _, has_ended| {
        match has_ended && wanted(record) {
            true => {
                ended += 1;
                Visit::Delete
            }
            false => Visit::Next,
        }
    })?;
    Ok(Removed {
        removed: ended - undeleted,
        undeleted,
    })
}

fn clean(config: &Config, now: u64) -> Result<(), Failure> {
    if let Some(revocations) = config.revocations() {
        revocations.clean(now).map_err(Failure::new)?;
    }
    let Some(store) = config.store().map_err(Failure::new)? else {
        note("sessions are in signed cookies; removed expired revocation marks");
        return Ok(());
    };
    let expired = store.sweep(now).map_err(Failure::new)?;
    let ended = remove_ended(config, now, |_| true)?;
    note(Removed {
        removed: expired + ended.removed,
        ..ended
    });
    Ok(())
}
