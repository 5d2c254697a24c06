//! The description of the interface is complete.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;

#[test]
fn every_operation_is_named_told_and_guarded() {
    let openapi = serde_json::to_value(saas_registry::openapi()).unwrap();
    let paths = openapi["paths"].as_object().unwrap();
    let mut operations = 0;
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(operation["operationId"].is_string(), "{what}");
            assert!(operation["summary"].is_string(), "{what}");
            assert!(operation["tags"][0].is_string(), "{what}");
            assert!(operation["security"][0]["bearer"].is_array(), "{what}");
            assert!(operation["responses"]["default"].is_object(), "{what}");
            operations += 1;
        }
    }
    assert_eq!(operations, 19);
    for name in ["Service", "Instance", "Route", "Problem", "HealthCheck"] {
        assert!(openapi["components"]["schemas"][name].is_object(), "{name}");
    }
    assert_eq!(dangling(&openapi, &openapi), Vec::<String>::new());
}

/// References that lead nowhere.
fn dangling(whole: &Value, part: &Value) -> Vec<String> {
    match part {
        Value::Object(members) => {
            let mut found: Vec<String> = members
                .get("$ref")
                .and_then(Value::as_str)
                .filter(|target| whole.pointer(target.trim_start_matches('#')).is_none())
                .map(str::to_owned)
                .into_iter()
                .collect();
            found.extend(members.values().flat_map(|member| dangling(whole, member)));
            found
        }
        Value::Array(items) => items
            .iter()
            .flat_map(|item| dangling(whole, item))
            .collect(),
        _ => Vec::new(),
    }
}
