//! Which embedding spaces a role has after its model was chosen: a pure function.
//!
//! What it promises:
//! - One space answers. Another that is chosen is built beside it and takes over when it is
//!   whole; where none answers, or the one that should has lost its model, it answers at once.
//! - The one that answered before is kept: choosing it again takes effect at once.
//! - No role has more than two spaces: a third drops the oldest.

use crate::journal::{SpaceRecord, Stage};

/// A model that was chosen, and the space of its vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// Its name in the settings.
    pub(super) model: String,
    /// The name of its space.
    pub(super) space: String,
}

/// The spaces of a role after this choice (`None`: no model). `can_answer`: the model of the
/// active space is there.
pub(super) fn choose(
    now: &[SpaceRecord],
    role: &str,
    choice: Option<&Choice>,
    can_answer: bool,
) -> Vec<SpaceRecord> {
    let at = |stage: Stage| now.iter().find(|s| s.stage == stage).cloned();
    let (active, kept) = (at(Stage::Active), at(Stage::Kept));
    let is = |space: &Option<SpaceRecord>, choice: &Choice| {
        space.as_ref().is_some_and(|s| s.name == choice.space)
    };
    let put = |space: Option<SpaceRecord>, stage| space.map(|s| SpaceRecord { stage, ..s });
    let spaces = match choice {
        None => {
            let last = active.or(kept);
            [put(last, Stage::Kept), None]
        }
        Some(choice) if is(&active, choice) => [active, kept],
        Some(choice) if is(&at(Stage::Building), choice) => [active, at(Stage::Building)],
        Some(choice) if is(&kept, choice) => {
            let former = active.filter(|_| can_answer);
            [put(kept, Stage::Active), put(former, Stage::Kept)]
        }
        Some(choice) => {
            let fresh = |stage| {
                Some(SpaceRecord {
                    id: 0,
                    role: role.to_owned(),
                    model: choice.model.clone(),
                    name: choice.space.clone(),
                    stage,
                })
            };
            match active.filter(|_| can_answer) {
                Some(active) => [Some(active), fresh(Stage::Building)],
                None => [fresh(Stage::Active), kept],
            }
        }
    };
    spaces.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(name: &str) -> Choice {
        Choice {
            model: name.to_owned(),
            space: format!("{name}-1"),
        }
    }

    /// Lets choices follow each other and shows the spaces as `active/building/kept`.
    fn after(choices: &[&str]) -> String {
        let mut spaces: Vec<SpaceRecord> = Vec::new();
        for (at, chosen) in choices.iter().enumerate() {
            if *chosen == "switch" {
                spaces.retain(|s| s.stage != Stage::Kept);
                for space in &mut spaces {
                    space.stage = match space.stage {
                        Stage::Building => Stage::Active,
                        _ => Stage::Kept,
                    };
                }
                continue;
            }
            let (name, can_answer) = match chosen.strip_prefix("lost:") {
                Some(name) => (name, false),
                None => (*chosen, true),
            };
            let wanted = (name != "none").then(|| choice(name));
            spaces = choose(&spaces, "passage", wanted.as_ref(), can_answer);
            for space in &mut spaces {
                if space.id == 0 {
                    space.id = at as u64 + 1;
                }
            }
            assert!(spaces.len() <= 2, "{spaces:?}");
        }
        let at = |stage| {
            let found = spaces.iter().find(|s| s.stage == stage);
            found.map_or(String::new(), |s| format!("{}{}", s.model, s.id))
        };
        [Stage::Active, Stage::Building, Stage::Kept]
            .map(at)
            .join("/")
    }

    #[test]
    fn the_first_answers_at_once_and_the_next_when_it_is_whole() {
        assert_eq!(after(&["a"]), "a1//");
        assert_eq!(after(&["a", "a"]), "a1//");
        assert_eq!(after(&["a", "b"]), "a1/b2/");
        assert_eq!(after(&["a", "b", "b"]), "a1/b2/");
        assert_eq!(after(&["a", "b", "switch"]), "b2//a1");
    }

    #[test]
    fn the_way_back_is_short() {
        assert_eq!(after(&["a", "b", "switch", "a"]), "a1//b2");
        assert_eq!(after(&["a", "b", "switch", "a", "b"]), "b2//a1");
        assert_eq!(after(&["a", "none"]), "//a1");
        assert_eq!(after(&["a", "none", "a"]), "a1//");
    }

    #[test]
    fn a_change_of_mind_drops_what_was_begun() {
        assert_eq!(after(&["a", "b", "a"]), "a1//");
        assert_eq!(after(&["a", "b", "c"]), "a1/c3/");
        assert_eq!(after(&["a", "b", "none"]), "//a1");
        assert_eq!(after(&["a", "b", "a", "b"]), "a1/b4/", "begun anew");
    }

    #[test]
    fn a_third_drops_the_oldest() {
        assert_eq!(after(&["a", "b", "switch", "c"]), "b2/c4/");
        assert_eq!(after(&["a", "b", "switch", "none"]), "//b2");
        assert_eq!(after(&["a", "none", "b"]), "b3//a1");
    }

    #[test]
    fn a_space_whose_model_is_lost_is_replaced_at_once() {
        assert_eq!(after(&["a", "lost:b"]), "b2//");
        assert_eq!(after(&["a", "b", "switch", "lost:a"]), "a1//");
        assert_eq!(after(&["a", "lost:a"]), "a1//", "it may come back");
    }
}
