//! Slugs for products that have none, in the order in which the products were made.

use std::collections::BTreeMap;

use domain::{SlugBook, slug};
use sqlx::PgConnection;

use super::super::{file, session};
use super::{Batch, MigrationError};

/// Makes the unique index beside writers, before the first slug is there: a slug that another program
/// gives meanwhile is then seen.
pub(super) async fn index(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    file::make_index(
        connection,
        "public.\"Product_brandId_slug_key\"",
        "CREATE UNIQUE INDEX CONCURRENTLY \"Product_brandId_slug_key\"
         ON public.\"Product\" (\"brandId\", \"slug\")",
    )
    .await
}

/// Writes down the order: reading it from the products again for each batch would sort them all each
/// time.
pub(super) async fn list(connection: &mut PgConnection) -> Result<Batch, MigrationError> {
    let listed = sqlx::query(
        r#"-- store::migrate::moving::slugs::list
        INSERT INTO atelier.moving_product (place, product_id)
        SELECT row_number() OVER (ORDER BY "brandId", "createdAt", id), id
        FROM public."Product" WHERE slug IS NULL"#,
    )
    .execute(connection)
    .await?;
    Ok(Batch::whole(listed.rows_affected().cast_signed()))
}

/// The next products of the list. One that somebody is writing at this moment is waited for only as
/// long as a lock may be waited for.
pub(super) async fn batch(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Batch, MigrationError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "-- store::migrate::moving::slugs::batch
         WITH next AS (
             DELETE FROM atelier.moving_product
             WHERE place IN (SELECT place FROM atelier.moving_product ORDER BY place LIMIT $1)
             RETURNING place, product_id)
         SELECT product_id FROM next ORDER BY place",
    )
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    if !ids.is_empty() {
        give(connection, &ids).await?;
    }
    let rows = ids.len().cast_signed() as i64;
    Ok(Batch {
        rows,
        cursor: None,
        done: rows < limit,
    })
}

/// A product that has no slug yet.
#[derive(sqlx::FromRow)]
struct Unnamed {
    id: String,
    brand_id: String,
    name: String,
}

/// Gives slugs to those of `ids` that have none, in the order of `ids`.
pub(super) async fn give(connection: &mut PgConnection, ids: &[String]) -> Result<(), sqlx::Error> {
    let products: Vec<Unnamed> = sqlx::query_as(
        r#"-- store::migrate::moving::slugs::unnamed
        SELECT p.id, p."brandId" AS brand_id, p.name
        FROM unnest($1::text[]) WITH ORDINALITY AS wanted (id, place)
        JOIN public."Product" p ON p.id = wanted.id
        WHERE p.slug IS NULL ORDER BY wanted.place FOR NO KEY UPDATE OF p"#,
    )
    .bind(ids)
    .fetch_all(&mut *connection)
    .await?;
    let mut brands: BTreeMap<String, Vec<Unnamed>> = BTreeMap::new();
    for product in products {
        let brand = brands.entry(product.brand_id.clone()).or_default();
        brand.push(product);
    }
    for (brand, products) in &brands {
        give_one_brand(connection, brand, products).await?;
    }
    Ok(())
}

async fn give_one_brand(
    connection: &mut PgConnection,
    brand: &str,
    products: &[Unnamed],
) -> Result<(), sqlx::Error> {
    let bases: Vec<String> = products
        .iter()
        .map(|product| slug(&product.name, &product.id))
        .collect();
    let numbers = numbers(connection, brand, &bases).await?;
    let mut taken = taken(connection, brand, &bases).await?;
    // Of the numbered ones only those are asked for that would be given; each round learns of more.
    let (book, given) = loop {
        let mut book = SlugBook::default();
        taken.iter().for_each(|slug| book.take(slug.as_str()));
        for (base, last) in &numbers {
            book.resume(base.as_str(), u32::try_from(*last).unwrap_or(u32::MAX));
        }
        let given: Vec<String> = bases.iter().map(|base| book.assign(base)).collect();
        let met = self::taken(connection, brand, &given).await?;
        if met.is_empty() {
            break (book, given);
        }
        taken.extend(met);
    };
    write(connection, products, &given).await?;
    remember(connection, brand, &book).await
}

/// Which of `slugs` somebody of this brand has.
async fn taken(
    connection: &mut PgConnection,
    brand: &str,
    slugs: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        r#"-- store::migrate::moving::slugs::taken
        SELECT slug FROM public."Product" WHERE "brandId" = $1 AND slug = ANY($2)"#,
    )
    .bind(brand)
    .bind(slugs)
    .fetch_all(connection)
    .await
}

async fn numbers(
    connection: &mut PgConnection,
    brand: &str,
    bases: &[String],
) -> Result<Vec<(String, i32)>, sqlx::Error> {
    sqlx::query_as(
        "-- store::migrate::moving::slugs::numbers
         SELECT base, last FROM atelier.moving_slug_number WHERE brand_id = $1 AND base = ANY($2)",
    )
    .bind(brand)
    .bind(bases)
    .fetch_all(connection)
    .await
}

async fn write(
    connection: &mut PgConnection,
    products: &[Unnamed],
    given: &[String],
) -> Result<(), sqlx::Error> {
    let ids: Vec<&str> = products.iter().map(|product| product.id.as_str()).collect();
    sqlx::query(
        r#"-- store::migrate::moving::slugs::write
        UPDATE public."Product" p SET slug = given.slug
        FROM unnest($1::text[], $2::text[]) AS given (id, slug)
        WHERE p.id = given.id AND p.slug IS NULL"#,
    )
    .bind(ids)
    .bind(given)
    .execute(connection)
    .await?;
    Ok(())
}

async fn remember(
    connection: &mut PgConnection,
    brand: &str,
    book: &SlugBook,
) -> Result<(), sqlx::Error> {
    let (bases, lasts): (Vec<&str>, Vec<i32>) = book
        .numbers()
        .map(|(base, last)| (base, i32::try_from(last).unwrap_or(i32::MAX)))
        .unzip();
    if bases.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "-- store::migrate::moving::slugs::remember
         INSERT INTO atelier.moving_slug_number (brand_id, base, last)
         SELECT $1, base, last FROM unnest($2::text[], $3::integer[]) AS given (base, last)
         ON CONFLICT (brand_id, base) DO UPDATE SET last = EXCLUDED.last",
    )
    .bind(brand)
    .bind(bases)
    .bind(lasts)
    .execute(connection)
    .await?;
    Ok(())
}

/// From here on a product without a slug is refused. `NOT VALID`: the rows that are there are looked at
/// by [`validate`], which blocks nobody.
pub(super) async fn guard(connection: &mut PgConnection) -> Result<Batch, MigrationError> {
    session::run(
        connection,
        r#"ALTER TABLE public."Product"
           ADD CONSTRAINT "Product_slug_is_given" CHECK (slug IS NOT NULL) NOT VALID"#,
    )
    .await?;
    Ok(Batch::whole(0))
}

/// Looks at every product under a lock that readers and writers do not notice. `SET NOT NULL` then
/// needs no look of its own.
pub(super) async fn validate(connection: &mut PgConnection) -> Result<Batch, MigrationError> {
    session::run(
        connection,
        r#"ALTER TABLE public."Product" VALIDATE CONSTRAINT "Product_slug_is_given""#,
    )
    .await?;
    Ok(Batch::whole(0))
}
