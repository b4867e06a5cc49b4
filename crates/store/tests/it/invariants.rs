//! What must hold whatever happened: one query each, that counts the rows that break it.

use crate::world::World;

const BROKEN: &[(&str, &str)] = &[
    (
        "there is one usage record for each done job, under the id that derives from it",
        r#"SELECT count(*) FROM atelier.job j
           FULL JOIN (SELECT id FROM "UsageRecord" WHERE type = 'generation') u
               ON u.id = 'generation:' || j.id::text
           WHERE COALESCE(j.state = 'done', false) <> (u.id IS NOT NULL)"#,
    ),
    (
        "a brand's counter is the number of its jobs that hold a unit",
        r#"SELECT count(*) FROM "Brand" b WHERE b."monthlyGenerations" <> (
               SELECT count(*) FROM atelier.job j
               WHERE j.brand_id = b.id AND j.quota IN ('reserved', 'committed'))"#,
    ),
    (
        "a unit is committed by done, released by every other end, and reserved before",
        r"SELECT count(*) FROM atelier.job WHERE quota <> CASE
              WHEN state = 'done' THEN 'committed'
              WHEN ended_at IS NOT NULL THEN 'released' ELSE 'reserved' END",
    ),
    (
        "a job has at most one open attempt",
        r"SELECT count(*) FROM (
              SELECT 1 FROM atelier.attempt WHERE state NOT IN ('settled', 'rejected')
              GROUP BY job_id HAVING count(*) > 1) twice",
    ),
    (
        "a done job has no open attempt",
        r"SELECT count(*) FROM atelier.attempt a JOIN atelier.job j ON j.id = a.job_id
          WHERE j.state = 'done' AND a.closed_at IS NULL",
    ),
    (
        "exactly the ended jobs have an end",
        r"SELECT count(*) FROM atelier.job
          WHERE (state IN ('done', 'failed', 'canceled', 'expired')) <> (ended_at IS NOT NULL)",
    ),
    (
        "an ended job has exactly one event of its end, of the right kind, and no other job has one",
        r"SELECT count(*) FROM (
              SELECT j.id, j.state, array_remove(array_agg(o.kind), NULL) AS kinds
              FROM atelier.job j LEFT JOIN atelier.outbox o
                  ON o.dedupe_key IN ('generation.completed:' || j.id, 'generation.failed:' || j.id)
              GROUP BY j.id, j.state) told
          WHERE kinds <> CASE
              WHEN state = 'done' THEN ARRAY['generation.completed']
              WHEN state IN ('failed', 'canceled', 'expired') THEN ARRAY['generation.failed']
              ELSE ARRAY[]::text[] END",
    ),
    (
        "the older platform's status follows the state",
        r#"SELECT count(*) FROM atelier.job j JOIN "Generation" g ON g.id = j.id::text
           WHERE g.status::text <> CASE j.state
               WHEN 'waiting' THEN 'PENDING' WHEN 'running' THEN 'PROCESSING'
               WHEN 'held' THEN 'PROCESSING' WHEN 'done' THEN 'COMPLETED'
               WHEN 'expired' THEN 'EXPIRED' ELSE 'FAILED' END"#,
    ),
    (
        "every job has its generation",
        r#"SELECT count(*) FROM atelier.job j
           WHERE NOT EXISTS (SELECT 1 FROM "Generation" g WHERE g.id = j.id::text)"#,
    ),
    (
        "only a waiting job is noted as dispatched",
        r"SELECT count(*) FROM atelier.job WHERE state NOT IN ('waiting', 'running')
              AND dispatched_at IS NOT NULL",
    ),
];

/// Asserts every invariant.
pub async fn check(world: &World) {
    for (what, query) in BROKEN {
        assert_eq!(world.number(query).await, 0, "broken: {what}");
    }
}
