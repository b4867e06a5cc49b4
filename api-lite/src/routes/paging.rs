//! Lists that are read in pages.
//!
//! A cursor holds the place of the last row shown, so pages are stable: rows that arrive meanwhile neither
//! repeat nor hide others.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::request::Query;

/// Rows on one page.
const MAX_PAGE: i64 = 100;
const DEFAULT_PAGE: i64 = 20;

/// The parameters of every list, for the description of the API.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; nothing is made of it")]
pub(super) struct PageParameters {
    /// 1 to 100, otherwise 20
    limit: Option<i64>,
    /// The `next_cursor` of the page before
    cursor: Option<String>,
}

/// A filter by its name in the address, as it was asked for.
pub(super) type AskedFilter = (&'static str, Option<String>);

/// Which page is asked for.
pub(super) struct Paging {
    limit: i64,
    cursor: Option<String>,
}

impl Paging {
    pub(super) fn read(query: &mut Query) -> Self {
        Self {
            limit: query.number("limit", 1, MAX_PAGE, DEFAULT_PAGE),
            cursor: query.text("cursor"),
        }
    }

    /// The place after which the page begins.
    pub(super) fn before<T>(
        &self,
        decode: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let decoded = self.cursor.as_deref().map(decode);
        decoded.map_or(Ok(None), |place| match place {
            Some(place) => Ok(Some(place)),
            None => Err(Code::InvalidCursor.into()),
        })
    }

    /// Rows to read: one more than are shown, which tells whether there is a next page.
    pub(super) fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// Leaves the rows of this page. Returns the cursor of the next one.
    pub(super) fn cut<T>(
        &self,
        found: &mut Vec<T>,
        encode: impl FnOnce(&T) -> String,
    ) -> Option<String> {
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = found.len() > most;
        found.truncate(most);
        found.last().filter(|_| more).map(encode)
    }

    /// The answer, with a `Link` to the next page of the list at `path` under the same filters.
    pub(super) fn answer(
        &self,
        app: &App,
        path: &str,
        filters: &[AskedFilter],
        next_cursor: Option<&str>,
        page: impl IntoResponse,
    ) -> Response {
        let mut response = page.into_response();
        let link = next_cursor.map(|next| self.link(app, path, filters, next));
        if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }

    fn link(&self, app: &App, path: &str, filters: &[AskedFilter], cursor: &str) -> String {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("limit", &self.limit.to_string());
        for (name, value) in filters {
            if let Some(value) = value {
                pairs.append_pair(name, value);
            }
        }
        pairs.append_pair("cursor", cursor);
        let (base, query) = (&app.public_url, pairs.finish());
        format!("<{base}{path}?{query}>; rel=\"next\"")
    }
}
