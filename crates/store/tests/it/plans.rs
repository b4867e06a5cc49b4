//! The queries that run all the time go through their indexes beside many ended jobs.
//!
//! The statements are read from the store's own source, so that what is explained is what is sent.

use crate::world::World;

/// The text of the statement that begins with `-- store::<name>` in a source file of the store.
fn statement(source: &'static str, name: &str) -> String {
    let start = source
        .find(&format!("-- {name}\n"))
        .expect("the statement is in the file");
    let text = &source[start..];
    let text = &text[..text.find("\"#").expect("a raw string ends")];
    text.to_owned()
}

/// 50,000 ended jobs, 5,000 in the backlog of 50 brands, some in the stream.
async fn crowd(world: &World) {
    world
        .run(
            "INSERT INTO atelier.job (id, brand_id, product_id, key_id, lane, state, run_at,
                 start_by, dispatched_at, trace_parent, created_at, ended_at)
             SELECT gen_random_uuid(), 'b' || n % 50, 'p', 'k',
                 CASE WHEN n % 100 = 0 THEN 'retry' ELSE 'free' END,
                 CASE WHEN n > 5000 THEN 'done' ELSE 'waiting' END, now(),
                 CASE WHEN n % 2 = 0 THEN now() + interval '1 h' END,
                 CASE WHEN n BETWEEN 4700 AND 5000 THEN now() END, 't', now(),
                 CASE WHEN n > 5000 THEN now() END
             FROM generate_series(1, 55000) n;
             ANALYZE atelier.job",
        )
        .await;
}

/// Explains a statement with these arguments.
async fn explain(world: &World, statement: &str, arguments: &str) -> String {
    let mut connection = world.sql.acquire().await.unwrap();
    let prepare = format!("PREPARE p AS {statement}");
    let prepare = sqlx::AssertSqlSafe(prepare);
    sqlx::raw_sql(prepare)
        .execute(&mut *connection)
        .await
        .unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN (COSTS OFF) EXECUTE p({arguments})"));
    let lines: Vec<String> = sqlx::query_scalar(explain)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    lines.join("\n")
}

#[tokio::test]
async fn no_frequent_query_reads_the_whole_table() {
    let world = World::new().await;
    crowd(&world).await;
    let queries = [
        (
            statement(
                include_str!("../../src/dispatch.rs"),
                "store::dispatch::heads",
            ),
            "'free', '', 50, 4, now()",
            "job_backlog",
        ),
        (
            statement(include_str!("../../src/claims.rs"), "store::claims::take"),
            "'{00000000-0000-0000-0000-000000000001}', '00000000-0000-0000-0000-000000000002', now()",
            "job_pkey",
        ),
        (
            statement(
                include_str!("../../src/dispatch.rs"),
                "store::dispatch::put_back",
            ),
            "'{free}', now() - interval '1 h'",
            "job_dispatched",
        ),
        (
            statement(include_str!("../../src/expiry.rs"), "store::expiry::sweep"),
            "now(), 500",
            "job_start_by",
        ),
        (
            statement(
                include_str!("../../src/recovery.rs"),
                "store::recovery::take_back",
            ),
            "now(), 3",
            "job_running",
        ),
        (
            statement(
                include_str!("../../src/generations.rs"),
                "store::generations::queue_position",
            ),
            "'free', 'ffffffff-0000-0000-0000-000000000001', 100",
            "job_backlog",
        ),
    ];
    for (statement, arguments, index) in queries {
        let plan = explain(&world, &statement, arguments).await;
        assert!(
            plan.contains(index),
            "not through {index}:\n{statement}\n{plan}"
        );
        assert!(
            !plan.contains("Seq Scan on job"),
            "reads the whole table:\n{statement}\n{plan}"
        );
    }
}
