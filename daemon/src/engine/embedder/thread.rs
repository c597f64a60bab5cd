//! The thread that owns a model: loads it when there is work, does one run after another, and
//! unloads it when nothing asked for it for a while.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Lane, REOPEN_AFTER, Shared, lock};
use crate::engine::lanes::Request;
use crate::engine::model::{Input, Model, ModelSource, Part};
use crate::engine::{heap, status};

/// How often background work looks whether the questions are answered, and for how long it
/// gives way: who asks without a pause does not hold up a change of models for ever.
const GIVE_WAY: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(200));

/// What the thread does next.
enum Next {
    /// At least one request.
    Work(Vec<Request>),
    Unload,
    End,
}

/// Until the last handle is gone.
pub(super) fn run(shared: &Shared, source: &ModelSource) {
    // A question waits for this thread, so it keeps its normal priority.
    let mut model: Option<Model> = None;
    let mut failed_at: Option<Instant> = None;
    loop {
        match next(shared, model.is_some().then_some(source.unload_after)) {
            Next::End => return,
            Next::Unload => {
                tracing::info!(model = source.manifest.name, "unloaded the idle model");
                model = None;
                lock(&shared.facts).loaded = false;
                heap::trim();
            }
            Next::Work(mut requests) => {
                requests.retain(|request| !request.reply.is_closed());
                if requests.is_empty() {
                    continue;
                }
                let may_try = failed_at.is_none_or(|at| at.elapsed() >= REOPEN_AFTER);
                if model.is_none() && may_try {
                    model = load(shared, source);
                    failed_at = model.is_none().then(Instant::now);
                }
                if let Some(model) = &mut model {
                    step(shared, model, requests);
                } else {
                    let reason = lock(&shared.facts).failure.clone().unwrap_or_default();
                    for request in requests {
                        let _ = request.reply.send(Err(reason.clone()));
                    }
                }
            }
        }
    }
}

fn next(shared: &Shared, unload_after: Option<Duration>) -> Next {
    let mut queues = lock(&shared.queues);
    let mut gave_way = Duration::ZERO;
    loop {
        if queues.closed {
            return Next::End;
        }
        let requests = queues.pop(Lane::Bulk);
        if !requests.is_empty() {
            return Next::Work(requests);
        }
        let background = queues.has(Lane::Background);
        let give_way = shared.questions.any() && gave_way < GIVE_WAY.1;
        if background && !give_way {
            return Next::Work(queues.pop(Lane::Background));
        }
        let wait = if background {
            Some(GIVE_WAY.0)
        } else {
            unload_after
        };
        queues = match wait {
            None => shared
                .ready
                .wait(queues)
                .unwrap_or_else(PoisonError::into_inner),
            Some(wait) => {
                let (queues, waited) = shared
                    .ready
                    .wait_timeout(queues, wait)
                    .unwrap_or_else(PoisonError::into_inner);
                if waited.timed_out() && !background {
                    return Next::Unload;
                }
                gave_way += wait;
                queues
            }
        };
    }
}

fn load(shared: &Shared, source: &ModelSource) -> Option<Model> {
    let before = status::rss_bytes();
    let opened = Model::open(source);
    let mut facts = lock(&shared.facts);
    match opened {
        Ok(model) => {
            facts.failure = None;
            facts.provider = Some(model.provider());
            facts.loaded = true;
            // On Linux alone the system tells; 0 and 0 elsewhere.
            let grown = status::rss_bytes().saturating_sub(before);
            facts.memory_bytes = (before > 0).then_some(grown);
            Some(model)
        }
        Err(reason) => {
            tracing::warn!(model = source.manifest.name, reason, "a model did not open");
            facts.failure = Some(reason);
            None
        }
    }
}

/// Does one run: requests whole, or a part of a long one, whose rest goes back to the head of its
/// lane.
fn step(shared: &Shared, model: &mut Model, requests: Vec<Request>) {
    let background = lock(&shared.facts).background_batch();
    let parts = requests.iter().map(|request| {
        let most = match request.lane {
            Lane::Background => background,
            _ => request.input.at_once(),
        };
        let from = request.done.len();
        request
            .input
            .part(from..(from + most).min(request.input.len()))
    });
    let parts: Vec<Part<'_>> = parts.collect();
    let sizes: Vec<usize> = parts.iter().map(Part::len).collect();
    let started = Instant::now();
    let vectors = if requests[0].lane == Lane::Question {
        model.question(&parts[0])
    } else {
        model.vectors(&parts)
    };
    match vectors {
        // One of them may be what the model fails on.
        Err(_) if requests.len() > 1 => {
            for request in requests {
                step(shared, model, vec![request]);
            }
        }
        Err(error) => {
            for request in requests {
                let _ = request.reply.send(Err(error.clone()));
            }
        }
        Ok(vectors) => {
            // What a batch may hold is told from texts: they are most of it.
            if matches!(requests[0].input, Input::Texts(_)) && requests[0].lane != Lane::Question {
                lock(&shared.facts).note(vectors.len(), started.elapsed());
            }
            let mut vectors = vectors.into_iter();
            for (mut request, size) in requests.into_iter().zip(sizes) {
                request.done.extend(vectors.by_ref().take(size));
                if request.done.len() == request.input.len() {
                    let _ = request.reply.send(Ok(request.done));
                } else {
                    lock(&shared.queues).push_front(request);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use tokio::sync::oneshot;

    use super::super::Questions;
    use super::*;

    fn request(lane: Lane) -> Request {
        Request {
            lane,
            input: Input::Texts(vec![format!("{lane:?}")]),
            done: Vec::new(),
            reply: oneshot::channel().0,
        }
    }

    #[test]
    fn background_work_gives_way_to_questions_but_not_for_ever() {
        let shared = Shared {
            queues: Mutex::default(),
            ready: Condvar::new(),
            facts: Mutex::default(),
            questions: Questions::default(),
        };
        let put = || lock(&shared.queues).push(request(Lane::Background));
        put();
        let asking = shared.questions.one_more();
        let started = Instant::now();
        assert!(matches!(next(&shared, None), Next::Work(_)));
        assert!(started.elapsed() >= GIVE_WAY.1);
        drop(asking);
        put();
        assert!(matches!(next(&shared, None), Next::Work(_)));
        assert!(!shared.questions.any());
    }
}
