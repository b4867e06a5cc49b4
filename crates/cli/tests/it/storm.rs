//! A provider that lets few calls through, and whole jobs of two workers that want many more.

use chrono::{DateTime, Utc};
use sandbox::{Entry, Fault, Provider, RetryAfter};

use crate::processes::PATIENCE;
use crate::shop::Shop;

/// What the double lets through, and how much of it is wanted. Providers' windows have ten seconds or sixty;
/// on a machine that is busy with other tests a job may need a second from the backlog to the gate.
const ALLOWED: usize = 20;
const WINDOW_MS: i64 = 15_000;
const WINDOWS: usize = 4;
/// The least share of what is allowed that must be used, from the first window's beginning to the last
/// one's: what each took, and how soon after its end the next began. The goal is 0.95, which is reached beside
/// a few other programs and not beside many: alone, with `--no-capture`, this prints the share, and ADR 0045
/// says what was seen.
const LEAST: f64 = 0.8;
/// The most refusals in one window, from the third on. Where nobody is late there are one call beyond what the last
/// window took, and at most four that go alone to find out whether the next has begun.
const MOST_REFUSED: usize = 15;
/// Orders at somebody who has room.
const OTHERS: usize = 20;

/// One window, as the double counted it.
#[derive(Debug)]
struct Window {
    began: DateTime<Utc>,
    last: DateTime<Utc>,
    served: usize,
    refused: usize,
}

fn windows(asked: &[Entry]) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for entry in asked {
        match windows.last_mut() {
            Some(window) if !entry.accepted => window.refused += 1,
            Some(window) if (entry.at - window.began).num_milliseconds() < WINDOW_MS => {
                window.served += 1;
                window.last = entry.at;
            }
            _ => windows.push(Window {
                began: entry.at,
                last: entry.at,
                served: 1,
                refused: 0,
            }),
        }
    }
    windows
}

async fn storm(words: RetryAfter) {
    let mut shop = Shop::open(&[]).await;
    let _workers = [shop.worker(&[]).await, shop.worker(&[]).await];
    let limit = Fault::rate_limit(ALLOWED as u32, WINDOW_MS as u64, words).of(Provider::OpenAi);
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
    let windows = windows(&asked);
    for (window, next) in windows.iter().zip(windows.iter().skip(1)) {
        let late = (next.began - window.began).num_milliseconds() - WINDOW_MS;
        let used = (window.last - window.began).num_milliseconds();
        let Window {
            served, refused, ..
        } = window;
        println!(
            "{words:?}: {served} within {used} ms, {refused} refused, the next {late} ms late"
        );
    }
    let served: Vec<_> = asked.iter().filter(|e| e.accepted).map(|e| e.at).collect();
    assert_eq!(served.len(), wanted, "each was paid for once");
    let (last, whole) = windows.split_last().unwrap();
    let took_ms = (last.began - whole[0].began).num_milliseconds();
    let allowed = ALLOWED as f64 * took_ms as f64 / WINDOW_MS as f64;
    let goodput = whole.iter().map(|w| w.served).sum::<usize>() as f64 / allowed;
    let refused = asked.len() - wanted;
    println!("{words:?}: {goodput:.3} of what is allowed in {took_ms} ms, {refused} refused");
    assert!(
        goodput >= LEAST,
        "{goodput:.3} in {took_ms} ms: {windows:?}"
    );
    assert!(refused <= wanted, "{refused} refused: it hammers");
    assert!(
        windows.iter().skip(2).all(|w| w.refused <= MOST_REFUSED),
        "it has not learnt: {windows:?}"
    );

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
