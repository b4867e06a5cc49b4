use std::time::Duration;

use testkit::wait;

use crate::observe::PATIENCE;

#[tokio::test]
async fn waiting_ends_as_soon_as_the_predicate_holds() {
    let mut asked = 0;
    wait::until("asked three times", PATIENCE, async || {
        asked += 1;
        asked == 3
    })
    .await
    .unwrap();
    assert_eq!(asked, 3);
}

#[tokio::test]
async fn waiting_in_vain_names_what_was_waited_for() {
    let late = wait::until("pigs fly", Duration::from_millis(20), async || false).await;
    assert_eq!(
        late.unwrap_err().to_string(),
        "waited 20 ms in vain until pigs fly"
    );
}

#[tokio::test]
async fn a_predicate_that_hangs_fails_at_the_deadline() {
    let hangs = async || std::future::pending::<bool>().await;
    assert!(
        wait::until("never", Duration::from_millis(20), hangs)
            .await
            .is_err()
    );
}
