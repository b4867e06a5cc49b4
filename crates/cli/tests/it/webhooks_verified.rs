//! Webhooks from a request to a receiver: real programs, a real receiver, and the official libraries as
//! judges of every message.

mod receivers;
mod repairs;
mod verifiers;

use std::collections::BTreeMap;

use domain::webhook_signature::{
    ORIGIN_HEADER, SignedHeaders, WebhookPublicKey, WebhookSecret, origin_signature, verify,
    verify_public,
};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Received, Reply, WebhookReceiver, wait};

use crate::cluster::{Cluster, Role};
use crate::processes::PATIENCE;
use verifiers::Verifiers;

/// What the roles and commands are told besides.
const SETTINGS: [(&str, &str); 2] = [
    (
        "ATELIER_SEALING_KEYS",
        "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ),
    ("ATELIER_WEBHOOK_ALLOW_CIDRS", "127.0.0.0/8"),
];

struct Scene {
    cluster: Cluster,
    api: Role,
    _scheduler: Role,
    receiver: WebhookReceiver,
    client: reqwest::Client,
}

impl Scene {
    /// A receiver that takes everything, and all roles but a worker.
    async fn start() -> Self {
        let mut cluster = Cluster::seeded().await;
        let api = cluster.start("api-lite", &SETTINGS).await;
        let scheduler = cluster.start("scheduler", &SETTINGS).await;
        Self {
            cluster,
            api,
            _scheduler: scheduler,
            receiver: WebhookReceiver::start(|_| Reply::status(204))
                .await
                .unwrap(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// A request of the brand that must be answered with 2xx.
    async fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self
            .client
            .request(method, format!("{}{path}", self.api.url()))
            .bearer_auth(&self.cluster.key)
            .json(&body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, body).await
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.api.url());
        let request = self.client.get(url).bearer_auth(&self.cluster.key);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        answer.json().await.unwrap()
    }

    /// An endpoint at this path of the receiver, with further settings.
    async fn endpoint(&self, path: &str, settings: Value) -> Endpoint {
        let mut body = json!({
            "name": "Bestellungen – Zürich 🦊", "url": self.receiver.url(path),
            "events": ["generation.started", "generation.completed", "generation.failed", "ar.view"],
        });
        for (name, value) in settings.as_object().unwrap() {
            body[name] = value.clone();
        }
        let made = self.post("/v1/webhooks", body).await;
        let text = |name: &str| made[name].as_str().map(str::to_owned);
        Endpoint {
            id: text("id").unwrap(),
            secret: text("secret").unwrap(),
            public_key: text("public_key"),
        }
    }

    /// What came at a path.
    fn came(&self, path: &str) -> Vec<Received> {
        let mut received = self.receiver.received();
        received.retain(|message| message.target == path);
        received
    }

    /// Waits for so many messages at a path.
    async fn wait_for(&self, path: &str, count: usize) -> Vec<Received> {
        wait::until_some(
            &format!("{count} messages at {path}"),
            PATIENCE,
            async || Some(self.came(path)).filter(|came| came.len() >= count),
        )
        .await
        .unwrap_or_else(|error| panic!("{error}: {:?}", kinds(&self.came(path))))
    }

    /// Orders a picture that is announced at this path.
    async fn order(&self, announced_at: Option<&str>) -> String {
        let mut order = json!({
            "product_id": "prod_demo_mug",
            "customizations": { "zone_mug_name": { "text": "Zoë" } },
        });
        if let Some(path) = announced_at {
            order["webhook_url"] = self.receiver.url(path).into();
        }
        let made = self.post("/v1/generations", order).await;
        made["id"].as_str().unwrap().to_owned()
    }
}

struct Endpoint {
    id: String,
    secret: String,
    public_key: Option<String>,
}

impl Endpoint {
    fn path(&self, below: &str) -> String {
        format!("/v1/webhooks/{}{below}", self.id)
    }
}

fn body(message: &Received) -> Value {
    serde_json::from_slice(&message.body).unwrap()
}

/// The types of messages, in their order.
fn kinds(messages: &[Received]) -> Vec<String> {
    let kind = |message| {
        let body = body(message);
        let kind = body["type"].as_str().or(body["event"].as_str());
        kind.unwrap_or_default().to_owned()
    };
    messages.iter().map(kind).collect()
}

/// The ids of messages by their types.
fn by_kind(messages: &[Received]) -> BTreeMap<String, Vec<String>> {
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (message, kind) in messages.iter().zip(kinds(messages)) {
        ids.entry(kind).or_default().push(message.id().to_owned());
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_of_every_kind_is_believed_by_the_official_libraries() {
    let mut scene = Scene::start().await;
    let mut verifiers = Verifiers::start();
    let full = scene.endpoint("/full", json!({ "ed25519": true })).await;
    let thin = json!({ "payload_format": "thin", "headers": { "X-Shop": "7" } });
    let thin = scene.endpoint("/thin", thin).await;
    let origin = json!({ "payload_format": "origin" });
    let origin = scene.endpoint("/origin", origin).await;
    let of_requests = scene.post("/v1/webhooks/requests/rotate", json!({})).await;
    let of_requests = of_requests["secret"].as_str().unwrap();

    // One is canceled while nobody works, one is made, and somebody looks at it.
    let canceled = scene.order(Some("/canceled?order=1")).await;
    let cancel = format!("/v1/generations/{canceled}/cancel");
    scene.post(&cancel, json!({})).await;
    let _worker = scene.cluster.start("worker", &SETTINGS).await;
    let made = scene.order(Some("/made?order=2")).await;
    scene.cluster.all_done(1, PATIENCE).await;
    scene.get(&format!("/v1/generations/{made}/ar")).await;
    let tested = scene.post(&full.path("/test"), json!({})).await;

    let at_full = scene.wait_for("/full", 5).await;
    let (at_thin, at_origin) = (
        scene.wait_for("/thin", 4).await,
        scene.wait_for("/origin", 4).await,
    );
    let mut told = kinds(&at_full);
    told.sort();
    assert_eq!(
        told,
        [
            "ar.view",
            "generation.completed",
            "generation.failed",
            "generation.started",
            "webhook.test"
        ]
    );
    // The same event has the same id everywhere.
    let mut ids = by_kind(&at_full);
    assert_eq!(
        ids.remove("webhook.test").unwrap(),
        [tested["id"].as_str().unwrap()]
    );
    assert_eq!(by_kind(&at_thin), ids);
    assert_eq!(by_kind(&at_origin), ids);

    for message in &at_full {
        verifiers.believe(&full.secret, message, None);
        verifiers.refuse(&thin.secret, message, None, "No matching signature");
        assert_eq!(message.method, "POST");
        assert_eq!(message.header("content-type"), "application/json");
        believe_public(&full, message);
    }
    for message in &at_thin {
        verifiers.believe(&thin.secret, message, None);
        assert_eq!(message.header("x-shop"), "7");
        let data = body(message)["data"].clone();
        let names: Vec<&String> = data.as_object().unwrap().keys().collect();
        assert_eq!(names, ["generation_id", "product_id"]);
    }
    for message in &at_origin {
        verifiers.believe(&origin.secret, message, None);
        let expected = origin_signature(&origin.secret, &message.body);
        assert_eq!(message.header(ORIGIN_HEADER), expected);
        assert_eq!(message.header("x-luneo-delivery"), message.id());
        let body = body(message);
        assert_eq!(message.header("x-luneo-event"), body["event"]);
        assert_eq!(body["brandId"], "brand_1");
        assert!(body["data"]["generation_id"].is_string(), "{body}");
    }

    // The address of a request is told of its end alone, at its own address.
    for (path, kind, generation) in [
        ("/canceled?order=1", "generation.failed", &canceled),
        ("/made?order=2", "generation.completed", &made),
    ] {
        let came = scene.wait_for(path, 1).await;
        assert_eq!(kinds(&came), [kind]);
        assert_eq!(came[0].id(), ids[kind][0]);
        assert_eq!(body(&came[0])["data"]["generation_id"], generation.as_str());
        verifiers.believe(of_requests, &came[0], None);
    }
    assert!(
        at_full
            .iter()
            .any(|message| { String::from_utf8_lossy(&message.body).contains("Zürich 🦊") })
    );
}

fn believe_public(endpoint: &Endpoint, message: &Received) {
    let key = WebhookPublicKey::parse(endpoint.public_key.as_ref().unwrap()).unwrap();
    let now = chrono::Utc::now();
    assert_eq!(
        verify_public(&[key], signed(message), &message.body, now),
        Ok(())
    );
}

fn signed(message: &Received) -> SignedHeaders<'_> {
    SignedHeaders {
        id: message.id(),
        timestamp: message.header("webhook-timestamp"),
        signature: message.header("webhook-signature"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_rotation_receivers_with_either_secret_believe_every_message() {
    let scene = Scene::start().await;
    let mut verifiers = Verifiers::start();
    let endpoint = scene.endpoint("/hook", json!({})).await;
    let rotate = endpoint.path("/rotate");
    let rotated = scene
        .post(&rotate, json!({ "overlap_seconds": 3600 }))
        .await;
    let new = rotated["secret"].as_str().unwrap().to_owned();
    scene.post(&endpoint.path("/test"), json!({})).await;
    let both = scene.wait_for("/hook", 1).await;
    verifiers.believe(&endpoint.secret, &both[0], None);
    verifiers.believe(&new, &both[0], None);
    // Without an overlap the one before is worth nothing as soon as the lane has read the new one, which
    // takes it a second at most; the first one's hour goes on.
    let rotated = scene.post(&rotate, json!({ "overlap_seconds": 0 })).await;
    let newest = rotated["secret"].as_str().unwrap().to_owned();
    let mut count = 1;
    let after = wait::until_some("a message under the newest secret", PATIENCE, async || {
        scene.post(&endpoint.path("/test"), json!({})).await;
        count += 1;
        let came = scene.wait_for("/hook", count).await.remove(count - 1);
        let newest = WebhookSecret::parse(&newest).unwrap();
        let believed = verify(&[newest], signed(&came), &came.body, chrono::Utc::now());
        believed.is_ok().then_some(came)
    })
    .await
    .unwrap();
    verifiers.believe(&newest, &after, None);
    verifiers.believe(&endpoint.secret, &after, None);
    verifiers.refuse(&new, &after, None, "No matching signature");
}
