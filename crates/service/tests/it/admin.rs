//! The admin port as a probe sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::routing::get as route_get;
use service::{Context, Role, ShutdownHandle, ShutdownReason};

use crate::support::{get, soon};

const ROLE: Role = Role {
    name: "sample",
    version: "1.2.3",
};

async fn context() -> Context {
    let listen = "127.0.0.1:0".parse().unwrap();
    soon(
        "the start",
        Context::start(ROLE, listen, ShutdownHandle::new()),
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn metrics_are_served_with_the_process_and_the_build() {
    let context = context().await;
    let answer = get(context.admin().address(), "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.head.contains("text/plain; version=0.0.4"),
        "{}",
        answer.head
    );
    let build = "atelier_build_info{role=\"sample\",version=\"1.2.3\"} 1";
    assert!(answer.body.contains(build), "{}", answer.body);
    #[cfg(target_os = "linux")]
    assert!(
        answer.body.contains("process_resident_memory_bytes"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn liveness_depends_on_nothing() {
    let context = context().await;
    context
        .admin()
        .check_readiness("postgres", async || Err("gone".to_owned()));
    context.shutdown().drain(ShutdownReason::Requested("test"));
    let answer = get(context.admin().address(), "/livez").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "alive\n"));
}

#[tokio::test]
async fn a_role_is_not_ready_before_it_has_started() {
    let context = context().await;
    let address = context.admin().address();
    let answer = get(address, "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.body,
        "[-] startup failed: the role is still starting\n"
    );
    context.admin().mark_started();
    let answer = get(address, "/readyz").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ready\n"));
}

#[tokio::test]
async fn a_failing_check_makes_the_role_unready_until_it_recovers() {
    let context = context().await;
    let address = context.admin().address();
    let well = Arc::new(AtomicBool::new(false));
    let seen = well.clone();
    context.admin().check_readiness("redis", async || Ok(()));
    context.admin().check_readiness("postgres", move || {
        let well = seen.load(Ordering::SeqCst);
        async move {
            if well {
                Ok(())
            } else {
                Err("no connection".to_owned())
            }
        }
    });
    context.admin().mark_started();
    let answer = get(address, "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, "[-] postgres failed: no connection\n");
    well.store(true, Ordering::SeqCst);
    let answer = get(address, "/readyz?verbose").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        "[+] startup ok\n[+] draining ok\n[+] redis ok\n[+] postgres ok\nready\n"
    );
}

#[tokio::test]
async fn a_check_that_hangs_fails_within_its_deadline() {
    let context = context().await;
    context
        .admin()
        .check_readiness("hung", std::future::pending);
    context.admin().mark_started();
    let answer = get(context.admin().address(), "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, "[-] hung failed: no answer in time\n");
}

#[tokio::test]
async fn a_draining_role_is_not_ready_and_says_why() {
    let context = context().await;
    context.admin().mark_started();
    context.shutdown().drain(ShutdownReason::Signal("SIGTERM"));
    let answer = get(context.admin().address(), "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, "[-] draining failed: received SIGTERM\n");
}

#[tokio::test]
async fn a_role_adds_routes_of_its_own_while_the_port_is_open() {
    let context = context().await;
    let address = context.admin().address();
    assert_eq!(get(address, "/duties").await.status, 404);
    context
        .admin()
        .merge(Router::new().route("/duties", route_get(async || "dispatch")));
    context
        .admin()
        .merge(Router::new().route("/console", route_get(async || "console")));
    assert_eq!(get(address, "/duties").await.body, "dispatch");
    assert_eq!(get(address, "/console").await.body, "console");
    assert_eq!(get(address, "/livez").await.status, 200);
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let context = context().await;
    let taken = context.admin().address();
    let error = Context::start(ROLE, taken.into(), ShutdownHandle::new())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the admin port cannot listen on {taken}")
    );
    assert!(error.source().is_some());
}

#[tokio::test]
async fn two_roles_in_one_process_share_tasks_but_neither_port_nor_registry() {
    let context = context().await;
    let other = Role {
        name: "other",
        ..ROLE
    };
    let embedded = context
        .embed(other, "127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    assert_ne!(embedded.admin().address(), context.admin().address());
    let answer = get(embedded.admin().address(), "/metrics").await;
    assert!(answer.body.contains("role=\"other\"") && !answer.body.contains("role=\"sample\""));
    embedded
        .tasks()
        .spawn("shared", std::future::pending::<()>());
    assert_eq!(context.tasks().running(), ["shared"]);
}
