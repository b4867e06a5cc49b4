//! Every key and channel name, in one place.

use domain::Lane;

/// The consumer group of every lane's stream.
pub const GROUP: &str = "workers";

/// The names of one shard: `atelier:{0}:lane:free` and so on.
///
/// The braces are a hash tag: Redis Cluster hashes only what stands between them, so all keys of a
/// shard share a slot and may be used in one script or transaction. The prefix stands outside, which
/// spreads shards, not installations, over the slots.
#[derive(Debug, Clone)]
pub struct Keys {
    base: String,
    lanes: [String; Lane::ALL.len()],
}

impl Keys {
    /// The names of one shard under a prefix.
    pub fn new(prefix: &str, shard: u16) -> Self {
        let base = format!("{prefix}:{{{shard}}}");
        let lanes = Lane::ALL.map(|lane| format!("{base}:lane:{lane}"));
        Self { base, lanes }
    }

    /// The stream of a lane.
    pub fn lane(&self, lane: Lane) -> &str {
        &self.lanes[index(lane)]
    }

    /// The lane whose stream this is.
    pub fn lane_of(&self, key: &str) -> Option<Lane> {
        Lane::ALL.into_iter().find(|lane| self.lane(*lane) == key)
    }

    /// Where the shard's epoch stands: gone or foreign means that Redis was lost.
    pub fn epoch(&self) -> String {
        format!("{}:epoch", self.base)
    }

    /// Where the dispatcher publishes its [`Board`](crate::Board).
    pub fn board(&self) -> String {
        format!("{}:board", self.base)
    }

    /// A pattern that every key of the shard matches.
    pub(crate) fn everything(&self) -> String {
        format!("{}:*", self.base)
    }

    /// The hash of what the fleet knows of the providers' health.
    pub fn health(&self) -> String {
        format!("{}:health", self.base)
    }

    /// What is known of the limits of one key at one provider.
    pub fn limit(&self, provider: &str, key: &str) -> String {
        format!("{}:limit:{provider}:{key}", self.base)
    }

    /// The channel of cancelled generations.
    pub fn cancel(&self) -> String {
        format!("{}:cancel", self.base)
    }

    /// The channel of generations whose provider announced something.
    pub fn announced(&self) -> String {
        format!("{}:announced", self.base)
    }

    /// The channel that wakes duties before their period is over.
    pub fn nudge(&self) -> String {
        format!("{}:nudge", self.base)
    }
}

/// The place of a lane in [`Lane::ALL`].
pub(crate) fn index(lane: Lane) -> usize {
    match lane {
        Lane::Retry => 0,
        Lane::Enterprise => 1,
        Lane::Professional => 2,
        Lane::Starter => 3,
        Lane::Free => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_dashboards_and_scalers_are_told() {
        let keys = Keys::new("atelier", 0);
        assert_eq!(keys.lane(Lane::Free), "atelier:{0}:lane:free");
        assert_eq!(keys.epoch(), "atelier:{0}:epoch");
        assert_eq!(keys.board(), "atelier:{0}:board");
        assert_eq!(keys.cancel(), "atelier:{0}:cancel");
        assert_eq!(keys.announced(), "atelier:{0}:announced");
        assert_eq!(keys.nudge(), "atelier:{0}:nudge");
        assert_eq!(keys.health(), "atelier:{0}:health");
        assert_eq!(keys.limit("openai", "k1"), "atelier:{0}:limit:openai:k1");
    }

    #[test]
    fn every_lane_is_found_again_by_its_stream() {
        let keys = Keys::new("shop", 3);
        for (place, lane) in Lane::ALL.into_iter().enumerate() {
            assert_eq!(index(lane), place);
            assert_eq!(keys.lane_of(keys.lane(lane)), Some(lane));
        }
        assert_eq!(keys.lane_of("shop:{4}:lane:free"), None);
    }
}
