//! Reading products with their zones.

use axum::Json;
use axum::extract::{Path, State};

use super::answers::{KeyProblems, Missing};
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{Code, Problem};
use crate::request::Query;
use crate::view::{ProductView, ProductsView};

/// List the brand's products.
#[utoipa::path(
    get,
    path = "/v1/products",
    tag = "products",
    responses((status = 200, description = "All products, by slug", body = ProductsView), KeyProblems),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn list_products(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Json<ProductsView>, Problem> {
    caller.must_be_secret()?;
    query.finish()?;
    let all = app.catalog.all(caller.brand()).await?;
    let data = all
        .iter()
        .map(|entry| ProductView::from(&entry.product))
        .collect();
    Ok(Json(ProductsView { data }))
}

/// Read a product with its zones.
#[utoipa::path(
    get,
    path = "/v1/products/{id}",
    tag = "products",
    params(("id" = String, Path, description = "The product's id or slug")),
    responses(
        (status = 200, description = "The product", body = ProductView),
        KeyProblems,
        Missing,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn get_product(
    State(app): State<App>,
    caller: Caller,
    path: Option<Path<String>>,
    query: Query,
) -> Result<Json<ProductView>, Problem> {
    caller.must_be_secret()?;
    query.finish()?;
    let Path(name) = path.ok_or(Code::NotFound)?;
    let found = app.catalog.find(caller.brand(), &name, app.now()).await?;
    let entry = found.ok_or(Code::NotFound)?;
    Ok(Json(ProductView::from(&entry.product)))
}
