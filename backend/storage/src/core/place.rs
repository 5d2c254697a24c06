//! Where a page of a list begins and how long it is.

use sea_orm::{
    Order,
    sea_query::{Expr, ExprTrait as _, Func, LikeExpr},
};
use uuid::Uuid;

/// A page's place in a list that is sorted by identifier, which is by the time of creation.
#[derive(Clone, Copy, Debug)]
pub struct Place<Id> {
    /// The last one of the page before.
    pub after: Option<Id>,
    /// Newest first.
    pub descending: bool,
    /// How many at most.
    pub limit: u32,
}

impl<Id: Into<Uuid> + Copy> Place<Id> {
    pub(super) fn order(&self) -> Order {
        if self.descending {
            Order::Desc
        } else {
            Order::Asc
        }
    }

    pub(super) fn limit(&self) -> u64 {
        u64::from(self.limit)
    }

    /// The condition under which a row lies on this page or a later one.
    pub(super) fn beyond(&self, id: Expr) -> Option<Expr> {
        let after: Uuid = self.after?.into();
        Some(if self.descending {
            id.lt(after)
        } else {
            id.gt(after)
        })
    }
}

/// Whether the text contains what is looked for, in any case (of ASCII letters on SQLite), with no
/// character having a special meaning.
pub(super) fn contains(text: Expr, looked_for: &str) -> Expr {
    let mut pattern = String::from("%");
    for c in looked_for.chars().flat_map(char::to_lowercase) {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Expr::expr(Func::lower(text)).like(LikeExpr::new(pattern).escape('\\'))
}
