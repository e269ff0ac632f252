//! `signet sessions`: what a store keeps, and the end of it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::json;

use super::site;
use super::{Failure, complain, count, print, utc};
use crate::Edge;
use crate::config::Config;
use crate::session::record::Record;
use crate::session::revocation::{Ended, Users};
use crate::session::store::{Store, Visit};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the sessions in the store
    ///
    /// A line for each: when it began, when it was last saved, its size in
    /// bytes, its user. Sessions in signed cookies cannot be listed: only the
    /// visitors have them.
    List {
        /// Only those of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// As a JSON array of objects: started and saved (Unix seconds), size
        /// (bytes), user (null without a name)
        #[arg(long)]
        json: bool,
    },
    /// End sessions that began before now, wherever they are kept
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
    /// Requests remove expired sessions, a few at a time, so there is no need for
    /// it.
    Clean,
}

pub(super) fn run(command: Command, edge: &Edge) -> Result<(), Failure> {
    let config = site::settings(edge)?;
    match command {
        Command::List { user, json } => list(&find(&config, user.as_deref(), edge.now)?, json),
        Command::Revoke { user, .. } => revoke(&config, user.as_deref(), edge.now),
        Command::Clean => clean(&config, edge.now),
    }
}

fn store(config: &Config) -> Result<Box<dyn Store>, Failure> {
    config.store().map_err(Failure::new)?.ok_or_else(|| {
        Failure::new("sessions live in signed cookies: there is no store")
            .hint("see the settings SESSION_TYPE and SESSION_OVERFLOW")
    })
}

/// Shows every session in the store to `visit`, with its size in bytes, and
/// whether it is over by a revocation mark or by its absolute lifetime.
fn for_each(
    config: &Config,
    now: u64,
    mut visit: impl FnMut(&Record, usize, bool) -> Visit,
) -> Result<(), Failure> {
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
            let over =
                ended.covers(record.started, now) || config.cookie.is_too_old(record.started, now);
            visit(record, size, over)
        }
        Err(err) => {
            failure = Some(err);
            Visit::Stop
        }
    });
    match (shown, failure) {
        (Ok(()), None) => Ok(()),
        (Err(err), _) | (_, Some(err)) => Err(Failure::new(err)),
    }
}

/// What `list` shows of a session; sorted, it is the order of the list.
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
    for_each(config, now, |record, size, is_over| {
        if !is_over && (user.is_none() || record.user() == user) {
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
        let (started, saved) = (utc(*started), utc(*saved));
        let name = user.as_deref().unwrap_or_default().escape_debug();
        text.push_str(&format!("{started}  {saved}  {size:>6}  {name}\n"));
    }
    print(text.as_bytes())?;
    complain(format_args!("signet: {}", count(found.len(), "session")));
    Ok(())
}

fn revoke(config: &Config, user: Option<&str>, now: u64) -> Result<(), Failure> {
    let revocations = config.revocations().ok_or_else(|| {
        Failure::new("there is no state directory to mark ended sessions in")
            .hint("set STATE_DIR, or run this as the user that the web server runs it as")
    })?;
    let whose = user.map_or(Users::All, Users::Known);
    revocations.end(whose, None, now).map_err(Failure::new)?;
    if config.store().map_err(Failure::new)?.is_none() {
        complain("signet: sessions that began before now are over");
        return Ok(());
    }
    let mut ended = 0;
    for_each(config, now, |record, _, is_over| {
        let whose = user.is_none() || record.user() == user;
        if !whose || !is_over {
            return Visit::Next;
        }
        ended += 1;
        Visit::Delete
    })?;
    complain(format_args!(
        "signet: sessions that began before now are over; removed {}",
        count(ended, "session")
    ));
    Ok(())
}

fn clean(config: &Config, now: u64) -> Result<(), Failure> {
    let mut removed = store(config)?
        .sweep(now, usize::MAX)
        .map_err(Failure::new)?;
    for_each(config, now, |_, _, is_over| match is_over {
        true => {
            removed += 1;
            Visit::Delete
        }
        false => Visit::Next,
    })?;
    if let Some(revocations) = config.revocations() {
        revocations.clean(now).map_err(Failure::new)?;
    }
    complain(format_args!(
        "signet: removed {}",
        count(removed, "session")
    ));
    Ok(())
}
