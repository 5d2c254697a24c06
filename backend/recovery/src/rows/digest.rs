//! A row's values as bytes that do not depend on the database they lie in.

use ring::digest::{Context, SHA256};
use saas_storage::rows::Cell;
use serde_json::Value;

/// What a row is compared by.
pub(crate) fn digest(row: &[Cell]) -> Context {
    let mut context = Context::new(&SHA256);
    context.update(&bytes(row));
    context
}

/// Each value with its kind and length before it, so that no two rows have the same bytes.
pub(crate) fn bytes(cells: &[Cell]) -> Vec<u8> {
    let mut all = Vec::new();
    for cell in cells {
        let (kind, value) = match cell {
            Cell::Null => (b'n', Vec::new()),
            Cell::Flag(flag) => (b'f', vec![u8::from(*flag)]),
            Cell::Number(number) => (b'i', number.to_be_bytes().into()),
            Cell::Text(text) => (b't', text.clone().into_bytes()),
            Cell::Bytes(bytes) => (b'b', bytes.clone()),
            Cell::Id(id) => (b'u', id.as_bytes().to_vec()),
            // PostgreSQL keeps no more than microseconds.
            Cell::Moment(moment) => (b'm', moment.timestamp_micros().to_be_bytes().into()),
            Cell::Json(text) => (b'j', json(text)),
        };
        all.push(kind);
        all.extend((value.len() as u64).to_be_bytes());
        all.extend(value);
    }
    all
}

/// PostgreSQL keeps what JSON means, and not how it was written.
fn json(text: &str) -> Vec<u8> {
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) => {
            plain(&mut value);
            value.to_string().into_bytes()
        }
        // As it is, then.
        Err(_) => text.as_bytes().to_vec(),
    }
}

/// Members in one order, and `1.0` as `1`.
fn plain(value: &mut Value) {
    match value {
        Value::Number(number) => {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            if let Some(float) = number.as_f64()
                && number.is_f64()
                && float.fract() == 0.0
                && float.abs() < 9.0e15
            {
                *number = (float as i64).into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Object(members) => {
            members.sort_keys();
            members.values_mut().for_each(plain);
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compared_by_what_it_means() {
        let of = |text: &str| bytes(&[Cell::Json(text.to_owned())]);
        assert_eq!(
            of(r#"{"b": [1.0, "x"], "a": {"d":1,"c":2}}"#),
            of(r#"{"a":{"c":2,"d":1},"b":[1,"x"]}"#)
        );
        assert_ne!(of(r#"{"a":1}"#), of(r#"{"a":"1"}"#));
        assert_ne!(of("[1.5]"), of("[1]"));
    }

    #[test]
    fn no_two_rows_have_the_same_bytes() {
        let text = |text: &str| Cell::Text(text.to_owned());
        assert_ne!(
            bytes(&[text("ab"), text("c")]),
            bytes(&[text("a"), text("bc")])
        );
        assert_ne!(bytes(&[Cell::Null]), bytes(&[text("")]));
        assert_ne!(bytes(&[Cell::Flag(true)]), bytes(&[Cell::Number(1)]));
    }
}
