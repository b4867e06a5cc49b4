//! Endpoints: made, read, changed, switched on, removed; and those that requests bring along.

use domain::webhook_endpoint::{PayloadFormat, WebhookHeaders};
use domain::webhook_policy::Health;
use domain::{BrandId, EventKind};
use store::webhooks::endpoints::{
    Change, Endpoint, Kind, NewEndpoint, Settings, create, enable, find, list, remove, update,
};
use store::webhooks::lanes::{self, Release, Renewal};
use store::webhooks::secrets::{NewSecret, SecretKind, of_endpoints, upkeep};
use store::{SealingKeys, StoreError};
use uuid::Uuid;

use crate::world::World;

pub fn sealing() -> SealingKeys {
    format!("k1:{}=", "A".repeat(43)).parse().unwrap()
}

pub fn settings() -> Settings {
    Settings {
        name: "Orders".to_owned(),
        url: "https://shop.example/hook".to_owned(),
        events: vec![EventKind::GenerationCompleted, EventKind::QuotaThreshold],
        format: PayloadFormat::Standard,
        headers: WebhookHeaders::new([("X-Shop".to_owned(), "1".to_owned())]).unwrap(),
        max_in_flight: 4,
        rate_per_s: Some(2.5),
        ordered: false,
        timeout_ms: 15_000,
        is_active: true,
    }
}

pub fn new_endpoint(brand: &str, secret: &str) -> NewEndpoint {
    NewEndpoint {
        id: format!("wh_{}", Uuid::now_v7().simple()),
        brand: brand.into(),
        settings: settings(),
        secrets: vec![NewSecret {
            id: Uuid::new_v4(),
            kind: SecretKind::Hmac,
            secret: secret.into(),
        }],
    }
}

/// An endpoint of brand `a` with this secret.
pub async fn make(world: &World, secret: &str) -> String {
    let new = new_endpoint("a", secret);
    create(&world.db, world.now(), &sealing(), &new)
        .await
        .unwrap();
    new.id
}

async fn read(world: &World, id: &str) -> Option<Endpoint> {
    find(&world.db, &"a".into(), id).await.unwrap()
}

#[tokio::test]
async fn an_endpoint_reads_back_whole_and_only_to_its_brand() {
    let world = World::new().await;
    let id = make(&world, "whsec_one").await;
    let endpoint = read(&world, &id).await.unwrap();
    assert_eq!(endpoint.settings, settings());
    assert_eq!(
        (endpoint.created_at, endpoint.is_request_host),
        (world.now(), false)
    );
    assert!(
        find(&world.db, &"other".into(), &id)
            .await
            .unwrap()
            .is_none()
    );
    let all = list(&world.db, &"a".into(), Kind::Endpoint).await.unwrap();
    assert_eq!(all, [endpoint]);
}

#[tokio::test]
async fn making_one_again_after_a_lost_reply_changes_nothing() {
    let world = World::new().await;
    let new = new_endpoint("a", "whsec_one");
    for _ in 0..2 {
        create(&world.db, world.now(), &sealing(), &new)
            .await
            .unwrap();
    }
    let mut found = of_endpoints(
        &world.db,
        world.now(),
        Some(&sealing()),
        std::slice::from_ref(&new.id),
    )
    .await
    .unwrap();
    assert_eq!(found.remove(&new.id).unwrap().unwrap().hmac.len(), 1);
}

#[tokio::test]
async fn fifty_are_the_limit_even_for_those_who_come_at_once() {
    let world = World::new().await;
    let attempts = (0..60).map(|_| async {
        let new = new_endpoint("a", "whsec_one");
        create(&world.db, world.now(), &sealing(), &new).await
    });
    let results = futures::future::join_all(attempts).await;
    let refused = results.iter().filter(|result| {
        matches!(
            result,
            Err(store::provider_keys::KeepError::Store(
                StoreError::LimitReached { limit: 50, .. }
            ))
        )
    });
    assert_eq!(
        (
            results.iter().filter(|r| r.is_ok()).count(),
            refused.count()
        ),
        (50, 10)
    );
}

#[tokio::test]
async fn of_two_who_change_what_they_read_the_second_is_told() {
    let world = World::new().await;
    let brand = BrandId::from("a");
    let id = make(&world, "whsec_one").await;
    let endpoint = read(&world, &id).await.unwrap();
    let changed = Settings {
        name: "Renamed".to_owned(),
        events: vec![EventKind::ArView],
        headers: WebhookHeaders::default(),
        rate_per_s: None,
        is_active: false,
        ..settings()
    };
    let write = async |settings: &Settings| {
        update(
            &world.db,
            world.now(),
            &brand,
            &id,
            endpoint.updated_at,
            settings,
        )
        .await
        .unwrap()
    };
    assert_eq!(write(&changed).await, Change::Done);
    assert_eq!(write(&settings()).await, Change::Stale);
    assert_eq!(read(&world, &id).await.unwrap().settings, changed);
    let missing = update(
        &world.db,
        world.now(),
        &"other".into(),
        &id,
        world.now(),
        &changed,
    )
    .await;
    assert_eq!(missing.unwrap(), Change::Missing);
}

#[tokio::test]
async fn switching_on_forgets_the_failures_and_makes_the_lane_due() {
    let world = World::new().await;
    let id = make(&world, "whsec_one").await;
    world
        .run(
            r#"UPDATE "Webhook" SET "isActive" = false, "failureCount" = 9;
               UPDATE atelier.webhook_endpoint SET disabled_reason = 'failing', disabled_at = now();
               UPDATE atelier.webhook_lane SET breaker = 'open', failures = 9, warned_percent = 90,
                   first_failure_at = now(), breaker_until = now()"#,
        )
        .await;
    assert!(read(&world, &id).await.unwrap().failing_since.is_some());
    assert!(
        !enable(&world.db, world.now(), &"other".into(), &id)
            .await
            .unwrap()
    );
    assert!(
        enable(&world.db, world.now(), &"a".into(), &id)
            .await
            .unwrap()
    );
    let endpoint = read(&world, &id).await.unwrap();
    assert!(endpoint.settings.is_active && endpoint.disabled_reason.is_none());
    assert_eq!((endpoint.failing_since, endpoint.failure_count), (None, 0));
    let lane: (String, i32, i16, bool) = sqlx::query_as(
        "SELECT breaker, failures, warned_percent, due_at IS NOT NULL FROM atelier.webhook_lane",
    )
    .fetch_one(&world.sql)
    .await
    .unwrap();
    assert_eq!(lane, ("closed".to_owned(), 0, 0, true));
}

/// A process that holds a failing endpoint's lane while it is switched on.
#[tokio::test]
async fn what_a_process_remembers_of_failing_does_not_come_back_after_switching_on() {
    let world = World::new().await;
    let id = make(&world, "whsec_one").await;
    world
        .run("UPDATE atelier.webhook_lane SET failures = 9, first_failure_at = now(), due_at = now() - interval '1 year'")
        .await;
    let lease = async |token| {
        let leased = lanes::lease(&world.db, world.now(), Uuid::from_u128(token), 1, &[]);
        leased.await.unwrap().pop()
    };
    let held = lease(1).await.unwrap();
    assert_eq!(held.state.breaker.failures, 9);
    let brand = BrandId::from("a");
    assert!(enable(&world.db, world.now(), &brand, &id).await.unwrap());
    let release = Release {
        lease: held.lease,
        state: held.state,
        called: None,
        not_before: None,
        unsent: Vec::new(),
    };
    lanes::release(&world.db, world.now(), &[release])
        .await
        .unwrap();
    assert_eq!(lease(2).await, None, "its tries may still be under way");
    world
        .run(
            "UPDATE atelier.webhook_lane SET lease_until = clock_timestamp() - interval '1 second'",
        )
        .await;
    let next = lease(3).await.unwrap();
    assert_eq!(next.state.breaker.failures, 0);
    assert_eq!(next.state.health, Health::default());
    // A lane that goes well is left to whoever holds it.
    assert!(enable(&world.db, world.now(), &brand, &id).await.unwrap());
    let renewal = Renewal {
        lease: next.lease.clone(),
        term: next.term,
        in_hand: Vec::new(),
    };
    let renewed = lanes::renew(&world.db, &[renewal]).await.unwrap();
    assert_eq!(renewed, [next.lease]);
}

#[tokio::test]
async fn a_removed_endpoint_is_gone_with_its_secrets_at_once() {
    let world = World::new().await;
    let id = make(&world, "whsec_one").await;
    assert!(
        !remove(&world.db, world.now(), &"other".into(), &id)
            .await
            .unwrap()
    );
    assert!(
        remove(&world.db, world.now(), &"a".into(), &id)
            .await
            .unwrap()
    );
    assert!(
        !remove(&world.db, world.now(), &"a".into(), &id)
            .await
            .unwrap()
    );
    assert!(read(&world, &id).await.is_none());
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM atelier.webhook_secret")
        .fetch_one(&world.sql)
        .await
        .unwrap();
    assert_eq!(left, 0);
    let found = of_endpoints(&world.db, world.now(), Some(&sealing()), &[id])
        .await
        .unwrap();
    assert!(found.is_empty());
}

#[tokio::test]
async fn addresses_of_one_host_share_an_endpoint_that_signs_with_the_brands_request_secret() {
    let world = World::new().await;
    let mut batch = Vec::new();
    for url in [
        "https://b.example/1",
        "https://a.example/1",
        "https://a.example/2",
    ] {
        let mut request = world.request("a");
        request.option = Some(store::intake::RequestOption {
            webhook_url: Some(url.to_owned()),
            ..Default::default()
        });
        batch.push(request);
    }
    world.accept(&batch).await;
    let hosts = list(&world.db, &"a".into(), Kind::RequestHost)
        .await
        .unwrap();
    let mut urls: Vec<&str> = hosts
        .iter()
        .map(|host| host.settings.url.as_str())
        .collect();
    urls.sort_unstable();
    assert_eq!(urls, ["https://a.example", "https://b.example"]);
    assert!(
        list(&world.db, &"a".into(), Kind::Endpoint)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        !remove(&world.db, world.now(), &"a".into(), &hosts[0].id)
            .await
            .unwrap()
    );

    assert_eq!(
        upkeep(&world.db, world.now(), &sealing(), 10)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        upkeep(&world.db, world.now(), &sealing(), 10)
            .await
            .unwrap(),
        0
    );
    let ids: Vec<String> = hosts.into_iter().map(|host| host.id).collect();
    let found = of_endpoints(&world.db, world.now(), Some(&sealing()), &ids)
        .await
        .unwrap();
    let secrets: std::collections::BTreeSet<String> = found
        .into_values()
        .map(|secrets| secrecy::ExposeSecret::expose_secret(&secrets.unwrap().hmac[0]).to_owned())
        .collect();
    assert_eq!(secrets.len(), 1, "both sign with one secret of the brand");
}
