//! A few hundred random operations, after which the invariants hold.

use domain::{Ending, FailureCode, GenerationId, Plan};
use store::claims::Claimed;
use store::intake::NewGeneration;
use store::settle::Settlement;

use crate::invariants;
use crate::world::{self, World, fetched_event};

/// The splitmix64 generator: the same seed walks the same way.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }
}

/// What the walker remembers. Leases are never forgotten: old ones are the zombies.
struct Walk {
    world: World,
    dice: Dice,
    requests: Vec<NewGeneration>,
    leases: Vec<Claimed>,
}

impl Walk {
    async fn step(&mut self) {
        match self.dice.roll(12) {
            0..=2 => self.accept().await,
            3..=5 => self.claim().await,
            6 => self.pay().await,
            7 | 8 => self.settle().await,
            9 => self.cancel().await,
            10 => self.crash().await,
            _ => {
                self.world.advance(20);
                store::expiry::sweep(&self.world.db, self.world.now())
                    .await
                    .unwrap();
            }
        }
    }

    async fn accept(&mut self) {
        let batch: Vec<NewGeneration> = (0..1 + self.dice.roll(4))
            .map(|_| {
                let mut request = match self.dice.roll(3) {
                    0 => self
                        .world
                        .keyed("a", &format!("k{}", self.dice.roll(20)), 1),
                    _ => self.world.request("a"),
                };
                if self.dice.roll(4) == 0 {
                    request.start_by = Some(self.world.now() + chrono::TimeDelta::seconds(30));
                }
                if self.dice.roll(4) == 0 {
                    request.deadline = Some(self.world.now() + chrono::TimeDelta::seconds(50));
                }
                request
            })
            .collect();
        self.world.decide(&batch).await;
        self.requests.extend(batch);
    }

    async fn claim(&mut self) {
        let session = self.world.session().await;
        let ids: Vec<GenerationId> = self.requests.iter().map(|request| request.id).collect();
        let from = self.dice.roll(ids.len() + 1);
        let some = &ids[from..ids.len().min(from + 8)];
        self.leases.extend(self.world.claim(session, some).await);
    }

    async fn pay(&mut self) {
        for _ in 0..4 {
            let Some(claimed) = self.any_lease() else {
                return;
            };
            let attempt = domain::AttemptId(uuid::Uuid::now_v7());
            if self.world.open(attempt, claimed.lease).await && self.dice.roll(5) > 0 {
                self.world
                    .record(attempt, claimed.lease, fetched_event())
                    .await;
            }
        }
    }

    fn any_lease(&mut self) -> Option<Claimed> {
        let count = self.leases.len();
        (count > 0).then(|| self.leases[self.dice.roll(count)].clone())
    }

    async fn settle(&mut self) {
        let now = self.world.now();
        let mut batch: Vec<Settlement> = Vec::new();
        for _ in 0..1 + self.dice.roll(8) {
            let Some(claimed) = self.any_lease() else {
                return;
            };
            let lease = claimed.lease;
            batch.push(match self.dice.roll(8) {
                0..=2 => {
                    // A worker settles as done only what it has fetched.
                    let attempt = domain::AttemptId(uuid::Uuid::now_v7());
                    if self.world.open(attempt, lease).await {
                        self.world.record(attempt, lease, fetched_event()).await;
                    }
                    if self.has_fetched(lease.job).await {
                        world::done(lease)
                    } else {
                        world::held(lease)
                    }
                }
                3 => world::ended(lease, Ending::Failed(FailureCode::ContentPolicy)),
                4 => world::ended(lease, Ending::Canceled),
                5 => world::ended(lease, Ending::Expired),
                6 => world::retry(lease, now, true),
                _ => world::held(lease),
            });
        }
        self.world.settle(&batch).await;
    }

    async fn has_fetched(&self, id: GenerationId) -> bool {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM atelier.attempt WHERE job_id = $1 AND state = 'fetched')",
        )
        .bind(id.0)
        .fetch_one(&self.world.sql)
        .await
        .unwrap()
    }

    async fn cancel(&mut self) {
        for _ in 0..3 {
            if self.requests.is_empty() {
                return;
            }
            let at = self.dice.roll(self.requests.len());
            let request = &self.requests[at];
            let now = self.world.now();
            let cancel =
                store::cancel::cancel(&self.world.db, now, &request.brand_id, &request.public_id);
            cancel.await.unwrap();
        }
    }

    async fn crash(&mut self) {
        if let Some(claimed) = self.any_lease() {
            self.world.kill(claimed.lease.session).await;
        }
        let now = self.world.now();
        store::recovery::recover_dead_sessions(&self.world.db, now)
            .await
            .unwrap();
        store::dispatch::put_back(&self.world.db, &domain::Lane::ALL, now)
            .await
            .unwrap();
    }
}

async fn walk(seed: u64) {
    println!("seed {seed}");
    let world = World::new().await;
    world.brand("b", Plan::Free, 10).await;
    let mut walk = Walk {
        world,
        dice: Dice(seed),
        requests: Vec::new(),
        leases: Vec::new(),
    };
    for step in 0..300 {
        walk.step().await;
        if step % 25 == 0 {
            invariants::check(&walk.world).await;
        }
    }
    invariants::check(&walk.world).await;
    let states = "SELECT count(DISTINCT state) FROM atelier.job";
    assert!(
        walk.world.number(states).await >= 6,
        "the walk went nearly everywhere"
    );
}

#[tokio::test]
async fn the_invariants_hold_along_a_random_walk() {
    walk(1).await;
}

#[tokio::test]
async fn the_invariants_hold_along_another_random_walk() {
    walk(20_260_301).await;
}
