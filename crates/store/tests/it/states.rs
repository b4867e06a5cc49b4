//! The moves in SQL are those of `domain::JobState::after`: every function that moves a job is tried on
//! a job in every state.

use domain::{BrandId, Ending, FailureCode, JobState, Move};

use crate::world::{self, World};

/// Puts one job into each state, does `act` to it, and compares where it is then with the table. A move
/// that the table does not have must leave the row exactly as it was.
async fn compare(action: Move, act: impl AsyncFn(&World, &domain::PublicId, store::Lease)) {
    let world = World::new().await;
    for from in JobState::ALL {
        let request = world.waiting().await;
        let lease = world.force(request.id, from).await;
        let before = world.job(request.id).await;
        act(&world, &request.public_id, lease).await;
        let after = world.job(request.id).await;
        match from.after(action) {
            Ok(to) => assert_eq!(after.state, to.as_str(), "{action:?} from {from}"),
            Err(_) => assert_eq!(after, before, "{action:?} from {from} must change nothing"),
        }
    }
}

#[tokio::test]
async fn claim_moves_what_the_table_moves() {
    compare(Move::Claim, async |world, _, lease| {
        world.claim(lease.session, &[lease.job]).await;
    })
    .await;
}

#[tokio::test]
async fn every_settlement_moves_what_the_table_moves() {
    compare(Move::Settle, async |world, _, lease| {
        world.settle(&[world::done(lease)]).await;
    })
    .await;
    compare(Move::Retry, async |world, _, lease| {
        world
            .settle(&[world::retry(lease, world.now(), true)])
            .await;
    })
    .await;
    compare(Move::Hold, async |world, _, lease| {
        world.settle(&[world::held(lease)]).await;
    })
    .await;
}

/// A worker settles only what it runs: the other states that the table lets be rejected, cancelled or
/// expired are moved by other functions.
#[tokio::test]
async fn an_end_without_pictures_moves_a_running_job_alone() {
    let endings = [
        (Move::Reject, Ending::Failed(FailureCode::ContentPolicy)),
        (Move::Cancel, Ending::Canceled),
        (Move::Expire, Ending::Expired),
    ];
    let world = World::new().await;
    for (action, ending) in endings {
        for from in JobState::ALL {
            let request = world.waiting().await;
            let lease = world.force(request.id, from).await;
            let before = world.job(request.id).await;
            world.settle(&[world::ended(lease, ending)]).await;
            let after = world.job(request.id).await;
            if from == JobState::Running {
                assert_eq!(after.state, from.after(action).unwrap().as_str());
            } else {
                assert_eq!(after, before, "{action:?} from {from}");
            }
        }
    }
}

#[tokio::test]
async fn hand_back_moves_what_the_table_moves() {
    compare(Move::HandBack, async |world, _, lease| {
        world.advance(1);
        store::claims::hand_back_strays(&world.db, world.now(), lease.session, &[], world.now())
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn recovery_moves_what_the_table_moves() {
    compare(Move::Recover, async |world, _, lease| {
        world.kill(lease.session).await;
        store::recovery::recover_dead_sessions(&world.db, world.now())
            .await
            .unwrap();
    })
    .await;
}

/// A running job is only asked to stop: its worker makes the move.
#[tokio::test]
async fn cancel_moves_what_the_table_moves_except_what_runs() {
    let world = World::new().await;
    for from in JobState::ALL {
        let request = world.waiting().await;
        world.force(request.id, from).await;
        store::cancel::cancel(
            &world.db,
            world.now(),
            &BrandId::from("a"),
            &request.public_id,
        )
        .await
        .unwrap();
        let expected = match from {
            JobState::Running => JobState::Running,
            other => other.after(Move::Cancel).unwrap_or(other),
        };
        assert_eq!(world.state(request.id).await, expected, "from {from}");
    }
}

/// A running job past its deadline is ended by its worker, which alone knows whether it made it.
#[tokio::test]
async fn expiry_moves_what_the_table_moves_except_what_runs() {
    let world = World::new().await;
    for from in JobState::ALL {
        let mut request = world.request("a");
        request.deadline = Some(world.now());
        world.accept(std::slice::from_ref(&request)).await;
        world.force(request.id, from).await;
        store::expiry::sweep(&world.db, world.now()).await.unwrap();
        let expected = match from {
            JobState::Running => JobState::Running,
            other => other.after(Move::Expire).unwrap_or(other),
        };
        assert_eq!(world.state(request.id).await, expected, "from {from}");
    }
}
