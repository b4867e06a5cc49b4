//! Webhooks cannot be turned against the network they are sent from.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use domain::address::AllowList;
use futures::future::BoxFuture;
use providers::guard::Lookup;
use scheduler::webhooks::Sender;
use store::webhooks::deliveries::{Filter, find, list};
use testkit::{Reply, WebhookReceiver};

use super::hooks::{Running, endpoint, facts, settings, until_deliveries};
use crate::world::World;

/// Names that an attacker's name server answers.
#[derive(Debug, Default)]
struct Hostile {
    names: HashMap<String, Vec<IpAddr>>,
    /// Answers one address to the first who asks and another to everybody after.
    rebinds: Mutex<HashMap<String, (IpAddr, IpAddr)>>,
    asked: AtomicUsize,
}

impl Lookup for Hostile {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let rebound = self.rebinds.lock().unwrap().get_mut(&name).map(|answers| {
            let first = answers.0;
            answers.0 = answers.1;
            vec![first]
        });
        let found = rebound.or_else(|| self.names.get(&name).cloned());
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// Spellings of addresses of this machine; `PORT` is where somebody listens.
const SPELLINGS: &[&str] = &[
    "http://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0x7f.0.0.1:PORT/",
    "http://0x7f.1:PORT/",
    "http://0x7F.0X0.0.0x1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0177.1:PORT/",
    "http://017700000001:PORT/",
    "http://127.000.000.001:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://127%2E0%2E0%2E1:PORT/",
    "http://127。0。0。1:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://127．0．0．1:PORT/",
    "http:127.0.0.1:PORT/",
    "http:/127.0.0.1:PORT/",
    "http:\\\\127.0.0.1:PORT\\hook",
    "http:/\\127.0.0.1:PORT/",
    " http://127.0.0.1:PORT/ ",
    "ht\ntp://127.0.0.1:PORT/",
    "http://127.0.0.2:PORT/",
    "http://127.255.255.254:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://00000000.0:PORT/",
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[0000::0001]:PORT/",
    "http://[::]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://user:pass@127.0.0.1:PORT/",
    "http://10.0.0.1@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT#@10.0.0.1/",
    "http://127.0.0.1:PORT?@10.0.0.1/",
    "https://127.0.0.1:PORT/",
    "https://[::1]:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "ftp://127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/_POST",
    "ws://127.0.0.1:PORT/",
];

/// Networks that are nobody's business, by `https` and the port that is allowed.
const NETWORKS: &[&str] = &[
    "https://127.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/latest/meta-data/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://169.254.170.2/v2/credentials",
    "https://100.100.100.200/latest/meta-data/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::169.254.169.254]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2002:0a00:0001::]/",
    "https://[2001::1]/",
    "https://[2001:db8::1]/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://[fc00::1]/",
    "https://[ff02::1]/",
    "https://[100::1]/",
    "https://[5f00::1]/",
    "https://172.16.0.1/",
    "https://172.31.255.254/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://example.com:22/",
    "https://example.com:6379/",
    "https://example.com@127.0.0.1/",
    "https://[::1",
    "https://",
    "hook",
    "//127.0.0.1/",
    "file:///etc/passwd",
    "unix:///var/run/docker.sock",
    "javascript:alert(1)",
    "data:application/json,{}",
];

/// What names lead to.
const NAMES: &[(&str, &[&str])] = &[
    ("loopback.test", &["127.0.0.1"]),
    ("loopback6.test", &["::1"]),
    ("metadata.test", &["169.254.169.254"]),
    ("inner.test", &["172.20.0.5"]),
    ("home.test", &["192.168.0.10"]),
    ("carrier.test", &["100.64.3.4"]),
    ("mapped.test", &["::ffff:127.0.0.1"]),
    ("nat64.test", &["64:ff9b::7f00:1"]),
    ("sixtofour.test", &["2002:7f00:1::"]),
    ("unique-local.test", &["fd12:3456::1"]),
    ("link-local.test", &["fe80::1"]),
    ("unspecified.test", &["0.0.0.0"]),
    ("first-public.test", &["1.1.1.1", "127.0.0.1"]),
    ("last-public.test", &["127.0.0.1", "1.1.1.1"]),
    ("mixed.test", &["2606:4700:4700::1111", "::1"]),
    ("nowhere.test", &[]),
];

fn names() -> HashMap<String, Vec<IpAddr>> {
    let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
    NAMES
        .iter()
        .map(|(name, list)| ((*name).to_owned(), parse(list)))
        .collect()
}

fn corpus(port: u16) -> Vec<String> {
    let spelt = SPELLINGS
        .iter()
        .map(|url| url.replace("PORT", &port.to_string()));
    let plain = NAMES
        .iter()
        .map(|(name, _)| format!("http://{name}:{port}/"));
    let https = NAMES.iter().map(|(name, _)| format!("https://{name}/"));
    let networks = NETWORKS.iter().map(|url| (*url).to_owned());
    spelt.chain(networks).chain(plain).chain(https).collect()
}

/// The operator lists another network of theirs, so plain HTTP and odd ports are possible at all.
fn guarded(lookup: Hostile) -> Sender {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let lookup: Arc<dyn Lookup> = Arc::new(lookup);
    let allowed = AllowList::new(vec!["10.9.9.0/24".parse().unwrap()]);
    Sender::new(&allowed, &lookup).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn none_of_a_corpus_of_inner_targets_is_reached_and_the_log_explains_each_refusal() {
    let world = World::new().await;
    let canary = WebhookReceiver::start(|_| Reply::status(200))
        .await
        .unwrap();
    let targets = corpus(canary.address().port());
    assert!(targets.len() >= 100, "{}", targets.len());
    let mut endpoints = Vec::new();
    for (n, url) in targets.iter().enumerate() {
        let brand = format!("shop{}", n / 40);
        if n % 40 == 0 {
            world.brand(&brand).await;
        }
        let id = endpoint(&world, &brand, settings(url)).await;
        endpoints.push((brand, id, url));
    }
    let lookup = Hostile {
        names: names(),
        ..Hostile::default()
    };
    let running = Running::with(&world, |parts| parts.sender = guarded(lookup));
    for n in 0..targets.len().div_ceil(40) {
        facts(&world, &format!("shop{n}"), 1).await;
    }
    let count = i64::try_from(targets.len()).unwrap();
    until_deliveries(&world, "status = 'pending' AND tries = 1", count).await;
    running.stop().await;

    assert_eq!(canary.connections(), 0, "somebody was connected to");
    for (brand, id, url) in endpoints {
        let brand = brand.as_str().into();
        let listed = list(&world.db, &brand, &id, &Filter::default(), 2)
            .await
            .unwrap();
        let told = find(&world.db, &brand, &id, listed[0].event)
            .await
            .unwrap()
            .unwrap();
        let attempt = &told.attempts[0];
        let class = attempt.error_class.as_deref().unwrap();
        let refused = class.starts_with("blocked_") || matches!(class, "invalid_url" | "dns");
        assert!(refused, "{url}: {class}");
        assert_eq!(
            (attempt.status_code, &attempt.remote_ip),
            (None, &None),
            "{url}"
        );
        let reason = attempt.error.as_deref().unwrap();
        assert!(reason.len() > 20, "{url}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_its_answer_after_the_check_is_refused_when_it_is_connected_to() {
    let world = World::new().await;
    let canary = WebhookReceiver::start(|_| Reply::status(200))
        .await
        .unwrap();
    let lookup = Hostile::default();
    // Whoever checks the address when it is entered is shown one that is fine.
    let answers = ("10.9.9.9".parse().unwrap(), "127.0.0.1".parse().unwrap());
    let name = "rebinding.test".to_owned();
    lookup.rebinds.lock().unwrap().insert(name.clone(), answers);
    assert_eq!(lookup.lookup(name).await.unwrap(), [answers.0]);
    let url = format!("http://rebinding.test:{}/", canary.address().port());
    let id = endpoint(&world, "a", settings(&url)).await;
    let running = Running::with(&world, |parts| parts.sender = guarded(lookup));
    facts(&world, "a", 1).await;
    until_deliveries(&world, "tries = 1 AND last_error = 'blocked_address'", 1).await;
    running.stop().await;
    assert_eq!(canary.connections(), 0, "{id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_a_failure_and_nobody_follows_it() {
    let world = World::new().await;
    let canary = WebhookReceiver::start(|_| Reply::status(200))
        .await
        .unwrap();
    let inner = canary.url("/inner");
    let receiver = WebhookReceiver::start(move |received| {
        let status = received.target.trim_start_matches('/').parse().unwrap();
        Reply::status(status).with("location", &inner)
    })
    .await
    .unwrap();
    let statuses = [300, 301, 302, 303, 304, 307, 308];
    for status in statuses {
        let url = receiver.url(&format!("/{status}"));
        endpoint(&world, "a", settings(&url)).await;
    }
    let running = Running::start(&world);
    facts(&world, "a", 1).await;
    let condition = "tries = 1 AND status = 'pending' AND last_error = 'redirect'";
    until_deliveries(&world, condition, 7).await;
    running.stop().await;
    assert_eq!(canary.connections(), 0);
}
