//! How the models stand, in the words of the wire.

use std::sync::Arc;

use hippo_index::SpaceRole;

use super::EngineError;
use super::ear::unheard;
use super::embedder::Embedder;
use super::generations::coverage;
use super::lineup::InUse;
use super::shared::{Shared, blocking, lock};
use crate::journal::Made;
use crate::service::wire;

/// Bytes of one number of a vector.
const NUMBER_BYTES: u64 = 4;

/// The models of all roles.
pub(super) fn all(shared: &Shared, made: &[Made], unheard: u64) -> wire::Models {
    wire::Models {
        passage: role(shared, SpaceRole::Passage, made),
        joint: role(shared, SpaceRole::Joint, made),
        ocr: ocr(shared),
        speech: speech(shared, unheard),
    }
}

/// The model that reads what is written in pixels. It makes no vectors.
fn ocr(shared: &Shared) -> wire::ModelStatus {
    let chosen = shared.ocr();
    let (state, reason) = match &chosen.reader {
        None => ("not configured", None),
        Some(Err(reason)) => ("absent", Some(reason.clone())),
        Some(Ok(reader)) => match reader.facts().failure {
            None => ("ready", None),
            failure => ("failed", failure),
        },
    };
    wire::ModelStatus {
        name: chosen.wanted,
        state: state.to_owned(),
        reason,
        covered: 0,
        total: 0,
        active: None,
        building: None,
        kept: None,
    }
}

fn speech(shared: &Shared, waiting: u64) -> wire::SpeechStatus {
    let wanted = shared.listening.wanted();
    let there = shared.listening.ear().is_some();
    let (name, reason) = wanted.map_or((None, None), |(name, reason)| (Some(name), reason));
    let state = match (&name, &reason) {
        (None, _) => "not configured",
        (Some(_), None) => "ready",
        (Some(_), Some(_)) if there => "failed",
        (Some(_), Some(_)) => "absent",
    };
    wire::SpeechStatus {
        name,
        state: state.to_owned(),
        reason,
        waiting,
    }
}

/// The same, with what they cover counted now.
pub(super) async fn models(shared: &Arc<Shared>) -> Result<wire::Models, EngineError> {
    let counting = Arc::clone(shared);
    let counted = blocking(move || Ok((counting.journal.made()?, unheard(&counting)?)));
    let (made, unheard) = counted.await?;
    Ok(all(shared, &made, unheard))
}

/// The model of a role, with what it covers counted now.
pub(super) async fn model(
    shared: &Arc<Shared>,
    of: SpaceRole,
) -> Result<wire::ModelStatus, EngineError> {
    let counting = Arc::clone(shared);
    let made = blocking(move || Ok(counting.journal.made()?)).await?;
    Ok(role(shared, of, &made))
}

/// The model of a role.
pub(super) fn role(shared: &Shared, role: SpaceRole, made: &[Made]) -> wire::ModelStatus {
    let lineup = shared.models.lineup();
    let mine = lineup.of(role);
    let status =
        |space: &Option<InUse>| space.as_ref().map(|space| self::space(shared, space, made));
    let (active, building) = (status(&mine.active), status(&mine.building));
    let failure = active.as_ref().and_then(|active| active.reason.clone());
    let state = match (&active, &failure, &mine.problem) {
        (Some(_), None, _) => "ready",
        (Some(_), Some(_), _) => "failed",
        (None, _, Some(_)) => "absent",
        (None, _, None) => "not configured",
    };
    let kept = status(&mine.kept).map(|kept| wire::SpaceStatus {
        reason: None,
        ..kept
    });
    let total = made.iter().map(|made| made.segments).sum();
    wire::ModelStatus {
        name: mine.wanted.clone(),
        state: state.to_owned(),
        reason: mine
            .problem
            .clone()
            .or(failure)
            .or_else(|| building.as_ref().and_then(|b| b.reason.clone())),
        covered: match (&active, state) {
            (Some(active), "ready") => active.covered,
            _ => 0,
        },
        total,
        active,
        building,
        kept,
    }
}

fn space(shared: &Shared, space: &InUse, made: &[Made]) -> wire::SpaceStatus {
    let (covered, total) = coverage(made, space.id);
    let facts = space.embedder.as_ref().ok().map(Embedder::facts);
    let facts = facts.unwrap_or_default();
    let pace = lock(&shared.filling).rows_per_second();
    let pace = pace.or_else(|| facts.texts_per_second());
    let lacking = (total - covered) as f64;
    let columns = shared.store.spaces();
    let column = columns.iter().find(|known| known.name == space.space.name);
    let measured = shared.models.scales.of(&space.space.name);
    wire::SpaceStatus {
        model: space.model.clone(),
        space: space.space.name.clone(),
        covered,
        total,
        eta_s: pace.map(|pace| (lacking / pace).ceil() as u64),
        bytes: column.map_or(0, |column| total * column.dim as u64 * NUMBER_BYTES),
        provider: facts.provider.map(str::to_owned),
        loaded: facts.loaded,
        memory_bytes: facts.memory_bytes.filter(|_| facts.loaded),
        texts_per_s: facts.texts_per_second(),
        picture_scale: measured.map(|scale| scale.answers),
        reason: space.embedder.as_ref().err().cloned().or(facts.failure),
    }
}

/// What waits for a model, one sentence each.
pub(super) fn waits(shared: &Shared) -> Vec<String> {
    let mut waits = Vec::new();
    for role in SpaceRole::ALL {
        let status = self::role(shared, role, &[]);
        let Some(reason) = status.reason else {
            continue;
        };
        let meanwhile = match (&status.active, status.state.as_str()) {
            (Some(active), "ready") => format!("{} answers", active.model),
            _ => "words work".to_owned(),
        };
        let name = status.name.unwrap_or_default();
        waits.push(format!(
            "{} vectors wait for the model {name}: {reason} ({meanwhile} meanwhile)",
            role.as_str()
        ));
    }
    if let Some((name, Some(reason))) = shared.listening.wanted() {
        waits.push(format!(
            "recordings wait for the model {name}: {reason} (their tags find them meanwhile)"
        ));
    }
    waits
}
