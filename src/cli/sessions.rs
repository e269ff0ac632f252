//! `signet sessions`: what a store keeps, and the end of it.

use serde_json::json;

use super::site;
use super::{Failure, complain, count, print, utc};
use crate::Edge;
use crate::config::Config;
use crate::session::revocation::is_over;
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
    /// Remove what is over from the store
    ///
    /// Requests do that a little at a time; nobody has to.
    Clean,
}

pub(super) fn run(command: Command, edge: &Edge) -> Result<(), Failure> {
    let config = site::settings(edge)?;
    match command {
        Command::List { user, json } => {
            let found = find(&*store(&config)?, user.as_deref(), edge.now)?;
            list(&found, json)
        }
        Command::Revoke { user, .. } => revoke(&config, user.as_deref(), edge.now),
        Command::Clean => {
            let removed = store(&config)?
                .sweep(edge.now, usize::MAX)
                .map_err(Failure::new)?;
            complain(format_args!(
                "signet: removed {}",
                count(removed, "session")
            ));
            Ok(())
        }
    }
}

fn store(config: &Config) -> Result<Box<dyn Store>, Failure> {
    config.store().map_err(Failure::new)?.ok_or_else(|| {
        Failure::new("sessions live in signed cookies: there is no store")
            .hint("see the settings SESSION_TYPE and SESSION_OVERFLOW")
    })
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

fn find(store: &dyn Store, user: Option<&str>, now: u64) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    store
        .for_each(now, &mut |record, size| {
            if user.is_none() || record.user() == user {
                found.push(Found {
                    started: record.started,
                    saved: record.saved,
                    size,
                    user: record.user().map(str::to_owned),
                });
            }
            Visit::Next
        })
        .map_err(Failure::new)?;
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
    revocations.end(user, now).map_err(Failure::new)?;
    let Some(store) = config.store().map_err(Failure::new)? else {
        complain("signet: sessions that began before now are over");
        return Ok(());
    };
    let mut ended = 0;
    store
        .for_each(now, &mut |record, _| {
            let whose = user.is_none() || record.user() == user;
            if !whose || !is_over(&*revocations, record) {
                return Visit::Next;
            }
            ended += 1;
            Visit::Delete
        })
        .map_err(Failure::new)?;
    complain(format_args!(
        "signet: sessions that began before now are over; removed {}",
        count(ended, "session")
    ));
    Ok(())
}
