//! The journal against a model, and the promises of single transitions.

mod model;
mod spaces;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;

use hippo_index::Near;
use proptest::prelude::*;

use super::*;
use crate::scan::{Change, DiskFact};
use hippo_extractors::format_class;

/// A journal of one folder, `/w`.
pub(super) fn journal() -> (tempfile::TempDir, Journal, u64) {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&dir.path().join("journal.sqlite")).unwrap();
    let folder = journal.ensure_folder(Path::new("/w")).unwrap();
    (dir, journal, folder)
}

pub(super) fn fact(path: &str, ino: u64, size: u64) -> DiskFact {
    DiskFact {
        path: path.into(),
        fsid: 1,
        ino,
        size,
        mtime_ns: 1_000_000,
        ctime_ns: 1_000_000,
    }
}

fn new(path: &str, ino: u64) -> Change {
    Change::New(fact(path, ino, 10))
}

pub(super) fn ack(claim: &Claim, disk: DiskFact, revision: u64, verdict: Verdict) -> Ack {
    Ack {
        id: claim.id,
        turn: claim.turn,
        disk,
        verdict,
        refusal: (verdict != Verdict::Done).then(|| ("open".into(), "because".into())),
        revision,
        segments: u32::from(revision > 0) * 3,
        placed: claim.path.clone(),
        content: Some([7; 32]),
        class: format_class(claim.path.file_name().unwrap()).into(),
        generation: Generation::new("x1", []),
        about: About {
            title: Some("t".into()),
            ..About::of_kind("text")
        },
        feed: None,
        speakers: BTreeSet::new(),
    }
}

/// Applies one new file and brings it to its end.
fn settled(journal: &Journal, folder: u64, path: &str, ino: u64, revision: u64) -> u64 {
    journal.apply(folder, &[new(path, ino)], 5, true).unwrap();
    let id = journal.record(Path::new(path)).unwrap().unwrap().id;
    let claim = journal.claim(&[id]).unwrap().remove(0);
    let verdict = if revision > 0 {
        Verdict::Done
    } else {
        Verdict::Failed
    };
    journal
        .acknowledge(&[ack(&claim, fact(path, ino, 10), revision, verdict)], 6)
        .unwrap();
    id
}

fn state(journal: &Journal, path: &str) -> Option<State> {
    journal.record(Path::new(path)).unwrap().map(|r| r.state)
}

#[test]
fn keys_sort_as_paths_do_component_by_component() {
    let mut paths = [
        "/w/a.txt", "/w/a/b", "/w/a-b", "/w/a", "/w/ab/c", "/w/a/b/c",
    ]
    .map(PathBuf::from);
    paths.sort();
    let mut keys: Vec<_> = paths.iter().map(|p| key_of(p)).collect();
    keys.sort();
    assert_eq!(keys.iter().map(|k| path_of(k)).collect::<Vec<_>>(), paths);
    let (low, high) = subtree_range(Path::new("/w/a"));
    let inside: Vec<_> = paths
        .iter()
        .filter(|p| (low.clone()..high.clone()).contains(&key_of(p)))
        .collect();
    assert_eq!(inside, [Path::new("/w/a/b"), Path::new("/w/a/b/c")]);
}

#[test]
fn a_file_is_on_disk_as_at_work_before_work_begins_and_waits_again_after_a_crash() {
    let (dir, journal, folder) = journal();
    journal.apply(folder, &[new("/w/a", 1)], 5, true).unwrap();
    let id = journal.candidates(8).unwrap()[0].id;
    journal.claim(&[id]).unwrap();
    drop(journal);
    let journal = Journal::open(&dir.path().join("journal.sqlite")).unwrap();
    assert_eq!(state(&journal, "/w/a"), Some(State::Extracting));
    assert_eq!(journal.recover(9).unwrap(), 1);
    assert_eq!(journal.candidates(8).unwrap()[0].interrupted, 1);
}

#[test]
fn a_file_that_was_at_work_at_every_death_is_given_up_and_its_neighbour_is_not() {
    let (_dir, journal, folder) = journal();
    journal
        .apply(folder, &[new("/w/bad", 1), new("/w/good", 2)], 5, true)
        .unwrap();
    let bad = journal.record(Path::new("/w/bad")).unwrap().unwrap().id;
    for _ in 0..MAX_INTERRUPTIONS {
        journal.claim(&[bad]).unwrap();
        journal.recover(9).unwrap();
    }
    assert_eq!(state(&journal, "/w/bad"), Some(State::Failed));
    assert_eq!(state(&journal, "/w/good"), Some(State::Dirty));
}

#[test]
fn a_file_marked_again_while_at_work_keeps_waiting_though_its_rows_are_recorded() {
    let (_dir, journal, folder) = journal();
    journal.apply(folder, &[new("/w/a", 1)], 5, true).unwrap();
    let id = journal.candidates(8).unwrap()[0].id;
    let claim = journal.claim(&[id]).unwrap().remove(0);
    let changed = Change::Changed {
        id,
        disk: fact("/w/a", 1, 99),
    };
    journal.apply(folder, &[changed], 6, true).unwrap();
    journal
        .acknowledge(&[ack(&claim, fact("/w/a", 1, 10), 4, Verdict::Done)], 7)
        .unwrap();
    let record = journal.record(Path::new("/w/a")).unwrap().unwrap();
    assert_eq!(
        (record.state, record.revision, record.size),
        (State::Dirty, 4, 99)
    );
}

#[test]
fn a_move_costs_nothing_and_is_remembered_until_the_table_has_it() {
    let (_dir, journal, folder) = journal();
    let id = settled(&journal, folder, "/w/a", 1, 4);
    let disk = fact("/w/b", 1, 10);
    journal
        .apply(
            folder,
            &[Change::Moved {
                id,
                disk,
                touched: false,
            }],
            7,
            true,
        )
        .unwrap();
    assert_eq!(state(&journal, "/w/b"), Some(State::Done));
    assert_eq!(
        journal.behind(9).unwrap(),
        [(id, "/w/b".into(), "/w".into())]
    );
    assert_eq!(journal.counts().unwrap().pending, 1);
    journal.placed(&[(id, "/w/b".into())]).unwrap();
    assert_eq!(journal.counts().unwrap().pending, 0);
}

#[test]
fn two_files_that_swap_their_names_keep_their_ids_and_their_rows() {
    let (_dir, journal, folder) = journal();
    let a = settled(&journal, folder, "/w/a", 1, 4);
    let b = settled(&journal, folder, "/w/b", 2, 5);
    let swap = [
        Change::Moved {
            id: a,
            disk: fact("/w/b", 1, 10),
            touched: false,
        },
        Change::Moved {
            id: b,
            disk: fact("/w/a", 2, 10),
            touched: false,
        },
    ];
    journal.apply(folder, &swap, 7, true).unwrap();
    let record = |path: &str| journal.record(Path::new(path)).unwrap().unwrap();
    assert_eq!((record("/w/a").id, record("/w/a").state), (b, State::Done));
    assert_eq!((record("/w/b").id, record("/w/b").state), (a, State::Done));
}

#[test]
fn a_move_seen_in_two_halves_brings_the_file_back_as_it_was() {
    let (_dir, journal, folder) = journal();
    let id = settled(&journal, folder, "/w/a", 1, 4);
    journal
        .apply(folder, &[Change::Gone { id }], 7, true)
        .unwrap();
    assert!(
        journal.live(&[id]).unwrap().is_empty(),
        "gone from answers at once"
    );
    let disk = fact("/w/new/a", 1, 10);
    journal
        .apply(
            folder,
            &[Change::Moved {
                id,
                disk,
                touched: false,
            }],
            8,
            true,
        )
        .unwrap();
    assert_eq!(state(&journal, "/w/new/a"), Some(State::Done));
    assert_eq!(
        journal.live(&[id]).unwrap()[&id].path,
        Path::new("/w/new/a")
    );
}

#[test]
fn a_missing_file_is_forgotten_after_its_rows_and_one_that_came_back_is_read_again() {
    let (_dir, journal, folder) = journal();
    let gone = settled(&journal, folder, "/w/gone", 1, 4);
    let back = settled(&journal, folder, "/w/back", 2, 5);
    let changes = [Change::Gone { id: gone }, Change::Gone { id: back }];
    journal.apply(folder, &changes, 7, true).unwrap();
    let victims = journal.missing(7, 9).unwrap();
    assert_eq!(victims, [gone, back]);
    let returned = Change::Returned {
        id: back,
        disk: fact("/w/back", 2, 10),
        touched: false,
    };
    journal.apply(folder, &[returned], 8, true).unwrap();
    journal.forget(&victims).unwrap();
    assert_eq!(state(&journal, "/w/gone"), None);
    assert_eq!(state(&journal, "/w/back"), Some(State::Dirty));
}

#[test]
fn promise_19_a_failure_is_kept_until_the_bytes_change_or_a_hand_retries() {
    let (_dir, journal, folder) = journal();
    let id = settled(&journal, folder, "/w/a", 1, 0);
    let own = journal
        .donor(id, &[7; 32], "unknown", ("x1", None))
        .unwrap()
        .unwrap();
    assert_eq!((own.id, own.verdict), (id, Verdict::Failed));
    assert_eq!(
        journal
            .donor(id + 1, &[7; 32], "unknown", ("x1", None))
            .unwrap(),
        None,
        "not another's"
    );
    assert_eq!(
        journal
            .donor(id, &[7; 32], "unknown", ("x2", None))
            .unwrap(),
        None,
        "a newer extractor"
    );
    assert_eq!(journal.retry(Some(Path::new("/w")), 9).unwrap(), 1);
    assert_eq!(
        journal
            .donor(id, &[7; 32], "unknown", ("x1", None))
            .unwrap(),
        None,
        "a retry is a real one"
    );
}

#[test]
fn a_removed_folder_is_out_of_answers_at_once() {
    let (_dir, journal, folder) = journal();
    let id = settled(&journal, folder, "/w/a", 1, 4);
    assert_eq!(journal.remove_folder(folder).unwrap(), 1);
    assert!(journal.live(&[id]).unwrap().is_empty());
    assert_eq!(journal.missing(0, 9).unwrap(), [id]);
}

#[test]
fn revisions_are_never_given_twice_even_across_a_reopening() {
    let (dir, journal, _) = journal();
    let first = journal.next_revision().unwrap();
    drop(journal);
    let journal = Journal::open(&dir.path().join("journal.sqlite")).unwrap();
    assert!(journal.next_revision().unwrap() > first);
}

#[test]
fn names_follow_their_files() {
    let (dir, journal, folder) = self::journal();
    let tokens = |text: &str| hippo_index::fold::query_tokens(text);
    let find = |journal: &Journal, text: &str| -> Vec<(u64, bool)> {
        let found = journal.named(&tokens(text), None, 10, |_| true).unwrap();
        found.iter().map(|n| (n.file, n.share > 0.99)).collect()
    };
    let budget = settled(&journal, folder, "/w/Budget-2026.xlsx.pdf", 1, 1);
    let other = settled(&journal, folder, "/w/budget of old.txt", 2, 2);
    settled(&journal, folder, "/w/Budget_failed.pdf", 3, 0);
    assert_eq!(
        find(&journal, "budget 2026"),
        [(budget, true), (other, false)]
    );
    assert_eq!(find(&journal, "what of the lighthouse"), []);
    let typing = |whole: &str, beginning: &str| -> Vec<u64> {
        let found = journal.named(&tokens(whole), Some(beginning), 10, |_| true);
        found.unwrap().iter().map(|n| n.file).collect()
    };
    assert_eq!(typing("", "budg"), [budget, other]);
    assert_eq!(typing("budget", "20"), [budget, other], "the best has both");
    assert!(typing("", "udget").is_empty());
    let near = |word: &str, near: Near| -> Vec<(String, u64)> {
        let known = journal.name_words(word, near).unwrap();
        known.into_iter().map(|k| (k.word, k.segments)).collect()
    };
    let budgets = [("budget".to_owned(), 2)];
    assert_eq!(near("budgte", Near::Edits(2)), budgets);
    assert_eq!(near("budgte", Near::Edits(1)), []);
    assert_eq!(
        near("nudget", Near::Edits(1)),
        [],
        "its first letter is right"
    );
    assert_eq!(near("budg", Near::Beginning), budgets);
    assert_eq!(near("", Near::Beginning), []);
    let moved = Change::Moved {
        id: budget,
        disk: fact("/w/年度预算.pdf", 1, 10),
        touched: false,
    };
    journal.apply(folder, &[moved], 7, true).unwrap();
    assert_eq!(find(&journal, "2026"), []);
    assert_eq!(find(&journal, "預算"), [(budget, true)]);
    let gone = Change::Gone { id: budget };
    journal.apply(folder, &[gone], 8, true).unwrap();
    assert_eq!(find(&journal, "預算"), []);
    // A journal that has no index of names yet gets one when it is opened.
    drop(journal);
    let path = dir.path().join("journal.sqlite");
    let plain = Connection::open(&path).unwrap();
    let drop_all = "DROP TRIGGER name_changed; DROP TRIGGER name_gone; DROP TABLE name_due;
        DROP TABLE name_of; DROP TABLE name_word;";
    plain.execute_batch(drop_all).unwrap();
    drop(plain);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(find(&journal, "old"), [(other, true)]);
}
