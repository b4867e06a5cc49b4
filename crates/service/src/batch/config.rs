//! The bounds of a batcher.

/// The bounds of a batcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchConfig {
    /// Batches in flight at the same time, 1 to [`BatchConfig::SLOTS_LIMIT`].
    pub slots: usize,
    /// Items in one batch, 1 to [`BatchConfig::ITEMS_LIMIT`].
    pub max_items: usize,
    /// Items waiting for a slot, 1 to [`BatchConfig::QUEUE_LIMIT`].
    pub queue: usize,
}

impl BatchConfig {
    /// Each slot usually holds a database connection; more than this is a mistake.
    pub const SLOTS_LIMIT: usize = 64;
    /// One transaction of more items than this holds its locks too long.
    pub const ITEMS_LIMIT: usize = 10_000;
    /// The queue lives in memory; a longer one only hides that the database is too slow.
    pub const QUEUE_LIMIT: usize = 1_000_000;

    pub(super) fn check(self) -> Result<Self, BatchConfigError> {
        let bounds = [
            ("slots", self.slots, Self::SLOTS_LIMIT),
            ("max_items", self.max_items, Self::ITEMS_LIMIT),
            ("queue", self.queue, Self::QUEUE_LIMIT),
        ];
        match bounds
            .into_iter()
            .find(|(_, value, limit)| !(1..=*limit).contains(value))
        {
            None => Ok(self),
            Some((field, value, limit)) => Err(BatchConfigError {
                field,
                value,
                limit,
            }),
        }
    }
}

/// A bound of [`BatchConfig`] that is zero or too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("batch setting {field} is {value}, it must be between 1 and {limit}")]
pub struct BatchConfigError {
    /// The field's name.
    pub field: &'static str,
    /// What was given.
    pub value: usize,
    /// The largest allowed value.
    pub limit: usize,
}
