//! Requests that must be refused: each with its status and code, none with a row left behind.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::world::{LEGACY, ORIGIN, OTHER_SECRET, PUBLISHABLE, SECRET, World, order, problem};

/// One bad request: what it is, how it is sent, and what it must be answered with.
struct Bad {
    what: &'static str,
    request: RequestBuilder,
    status: u16,
    code: &'static str,
    /// The pointers and codes that must be among the document's `errors`.
    faults: Vec<(&'static str, &'static str)>,
}

struct Table<'a> {
    world: &'a World,
    rows: Vec<Bad>,
}

impl Table<'_> {
    fn add(
        &mut self,
        what: &'static str,
        request: RequestBuilder,
        status: u16,
        code: &'static str,
    ) {
        self.rows.push(Bad {
            what,
            request,
            status,
            code,
            faults: Vec::new(),
        });
    }

    /// A body that is answered with 422 and these faults.
    fn body(&mut self, what: &'static str, body: Value, faults: &[(&'static str, &'static str)]) {
        self.rows.push(Bad {
            what,
            request: self.world.post("/v1/generations", &body),
            status: 422,
            code: "validation_failed",
            faults: faults.to_vec(),
        });
    }

    /// The good order with some members replaced.
    fn order(
        &mut self,
        what: &'static str,
        changes: Value,
        faults: &[(&'static str, &'static str)],
    ) {
        let mut body = order();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.body(what, body, faults);
    }

    /// The good order with one zone filled as given.
    fn zone(&mut self, zone: &'static str, value: Value, fault: (&'static str, &'static str)) {
        let mut body = order();
        body["customizations"][zone] = value;
        self.body(zone, body, &[fault]);
    }

    fn raw(
        &mut self,
        what: &'static str,
        text: impl Into<String>,
        status: u16,
        code: &'static str,
    ) {
        let request = self
            .world
            .request(Method::POST, "/v1/generations")
            .bearer_auth(SECRET)
            .header("content-type", "application/json")
            .body(text.into());
        self.add(what, request, status, code);
    }

    fn get(&mut self, path: &'static str, status: u16, code: &'static str) {
        self.add(path, self.world.get(path), status, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_request_is_named_and_leaves_nothing() {
    let world = World::start().await;
    let mut table = Table {
        world: &world,
        rows: Vec::new(),
    };
    bodies(&mut table);
    fields(&mut table);
    zones(&mut table);
    heads(&mut table);
    addresses(&mut table);
    let before = world.footprint().await;
    assert!(table.rows.len() >= 45, "{}", table.rows.len());
    for bad in table.rows {
        let response = bad.request.send().await.unwrap();
        println!("{}", bad.what);
        let document = problem(response, bad.status, bad.code).await;
        for (pointer, code) in bad.faults {
            let faults = document["errors"].as_array().unwrap();
            let found = faults
                .iter()
                .any(|fault| fault["pointer"] == pointer && fault["code"] == code);
            assert!(found, "{}: {pointer} {code} in {document}", bad.what);
        }
    }
    assert_eq!(world.footprint().await, before);
    world.stop().await;
}

fn bodies(table: &mut Table<'_>) {
    table.raw("no body", "", 400, "malformed_json");
    table.raw("half a body", "{\"product_id\":", 400, "malformed_json");
    table.raw("two bodies", "{} {}", 400, "malformed_json");
    table.raw(
        "a member twice",
        r#"{"product_id":"a","product_id":"b"}"#,
        400,
        "malformed_json",
    );
    table.raw(
        "a number too large",
        r#"{"priority":1e999}"#,
        400,
        "malformed_json",
    );
    table.raw(
        "a lone surrogate",
        r#"{"user_prompt":"\ud800"}"#,
        400,
        "malformed_json",
    );
    let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
    table.raw("too deep", deep, 400, "json_too_deep");
    let bomb = "{\"a\":".repeat(50_000);
    table.raw("a bomb", bomb, 400, "json_too_deep");
    let large = format!("{{\"user_prompt\":\"{}\"}}", "x".repeat(4 * 1024 * 1024));
    table.raw("too large", large, 413, "body_too_large");
    let post = |kind: &str| {
        table
            .world
            .request(Method::POST, "/v1/generations")
            .bearer_auth(SECRET)
            .header("content-type", kind)
            .body("{}")
    };
    let (form, latin) = (
        post("application/x-www-form-urlencoded"),
        post("application/json; charset=latin1"),
    );
    let zipped = post("application/json").header("content-encoding", "gzip");
    let invalid = post("application/json").body(vec![b'"', 0xff, b'"']);
    table.add("a form", form, 415, "unsupported_media_type");
    table.add("another charset", latin, 415, "unsupported_media_type");
    table.add("compressed", zipped, 415, "unsupported_media_type");
    table.add("not UTF-8", invalid, 400, "malformed_json");
    table.body("an array", json!([]), &[("", "wrong_type")]);
    table.body("a text", json!("x"), &[("", "wrong_type")]);
    table.body("null", Value::Null, &[("", "wrong_type")]);
}

fn fields(table: &mut Table<'_>) {
    table.body("nothing", json!({}), &[("/product_id", "required")]);
    table.order(
        "product of a wrong type",
        json!({"product_id": 7}),
        &[("/product_id", "wrong_type")],
    );
    table.order(
        "unknown product",
        json!({"product_id": "nope"}),
        &[("/product_id", "unknown_product")],
    );
    table.order(
        "another brand's product",
        json!({"product_id": "prod_b"}),
        &[("/product_id", "unknown_product")],
    );
    table.order(
        "a NUL in the product",
        json!({"product_id": "a\u{0}"}),
        &[("/product_id", "out_of_range")],
    );
    table.order(
        "unknown field",
        json!({"colour": "red"}),
        &[("/colour", "unknown_field")],
    );
    table.order(
        "a field that needs escaping",
        json!({"a/b~c": 1}),
        &[("/a~1b~0c", "unknown_field")],
    );
    table.order(
        "prompt of a wrong type",
        json!({"user_prompt": []}),
        &[("/user_prompt", "wrong_type")],
    );
    table.order(
        "prompt too long",
        json!({"user_prompt": "x".repeat(1001)}),
        &[("/user_prompt", "text_too_long")],
    );
    table.order(
        "empty session",
        json!({"session_id": ""}),
        &[("/session_id", "out_of_range")],
    );
    table.order(
        "session too long",
        json!({"session_id": "x".repeat(201)}),
        &[("/session_id", "out_of_range")],
    );
    table.order(
        "unknown template",
        json!({"template_id": "nope"}),
        &[("/template_id", "unknown_template")],
    );
    table.order(
        "variants of a wrong type",
        json!({"variants": 640}),
        &[("/variants", "wrong_type")],
    );
    table.order(
        "too many variants",
        json!({"variants": [16, 17, 18, 19, 20, 21]}),
        &[("/variants", "too_many")],
    );
    table.order(
        "bad variants",
        json!({"variants": [15, 4097, 640, 640, 1.5]}),
        &[
            ("/variants/0", "out_of_range"),
            ("/variants/1", "out_of_range"),
            ("/variants/3", "duplicate"),
            ("/variants/4", "out_of_range"),
        ],
    );
    table.order(
        "priority too high",
        json!({"priority": 101}),
        &[("/priority", "out_of_range")],
    );
    table.order(
        "priority not whole",
        json!({"priority": 0.5}),
        &[("/priority", "wrong_type")],
    );
    table.order(
        "start_by in words",
        json!({"start_by": "tomorrow"}),
        &[("/start_by", "malformed")],
    );
    table.order(
        "start_by without a zone",
        json!({"start_by": "2027-01-01T00:00:00"}),
        &[("/start_by", "malformed")],
    );
    table.order(
        "deadline in the past",
        json!({"deadline": "2025-12-31T23:59:59Z"}),
        &[("/deadline", "not_in_future")],
    );
    table.order(
        "start_by after the deadline",
        json!({"start_by": "2027-01-02T00:00:00Z", "deadline": "2027-01-01T00:00:00Z"}),
        &[("/start_by", "after_deadline")],
    );
    table.order(
        "webhook without TLS",
        json!({"webhook_url": "http://shop.example/"}),
        &[("/webhook_url", "scheme")],
    );
    table.order(
        "webhook with a password",
        json!({"webhook_url": "https://a:b@shop.example/"}),
        &[("/webhook_url", "credentials")],
    );
    table.order(
        "metadata of a wrong type",
        json!({"metadata": [1]}),
        &[("/metadata", "wrong_type")],
    );
    table.order(
        "metadata too large",
        json!({"metadata": {"x": "y".repeat(4096)}}),
        &[("/metadata", "too_large")],
    );
    table.order(
        "metadata with a NUL",
        json!({"metadata": {"x": "\u{0}"}}),
        &[("/metadata", "text_control_character")],
    );
    table.order(
        "customizations of a wrong type",
        json!({"customizations": []}),
        &[("/customizations", "wrong_type")],
    );
    table.order(
        "nothing in the required zone",
        json!({"customizations": {}}),
        &[("/customizations/zone_name", "required")],
    );
    table.order(
        "faults everywhere",
        json!({"priority": 101, "x": 1, "customizations": {"zone_name": {"text": "Ada7"}, "zone_no": 1}}),
        &[
            ("/priority", "out_of_range"),
            ("/x", "unknown_field"),
            ("/customizations/zone_no", "unknown_zone"),
        ],
    );
}

fn zones(table: &mut Table<'_>) {
    for (zone, value) in [
        ("zone_name", json!({"text": "A name that is too long"})),
        ("zone_name", json!({"text": "Ada\u{0}"})),
        ("zone_name", json!({"text": "Ada7"})),
        ("zone_photo", json!({"image": "ftp://x"})),
        ("zone_photo", json!({"image": "data:text/html;base64,AAAA"})),
        ("zone_paint", json!({"color": "mauve-ish"})),
        ("zone_paint", json!({"color": "#0000ff"})),
        ("zone_font", json!({"font": "Comic Sans"})),
        ("zone_size", json!({"size": 21})),
        ("zone_size", json!({"size": "large"})),
        ("zone_place", json!({"x": 5000, "y": 1})),
    ] {
        let mut body = order();
        body["customizations"][zone] = value;
        table.body(zone, body, &[]);
    }
    table.zone(
        "zone_unknown",
        json!("x"),
        ("/customizations/zone_unknown", "unknown_zone"),
    );
    table.zone(
        "zone_place",
        json!({"x": 1}),
        ("/customizations/zone_place/y", "required"),
    );
}

fn heads(table: &mut Table<'_>) {
    let world = table.world;
    let post = || {
        world
            .request(Method::POST, "/v1/generations")
            .json(&order())
    };
    table.add("no key", post(), 401, "missing_credentials");
    table.add(
        "unknown key",
        post().bearer_auth("sk_no"),
        401,
        "invalid_key",
    );
    table.add(
        "empty key",
        post().header("x-api-key", ""),
        401,
        "invalid_key",
    );
    table.add(
        "an endless key",
        post().bearer_auth("k".repeat(5000)),
        401,
        "invalid_key",
    );
    table.add(
        "basic",
        post().basic_auth("a", Some("b")),
        401,
        "invalid_key",
    );
    let two = post().bearer_auth(SECRET).header("x-api-key", LEGACY);
    table.add("two keys", two, 400, "conflicting_credentials");
    for key in ["", "a b", &"k".repeat(256), "k\u{e9}"] {
        let request = post().bearer_auth(SECRET).header("idempotency-key", key);
        table.add("idempotency key", request, 400, "invalid_header");
    }
    let page = |origin: &str| post().bearer_auth(PUBLISHABLE).header("origin", origin);
    table.add(
        "no origin",
        post().bearer_auth(PUBLISHABLE),
        403,
        "origin_not_allowed",
    );
    table.add(
        "wrong origin",
        page("https://evil.example"),
        403,
        "origin_not_allowed",
    );
    table.add("null origin", page("null"), 403, "origin_not_allowed");
    table.add("no session", page(ORIGIN), 422, "validation_failed");
    let other = world
        .request(Method::GET, "/v1/products/prod_mug")
        .bearer_auth(OTHER_SECRET);
    table.add("another brand", other, 404, "not_found");
}

fn addresses(table: &mut Table<'_>) {
    let world = table.world;
    table.get(
        "/v1/generations/gen_00000000000000000000000000000000",
        404,
        "not_found",
    );
    table.get("/v1/generations/a%00b", 404, "not_found");
    table.get("/v1/generations/%ff", 404, "not_found");
    table.get("/v1/generations/gen_0?limit=1", 400, "invalid_parameter");
    table.get("/v1/generations?limit=0", 400, "invalid_parameter");
    table.get("/v1/generations?limit=101", 400, "invalid_parameter");
    table.get("/v1/generations?limit=1&limit=2", 400, "invalid_parameter");
    table.get("/v1/generations?cursor=x", 400, "invalid_cursor");
    table.get("/v1/generations?status=done", 400, "invalid_parameter");
    table.get("/v1/generations?since=yesterday", 400, "invalid_parameter");
    table.get("/v1/generations?product=%00", 400, "invalid_parameter");
    table.get("/v1/generations?page=2", 400, "invalid_parameter");
    table.get("/v1/products/nope", 404, "not_found");
    table.get("/v1/products/a%00b", 404, "not_found");
    table.get("/media/gen_0/full", 404, "not_found");
    table.get("/media/gen_0/..%2f..%2fetc", 404, "not_found");
    table.get("/v1/webhooks/a%00b", 404, "not_found");
    table.get("/v1/webhooks/wh_nobody", 404, "not_found");
    table.get("/v1/webhooks?kind=all", 400, "invalid_parameter");
    table.get("/v1/webhooks/wh_1/deliveries/msg_1", 404, "not_found");
    table.get("/v1/webhooks/wh_1/jobs/1", 404, "not_found");
    table.get("/v1", 404, "unknown_route");
    table.get("/", 404, "unknown_route");
    table.add(
        "no body to cancel",
        world.request(Method::POST, "/v1/generations/gen_0/cancel"),
        401,
        "missing_credentials",
    );
    table.add(
        "PUT",
        world.request(Method::PUT, "/v1/generations"),
        405,
        "method_not_allowed",
    );
    let invented = Method::from_bytes(b"BREW").unwrap();
    table.add(
        "BREW",
        world.request(invented, "/v1/generations/x"),
        405,
        "method_not_allowed",
    );
    table.add(
        "DELETE",
        world.request(Method::DELETE, "/media/a/full"),
        405,
        "method_not_allowed",
    );
    let dashboard = world.request(Method::GET, "/api/v1/generation");
    table.add(
        "dashboard without a token",
        dashboard,
        401,
        "missing_credentials",
    );
    let dashboard = world.get("/api/v1/generation");
    table.add("dashboard with a key", dashboard, 401, "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told_the_right_ones() {
    let world = World::start().await;
    let response = world
        .request(Method::DELETE, "/v1/generations")
        .send()
        .await
        .unwrap();
    let allow = response.headers()["allow"].to_str().unwrap().to_owned();
    let mut methods: Vec<&str> = allow.split(',').map(str::trim).collect();
    methods.sort_unstable();
    assert_eq!(methods, ["GET", "HEAD", "POST"]);
    problem(response, 405, "method_not_allowed").await;
    world.stop().await;
}
