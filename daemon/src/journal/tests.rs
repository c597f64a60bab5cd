//! The journal against a model, and the promises of single transitions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::scan::{Change, DiskFact};
use hippo_extractors::format_class;

fn open() -> (tempfile::TempDir, Journal, u64) {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&dir.path().join("journal.sqlite")).unwrap();
    let folder = journal.ensure_folder(Path::new("/w")).unwrap();
    (dir, journal, folder)
}

fn fact(path: &str, ino: u64, size: u64) -> DiskFact {
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

fn ack(claim: &Claim, disk: DiskFact, revision: u64, verdict: Verdict) -> Ack {
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
        generation: "x1+".into(),
        kind: "text".into(),
        title: Some("t".into()),
        author: None,
        lang: None,
        pages: None,
        engine: None,
        notes: vec![],
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
    let (dir, journal, folder) = open();
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
    let (_dir, journal, folder) = open();
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
    let (_dir, journal, folder) = open();
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
    let (_dir, journal, folder) = open();
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
    let (_dir, journal, folder) = open();
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
    let (_dir, journal, folder) = open();
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
    let (_dir, journal, folder) = open();
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
    let (_dir, journal, folder) = open();
    let id = settled(&journal, folder, "/w/a", 1, 0);
    let own = journal
        .donor(id, &[7; 32], "unknown", "x1")
        .unwrap()
        .unwrap();
    assert_eq!((own.id, own.verdict), (id, Verdict::Failed));
    assert_eq!(
        journal.donor(id + 1, &[7; 32], "unknown", "x1").unwrap(),
        None,
        "not another's"
    );
    assert_eq!(
        journal.donor(id, &[7; 32], "unknown", "x2").unwrap(),
        None,
        "a newer extractor"
    );
    assert_eq!(journal.retry(Some(Path::new("/w")), 9).unwrap(), 1);
    assert_eq!(
        journal.donor(id, &[7; 32], "unknown", "x1").unwrap(),
        None,
        "a retry is a real one"
    );
}

#[test]
fn a_removed_folder_is_out_of_answers_at_once() {
    let (_dir, journal, folder) = open();
    let id = settled(&journal, folder, "/w/a", 1, 4);
    assert_eq!(journal.remove_folder(folder).unwrap(), 1);
    assert!(journal.live(&[id]).unwrap().is_empty());
    assert_eq!(journal.missing(0, 9).unwrap(), [id]);
}

#[test]
fn revisions_are_never_given_twice_even_across_a_reopening() {
    let (dir, journal, _) = open();
    let first = journal.next_revision().unwrap();
    drop(journal);
    let journal = Journal::open(&dir.path().join("journal.sqlite")).unwrap();
    assert!(journal.next_revision().unwrap() > first);
}

#[derive(Debug, Clone)]
enum Op {
    New(u8),
    Change(u8),
    Gone(u8),
    Move(u8, u8),
    Work(u8, bool),
    Crash,
    Depart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0u8..6).prop_map(Op::New),
        (0u8..6).prop_map(Op::Change),
        (0u8..6).prop_map(Op::Gone),
        (0u8..6, 0u8..6).prop_map(|(a, b)| Op::Move(a, b)),
        (0u8..6, any::<bool>()).prop_map(|(a, ok)| Op::Work(a, ok)),
        Just(Op::Crash),
        Just(Op::Depart),
    ]
}

proptest! {
    /// The model: which name holds which file, and whether it waits. Whatever happens, the
    /// journal knows each present file once, at its name, and the tally agrees with the rows.
    #[test]
    fn the_catalog_follows_the_disk(ops in prop::collection::vec(op(), 1..60)) {
        let (_dir, journal, folder) = open();
        let mut model: BTreeMap<String, (u64, bool)> = BTreeMap::new(); // name -> inode, waits
        let mut inode = 100;
        let name = |n: u8| format!("/w/{n}.txt");
        for op in ops {
            match op {
                Op::New(n) if !model.contains_key(&name(n)) => {
                    inode += 1;
                    journal.apply(folder, &[new(&name(n), inode)], 5, true).unwrap();
                    model.insert(name(n), (inode, true));
                }
                Op::Change(n) => if let Some(entry) = model.get_mut(&name(n)) {
                    let id = journal.record(Path::new(&name(n))).unwrap().unwrap().id;
                    let disk = fact(&name(n), entry.0, 11);
                    journal.apply(folder, &[Change::Changed { id, disk }], 6, true).unwrap();
                    entry.1 = true;
                },
                Op::Gone(n) if model.remove(&name(n)).is_some() => {
                    let id = journal.record(Path::new(&name(n))).unwrap().unwrap().id;
                    journal.apply(folder, &[Change::Gone { id }], 7, true).unwrap();
                },
                Op::Move(a, b) if a != b => if let Some(entry) = model.remove(&name(a)) {
                    let id = journal.record(Path::new(&name(a))).unwrap().unwrap().id;
                    let disk = fact(&name(b), entry.0, 10);
                    let moved = Change::Moved { id, disk, touched: false };
                    journal.apply(folder, &[moved], 8, true).unwrap();
                    model.insert(name(b), entry);
                },
                Op::Work(n, ok) => if let Some(entry) = model.get_mut(&name(n)) {
                    let id = journal.record(Path::new(&name(n))).unwrap().unwrap().id;
                    if let Some(claim) = journal.claim(&[id]).unwrap().pop() {
                        let revision = if ok { journal.next_revision().unwrap() } else { 0 };
                        let verdict = if ok { Verdict::Done } else { Verdict::Skipped };
                        let ack = ack(&claim, fact(&name(n), entry.0, 10), revision, verdict);
                        prop_assert!(journal.acknowledge(&[ack], 9).unwrap().is_empty());
                        entry.1 = false;
                    }
                },
                Op::Crash => { journal.recover(9).unwrap(); }
                Op::Depart => {
                    let gone = journal.missing(i64::MAX, 99).unwrap();
                    journal.forget(&gone).unwrap();
                }
                _ => {}
            }
            for (name, (_, waits)) in &model {
                let record = journal.record(Path::new(name)).unwrap().unwrap();
                prop_assert_eq!(record.state.is_pending(), *waits, "{}", name);
            }
            let counts = journal.counts().unwrap();
            let present: u64 = counts.folders.values().map(|f| f.files).sum();
            prop_assert_eq!(present as usize, model.len());
        }
    }
}
