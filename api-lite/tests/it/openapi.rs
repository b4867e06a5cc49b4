//! The committed description of the API.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::World;

#[test]
fn the_committed_description_is_the_one_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let now = serde_json::to_value(api_lite::openapi()).unwrap();
    let text = format!("{}\n", serde_json::to_string_pretty(&now).unwrap());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(
        committed == text,
        "run this test with UPDATE_SNAPSHOTS=1 and look at the difference"
    );
}

#[test]
fn every_operation_has_a_name_of_its_own_and_every_error_is_a_problem() {
    let document = serde_json::to_value(api_lite::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("500"), "{method} {path}");
            for (status, response) in responses
                .iter()
                .filter(|(status, _)| *status >= &"400".to_owned())
            {
                let content = &response["content"]["application/problem+json"];
                let schema = content["schema"]["$ref"].as_str().unwrap_or_default();
                assert!(
                    schema.ends_with("/ProblemDocument"),
                    "{method} {path} {status}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_hands_out_the_same_description() {
    let world = World::start().await;
    let url = world.url("/openapi.json");
    let served: Value = world
        .client
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(served, serde_json::to_value(api_lite::openapi()).unwrap());
    world.stop().await;
}
