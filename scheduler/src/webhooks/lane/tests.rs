use domain::webhook_endpoint::{PayloadFormat, WebhookHeaders};
use domain::webhook_policy::{BreakerState, FAILURES_TO_OPEN};
use store::webhooks::secrets::SigningSecrets;

use super::*;

const TERM: Duration = Duration::from_secs(25);

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

pub(in crate::webhooks) fn recipient() -> Recipient {
    Recipient {
        brand: "a".into(),
        is_request_host: false,
        url: "https://shop.example/".to_owned(),
        format: PayloadFormat::Standard,
        headers: WebhookHeaders::default(),
        max_in_flight: 2,
        rate_per_s: None,
        ordered: false,
        timeout_ms: 15_000,
        secrets: Ok(SigningSecrets {
            hmac: vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()],
            ed25519: Vec::new(),
        }),
    }
}

pub(in crate::webhooks) fn lane(
    webhook: &str,
    recipient: Recipient,
    queued: u128,
    at: Instant,
) -> Lane {
    let lease = LaneLease {
        webhook: webhook.to_owned(),
        token: Uuid::nil(),
    };
    let leased = LeasedLane {
        lease: lease.clone(),
        brand: recipient.brand.clone(),
        term: TERM,
        state: LaneState::default(),
    };
    let mut lane = Lane::new(leased, at, now());
    lane.learn(&Arc::new(Route::new(recipient).unwrap()), at, now());
    let due = |n| Due {
        lease: lease.clone(),
        event: Uuid::from_u128(n),
        kind: "generation.failed".to_owned(),
        body: b"{}".to_vec(),
        url: None,
        trigger: "event".to_owned(),
        attempt: 0,
        tries: 0,
        next_at: now(),
        seq: 0,
        created_at: now(),
    };
    lane.take((0..queued).map(due).collect(), false);
    lane
}

fn outcome(event: u128, status: u16) -> Outcome {
    Outcome {
        event: Uuid::from_u128(event),
        at: now(),
        status: Some(status),
        fault: AttemptFault::of_status(status),
        given_up: false,
    }
}

fn begun(lane: &mut Lane, at: Instant) -> usize {
    std::iter::from_fn(|| lane.start(now(), at)).count()
}

#[test]
fn no_more_begin_than_the_endpoint_allows_and_each_end_makes_room() {
    let at = Instant::now();
    let mut lane = lane("w", recipient(), 5, at);
    assert_eq!(begun(&mut lane, at), 2);
    lane.finished(&outcome(0, 200), now());
    assert_eq!(begun(&mut lane, at), 1);
    assert!(lane.release().is_none(), "it is not closing");
    lane.close(None);
    assert_eq!(begun(&mut lane, at), 0);
    assert!(lane.release().is_none(), "two are under way");
    lane.finished(&outcome(1, 200), now());
    lane.finished(&outcome(2, 200), now());
    let release = lane.release().unwrap();
    assert_eq!(release.unsent, [Uuid::from_u128(3), Uuid::from_u128(4)]);
}

#[test]
fn nothing_begins_that_could_outlast_the_lease() {
    let at = Instant::now();
    let mut lane = lane("w", recipient(), 5, at);
    let late = at + TERM - Duration::from_millis(15_900);
    assert_eq!(begun(&mut lane, late), 0);
    let renewal = lane.renewal(late).unwrap();
    assert_eq!((renewal.term, renewal.in_hand.len()), (TERM, 5));
    lane.renewed(late, renewal.term);
    assert_eq!(begun(&mut lane, late), 2);
    assert!(lane.renewal(late).is_none());
}

#[test]
fn the_tenth_failure_closes_it_until_the_pause_is_over() {
    let at = Instant::now();
    let mut lane = lane("w", recipient(), 20, at);
    for n in 0..u128::from(FAILURES_TO_OPEN) {
        assert!(lane.start(now(), at).is_some(), "{n}");
        lane.finished(&outcome(n, 500), now());
    }
    assert!(lane.start(now(), at).is_none());
    let release = lane.release().unwrap();
    assert_eq!(
        release.not_before,
        Some(now() + chrono::Duration::seconds(30))
    );
    assert_eq!(release.unsent.len(), 10);
    assert!(matches!(release.state.breaker.state, BreakerState::Open(_)));
}

#[test]
fn what_is_shown_and_written_follows_every_failure_and_else_once_a_second() {
    let at = Instant::now();
    let mut lane = lane("w", recipient(), 9, at);
    begun(&mut lane, at);
    lane.finished(&outcome(0, 200), now());
    assert_eq!(
        lane.change(at).unwrap().called.unwrap().status_code,
        Some(200)
    );
    begun(&mut lane, at);
    lane.finished(&outcome(1, 200), now());
    assert_eq!(lane.change(at).map(|change| change.called), None);
    assert!(lane.change(at + SHOW_EVERY).is_some());
    begun(&mut lane, at);
    lane.finished(&outcome(2, 500), now());
    let change = lane.change(at + SHOW_EVERY).unwrap();
    assert_eq!(
        (change.state.breaker.failures, change.called.is_some()),
        (1, true)
    );
}

#[test]
fn the_window_covers_what_the_database_takes_and_no_more_than_the_rate() {
    let window_of = |max_in_flight, rate_per_s| {
        window(&Recipient {
            max_in_flight,
            rate_per_s,
            ..recipient()
        })
    };
    assert_eq!(window_of(1, None), 16);
    assert_eq!(window_of(4, None), 64);
    assert_eq!(window_of(64, None), 128);
    assert_eq!(window_of(4, Some(3.0)), 6);
    assert_eq!(window_of(4, Some(0.01)), 1);
}
