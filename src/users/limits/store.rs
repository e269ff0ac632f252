//! Where counters are kept.

use super::bucket::Bucket;
use super::table::Place;
use super::time::Now;

/// Changes buckets. It is called again if another process changed them meanwhile.
pub(super) type Step<'s> = dyn FnMut(&mut [Bucket], Now) + 's;

/// Counters, in a file or in Redis.
pub(super) trait Counters {
    /// Reads the buckets at `places`, lets `step` change them, and stores what it
    /// changed, as one atomic step.
    ///
    /// `step` gets the time by which the counters are dated: `now`, or that of the
    /// place where several machines keep them.
    ///
    /// # Errors
    ///
    /// [`Unavailable`]. All, some or none of the changes are stored.
    fn change(&self, places: &[Place], now: Now, step: &mut Step<'_>)
    -> Result<State, Unavailable>;
}

/// No counters, and why there are none.
pub(super) struct NoCounters(pub(super) String);

impl Counters for NoCounters {
    fn change(&self, _: &[Place], _: Now, _: &mut Step<'_>) -> Result<State, Unavailable> {
        Err(Unavailable::Failed(self.0.clone()))
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Intact,
    /// Something was damaged, and counts as nothing now.
    Repaired,
}

/// Why nothing can be counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Unavailable {
    /// Other processes use the counters.
    Held,
    /// The place and the system's reason.
    Failed(String),
}
