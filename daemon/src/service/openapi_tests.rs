//! `openapi.json` is held true: its routes and parameters are the table's, its schemas are the
//! types', and real answers fit it, both ways.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use hippo_config::Settings;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::super::dispatch::router;
use super::super::routes::{OPENAPI, Operation, ROUTES};
use super::super::tests_support::{Double, event, folder, model, status};
use super::super::wire;

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

/// What of `value` does not fit `schema`.
fn misfits(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let target = document.pointer(target.trim_start_matches('#')).unwrap();
        return misfits(document, target, value, at);
    }
    let actual = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |kind: &Value| kind == actual || (kind == "number" && actual == "integer");
    let known = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(fits),
        kind => fits(kind),
    };
    let mut wrong = Vec::new();
    if !known {
        wrong.push(format!("{at}: {actual} is not {}", schema["type"]));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        wrong.push(format!("{at}: {value} is not one of {allowed:?}"));
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        wrong.extend(misfits(
            document,
            &schema["items"],
            item,
            &format!("{at}[{i}]"),
        ));
    }
    let Some(object) = value.as_object() else {
        return wrong;
    };
    for (name, field) in object {
        let property = match &schema["properties"][name] {
            Value::Null => &schema["additionalProperties"],
            property => property,
        };
        match property {
            Value::Null | Value::Bool(_) if schema["properties"].is_object() => {
                wrong.push(format!("{at}: {name} is not described"));
            }
            Value::Null => {}
            property => wrong.extend(misfits(document, property, field, &format!("{at}.{name}"))),
        }
    }
    for name in schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
    {
        if !object.contains_key(name) {
            wrong.push(format!("{at}: {name} is described but absent"));
        }
    }
    wrong
}

fn hit() -> wire::Hit {
    wire::Hit {
        path: "/d/a.srt".to_owned(),
        also_at: vec!["/d/b.srt".to_owned()],
        file: 1,
        kind: "text".to_owned(),
        title: Some("t".to_owned()),
        lang: Some("zh".to_owned()),
        page: Some(1),
        t0_ms: Some(1),
        t1_ms: Some(2),
        at_ms: Some(1),
        source: "transcript".to_owned(),
        transcript: Some("beside".to_owned()),
        text: "x".to_owned(),
        snippet: "<mark>x</mark>".to_owned(),
        marks: vec![[0, 1]],
        score: 0.5,
        quality: 0.5,
        legs: wire::Legs {
            words: Some(1.0),
            passage: Some(0.5),
            joint: Some(0.5),
            names: Some(0.5),
        },
        changed_at: Some("2026-01-01T00:00:00+08:00".to_owned()),
        dated_at: Some("2025-01-01T00:00:00+08:00".to_owned()),
        camera: Some("Canon EOS R5".to_owned()),
        place: Some("Bonn 波恩, Germany 德国".to_owned()),
        show: Some("Morning".to_owned()),
        speaker: Some("厚明".to_owned()),
        alike: vec!["/d/c.jpg".to_owned()],
        link: "file:///d/a.srt#t=0".to_owned(),
        before: vec![neighbour()],
        after: vec![neighbour()],
    }
}

fn context() -> wire::Context {
    wire::Context {
        question: "x".to_owned(),
        tokens: 20,
        budget: 4_000,
        spans: vec![wire::Span {
            n: 1,
            path: "/d/a.srt".to_owned(),
            link: "file:///d/a.srt#t=0".to_owned(),
            title: Some("t".to_owned()),
            kind: "text".to_owned(),
            page: Some(1),
            t0_ms: Some(1),
            t1_ms: Some(2),
            text: "x".to_owned(),
            tokens: 20,
            score: 0.5,
        }],
        no_match: false,
        corrected: vec![wire::Correction {
            typed: "x".to_owned(),
            meant: "y".to_owned(),
        }],
        missing: vec![wire::MissingLeg {
            leg: "passage".to_owned(),
            reason: "late".to_owned(),
        }],
        fresh: wire::Fresh::default(),
    }
}

fn neighbour() -> wire::Neighbour {
    wire::Neighbour {
        text: "x".to_owned(),
        page: Some(1),
        t0_ms: Some(1),
        t1_ms: Some(2),
    }
}

/// One full value of each type that goes over the wire.
fn samples() -> Vec<(&'static str, Value)> {
    let text = || Some("x".to_owned());
    let answer = wire::Answer {
        query: "x".to_owned(),
        took_ms: 0.5,
        hits: vec![hit()],
        groups: vec![wire::Group {
            path: "/d/a.srt".to_owned(),
            file: 1,
            kind: "text".to_owned(),
            title: text(),
            score: 0.5,
            hits: vec![0],
        }],
        fresh: wire::Fresh::default(),
        more: false,
        no_match: false,
        corrected: vec![wire::Correction {
            typed: "x".to_owned(),
            meant: "y".to_owned(),
        }],
        missing_legs: vec![wire::MissingLeg {
            leg: "passage".to_owned(),
            reason: "late".to_owned(),
        }],
    };
    let why = wire::Why {
        path: "/d/a".to_owned(),
        state: "done".to_owned(),
        stage: text(),
        reason: text(),
        kind: text(),
        size: Some(1),
        revision: Some(1),
        segments: Some(1),
        title: text(),
        dated_at: text(),
        camera: text(),
        position: text(),
        place: text(),
        show: text(),
        speakers: vec!["厚明".to_owned()],
        extractor: text(),
        generation: text(),
        content: text(),
        ignored_by: text(),
        changed_at: text(),
        done_at: text(),
        attempts: Some(1),
        explanation: "x".to_owned(),
    };
    let request = wire::SearchRequest {
        q: "x".to_owned(),
        limit: Some(1),
        offset: 0,
        kind: vec!["pdf".to_owned()],
        within: vec!["/d".to_owned()],
        before: text(),
        after: text(),
        lang: vec!["zh".to_owned()],
        camera: vec!["x".to_owned()],
        place: vec!["x".to_owned()],
        show: vec!["x".to_owned()],
        speaker: vec!["x".to_owned()],
        sort: text(),
        legs: vec!["words".to_owned()],
        like: text(),
        min_quality: Some(0.5),
        all: true,
        as_you_type: true,
        cwd: text(),
        context: 1,
    };
    let context_request = wire::ContextRequest {
        q: "x".to_owned(),
        tokens: Some(4_000),
        kind: vec!["pdf".to_owned()],
        within: vec!["/d".to_owned()],
        before: text(),
        after: text(),
        lang: vec!["zh".to_owned()],
        camera: vec!["x".to_owned()],
        place: vec!["x".to_owned()],
        show: vec!["x".to_owned()],
        speaker: vec!["x".to_owned()],
        legs: vec!["words".to_owned()],
        like: text(),
        min_quality: Some(0.5),
        cwd: text(),
    };
    let fault = super::Fault::bad("x", "y").hint("z").problem();
    vec![
        ("Answer", json!(answer)),
        ("Context", json!(context())),
        ("ContextRequest", json!(context_request)),
        ("Why", json!(why)),
        ("SearchRequest", json!(request)),
        ("Status", json!(status())),
        (
            "Folders",
            json!(wire::Folders {
                folders: vec![folder()]
            }),
        ),
        ("Folder", json!(folder())),
        ("Event", json!(event())),
        ("Problem", json!(fault)),
        (
            "WaitRequest",
            json!(wire::WaitRequest {
                timeout_ms: Some(1)
            }),
        ),
        (
            "Waited",
            json!(wire::Waited {
                waited_ms: 1,
                pending: 0
            }),
        ),
        (
            "FolderRequest",
            json!(wire::FolderRequest {
                path: "/d".to_owned()
            }),
        ),
        (
            "Removed",
            json!(wire::Removed {
                path: "/d".to_owned()
            }),
        ),
        ("PauseRequest", json!(wire::PauseRequest { for_s: Some(1) })),
        ("RetryRequest", json!(wire::RetryRequest { path: text() })),
        ("Retried", json!(wire::Retried { files: 1 })),
        (
            "UseModelRequest",
            json!(wire::UseModelRequest {
                role: "passage".to_owned(),
                name: text()
            }),
        ),
        (
            "ForgetModelRequest",
            json!(wire::ForgetModelRequest {
                role: "passage".to_owned()
            }),
        ),
        ("ModelStatus", json!(model())),
        ("Stopping", json!(wire::Stopping { pid: 1 })),
    ]
}

/// The schemas that a schema speaks of, and those that they speak of.
fn mentioned(document: &Value, value: &Value, found: &mut BTreeSet<String>) {
    if let Some(name) = value["$ref"].as_str().and_then(|r| r.rsplit('/').next())
        && found.insert(name.to_owned())
    {
        mentioned(document, &document["components"]["schemas"][name], found);
    }
    let fields = value.as_object().into_iter().flatten().map(|(_, v)| v);
    for inner in fields.chain(value.as_array().into_iter().flatten()) {
        mentioned(document, inner, found);
    }
}

#[test]
fn the_routes_are_the_tables() {
    let document = document();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            keys(methods)
                .into_iter()
                .map(|m| (m.to_uppercase(), path.clone()))
        })
        .collect();
    let table = ROUTES
        .iter()
        .map(|r| (r.method.to_owned(), r.path.to_owned()));
    assert_eq!(described, table.collect());
    for route in &ROUTES {
        let described = &document["paths"][route.path][route.method.to_lowercase()];
        let params = described["parameters"].as_array().into_iter().flatten();
        let params: BTreeSet<&str> = params.map(|p| p["name"].as_str().unwrap()).collect();
        let name = format!("{} {}", route.method, route.path);
        assert_eq!(params, route.params.iter().copied().collect(), "{name}");
        assert_eq!(described["requestBody"].is_object(), route.body, "{name}");
    }
}

#[test]
fn the_schemas_are_the_types() {
    let document = document();
    let mut covered = BTreeSet::new();
    for (name, sample) in samples() {
        let schema = json!({"$ref": format!("#/components/schemas/{name}")});
        assert_eq!(misfits(&document, &schema, &sample, name), [""; 0]);
        mentioned(&document, &schema, &mut covered);
    }
    assert_eq!(covered, keys(&document["components"]["schemas"]));
    let mut used = BTreeSet::new();
    mentioned(&document, &document["paths"], &mut used);
    assert_eq!(used, covered, "a schema that no route uses");
}

#[test]
fn a_name_that_drifts_is_seen() {
    let document = document();
    let schema = json!({"$ref": "#/components/schemas/Waited"});
    for wrong in [
        json!({"waited_ms": 1}),
        json!({"waited_ms": 1, "pending": 0, "more": 1}),
        json!({"waited_ms": "1", "pending": 0}),
    ] {
        assert_eq!(misfits(&document, &schema, &wrong, "").len(), 1, "{wrong}");
    }
}

#[tokio::test]
async fn every_route_answers_as_described() {
    let document = document();
    let router = router(Double::new(Settings::default()));
    for route in &ROUTES {
        let (query, body) = match route.operation {
            Operation::SearchByParameters => ("?q=cost", ""),
            Operation::Search | Operation::Context => ("", r#"{"q": "cost"}"#),
            Operation::RemoveFolder
            | Operation::Why
            | Operation::Transcript
            | Operation::Thumbnail => ("?path=/d", ""),
            Operation::AddFolder => ("", r#"{"path": "/d"}"#),
            Operation::UseModel | Operation::ForgetModel => ("", r#"{"role": "passage"}"#),
            _ => ("", ""),
        };
        let name = format!("{} {}", route.method, route.path);
        let request = Request::builder()
            .method(route.method)
            .uri(format!("{}{query}", route.path))
            .body(Body::from(body))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
        let described = &document["paths"][route.path][route.method.to_lowercase()];
        let content = described["responses"]["200"]["content"]
            .as_object()
            .unwrap();
        let (kind, content) = content.iter().next().unwrap();
        let header = response.headers()["content-type"].to_str().unwrap();
        assert!(header.starts_with(kind.as_str()), "{name}: {header}");
        if route.operation == Operation::Events {
            continue;
        }
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        let answer: Value = match kind.as_str() {
            "text/plain" => String::from_utf8(bytes.to_vec()).unwrap().into(),
            // No text, but a string of bytes as OpenAPI has it.
            "image/jpeg" => String::from_utf8_lossy(&bytes).into(),
            _ => serde_json::from_slice(&bytes).unwrap(),
        };
        assert_eq!(
            misfits(&document, &content["schema"], &answer, &name),
            [""; 0]
        );
    }
}
