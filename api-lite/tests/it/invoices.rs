//! A brand's invoices and their files.

use std::time::Duration;

use domain::Clock;
use serde_json::Value;
use sha2::{Digest, Sha256};
use testkit::Paper;
use uuid::Uuid;

use crate::world::{BRAND, OTHER_SECRET, Options, PUBLISHABLE, World, problem};

const LINK_SECRET: &str = "--link-secret=a secret of links of thirty-two bytes and more";

fn signing() -> Options {
    Options {
        // The old secret stands behind the new one while it is changed.
        flags: vec![LINK_SECRET],
        ..Options::default()
    }
}

impl World {
    /// Issues an invoice; each is issued a minute after the one before.
    async fn issue(&self, number: i64) -> Uuid {
        self.clock.advance(Duration::from_secs(60));
        let id = Uuid::new_v4();
        let rows = Paper::numbered(number)
            .issue_sql(id, BRAND, self.clock.now())
            .unwrap();
        self.sql.batch_execute(&rows).await.unwrap();
        id
    }

    /// Puts files of an invoice into the store, as the scheduler does.
    async fn render(&self, id: Uuid, pdf: &[u8], xml: &[u8]) {
        let folder = self.objects.path().join("invoice");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{id}.pdf")), pdf).unwrap();
        std::fs::write(folder.join(format!("{id}.xml")), xml).unwrap();
        let row = "UPDATE atelier.invoice SET pdf_key = $2, pdf_sha256 = $3, xml_key = $4, xml_sha256 = $5,
                rendered_at = now() WHERE id = $1::text::uuid";
        let (pdf_hash, xml_hash) = (Sha256::digest(pdf).to_vec(), Sha256::digest(xml).to_vec());
        let (pdf_key, xml_key) = (format!("invoice/{id}.pdf"), format!("invoice/{id}.xml"));
        let id = id.to_string();
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&id, &pdf_key, &pdf_hash, &xml_key, &xml_hash];
        assert_eq!(self.sql.execute(row, &values).await.unwrap(), 1);
    }

    async fn json(&self, path: &str) -> Value {
        let response = self.get(path).send().await.unwrap();
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert_eq!(status, 200, "{body}");
        body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brand_pages_through_what_was_issued_to_it_and_no_other_sees_it() {
    let world = World::start().await;
    let mut issued = Vec::new();
    for number in 1..=5 {
        issued.push(world.issue(number).await);
    }
    let draft = "INSERT INTO atelier.invoice (id, brand_id, kind, state, document, currency, created_at)
        SELECT gen_random_uuid(), brand_id, kind, 'draft', document, currency, now() FROM atelier.invoice LIMIT 1";
    world.sql.batch_execute(draft).await.unwrap();
    let (mut found, mut path) = (Vec::new(), "/v1/invoices?limit=2".to_owned());
    loop {
        let page = world.json(&path).await;
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        found.extend(
            data.iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        // One that arrives meanwhile neither repeats nor hides others.
        world.issue(10 + found.len() as i64).await;
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/invoices?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    issued.reverse();
    let issued: Vec<String> = issued.iter().map(Uuid::to_string).collect();
    assert_eq!(found, issued);
    for bad in ["limit=0", "cursor=x", "status=draft", "other=1"] {
        let response = world
            .get(&format!("/v1/invoices?{bad}"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 400, "{bad}");
    }
    for path in ["/v1/invoices", &format!("/v1/invoices/{}", issued[0])] {
        let asked = world.client.get(world.url(path)).bearer_auth(PUBLISHABLE);
        let asked = asked.header("origin", crate::world::ORIGIN);
        problem(asked.send().await.unwrap(), 403, "not_permitted").await;
    }
    let other = |path: &str| world.client.get(world.url(path)).bearer_auth(OTHER_SECRET);
    let theirs: Value = other("/v1/invoices")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(theirs["data"], serde_json::json!([]));
    for path in ["", "/pdf", "/xml"] {
        let asked = other(&format!("/v1/invoices/{}{path}", issued[0]));
        problem(asked.send().await.unwrap(), 404, "not_found").await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_says_what_is_owed_line_by_line() {
    let world = World::start().await;
    let id = world.issue(40).await;
    let invoice = world.json(&format!("/v1/invoices/{id}")).await;
    let field = |name: &str| invoice[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (field("number"), field("status")),
        ("INV-2026-000040".into(), "open".into())
    );
    assert_eq!(
        [
            field("currency"),
            field("net"),
            field("vat"),
            field("total"),
            field("paid")
        ],
        ["EUR", "59.00", "11.80", "70.80", "0.00"]
    );
    assert_eq!(
        (field("period_from"), field("period_to")),
        ("2026-02-01".into(), "2026-02-28".into())
    );
    assert_eq!(
        (&invoice["past_due"], &invoice["links"]),
        (&false.into(), &Value::Null)
    );
    let line = &invoice["lines"][1];
    assert_eq!(
        (
            &line["quantity"],
            &line["unit_price"],
            &line["net"],
            &line["vat_rate"]
        ),
        (&"40".into(), &"0.75".into(), &"30.00".into(), &"20".into())
    );
    assert_eq!(invoice["vat_breakdown"][0]["tax"], "11.80");
    assert_eq!(invoice["seller"]["vat_id"], "FR40303265045");
    let payment = format!(
        "INSERT INTO atelier.payment VALUES (gen_random_uuid(), '{id}', 2000, 'EUR', 'transfer', 'x', now(), now())"
    );
    world.sql.batch_execute(&payment).await.unwrap();
    world.clock.advance(Duration::from_secs(31 * 24 * 3_600));
    let invoice = world.json(&format!("/v1/invoices/{id}")).await;
    assert_eq!(
        (&invoice["paid"], &invoice["past_due"]),
        (&"20.00".into(), &true.into())
    );
    for unknown in [
        "x",
        &Uuid::nil().to_string(),
        &id.to_string().to_uppercase(),
    ] {
        let response = world
            .get(&format!("/v1/invoices/{unknown}"))
            .send()
            .await
            .unwrap();
        problem(response, 404, "not_found").await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_address_opens_its_file_without_a_key_until_it_expires_and_nothing_else() {
    let world = World::start_with(signing()).await;
    let (id, other) = (world.issue(1).await, world.issue(2).await);
    let path = format!("/v1/invoices/{id}/pdf");
    problem(world.get(&path).send().await.unwrap(), 404, "not_found").await;
    world.render(id, b"%PDF the page", b"<the xml/>").await;
    world.render(other, b"%PDF another", b"<another/>").await;
    let links = world.json(&format!("/v1/invoices/{id}")).await["links"].clone();
    let listed = world.json("/v1/invoices").await["data"][1]["links"].clone();
    assert_eq!(listed, links);
    let open = |url: &str| world.client.get(url.to_owned()).send();
    let pdf = links["pdf"].as_str().unwrap();
    let answer = open(pdf).await.unwrap();
    assert_eq!(answer.status(), 200);
    let head = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(head("content-type"), "application/pdf");
    assert_eq!(
        head("content-disposition"),
        "inline; filename=\"INV-2026-000001.pdf\""
    );
    assert_eq!(
        (head("cache-control"), head("x-content-type-options")),
        ("private, no-cache".into(), "nosniff".into())
    );
    let etag = head("etag");
    assert_eq!(answer.bytes().await.unwrap(), b"%PDF the page".as_slice());
    let again = world
        .client
        .get(pdf)
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
    let xml = open(links["xml"].as_str().unwrap()).await.unwrap();
    assert_eq!(xml.bytes().await.unwrap(), b"<the xml/>".as_slice());
    // It opens that file alone, and only as it is.
    for wrong in [
        pdf.replace(&id.to_string(), &other.to_string()),
        pdf.replace("/pdf?", "/xml?"),
        pdf.replace("expires=", "expires=9"),
        format!("{pdf}A"),
        world.url(&format!("{path}?expires=99999999999&signature=AAAA")),
    ] {
        problem(open(&wrong).await.unwrap(), 403, "invalid_link").await;
    }
    problem(
        open(&world.url(&path)).await.unwrap(),
        401,
        "missing_credentials",
    )
    .await;
    // With a key no signature is needed.
    assert_eq!(world.get(&path).send().await.unwrap().status(), 200);
    world.clock.advance(Duration::from_secs(3_600));
    let late = problem(open(pdf).await.unwrap(), 403, "invalid_link").await;
    assert_eq!(late["detail"], "the link has expired");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_files_need_a_key_and_no_signature_is_believed() {
    let world = World::start().await;
    let id = world.issue(1).await;
    world.render(id, b"%PDF", b"<x/>").await;
    let links = world.json(&format!("/v1/invoices/{id}")).await["links"].clone();
    assert_eq!(links["pdf"], world.url(&format!("/v1/invoices/{id}/pdf")));
    assert_eq!(links["expires_at"], Value::Null);
    let signed = format!("/v1/invoices/{id}/pdf?expires=99999999999&signature=AAAA");
    let answer = world.client.get(world.url(&signed)).send().await.unwrap();
    problem(answer, 403, "invalid_link").await;
    world.stop().await;
}
