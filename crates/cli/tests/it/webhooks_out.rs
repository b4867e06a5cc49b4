//! Webhooks that are sent, by real schedulers that are killed: from an order that is cancelled over the API
//! to the receiver's socket.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::webhook_endpoint::{PayloadFormat, WebhookHeaders};
use domain::webhook_signature::{SignedHeaders, WebhookSecret, verify};
use domain::{BrandId, Clock, EventKind};
use service::SystemClock;
use store::webhooks::endpoints::{NewEndpoint, Settings, create};
use store::webhooks::secrets::{NewSecret, SecretKind};
use store::{Database, DatabaseArgs, SealingKeys, StoreMetrics};
use testkit::{Received, Reply, WebhookReceiver, wait};

use crate::cluster::{Cluster, Role};
use crate::processes::PATIENCE;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SEALING: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const SENDS: [(&str, &str); 2] = [
    ("ATELIER_SEALING_KEYS", SEALING),
    ("ATELIER_WEBHOOK_ALLOW_CIDRS", "127.0.0.0/8"),
];

async fn subscribe(cluster: &Cluster, url: String) {
    let args = DatabaseArgs {
        database_url: cluster.database.url().into(),
        database_pool: 2,
        database_acquire_ms: 5_000,
    };
    let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
    let db = Database::open(&args, "webhook tests", metrics).unwrap();
    let new = NewEndpoint {
        id: "wh_test".to_owned(),
        brand: BrandId("brand_1".to_owned()),
        settings: Settings {
            name: "Orders".to_owned(),
            url,
            events: vec![EventKind::GenerationFailed],
            format: PayloadFormat::Standard,
            headers: WebhookHeaders::default(),
            max_in_flight: 4,
            rate_per_s: None,
            ordered: false,
            // A dead scheduler's lease lasts as long as a try may, and ten seconds more.
            timeout_ms: 1_000,
            is_active: true,
        },
        secrets: vec![NewSecret {
            id: uuid::Uuid::new_v4(),
            kind: SecretKind::Hmac,
            secret: SECRET.into(),
        }],
    };
    let keys: SealingKeys = SEALING.parse().unwrap();
    create(&db, SystemClock.now(), &keys, &new).await.unwrap();
    db.close().await;
}

/// Orders so many pictures and cancels them; nobody works, so each ends at once.
async fn cancel_many(cluster: &Cluster, api: &Role, count: usize) {
    for id in cluster.order_many(api, count).await {
        let url = format!("{}/v1/generations/{id}/cancel", api.url());
        let request = reqwest::Client::new().post(url).bearer_auth(&cluster.key);
        assert!(request.send().await.unwrap().status().is_success());
    }
}

fn is_signed(received: &Received) -> bool {
    let secrets = [WebhookSecret::parse(SECRET).unwrap()];
    let headers = SignedHeaders {
        id: received.header("webhook-id"),
        timestamp: received.header("webhook-timestamp"),
        signature: received.header("webhook-signature"),
    };
    verify(&secrets, headers, &received.body, SystemClock.now()).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_although_schedulers_are_killed_and_redis_is_gone() {
    const ROUNDS: usize = 3;
    const ORDERS: usize = 12;
    let mut cluster = Cluster::seeded().await;
    let slow = |_: &Received| Reply::status(200).after(Duration::from_millis(40));
    let receiver = WebhookReceiver::start(slow).await.unwrap();
    subscribe(&cluster, receiver.url("/hook")).await;
    let api = cluster.start("api-lite", &[]).await;
    let mut schedulers = Vec::new();
    for _ in 0..2 {
        schedulers.push(cluster.start("scheduler", &SENDS).await);
    }
    for round in 1..=ROUNDS {
        let before = receiver.requests();
        cancel_many(&cluster, &api, ORDERS).await;
        wait::until("tries are under way", PATIENCE, async || {
            receiver.requests() > before
        })
        .await
        .unwrap();
        let mut killed = schedulers.remove(0);
        killed.process.kill9().await.unwrap();
        if round == 1 {
            cluster.redis.stop().await.unwrap();
        }
        schedulers.push(cluster.start("scheduler", &SENDS).await);
    }
    let open = "SELECT count(*) FROM atelier.webhook_delivery WHERE status <> 'delivered'";
    wait::until("everything is delivered", PATIENCE, async || {
        cluster.number(open).await == 0
    })
    .await
    .unwrap();

    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for received in receiver.received() {
        assert!(is_signed(&received), "{received:?}");
        *times.entry(received.id().to_owned()).or_default() += 1;
    }
    let count = ROUNDS * ORDERS;
    assert_eq!(times.len(), count, "every event, and nothing else");
    assert!(
        times.values().all(|times| *times <= 1 + ROUNDS),
        "{times:?}"
    );
    // Recorded once each: what came twice was answered to a scheduler that died before it said so.
    let logged = cluster.number(r#"SELECT count(*) FROM "WebhookLog""#).await;
    assert_eq!(logged, i64::try_from(count).unwrap());
    let used = r#"SELECT count(*) FROM "UsageRecord" WHERE type = 'webhook_delivery'"#;
    assert_eq!(cluster.number(used).await, i64::try_from(count).unwrap());
}
