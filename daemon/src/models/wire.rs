//! What `hippo models use` and a running daemon say to each other: `POST /v1/models/use`.
//!
//! The command has written the settings by then; it asks the daemon to read them again, and
//! to say what that sets going.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What changed in the section `[models]` of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseRequest {
    /// Keys, each with its new value; none for one that was taken out.
    pub changed: BTreeMap<String, Option<String>>,
}

/// What that sets going.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UseAnswer {
    /// The roles that another model plays from now on.
    #[serde(default)]
    pub roles: Vec<RoleChange>,
}

/// Another model in a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleChange {
    /// The role.
    pub role: String,
    /// Who played it.
    pub from: Option<String>,
    /// Who plays it.
    pub to: Option<String>,
    /// Segments that are embedded again in the background; the old vectors answer until
    /// they are.
    #[serde(default)]
    pub segments: u64,
    /// How long that should take, measured on this machine; none before a measurement.
    #[serde(default)]
    pub seconds: Option<f64>,
}
