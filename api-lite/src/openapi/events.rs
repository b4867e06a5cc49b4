//! What is sent to webhooks, as the document's `webhooks`: one entry per type of event.

use domain::EventKind;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{
    KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{
    Components, ContentBuilder, Paths, Ref, RefOr, Required, ResponseBuilder, ResponsesBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::{examples, payloads};

const HEADERS: &[(&str, &str, bool)] = &[
    (
        "webhook-id",
        "Names the message: the same for every try and every endpoint. Whoever has seen it answers 2xx and does nothing",
        true,
    ),
    (
        "webhook-timestamp",
        "When this try was signed, in seconds since 1970. More than five minutes away from now: refuse",
        true,
    ),
    (
        "webhook-signature",
        "Signatures separated by spaces, one per secret that signs: `v1,` and base64 of the HMAC-SHA256 of \
         `{webhook-id}.{webhook-timestamp}.{body}`; with a signing key also `v1a,` and base64 of an ed25519 \
         signature of the same. One right one is enough",
        true,
    ),
    (
        "x-luneo-signature",
        "With `payload_format` `origin` alone: the older platform's signature, the hexadecimal HMAC-SHA256 \
         of the body under the text of the newest secret. It holds no time; check `webhook-signature` instead",
        false,
    ),
    (
        "x-luneo-event",
        "With `payload_format` `origin` alone: the event's type",
        false,
    ),
    (
        "x-luneo-delivery",
        "With `payload_format` `origin` alone: the same as `webhook-id`",
        false,
    ),
];

/// Every event, and the schemas that they need.
pub(super) fn describe(components: &mut Components) -> Paths {
    let mut paths = Paths::new();
    for kind in EventKind::ALL {
        let told = Told::of(kind);
        (told.add)(components);
        let name = told.name.trim_end_matches("Data");
        let envelope = format!("{name}Event");
        let object = envelope_of(kind, told.name);
        let schema = RefOr::T(Schema::Object(object));
        components.schemas.insert(envelope.clone(), schema);
        let item = PathItem::new(HttpMethod::Post, operation(kind, &told, &envelope));
        paths.paths.insert(kind.type_name().to_owned(), item);
    }
    paths
}

/// What is said of one kind of event.
struct Told {
    /// The schema of its `data`.
    name: &'static str,
    /// When it is sent.
    when: &'static str,
    add: fn(&mut Components),
}

impl Told {
    fn of(kind: EventKind) -> Self {
        macro_rules! told {
            ($data:ident, $when:literal) => {
                Self {
                    name: stringify!($data),
                    when: $when,
                    add: add::<payloads::$data>,
                }
            };
        }
        match kind {
            EventKind::GenerationStarted => told!(
                GenerationStartedData,
                "A worker has begun with a generation."
            ),
            EventKind::GenerationCompleted => told!(
                GenerationCompletedData,
                "A generation has its pictures. Also sent to the `webhook_url` of its request."
            ),
            EventKind::GenerationFailed => told!(
                GenerationFailedData,
                "A generation has ended without pictures: it failed, was canceled, or expired. Also sent to \
                 the `webhook_url` of its request."
            ),
            EventKind::ArView => told!(
                ArViewData,
                "Somebody has looked at a generation in augmented reality."
            ),
            EventKind::QuotaThreshold => told!(
                QuotaThresholdData,
                "50, 75, 90 or 100 % of what the plan gives are used; once per share, metric and period."
            ),
            EventKind::InvoiceFinalized => told!(
                InvoiceFinalizedData,
                "An invoice has its number and does not change any more."
            ),
            EventKind::InvoicePastDue => {
                told!(InvoicePastDueData, "An invoice was not paid in time.")
            }
            EventKind::WebhookDisabled => told!(
                WebhookDisabledData,
                "An endpoint was switched off. Sent to the brand's other endpoints that want it."
            ),
            EventKind::WebhookFailing => told!(
                WebhookFailingData,
                "An endpoint has failed for 50, 70 or 90 % of the time after which it is switched off. Sent \
                 to the brand's other endpoints that want it."
            ),
            EventKind::WebhookTest => told!(
                WebhookTestData,
                "Somebody asked for a test of this endpoint. Nobody can subscribe to it."
            ),
        }
    }
}

fn add<T: ToSchema>(components: &mut Components) {
    let mut schemas = Vec::new();
    T::schemas(&mut schemas);
    schemas.push((T::name().into_owned(), T::schema()));
    components.schemas.extend(schemas);
}

/// `{"type", "timestamp", "data"}` with this type.
fn envelope_of(kind: EventKind, data: &str) -> Object {
    let instant = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("When it happened, in UTC with milliseconds"));
    let type_name = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .enum_values(Some([kind.type_name()]));
    ObjectBuilder::new()
        .property("type", type_name)
        .property("timestamp", instant)
        .property("data", Ref::from_schema_name(data))
        .required("type")
        .required("timestamp")
        .required("data")
        .build()
}

fn operation(kind: EventKind, told: &Told, envelope: &str) -> Operation {
    let description = format!(
        "{} With `payload_format` `thin` nothing is left in `data` but ids; with `origin` the body is \
         `{{\"event\", \"data\", \"timestamp\", \"brandId\"}}`. docs/webhooks.md has the rules of delivery.",
        told.when
    );
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(envelope)))
        .example(Some(examples::body(kind)));
    let body = RequestBodyBuilder::new()
        .content("application/json", content.build())
        .required(Some(Required::True));
    let response = |about: &str| ResponseBuilder::new().description(about).build();
    let responses = ResponsesBuilder::new()
        .response(
            "2XX",
            response("Delivered. Answer quickly and work afterwards"),
        )
        .response(
            "410",
            response("The endpoint is gone: it is switched off at once"),
        )
        .response(
            "default",
            response("Not delivered, redirects included: it is sent again, by `Retry-After` if there is one"),
        );
    let mut id = kind.type_name().replace('.', "_");
    id.insert_str(0, "on_");
    OperationBuilder::new()
        .operation_id(Some(id))
        .tag("events")
        .summary(Some(told.when.split('.').next().unwrap_or_default()))
        .description(Some(description))
        .parameters(Some(HEADERS.iter().map(header)))
        .request_body(Some(body.build()))
        .responses(responses.build())
        .build()
}

fn header((name, about, required): &(&str, &str, bool)) -> Parameter {
    ParameterBuilder::new()
        .name(*name)
        .parameter_in(ParameterIn::Header)
        .required(match required {
            true => Required::True,
            false => Required::False,
        })
        .description(Some(*about))
        .schema(Some(String::schema()))
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Holds a value against a schema: types, exactly its properties, and each in turn. As much of JSON
    /// Schema as the payloads use.
    fn hold(document: &Value, schema: &Value, value: &Value, at: &str) {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            let schema = &document["components"]["schemas"][name];
            assert!(schema.is_object(), "{at}: no schema {name}");
            return hold(document, schema, value, at);
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().map(|one| one.as_str().unwrap()).collect(),
            _ => panic!("{at}: no type in {schema}"),
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        assert!(types.contains(&kind), "{at}: {value} is none of {types:?}");
        if schema["format"] == "date-time" {
            let text = value.as_str().unwrap();
            assert!(
                chrono::DateTime::parse_from_rfc3339(text).is_ok(),
                "{at}: {text}"
            );
        }
        if let Some(allowed) = schema["enum"].as_array() {
            assert!(allowed.contains(value), "{at}: {value}");
        }
        let Value::Object(members) = value else {
            return;
        };
        if schema["additionalProperties"].is_object() {
            for (name, member) in members {
                hold(
                    document,
                    &schema["additionalProperties"],
                    member,
                    &format!("{at}/{name}"),
                );
            }
            return;
        }
        let known = schema["properties"].as_object().unwrap();
        for (name, member) in members {
            let schema = known.get(name);
            let schema = schema.unwrap_or_else(|| panic!("{at}: {name} is not described"));
            hold(document, schema, member, &format!("{at}/{name}"));
        }
        for name in known.keys() {
            assert!(members.contains_key(name), "{at}: {name} is never sent");
        }
    }

    #[test]
    fn every_event_is_described_as_it_is_sent() {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        let webhooks = document["webhooks"].as_object().unwrap();
        assert_eq!(webhooks.len(), EventKind::ALL.len());
        for kind in EventKind::ALL {
            let operation = &webhooks[kind.type_name()]["post"];
            let content = &operation["requestBody"]["content"]["application/json"];
            assert_eq!(content["example"]["type"], kind.type_name());
            hold(
                &document,
                &content["schema"],
                &content["example"],
                kind.type_name(),
            );
            assert_eq!(
                operation["parameters"].as_array().unwrap().len(),
                HEADERS.len()
            );
        }
    }
}
