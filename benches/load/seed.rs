//! Brands with a product and a key each, and the request that is sent for them.

use std::sync::Arc;

use benches::Subject;
use bytes::Bytes;
use domain::{BrandId, Clock, KeyId, Plan};
use serde_json::{Value, json};
use service::SystemClock;
use store::api_keys::{KeyKind, NewKey};
use store::brands::NewBrand;
use store::{Database, api_keys, brands, catalog, objects};
use uuid::Uuid;

use benches::servers::Servers;

/// Size of a request's body: what facts about other systems were measured with.
const BODY_BYTES: usize = 1024;
/// The words that fill a body up to its size; they go to the prompt as a shopper's would.
const WISH: &str = "A calm picture with soft evening light, a little mist over the water, and \
    colours that suit a wooden table. ";

/// What one brand's requests consist of.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    /// The brand's secret key.
    pub(crate) key: String,
    /// The request's body.
    pub(crate) body: Bytes,
}

/// Makes `count` brands, each with its own copy of the product.
pub(crate) async fn shops(
    servers: &Servers,
    db: &Database,
    subject: &Subject,
    count: u16,
) -> anyhow::Result<Arc<[Shop]>> {
    let photograph = objects::base_image_key(&Uuid::new_v4().simple().to_string(), "jpg");
    let bytes = Bytes::from(subject.photograph.clone());
    servers
        .objects()?
        .put(&photograph, "image/jpeg", bytes)
        .await?;
    let mut shops = Vec::with_capacity(usize::from(count));
    for number in 0..usize::from(count) {
        shops.push(shop(db, &subject.for_brand(number), number, &photograph).await?);
    }
    Ok(shops.into())
}

async fn shop(
    db: &Database,
    subject: &Subject,
    number: usize,
    photograph: &str,
) -> anyhow::Result<Shop> {
    let now = SystemClock.now();
    let brand = NewBrand {
        id: BrandId(format!("brand_load_{number}")),
        name: format!("Load {number}"),
        slug: format!("load-{number}"),
        plan: Plan::Enterprise,
        max_monthly_generations: i32::MAX,
    };
    brands::ensure(db, now, &brand).await?;
    let url = format!("http://127.0.0.1/media/{photograph}");
    catalog::apply(db, now, &brand.id, &subject.spec, photograph, &url).await?;
    let key = format!("sk_{}", Uuid::new_v4().simple());
    let new = NewKey {
        id: KeyId(Uuid::now_v7()),
        brand_id: brand.id,
        kind: KeyKind::Secret,
        name: "load".to_owned(),
        key: key.clone(),
        origins: Vec::new(),
    };
    api_keys::create(db, now, &new).await?;
    Ok(Shop {
        key,
        body: body(subject),
    })
}

/// A request for the subject, filled up to [`BODY_BYTES`] with the shopper's wish.
fn body(subject: &Subject) -> Bytes {
    let with_wish = |wish: &str| -> Value {
        json!({
            "product_id": subject.spec.id,
            "customizations": subject.customizations,
            "session_id": "session_load",
            "user_prompt": wish,
        })
    };
    let bare = with_wish("").to_string().len();
    let missing = BODY_BYTES.saturating_sub(bare).max(1);
    let wish: String = WISH.chars().cycle().take(missing).collect();
    Bytes::from(with_wish(wish.trim()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_about_a_kilobyte_and_a_wish_within_the_api_limit() {
        for subject in [benches::demo().unwrap(), benches::tiny().unwrap()] {
            let body = body(&subject);
            assert!(
                (BODY_BYTES - 2..=BODY_BYTES).contains(&body.len()),
                "{}",
                body.len()
            );
            let read: Value = serde_json::from_slice(&body).unwrap();
            let wish = read["user_prompt"].as_str().unwrap();
            assert!(wish.chars().count() <= domain::MAX_USER_PROMPT_GRAPHEMES);
        }
    }
}
