//! Sessions on the server: the contract of every store, what visitors and the
//! owner see of it, and what happens when the machine fails.

mod contract;
mod cost;
mod damage;
mod ends;
mod everywhere;
mod faults;
mod hanging;
mod ids;
mod limits;
mod marks;
mod modes;
mod overflow;
mod places;
mod races;
mod redis;
mod several;
mod site;
mod swarm;

use rustix::process::geteuid;
use signet::session::SessionId;
use signet::session::store::{Files, Store};

use crate::support::StateDir;

/// Where a store keeps its sessions.
pub(super) trait Place: Sync {
    /// The store there, as another process opens it.
    fn open(&self, lifetime: u64) -> Box<dyn Store>;
}

/// A folder for [`Files`].
struct Folder(StateDir);

impl Folder {
    fn new() -> Self {
        Self(StateDir::new())
    }
}

impl Place for Folder {
    fn open(&self, lifetime: u64) -> Box<dyn Store> {
        let dir = self.0.path().join("sessions");
        let files = Files::new(&dir, geteuid().as_raw(), lifetime);
        Box::new(files.expect("a trusted path"))
    }
}

/// Where [`Files`] in `sessions/` keeps the session of this id: by SHA-256.
pub(crate) fn place(id: &SessionId) -> String {
    let hash = id.hash();
    format!("sessions/{}/{}/{}", &hash[..1], &hash[1..3], &hash[3..])
}

/// What marks promise, test by test, on a place for them.
macro_rules! marks {
    ($store:ident: $place:expr) => {
        marks!(() $store: $place);
    };
    ($about:tt $store:ident: $place:expr) => {
        contract! { @all $about $store $place;
            marks::a_mark_ends_what_began_before_it_and_nothing_else,
            marks::a_mark_ends_the_session_that_asks_for_it,
            marks::everybodys_mark_ends_all_that_began_before_it,
            marks::no_date_is_ahead_of_the_clock,
            marks::of_concurrent_marks_the_latest_counts,
            marks::everybodys_mark_covers_what_began_after_a_damaged_one,
            marks::a_mark_far_ahead_of_the_clock_counts_when_its_time_comes,
            marks::a_damaged_mark_ends_sessions_until_it_is_written_anew,
            marks::marks_of_invented_names_have_a_limit,
            marks::the_limit_holds_at_one_second,
            marks::the_limit_holds_at_different_seconds,
        }
    };
}

/// The contract, test by test, on a store: `contract!(name: place)`, or
/// `contract!((ignore = "why") name: place)`.
macro_rules! contract {
    ($store:ident: $place:expr) => {
        contract!(() $store: $place);
    };
    ($about:tt $store:ident: $place:expr) => {
        contract! { @all $about $store $place;
            contract::a_record_is_loaded_as_it_was_created,
            contract::an_unknown_id_is_no_session,
            contract::create_refuses_an_id_in_use,
            contract::update_changes_what_is_stored_now,
            contract::update_may_end_a_session,
            contract::update_of_an_ended_session_stores_nothing,
            contract::renew_kills_the_old_id,
            contract::renew_of_an_ended_session_stores_nothing,
            contract::a_record_has_a_key,
            contract::each_user_has_a_list,
            contract::renew_may_end_a_session,
            contract::renew_to_an_id_in_use_changes_nothing,
            contract::store_forgets_what_it_deleted,
            contract::expired_is_absent,
            contract::use_prolongs_a_session,
            contract::a_record_too_large_changes_nothing,
            contract::the_largest_record_fits,
            contract::sweep_removes_only_what_is_over,
            contract::for_each_shows_every_session_once,
            contract::for_each_removes_what_it_is_told_to,
            contract::for_each_stops_when_told_to,
            contract::for_each_shows_nothing_that_is_over,
            races::concurrent_updates_lose_nothing,
            races::of_concurrent_creations_one_wins,
            races::of_concurrent_renewals_one_wins,
            races::of_concurrent_deletions_one_wins,
            races::no_update_outlives_a_deletion,
            races::readers_see_whole_records,
            races::sweeping_takes_no_session_in_use,
        }
    };
    (@all $about:tt $store:ident $place:expr; $($room:ident::$name:ident,)*) => {
        mod $store {
            use super::*;
            $(contract! { @one $about $place; $room::$name })*
        }
    };
    (@one () $place:expr; $room:ident::$name:ident) => {
        #[test]
        fn $name() {
            $room::$name(&$place);
        }
    };
    (@one ($about:meta) $place:expr; $room:ident::$name:ident) => {
        #[test]
        #[$about]
        fn $name() {
            $room::$name(&$place);
        }
    };
}

// A store more is a line more.
contract!(files: Folder::new());
contract!((ignore = "needs redis-server: run tests/run") redis_by_unix_socket: redis::Keys::by_unix_socket());
contract!((ignore = "needs redis-server: run tests/run") redis_by_tcp: redis::Keys::by_tcp());
contract!((ignore = "needs redis-server: run tests/run") redis_in_a_cluster: redis::Keys::in_a_cluster());

marks!(marks_in_files: marks::Folder::new());
marks!((ignore = "needs redis-server: run tests/run") marks_in_redis: redis::Keys::by_tcp());
marks!((ignore = "needs redis-server: run tests/run") marks_in_a_cluster: redis::Keys::in_a_cluster());
