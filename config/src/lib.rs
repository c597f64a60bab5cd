//! Settings, paths, limits and model manifests: raw input in, validated values out.
//!
//! This crate knows nothing else of the workspace.
#![cfg_attr(test, allow(clippy::unwrap_used))]
