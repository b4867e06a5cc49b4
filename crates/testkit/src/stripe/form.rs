//! Stripe's form encoding: `metadata[invoice_id]=x` is an object in an object, `expand[]=a` an array.

use serde_json::{Map, Value};
use url::form_urlencoded;

/// The parameters of a body or a query. Numbers and booleans stay text, as they come.
pub(super) fn parse(encoded: &[u8]) -> Map<String, Value> {
    let mut parameters = Map::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        let (head, rest) = match name.split_once('[') {
            Some((head, rest)) => (head, rest.strip_suffix(']').unwrap_or(rest)),
            None => {
                parameters.insert(name.into_owned(), value.into_owned().into());
                continue;
            }
        };
        let numbered = rest.is_empty() || rest.bytes().all(|byte| byte.is_ascii_digit());
        let slot = parameters.entry(head).or_insert_with(|| match numbered {
            true => Value::Array(Vec::new()),
            false => Value::Object(Map::new()),
        });
        match slot {
            Value::Array(values) => values.push(value.into_owned().into()),
            Value::Object(members) => {
                members.insert(rest.to_owned(), value.into_owned().into());
            }
            _ => {}
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn brackets_make_objects_and_arrays() {
        let found = parse(b"name=A+B&metadata[a]=1&metadata[b]=%C3%A9&expand[]=x&expand[1]=y");
        let expected = json!({
            "name": "A B", "metadata": {"a": "1", "b": "é"}, "expand": ["x", "y"],
        });
        assert_eq!(Value::Object(found), expected);
    }
}
