//! Counters read from a role's `/metrics`.

use std::collections::BTreeMap;

/// The transactions a process ended, counted by the transaction's name.
pub(crate) type Transactions = BTreeMap<String, f64>;

const TRANSACTIONS: &str = "atelier_store_transaction_seconds_count";

/// Reads the store's transaction counter, all outcomes together.
pub(crate) fn transactions(text: &str) -> Transactions {
    let mut counts = Transactions::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(TRANSACTIONS) else {
            continue;
        };
        let Some((labels, value)) = rest.rsplit_once(' ') else {
            continue;
        };
        let (Some(name), Ok(value)) = (label(labels, "name"), value.parse::<f64>()) else {
            continue;
        };
        *counts.entry(name.to_owned()).or_default() += value;
    }
    counts
}

/// The value of one label in `{a="x",b="y"}`. Our names never hold quotes.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let inner = labels.trim().strip_prefix('{')?.strip_suffix('}')?;
    inner
        .split(',')
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
        .map(|(_, value)| value.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_of_one_name_are_added_and_other_metrics_left_out() {
        let text = "# HELP atelier_store_transaction_seconds Time\n\
            atelier_store_transaction_seconds_bucket{name=\"intake\",outcome=\"failed\",le=\"1\"} 9\n\
            atelier_store_transaction_seconds_count{name=\"intake\",outcome=\"committed\"} 40\n\
            atelier_store_transaction_seconds_count{name=\"intake\",outcome=\"failed\"} 2\n\
            atelier_store_transaction_seconds_count{outcome=\"committed\",name=\"claim\"} 7\n\
            process_open_fds 12\n";
        let expected = [("claim".to_owned(), 7.0), ("intake".to_owned(), 42.0)];
        assert_eq!(transactions(text), expected.into());
    }
}
