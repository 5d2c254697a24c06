//! Lists: limit, cursor, sort.

use axum::extract::FromRequestParts;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use garde::Validate;
use http::request::Parts;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use crate::{ApiQuery, Problem};

/// How many items a list has when nobody asks.
pub const DEFAULT_LIMIT: u32 = 50;
/// How many items a list has at most.
pub const GREATEST_LIMIT: u32 = 200;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// Where the next page begins, for `?cursor=`; null on the last page.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of at most `limit` items from one more than that, if there was one more:
    /// ask the database for `limit + 1`. `key` is what the last item shown sorts by.
    ///
    /// ```
    /// use saas_web::{Cursor, Page};
    ///
    /// let page = Page::cut(vec!["a", "b", "c"], 2, |last| *last);
    /// assert_eq!(page.items, ["a", "b"]);
    /// assert_eq!(Cursor::decode::<String>(&page.next_cursor.unwrap()).unwrap(), "b");
    /// ```
    pub fn cut<K: Serialize>(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| Cursor::encode(&key(last)));
        Self { items, next_cursor }
    }

    /// The same page with every item turned into what the API shows.
    pub fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(show).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

/// Which page: an extractor for `?limit=`, `?cursor=` and `?sort=`. Other parameters are left to an
/// [`ApiQuery`] beside it.
#[derive(Clone, Debug, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items, 1 to 200; 50 if not given.
    #[garde(inner(range(min = 1, max = GREATEST_LIMIT)))]
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
    /// Where to go on: the `next_cursor` of the page before.
    #[garde(inner(length(max = 1024)))]
    pub cursor: Option<String>,
    /// What to sort by: a field's name, with `-` before it for descending.
    #[garde(inner(length(max = 64)))]
    pub sort: Option<String>,
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The field, one of those the endpoint offers.
    pub field: &'static str,
    /// From the greatest to the least.
    pub descending: bool,
}

impl PageQuery {
    /// How many items to show.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, GREATEST_LIMIT)
    }

    /// Where to go on, as [`Page::cut`] wrote it; a 400 `invalid_cursor` for anything else.
    pub fn cursor<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        self.cursor.as_deref().map(Cursor::decode).transpose()
    }

    /// What to sort by, out of what the endpoint `offers`; the first of those, ascending, if not
    /// given, and a 400 `invalid_query` for anything else.
    pub fn sort(&self, offers: &[&'static str]) -> Result<Sort, Problem> {
        let asked = match self.sort.as_deref() {
            Some(asked) => asked,
            None => offers.first().copied().unwrap_or_default(),
        };
        let (name, descending) = match asked.strip_prefix('-') {
            Some(name) => (name, true),
            None => (asked, false),
        };
        match offers.iter().copied().find(|field| *field == name) {
            Some(field) => Ok(Sort { field, descending }),
            None => Err(Problem::bad_request(
                "invalid_query",
                format!(
                    "this list cannot be sorted by `{name}`; it can by {}",
                    offers.join(", ")
                ),
            )
            .error("/sort", format!("expected one of {}", offers.join(", ")))),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let ApiQuery(query) = ApiQuery::from_request_parts(parts, state).await?;
        Ok(query)
    }
}

/// A place in a list, opaque to clients: base64url of JSON.
#[derive(Clone, Copy, Debug)]
pub struct Cursor;

impl Cursor {
    /// Writes a cursor that stands for `key`.
    pub fn encode<K: Serialize>(key: &K) -> String {
        // Keys are names, times and numbers, which JSON can always hold.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
    }

    /// Reads a cursor back; a 400 `invalid_cursor` if it is not one.
    pub fn decode<K: DeserializeOwned>(cursor: &str) -> Result<K, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| {
                Problem::bad_request(
                    "invalid_cursor",
                    "the cursor is not one this list gave out; start without one",
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_page_with_more_behind_it_has_a_cursor() {
        let last = Page::cut(vec![1, 2], 2, |key| *key);
        assert_eq!((last.items, last.next_cursor), (vec![1, 2], None));
        let first = Page::cut(vec![1, 2, 3], 2, |key| *key);
        assert_eq!(first.items, [1, 2]);
        assert_eq!(
            Cursor::decode::<i32>(&first.next_cursor.unwrap()).unwrap(),
            2
        );
    }

    #[test]
    fn a_cursor_that_nobody_gave_out_is_refused() {
        for bad in ["", "!", "bm90IGpzb24", "IjEi"] {
            assert_eq!(
                Cursor::decode::<u32>(bad).unwrap_err().code(),
                "invalid_cursor"
            );
        }
    }

    #[test]
    fn a_list_sorts_by_what_it_offers() {
        let query = |sort: Option<&str>| PageQuery {
            sort: sort.map(str::to_owned),
            ..PageQuery::default()
        };
        let offers = ["name", "created_at"];
        let sort = query(Some("-created_at")).sort(&offers).unwrap();
        assert_eq!(
            sort,
            Sort {
                field: "created_at",
                descending: true
            }
        );
        assert_eq!(query(None).sort(&offers).unwrap().field, "name");
        assert_eq!(
            query(Some("password")).sort(&offers).unwrap_err().status(),
            400
        );
    }
}
