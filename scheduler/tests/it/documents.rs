//! The duty `documents`: files of issued invoices in a real object store.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use domain::LinkSecrets;
use scheduler::{Documents, Duty, PageLinks};
use store::invoice_files::{self, Recorded};
use store::{ObjectArgs, Objects};
use testkit::Paper;
use uuid::Uuid;

use crate::world::World;

const SECRET: &str = "a secret of links of thirty-two bytes and more";

fn objects(folder: &Path) -> Objects {
    let object_store = format!("file://{}", folder.display());
    Objects::open(&ObjectArgs { object_store }).unwrap()
}

fn links() -> Option<PageLinks> {
    Some(PageLinks {
        secrets: LinkSecrets::new([SECRET]).unwrap(),
        public_url: "https://api.example".to_owned(),
    })
}

fn duty(world: &World, folder: &Path, links: Option<PageLinks>) -> Documents {
    let (db, clock) = (world.db.clone(), world.shared_clock());
    Documents::new(db, objects(folder), links, clock, world.counted.clone()).unwrap()
}

/// Every file in the store, by its path below the folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let listed = std::fs::read_dir(folder.join("invoice"));
    let listed = listed.into_iter().flatten().flatten();
    let named = listed.map(|file| {
        (
            file.file_name().into_string().unwrap(),
            std::fs::read(file.path()).unwrap(),
        )
    });
    named.collect()
}

async fn url(world: &World, id: Uuid) -> Option<String> {
    let sql = r#"SELECT "pdfUrl" FROM "Invoice" WHERE id = $1"#;
    world
        .sql
        .query_one(sql, &[&id.to_string()])
        .await
        .unwrap()
        .get(0)
}

const MISSING: &str = "SELECT count(*) FROM atelier.invoice WHERE rendered_at IS NULL";

#[tokio::test]
async fn every_issued_invoice_gets_a_page_and_xml_under_their_content_and_an_address() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    for number in 1..=40 {
        world.issue(number).await;
    }
    let last = world.issue(41).await;
    let mut duty = duty(&world, folder.path(), links());
    let progress = world.run(&mut duty).await;
    assert_eq!((progress.changed, world.number(MISSING).await), (41, 0));
    let stored = files(folder.path());
    assert_eq!(stored.len(), 82);
    let row =
        "SELECT pdf_key, encode(pdf_sha256, 'hex'), xml_key FROM atelier.invoice WHERE id = $1";
    let row = world.sql.query_one(row, &[&last]).await.unwrap();
    let (pdf, hash, xml): (String, String, String) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(pdf, format!("invoice/{hash}.pdf"));
    let page = &stored[pdf.strip_prefix("invoice/").unwrap()];
    assert!(page.starts_with(b"%PDF-1.7"));
    let text = &stored[xml.strip_prefix("invoice/").unwrap()];
    assert!(String::from_utf8_lossy(text).contains("<ram:ID>INV-2026-000041</ram:ID>"));
    // The address opens the page for ten years.
    let url = url(&world, last).await.unwrap();
    let start = format!("https://api.example/v1/invoices/{last}/pdf?expires=");
    let (expires, signature) = url
        .strip_prefix(&start)
        .unwrap()
        .split_once("&signature=")
        .unwrap();
    let path = format!("/v1/invoices/{last}/pdf");
    let until = LinkSecrets::new([SECRET])
        .unwrap()
        .check(&path, expires, signature, world.now());
    assert_eq!(until.unwrap().to_rfc3339(), "2036-03-01T12:00:00+00:00");
    assert_eq!(world.run(&mut duty).await.changed, 0);
}

#[tokio::test]
async fn dying_between_upload_and_row_leaves_the_bytes_that_the_next_run_writes_again() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let id = world.issue(7).await;
    // The row cannot be written, so the run ends after the upload, as a killed process does.
    world
        .sql
        .batch_execute("BEGIN; LOCK TABLE atelier.invoice IN SHARE MODE")
        .await
        .unwrap();
    let mut first = duty(&world, folder.path(), links());
    let run = tokio::time::timeout(Duration::from_secs(2), Box::pin(first.run())).await;
    assert!(run.is_err(), "{run:?}");
    drop(first);
    world.sql.batch_execute("ROLLBACK").await.unwrap();
    let uploaded = files(folder.path());
    assert_eq!((uploaded.len(), world.number(MISSING).await), (2, 1));
    let mut second = duty(&world, folder.path(), links());
    world.run(&mut second).await;
    assert_eq!(
        (files(folder.path()), world.number(MISSING).await),
        (uploaded, 0)
    );
    assert!(url(&world, id).await.is_some());
}

#[tokio::test]
async fn two_schedulers_at_once_make_the_same_files() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    for number in 1..=20 {
        world.issue(number).await;
    }
    let (mut first, mut second) = (
        duty(&world, folder.path(), None),
        duty(&world, folder.path(), None),
    );
    let (a, b) = tokio::join!(Box::pin(first.run()), Box::pin(second.run()));
    a.unwrap();
    b.unwrap();
    assert_eq!(
        (files(folder.path()).len(), world.number(MISSING).await),
        (40, 0)
    );
}

#[tokio::test]
async fn files_that_were_written_down_are_never_replaced() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let id = world.issue(7).await;
    world.run(&mut duty(&world, folder.path(), None)).await;
    let hash = "SELECT encode(pdf_sha256, 'hex') FROM atelier.invoice";
    let before: String = world.sql.query_one(hash, &[]).await.unwrap().get(0);
    let file = |byte| invoice_files::FileRef {
        key: "invoice/other".to_owned(),
        sha256: [byte; 32],
    };
    let other = invoice_files::InvoiceFiles {
        pdf: file(1),
        xml: file(2),
    };
    let recorded = invoice_files::record(&world.db, world.now(), id, &other, None)
        .await
        .unwrap();
    assert_eq!(recorded, Recorded::Others);
    let after: String = world.sql.query_one(hash, &[]).await.unwrap().get(0);
    assert_eq!(after, before);
}

#[tokio::test]
async fn pages_of_the_time_before_a_secret_was_set_are_shown_once_it_is() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let id = world.issue(7).await;
    world.run(&mut duty(&world, folder.path(), None)).await;
    assert_eq!(url(&world, id).await, None);
    world.run(&mut duty(&world, folder.path(), links())).await;
    assert!(url(&world, id).await.is_some());
}

#[tokio::test]
async fn an_invoice_that_cannot_be_made_keeps_no_other_waiting() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let logo = Some("logo/gone.png".to_owned());
    let paper = Paper {
        number: 1,
        logo,
        email: None,
    };
    world.issue_as(&paper).await;
    world.issue(2).await;
    let mut duty = duty(&world, folder.path(), None);
    let progress = world.run(&mut duty).await;
    assert_eq!(
        progress.detail,
        "made the files of 1 invoices, 1 cannot be made"
    );
    assert_eq!(
        (
            world.number(MISSING).await,
            world.counted.documents_failing.get()
        ),
        (1, 1)
    );
    // The logo comes back.
    let picture = include_bytes!("../../../crates/documents/tests/logo.png");
    let (folder_of_logos, bytes) = (folder.path().join("logo"), picture.as_slice());
    std::fs::create_dir_all(&folder_of_logos).unwrap();
    std::fs::write(folder_of_logos.join("gone.png"), bytes).unwrap();
    world.run(&mut duty).await;
    assert_eq!(
        (
            world.number(MISSING).await,
            world.counted.documents_failing.get()
        ),
        (0, 0)
    );
}
