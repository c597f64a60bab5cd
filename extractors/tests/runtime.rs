//! Finding and opening ONNX Runtime. A process opens it once, so this test has one of its own.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::library;
use hippo_extractors::infer::{InferError, Runtime};

#[test]
fn a_missing_or_broken_runtime_is_an_error_and_the_next_try_works() {
    let Some(library) = library() else { return };
    let dir = tempfile::tempdir().unwrap();
    let missing = Runtime::open(&dir.path().join("libonnxruntime.so")).unwrap_err();
    assert!(
        matches!(&missing, InferError::RuntimeMissing { .. }),
        "{missing}"
    );
    let junk = dir.path().join("libonnxruntime.so.1");
    fs::write(&junk, "not a library").unwrap();
    let broken = Runtime::open(&junk).unwrap_err();
    assert!(
        matches!(&broken, InferError::RuntimeUnusable { .. }),
        "{broken}"
    );
    assert_eq!(Runtime::open(&library).unwrap().provider(), "cpu");
}
