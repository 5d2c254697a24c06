//! Spans of transactions and their statements, below the request that a task works for. What they
//! tell is our own: a transaction's reason, a statement's verb and table; never its text, and never a
//! value.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use saas_telemetry::{Current, Span, SpanKind};
use sea_orm::{DatabaseConnection, sqlx::postgres::PgConnectOptions};

use crate::transaction::Access;

/// Which database it is, in the words of OpenTelemetry.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    system: &'static str,
    namespace: String,
    /// Where it is, if it is a server.
    server: Option<(String, u16)>,
}

impl Place {
    /// Reads a database's URL.
    pub(crate) fn of(url: &str) -> Self {
        let facts = match url.strip_prefix("sqlite:") {
            Some(path) => {
                let path = path.split('?').next().unwrap_or_default();
                let file = Path::new(path).file_name();
                Facts {
                    system: "sqlite",
                    namespace: file.map_or_else(String::new, |file| file.to_string_lossy().into()),
                    server: None,
                }
            }
            None => match url.parse::<PgConnectOptions>() {
                Ok(options) => Facts {
                    system: "postgresql",
                    namespace: options.get_database().unwrap_or_default().to_owned(),
                    server: Some((options.get_host().to_owned(), options.get_port())),
                },
                Err(_) => Facts {
                    system: "postgresql",
                    namespace: String::new(),
                    server: None,
                },
            },
        };
        Self(Arc::new(facts))
    }

    /// From now on, the connection's statements are recorded where their task's request is.
    pub(crate) fn watch(&self, connection: &mut DatabaseConnection) {
        let place = self.clone();
        connection.set_metric_callback(move |info| {
            if let Some(current) = Current::get() {
                place.statement(&current, &info.statement.sql, info.elapsed, info.failed);
            }
        });
    }

    fn statement(&self, current: &Current, sql: &str, took: Duration, has_failed: bool) {
        let now = Instant::now();
        let started = now.checked_sub(took).unwrap_or(now);
        let (verb, table) = summary(sql);
        let mut span = self.describe(current.child(SpanKind::Client, verb, started));
        span.set("db.operation.name", verb);
        if let Some(table) = table {
            let summary = format!("{verb} {table}");
            span.rename(summary.clone());
            span.set("db.query.summary", summary);
            span.set("db.collection.name", table.to_owned());
        }
        if has_failed {
            span.failed("query");
        }
        current.end(span);
    }

    fn describe(&self, span: Span) -> Span {
        let facts = &*self.0;
        let span = span
            .with("db.system.name", facts.system)
            .with("db.namespace", facts.namespace.clone());
        match &facts.server {
            Some((address, port)) => span
                .with("server.address", address.clone())
                .with("server.port", *port),
            None => span,
        }
    }
}

/// The verb of a statement, and the first table it names.
fn summary(sql: &str) -> (&'static str, Option<&str>) {
    const VERBS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
    let mut words = sql.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    let verb = VERBS
        .into_iter()
        .find(|verb| verb.eq_ignore_ascii_case(first));
    let before_table = match verb {
        Some("INSERT") => "INTO",
        Some("SELECT" | "DELETE") => "FROM",
        Some("UPDATE") => return ("UPDATE", words.next().and_then(table)),
        Some("WITH") => return ("WITH", None),
        _ => return ("OTHER", None),
    };
    let found = words.find(|word| word.eq_ignore_ascii_case(before_table));
    (
        verb.unwrap_or("OTHER"),
        found.and_then(|_| words.next()).and_then(table),
    )
}

/// A name of ours, without its quotes; anything else is none.
fn table(word: &str) -> Option<&str> {
    let name = word.trim_matches(|letter| matches!(letter, '"' | ',' | ';' | ')'));
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (!name.is_empty() && name.bytes().all(is_name)).then_some(name)
}

/// The span of a transaction. It ends when the transaction does, whichever way.
#[derive(Debug)]
pub(crate) struct TransactionSpan(Option<(Current, Span)>);

impl TransactionSpan {
    /// One below the request that this task works for, if that is recorded.
    pub(crate) fn begin(
        place: &Place,
        name: &'static str,
        access: Access,
        started: Instant,
    ) -> Self {
        let Some(current) = Current::get() else {
            return Self(None);
        };
        let span = current.child(SpanKind::Internal, name, started);
        let access = match access {
            Access::Write => "write",
            Access::Read | Access::Snapshot => "read",
        };
        let span = place.describe(span).with("saas.transaction.access", access);
        current.enter(&span);
        Self(Some((current, span)))
    }

    /// It was to last: whether it does.
    pub(crate) fn committed<T, E>(mut self, result: &Result<T, E>) {
        if let Some((current, mut span)) = self.0.take() {
            match result {
                Ok(_) => span.set("saas.transaction.outcome", "committed"),
                Err(_) => span.failed("commit"),
            }
            current.leave(span);
        }
    }

    /// It could not begin.
    pub(crate) fn refused(mut self) {
        if let Some((current, mut span)) = self.0.take() {
            span.failed("begin");
            current.leave(span);
        }
    }
}

impl Drop for TransactionSpan {
    fn drop(&mut self) {
        if let Some((current, mut span)) = self.0.take() {
            span.set("saas.transaction.outcome", "ended");
            current.leave(span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_told_by_its_verb_and_its_table() {
        for (sql, expected) in [
            (
                r#"SELECT "users"."id" FROM "users" WHERE "email" = 'a@b.c'"#,
                ("SELECT", Some("users")),
            ),
            (
                "INSERT INTO sessions (id) VALUES ($1)",
                ("INSERT", Some("sessions")),
            ),
            (r#"UPDATE "tenants" SET"#, ("UPDATE", Some("tenants"))),
            (r#"DELETE FROM "leases" WHERE"#, ("DELETE", Some("leases"))),
            ("select set_config('role', $1, true)", ("SELECT", None)),
            ("SELECT 1 FROM (SELECT 'secret')", ("SELECT", None)),
            ("WITH gone AS (DELETE FROM a)", ("WITH", None)),
            ("VACUUM", ("OTHER", None)),
            ("", ("OTHER", None)),
        ] {
            assert_eq!(summary(sql), expected, "{sql}");
        }
    }

    #[test]
    fn a_database_is_told_without_its_password() {
        let place = Place::of("postgresql://user:s3cret@db.example:5433/saas?sslmode=disable");
        let told = format!("{place:?}");
        assert!(told.contains("db.example") && told.contains("5433") && told.contains("saas"));
        assert!(!told.contains("s3cret"), "{told}");
        let place = Place::of("sqlite:///home/somebody/saas.db?mode=rwc");
        assert_eq!(place.0.namespace, "saas.db");
    }
}
