//! Announcements of a provider: the right ones, and everything that must do no harm.

use chrono::{DateTime, TimeDelta, Utc};
use domain::webhook_signature::WebhookSecret;
use domain::{AttemptId, CallbackSecret, Clock};
use reqwest::Method;
use uuid::Uuid;

use crate::world::{Options, World};

const ADDRESS_SECRET: &str = "a secret of the callback addresses, long enough";
const SIGNING_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

struct Studio {
    world: World,
    attempt: AttemptId,
}

/// One announcement, right in every part.
struct Message {
    segment: String,
    id: &'static str,
    secret: &'static str,
    at: DateTime<Utc>,
    body: String,
}

impl Studio {
    async fn start() -> Self {
        let flags = vec![
            "--callback-secret=a secret of the callback addresses, long enough",
            "--replicate-webhook-secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ];
        let options = Options {
            flags,
            ..Options::default()
        };
        let world = World::start_with(options).await;
        world.create().await;
        let attempt = AttemptId(Uuid::now_v7());
        let studio = Self { world, attempt };
        studio.open(attempt, "submitting").await;
        studio
    }

    /// An attempt at the only job.
    async fn open(&self, attempt: AttemptId, state: &str) {
        let sql =
            "INSERT INTO atelier.attempt (id, job_id, fence, provider, model, state, opened_at)
            SELECT $1::text::uuid, id, 1, 'replicate', 'a/b', $2, now() FROM atelier.job";
        self.world
            .sql
            .execute(sql, &[&attempt.as_text(), &state])
            .await
            .unwrap();
    }

    fn message(&self, id: &str) -> Message {
        Message {
            segment: CallbackSecret::new(ADDRESS_SECRET)
                .unwrap()
                .segment(self.attempt),
            id: "msg_1",
            secret: SIGNING_SECRET,
            at: self.world.clock.now(),
            body: format!(
                r#"{{"id":"{id}","status":"succeeded","output":"https://evil.example/x"}}"#
            ),
        }
    }

    async fn send(&self, message: &Message) -> u16 {
        let secret = WebhookSecret::parse(message.secret).unwrap();
        let signature = secret.sign(message.id, message.at, message.body.as_bytes());
        self.send_signed(message, &signature).await
    }

    async fn send_signed(&self, message: &Message, signature: &str) -> u16 {
        let path = format!("/v1/providers/replicate/webhook/{}", message.segment);
        let request = self
            .world
            .request(Method::POST, &path)
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.at.timestamp())
            .header("webhook-signature", signature)
            .body(message.body.clone());
        request.send().await.unwrap().status().as_u16()
    }

    /// State and provider's id in the ledger.
    async fn ledger(&self) -> (String, Option<String>) {
        let sql = "SELECT state, provider_ref FROM atelier.attempt WHERE id = $1::text::uuid";
        let row = self
            .world
            .sql
            .query_one(sql, &[&self.attempt.as_text()])
            .await
            .unwrap();
        (row.get(0), row.get(1))
    }

    async fn set(&self, state: &str) {
        let sql =
            "UPDATE atelier.attempt SET state = $2, provider_ref = NULL WHERE id = $1::text::uuid";
        self.world
            .sql
            .execute(sql, &[&self.attempt.as_text(), &state])
            .await
            .unwrap();
    }
}

fn accepted(id: &str) -> (String, Option<String>) {
    ("accepted".to_owned(), Some(id.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_lost_call_is_written_where_it_is_missing() {
    let studio = Studio::start().await;
    for state in ["submitting", "unknown"] {
        studio.set(state).await;
        assert_eq!(studio.send(&studio.message("abc1")).await, 204, "{state}");
        assert_eq!(studio.ledger().await, accepted("abc1"), "{state}");
    }
    studio.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_to_ask_about_its_lost_call_is_due_at_once() {
    let studio = Studio::start().await;
    let due = "UPDATE atelier.job SET state = 'waiting', lane = 'retry', dispatched_at = NULL,
        run_at = now() + interval '1 day'";
    studio.world.sql.execute(due, &[]).await.unwrap();
    studio.set("unknown").await;
    assert_eq!(studio.send(&studio.message("abc1")).await, 204);
    let waits = "SELECT extract(epoch FROM run_at)::bigint FROM atelier.job";
    let row = studio.world.sql.query_one(waits, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), studio.world.clock.now().timestamp());
    studio.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_and_a_wrong_order_change_nothing() {
    let studio = Studio::start().await;
    assert_eq!(studio.send(&studio.message("abc1")).await, 204);
    for id in ["abc1", "other"] {
        assert_eq!(studio.send(&studio.message(id)).await, 204);
        assert_eq!(studio.ledger().await, accepted("abc1"), "{id}");
    }
    for closed in ["fetched", "settled", "rejected"] {
        studio.set(closed).await;
        assert_eq!(studio.send(&studio.message("abc1")).await, 204, "{closed}");
        assert_eq!(studio.ledger().await, (closed.to_owned(), None));
    }
    studio.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_or_late_does_not_exist_and_changes_nothing() {
    let studio = Studio::start().await;
    let other_address = CallbackSecret::new("another secret that is long enough, too").unwrap();
    let good = || studio.message("abc1");
    let now = studio.world.clock.now();
    let away = TimeDelta::seconds(301);
    for (why, message) in [
        (
            "signed by a stranger",
            Message {
                secret: "whsec_bm90IHRoZSBzZWNyZXQgb2YgdGhlIHNhbmRib3g=",
                ..good()
            },
        ),
        (
            "a stranger's address",
            Message {
                segment: other_address.segment(studio.attempt),
                ..good()
            },
        ),
        (
            "no code in the address",
            Message {
                segment: studio.attempt.0.simple().to_string(),
                ..good()
            },
        ),
        (
            "too late",
            Message {
                at: now - away,
                ..good()
            },
        ),
        (
            "too early",
            Message {
                at: now + away,
                ..good()
            },
        ),
    ] {
        assert_eq!(studio.send(&message).await, 404, "{why}");
        assert_eq!(
            studio.ledger().await,
            ("submitting".to_owned(), None),
            "{why}"
        );
    }
    let signature = WebhookSecret::parse(SIGNING_SECRET).unwrap();
    let of_another = signature.sign("msg_1", now, b"{}");
    for wrong in ["", "v1,", "v2,abc", of_another.as_str()] {
        assert_eq!(studio.send_signed(&good(), wrong).await, 404, "{wrong:?}");
    }
    assert_eq!(studio.ledger().await, ("submitting".to_owned(), None));
    studio.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_could_lead_elsewhere_is_not_written() {
    let studio = Studio::start().await;
    for id in ["", "a/b", "../account", "a?b", "é"] {
        assert_eq!(studio.send(&studio.message(id)).await, 204, "{id:?}");
    }
    let no_json = Message {
        body: "no json".to_owned(),
        ..studio.message("x")
    };
    assert_eq!(studio.send(&no_json).await, 204);
    assert_eq!(studio.ledger().await, ("submitting".to_owned(), None));
    studio.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_secrets_nothing_is_believed() {
    let world = World::start().await;
    let segment = CallbackSecret::new(ADDRESS_SECRET)
        .unwrap()
        .segment(AttemptId(Uuid::nil()));
    let path = format!("/v1/providers/replicate/webhook/{segment}");
    let answer = world
        .request(Method::POST, &path)
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 404);
    world.stop().await;
}
