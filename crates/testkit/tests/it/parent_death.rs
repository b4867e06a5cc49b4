//! The servers of a process that is killed: nothing may stay behind.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use testkit::wait;

use crate::observe::{PATIENCE, is_alive, is_open, wait_until_dead};

struct Servers {
    child: Child,
    told: BTreeMap<String, String>,
}

impl Servers {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_testkit-servers"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let told = lines
            .take(6)
            .map(|line| {
                let (name, value) = line.split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect();
        Self { child, told }
    }

    fn pids(&self) -> [u32; 2] {
        ["POSTGRES_PID", "REDIS_PID"].map(|name| self.told[name].parse().unwrap())
    }

    fn dirs(&self) -> [PathBuf; 2] {
        ["POSTGRES_DIR", "REDIS_DIR"].map(|name| PathBuf::from(&self.told[name]))
    }

    fn ports(&self) -> [u16; 2] {
        ["ATELIER_TEST_DATABASE_URL", "ATELIER_TEST_REDIS_URL"]
            .map(|name| url::Url::parse(&self.told[name]).unwrap().port().unwrap())
    }

    async fn assert_running(&self) {
        for pid in self.pids() {
            assert!(is_alive(pid), "process {pid} should run");
        }
        for dir in self.dirs() {
            assert!(dir.is_dir(), "{} should exist", dir.display());
        }
        for port in self.ports() {
            assert!(is_open(port).await, "port {port} should be open");
        }
    }

    async fn assert_gone(&self) {
        for pid in self.pids() {
            wait_until_dead(pid).await;
        }
        for port in self.ports() {
            let closed = wait::until("the port is closed", PATIENCE, async || {
                !is_open(port).await
            });
            closed.await.unwrap();
        }
        for dir in self.dirs() {
            let gone = wait::until("the folder is gone", PATIENCE, async || !dir.exists());
            gone.await.unwrap();
        }
    }
}

#[tokio::test]
async fn servers_ports_and_folders_go_when_their_owner_is_killed_with_kill_9() {
    let mut servers = Servers::start();
    servers.assert_running().await;
    servers.child.kill().unwrap();
    servers.child.wait().unwrap();
    servers.assert_gone().await;
}

#[tokio::test]
async fn servers_ports_and_folders_go_when_their_owner_ends_in_order() {
    let mut servers = Servers::start();
    servers.assert_running().await;
    drop(servers.child.stdin.take());
    assert!(servers.child.wait().unwrap().success());
    // In order means: gone before the owner is, so nothing has to be waited for.
    assert_eq!(servers.pids().map(is_alive), [false, false]);
    assert_eq!(servers.dirs().map(|dir| dir.exists()), [false, false]);
    servers.assert_gone().await;
}
