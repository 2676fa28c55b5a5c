//! Pages of lists.

use serde::Serialize;
use utoipa::ToSchema;

/// A page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// Where the next page begins; null where nothing comes after.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The first `limit` of `rows`, of which one more was asked for; `cursor` names the last of a page.
    pub fn of<R>(
        mut rows: Vec<R>,
        limit: u16,
        cursor: impl Fn(&R) -> String,
        item: impl FnMut(R) -> T,
    ) -> Self {
        let more = rows.len() > usize::from(limit);
        rows.truncate(usize::from(limit));
        let next = rows.last().filter(|_| more).map(cursor);
        Self {
            items: rows.into_iter().map(item).collect(),
            next,
        }
    }
}
