//! What a model is asked for, and in which order that is done.
//!
//! Promises: questions go first, then small files, pictures, bulk, and last what completes rows
//! in the background; within a lane, who came first. Small requests of one lane and one sort are
//! done together: a model takes four pictures in less time than one picture four times, and most
//! files have one.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::model::Input;

/// Whose turn it is, first things first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Question,
    Small,
    /// Behind notes, which many photographs would hold up; before books, which would hold them up.
    Pictures,
    Bulk,
    Background,
}

pub(super) type Reply = oneshot::Sender<Result<Vec<Vec<f32>>, String>>;

/// Vectors that somebody waits for.
pub(super) struct Request {
    pub(super) lane: Lane,
    pub(super) input: Input,
    /// Of the first of its input.
    pub(super) done: Vec<Vec<f32>>,
    pub(super) reply: Reply,
}

impl Request {
    fn left(&self) -> usize {
        self.input.len() - self.done.len()
    }
}

/// Requests by lane.
#[derive(Default)]
pub(super) struct Queues {
    lanes: [VecDeque<Request>; 5],
    pub(super) closed: bool,
}

impl Queues {
    pub(super) fn push(&mut self, request: Request) {
        self.lanes[request.lane as usize].push_back(request);
    }

    /// Puts back what is not done yet.
    pub(super) fn push_front(&mut self, request: Request) {
        self.lanes[request.lane as usize].push_front(request);
    }

    pub(super) fn has(&self, lane: Lane) -> bool {
        !self.lanes[lane as usize].is_empty()
    }

    /// What is done in the next run, of the lanes up to this one: a request, and those behind it
    /// that fit into the run whole. Nothing where nothing is asked for.
    pub(super) fn pop(&mut self, up_to: Lane) -> Vec<Request> {
        let mut lanes = self.lanes.iter_mut().take(up_to as usize + 1);
        let Some(lane) = lanes.find(|lane| !lane.is_empty()) else {
            return Vec::new();
        };
        let mut run: Vec<Request> = lane.pop_front().into_iter().collect();
        let Some(first) = run.first() else {
            return run;
        };
        if matches!(first.lane, Lane::Question | Lane::Background) {
            return run;
        }
        let sort = std::mem::discriminant(&first.input);
        let mut room = first.input.at_once().saturating_sub(first.left());
        while let Some(next) = lane
            .pop_front_if(|next| std::mem::discriminant(&next.input) == sort && next.left() <= room)
        {
            room -= next.left();
            run.push(next);
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use hippo_extractors::Picture;

    use super::*;

    fn texts(lane: Lane, many: usize) -> Request {
        Request {
            lane,
            input: Input::Texts(vec![format!("{lane:?}"); many]),
            done: Vec::new(),
            reply: oneshot::channel().0,
        }
    }

    fn pictures(many: usize) -> Request {
        let picture = Picture {
            width: 0,
            height: 0,
            rgb: Vec::new(),
        };
        Request {
            input: Input::Pictures(vec![picture; many]),
            ..texts(Lane::Bulk, 0)
        }
    }

    /// How many of what each run does.
    fn runs(mut queues: Queues) -> Vec<String> {
        let next = || Some(queues.pop(Lane::Background)).filter(|run| !run.is_empty());
        let shown = |run: Vec<Request>| {
            let sort = match run[0].input {
                Input::Texts(_) => format!("{:?}", run[0].lane),
                Input::Pictures(_) => "pictures".to_owned(),
            };
            let sizes: Vec<String> = run.iter().map(|r| r.left().to_string()).collect();
            format!("{sort} {}", sizes.join("+"))
        };
        std::iter::from_fn(next).map(shown).collect()
    }

    fn queued(requests: impl IntoIterator<Item = Request>) -> Queues {
        let mut queues = Queues::default();
        requests
            .into_iter()
            .for_each(|request| queues.push(request));
        queues
    }

    #[test]
    fn questions_go_first_and_background_last() {
        let lanes = [
            Lane::Background,
            Lane::Bulk,
            Lane::Pictures,
            Lane::Question,
            Lane::Small,
        ];
        let mut queues = queued(lanes.map(|lane| texts(lane, 1)));
        let order: Vec<Lane> = (0..4).map(|_| queues.pop(Lane::Bulk)[0].lane).collect();
        let expected = [Lane::Question, Lane::Small, Lane::Pictures, Lane::Bulk];
        assert_eq!(order, expected);
        assert!(queues.pop(Lane::Bulk).is_empty());
        assert!(queues.has(Lane::Background));
        assert_eq!(queues.pop(Lane::Background).len(), 1);
    }

    #[test]
    fn small_requests_of_a_sort_are_done_together() {
        let many = [
            pictures(1),
            pictures(1),
            pictures(1),
            pictures(1),
            pictures(1),
        ];
        assert_eq!(runs(queued(many)), ["pictures 1+1+1+1", "pictures 1"]);
        let mixed = [
            texts(Lane::Bulk, 3),
            texts(Lane::Bulk, 2),
            pictures(1),
            texts(Lane::Bulk, 1),
        ];
        assert_eq!(runs(queued(mixed)), ["Bulk 3+2", "pictures 1", "Bulk 1"]);
    }

    #[test]
    fn a_request_of_more_than_a_run_has_it_for_itself_until_its_last() {
        let mut long = texts(Lane::Bulk, 40);
        assert_eq!(
            runs(queued([long, texts(Lane::Bulk, 1)])),
            ["Bulk 40", "Bulk 1"]
        );
        long = texts(Lane::Bulk, 40);
        long.done = vec![Vec::new(); 32];
        let many = [long, texts(Lane::Bulk, 8), texts(Lane::Bulk, 1)];
        assert_eq!(runs(queued(many)), ["Bulk 8+8", "Bulk 1"]);
    }

    #[test]
    fn questions_and_background_are_done_one_by_one() {
        let lanes = [
            Lane::Question,
            Lane::Question,
            Lane::Background,
            Lane::Background,
        ];
        let alone = ["Question 1", "Question 1", "Background 1", "Background 1"];
        assert_eq!(runs(queued(lanes.map(|lane| texts(lane, 1)))), alone);
    }
}
