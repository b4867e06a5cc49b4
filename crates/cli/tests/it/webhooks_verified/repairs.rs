//! Sending again, over HTTP and by the operator's command: one message, what did not arrive, what had
//! arrived, and what was never told.

use std::collections::BTreeSet;

use super::*;

/// Waits until a repair has ended; the job as it stands then.
async fn ended(scene: &Scene, endpoint: &Endpoint, job: &str) -> Value {
    let path = endpoint.path(&format!("/jobs/{job}"));
    wait::until_some(&format!("the job {job} has ended"), PATIENCE, async || {
        let job = scene.get(&path).await;
        job["ended_at"].is_string().then_some(job)
    })
    .await
    .unwrap()
}

/// Waits until so many of an endpoint's deliveries are in a state; their ids.
async fn in_state(scene: &Scene, endpoint: &Endpoint, state: &str, count: usize) -> Vec<String> {
    let path = endpoint.path(&format!("/deliveries?status={state}"));
    wait::until_some(&format!("{count} are {state}"), PATIENCE, async || {
        let page = scene.get(&path).await;
        let page = page["data"].as_array().unwrap();
        let id = |one: &Value| one["id"].as_str().unwrap().to_owned();
        (page.len() == count).then(|| page.iter().map(id).collect())
    })
    .await
    .unwrap()
}

/// Orders that are cancelled while nobody works: each is one `generation.failed`.
async fn cancel(scene: &Scene, count: usize) {
    for _ in 0..count {
        let id = scene.order(None).await;
        scene
            .post(&format!("/v1/generations/{id}/cancel"), json!({}))
            .await;
    }
}

/// Waits until so many wait for their second try, and makes of them what ten tries come to after some days.
async fn give_up(scene: &Scene, count: u64) {
    let client = scene.cluster.look().await;
    let given_up = "UPDATE atelier.webhook_delivery SET status = 'exhausted', attempt = 10
        WHERE status = 'pending' AND tries > 0";
    let mut done = 0;
    wait::until(&format!("{count} were tried"), PATIENCE, async || {
        done += client.execute(given_up, &[]).await.unwrap();
        done >= count
    })
    .await
    .unwrap();
}

/// How often each message came at a path.
fn times(scene: &Scene, path: &str) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for message in scene.came(path) {
        *times.entry(message.id().to_owned()).or_default() += 1;
    }
    times
}

const WANTED: &str = "generation.failed";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_missed_or_lost_is_sent_again_over_http() {
    let scene = Scene::start().await;
    let mut verifiers = Verifiers::start();
    let began = chrono::Utc::now() - chrono::TimeDelta::seconds(5);
    let since = json!({ "since": began });
    let endpoint = scene.endpoint("/hook", json!({ "events": [WANTED] })).await;

    // One arrives, and once more when asked for.
    cancel(&scene, 1).await;
    let first = in_state(&scene, &endpoint, "delivered", 1).await.remove(0);
    scene
        .post(
            &endpoint.path(&format!("/deliveries/{first}/resend")),
            json!({}),
        )
        .await;
    scene.wait_for("/hook", 2).await;
    assert_eq!(times(&scene, "/hook"), BTreeMap::from([(first.clone(), 2)]));

    // Three meet an outage and are given up; a recovery sends these alone.
    scene.receiver.script(|_| Reply::status(500));
    cancel(&scene, 3).await;
    let lost = in_state(&scene, &endpoint, "pending", 3).await;
    give_up(&scene, 3).await;
    scene.receiver.script(|_| Reply::status(204));
    let job = scene.post(&endpoint.path("/recover"), since.clone()).await;
    let job = ended(&scene, &endpoint, job["id"].as_str().unwrap()).await;
    assert_eq!(
        (&job["state"], &job["queued"], &job["progress_percent"]),
        (&json!("done"), &json!(3), &json!(100))
    );
    let arrived = in_state(&scene, &endpoint, "delivered", 4).await;
    assert!(lost.iter().all(|id| arrived.contains(id)));
    assert_eq!(
        times(&scene, "/hook")[&first],
        2,
        "what had arrived is left alone"
    );

    // Two happen while it is off: never written for it, and sent afterwards.
    scene.post(&endpoint.path("/disable"), json!({})).await;
    cancel(&scene, 2).await;
    scene.post(&endpoint.path("/enable"), json!({})).await;
    let job = scene
        .post(&endpoint.path("/replay-missing"), since.clone())
        .await;
    let job = ended(&scene, &endpoint, job["id"].as_str().unwrap()).await;
    assert_eq!(job["queued"], 2, "{job}");
    in_state(&scene, &endpoint, "delivered", 6).await;

    // All six once more.
    let before = scene.came("/hook").len();
    let body = json!({ "since": began, "statuses": ["delivered"], "events": [WANTED] });
    let job = scene.post(&endpoint.path("/replay"), body).await;
    let job = ended(&scene, &endpoint, job["id"].as_str().unwrap()).await;
    assert_eq!(job["queued"], 6, "{job}");
    let came = scene.wait_for("/hook", before + 6).await;
    let replayed: BTreeSet<&str> = came[before..].iter().map(Received::id).collect();
    assert_eq!(replayed.len(), 6);
    for message in &came {
        verifiers.believe(&endpoint.secret, message, None);
    }
    let jobs = scene.get(&endpoint.path("/jobs")).await;
    let kinds: Vec<&str> = jobs["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["replay", "replay_missing", "recover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_command_does_all_of_it_too() {
    let scene = Scene::start().await;
    let webhook = |arguments: &[&str]| {
        let arguments = [&["webhook"], arguments, &["--brand", "brand_1"]].concat();
        scene.cluster.atelier_told(&arguments, &SETTINGS, "")
    };
    let url = scene.receiver.url("/hook");
    let made = webhook(&[
        "create", "--name", "Orders", "--url", &url, "--event", WANTED,
    ]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let endpoint = Endpoint {
        id: made["id"].as_str().unwrap().to_owned(),
        secret: made["secret"].as_str().unwrap().to_owned(),
        public_key: None,
    };
    let id = endpoint.id.as_str();
    assert!(webhook(&["list"]).contains(id));
    let shown = webhook(&["show", id]);
    assert!(!shown.contains(&endpoint.secret), "shown once: {shown}");

    webhook(&["test", id]);
    let came = scene.wait_for("/hook", 1).await;
    let message = came[0].id();
    Verifiers::start().believe(&endpoint.secret, &came[0], None);
    in_state(&scene, &endpoint, "delivered", 1).await;
    let line = webhook(&["deliveries", id]);
    assert!(
        line.contains(message) && line.contains("delivered"),
        "{line}"
    );
    let told: Value = serde_json::from_str(&webhook(&["delivery", id, message])).unwrap();
    assert_eq!(
        told["body"],
        String::from_utf8(came[0].body.clone()).unwrap()
    );
    webhook(&["resend", id, message]);
    scene.wait_for("/hook", 2).await;

    // An outage, a repair, and what the list says of it.
    scene.receiver.script(|_| Reply::status(503));
    cancel(&scene, 2).await;
    give_up(&scene, 2).await;
    scene.receiver.script(|_| Reply::status(204));
    let job = webhook(&["recover", id, "--since", "2026-01-01T00:00:00Z"]);
    ended(&scene, &endpoint, job.trim()).await;
    let jobs = webhook(&["jobs", id]);
    assert!(
        jobs.contains("recover  done  100 %") && jobs.contains("sent 2"),
        "{jobs}"
    );
    in_state(&scene, &endpoint, "delivered", 3).await;

    let rotated = webhook(&["rotate", id, "--overlap-seconds", "0"]);
    assert!(rotated.contains("whsec_") && !rotated.contains(&endpoint.secret));
    webhook(&["update", id, "--rate-per-s", "50", "--ordered"]);
    let shown: Value = serde_json::from_str(&webhook(&["show", id])).unwrap();
    assert_eq!(
        (&shown["rate_per_s"], &shown["ordered"]),
        (&json!(50.0), &json!(true))
    );
    webhook(&["disable", id]);
    webhook(&["enable", id]);
    webhook(&["remove", id]);
    assert!(!webhook(&["list"]).contains(id));
}
