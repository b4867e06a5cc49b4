//! Percentiles of times.

use std::time::Duration;

use serde::Serialize;

/// The middle and the tail of a set of times, in milliseconds. NaN-free; zero for an empty set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Half of the times are at most this.
    pub p50_ms: f64,
    /// 99 of 100 times are at most this.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Spread {
    /// The spread of these times.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut micros: Vec<u128> = times.into_iter().map(|time| time.as_micros()).collect();
        micros.sort_unstable();
        let at = |percent| nearest_rank(&micros, percent) as f64 / 1000.0;
        Self {
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
        }
    }
}

/// The smallest value that at least `percent` of all values do not exceed.
fn nearest_rank(sorted: &[u128], percent: usize) -> u128 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// The median of a few rounds; of an even number the lower middle, so it is one that was measured.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_millis));
        assert_eq!(
            spread,
            Spread {
                p50_ms: 100.0,
                p99_ms: 198.0,
                max_ms: 200.0
            }
        );
        let single = Spread::of([Duration::from_micros(1500)]);
        assert_eq!(
            single,
            Spread {
                p50_ms: 1.5,
                p99_ms: 1.5,
                max_ms: 1.5
            }
        );
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn the_median_of_rounds_is_one_of_them() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0]) - 1.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).abs() < f64::EPSILON);
    }
}
