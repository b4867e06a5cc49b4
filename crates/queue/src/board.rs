//! The dispatcher's board: what intake needs to know to add jobs by itself.

use std::collections::{BTreeMap, BTreeSet};

use domain::{BrandId, Lane};
use redis::Cmd;
use serde::{Deserialize, Serialize};

use crate::error::QueueError;
use crate::handle::Queue;

/// How long a board lives without being replaced. The dispatcher writes one each second or so; after
/// five it has stopped, and intake must not go by what it said.
pub const BOARD_TTL_MS: u64 = 5_000;

/// Brands on one board, a bound on its size (about 60 kB). With more of them busy at once the lanes
/// are at their bounds anyway, and [`Board::truncated`] sends all work through the dispatcher.
pub const MAX_BOARD_BRANDS: usize = 1_000;

/// One lane on the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneState {
    /// Which lane.
    pub lane: Lane,
    /// How many entries its stream should hold at most.
    pub bound: u64,
    /// How many it held.
    pub length: u64,
}

/// What the dispatcher saw at one moment. A hint with an expiry, not a promise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    /// When, by the dispatcher's clock: milliseconds since 1970 UTC. Only compared with the stamps
    /// of other boards, never with a reader's clock.
    pub at_ms: i64,
    /// The lanes.
    pub lanes: Vec<LaneState>,
    /// Jobs sent but not yet claimed, by brand; brands without any are left out.
    pub brands: BTreeMap<BrandId, u64>,
    /// Brands whose jobs wait in PostgreSQL: new ones must queue up behind those.
    pub backlogged: BTreeSet<BrandId>,
    /// Brands were left out because there were too many.
    #[serde(default)]
    pub truncated: bool,
}

impl Board {
    /// The board with at most [`MAX_BOARD_BRANDS`] names in each of its two lists.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if self.brands.len() > MAX_BOARD_BRANDS || self.backlogged.len() > MAX_BOARD_BRANDS {
            self.truncated = true;
            self.brands = self.brands.into_iter().take(MAX_BOARD_BRANDS).collect();
            self.backlogged = self.backlogged.into_iter().take(MAX_BOARD_BRANDS).collect();
        }
        self
    }
}

impl Queue {
    /// Publishes a board; it replaces the last one and dies after [`BOARD_TTL_MS`].
    ///
    /// # Errors
    /// As every command. Safe to cancel and to repeat.
    pub async fn publish_board(&self, board: &Board) -> Result<(), QueueError> {
        let during = "SET";
        let bounded = board.clone().bounded();
        let json =
            serde_json::to_vec(&bounded).map_err(|source| QueueError::Value { during, source })?;
        let mut command = redis::cmd("SET");
        command
            .arg(self.keys().board())
            .arg(json)
            .arg("PX")
            .arg(BOARD_TTL_MS);
        self.command(during, &command).await
    }

    /// The last board, unless it died.
    ///
    /// # Errors
    /// As every command, and [`QueueError::Value`] for a board of a version that differs too much;
    /// the reader then goes on as without a board.
    pub async fn read_board(&self) -> Result<Option<Board>, QueueError> {
        let during = "GET";
        let json: Option<Vec<u8>> = self.command(during, &Cmd::get(self.keys().board())).await?;
        json.map(|json| serde_json::from_slice(&json))
            .transpose()
            .map_err(|source| QueueError::Value { during, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_with_too_many_brands_is_cut_and_says_so() {
        let brands = (0..=MAX_BOARD_BRANDS).map(|n| (BrandId::from(format!("b{n:05}")), 1));
        let board = Board {
            brands: brands.collect(),
            ..Board::default()
        }
        .bounded();
        assert!(board.truncated);
        assert_eq!(board.brands.len(), MAX_BOARD_BRANDS);
    }

    #[test]
    fn a_board_is_plain_json_under_its_documented_names() {
        let board = Board {
            at_ms: 1,
            lanes: vec![LaneState {
                lane: Lane::Free,
                bound: 8,
                length: 2,
            }],
            brands: [(BrandId::from("b1"), 2)].into(),
            backlogged: [BrandId::from("b2")].into(),
            truncated: false,
        };
        let json = serde_json::to_string(&board).unwrap();
        let expected = r#"{"at_ms":1,"lanes":[{"lane":"free","bound":8,"length":2}],"brands":{"b1":2},"backlogged":["b2"],"truncated":false}"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Board>(&json).unwrap(), board);
    }
}
