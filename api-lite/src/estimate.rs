//! How long a product's pictures take, from those that this process has seen finished.
//!
//! A guess for a progress bar, kept in memory only: an exponential average per product.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::ProductId;

/// Products remembered; a bound on memory (about 100 bytes each).
const CAPACITY: usize = 10_000;

/// The weight of the newest sample: about ten samples decide.
const NEWEST: f64 = 0.2;

/// Averages by product, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Estimates {
    by_product: Mutex<HashMap<ProductId, f64>>,
}

impl Estimates {
    /// Takes a finished picture's time.
    pub(crate) fn observe(&self, product: &ProductId, processing_ms: i32) {
        let sample = f64::from(processing_ms.max(0));
        let mut averages = self
            .by_product
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(average) = averages.get_mut(product) {
            *average += NEWEST * (sample - *average);
        } else if averages.len() < CAPACITY {
            averages.insert(product.clone(), sample);
        }
    }

    /// Seconds from start to end, rounded up; `None` when none has been seen.
    pub(crate) fn seconds(&self, product: &ProductId) -> Option<u32> {
        let averages = self
            .by_product
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let average_ms = averages.get(product)?;
        // Processing times are i32 milliseconds, so their average in seconds fits.
        Some(((average_ms / 1000.0).ceil() as u32).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unseen_product_has_no_estimate_and_a_seen_one_follows_its_samples() {
        let estimates = Estimates::default();
        let product = ProductId::from("p");
        assert_eq!(estimates.seconds(&product), None);
        estimates.observe(&product, 2_100);
        assert_eq!(estimates.seconds(&product), Some(3));
        for _ in 0..50 {
            estimates.observe(&product, 10_000);
        }
        assert_eq!(estimates.seconds(&product), Some(10));
    }
}
