//! The journal against a model, and the promises of single transitions.

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

fn space(role: &str, name: &str, stage: Stage) -> SpaceRecord {
    SpaceRecord {
        id: 0,
        role: role.into(),
        model: format!("model {name}"),
        name: name.into(),
        stage,
    }
}

fn completion(id: u64, from: u64, revision: u64, spaces: &[u64], placed: &str) -> Completion {
    Completion {
        id,
        from,
        revision,
        segments: 3,
        generation: Generation::new("x1", spaces.iter().copied()),
        placed: placed.into(),
    }
}

#[test]
fn a_space_that_comes_again_is_another_one() {
    let (_dir, journal, _) = journal();
    let a = space("passage", "a", Stage::Active);
    let joint = space("joint", "j", Stage::Active);
    journal
        .arrange("passage", std::slice::from_ref(&a))
        .unwrap();
    journal.arrange("joint", &[joint]).unwrap();
    let passage = || -> Vec<SpaceRecord> {
        let all = journal.spaces().unwrap();
        all.into_iter().filter(|s| s.role == "passage").collect()
    };
    let first = passage()[0].clone();
    journal
        .arrange(
            "passage",
            &[first.clone(), space("passage", "b", Stage::Building)],
        )
        .unwrap();
    assert_eq!(passage()[0], first, "it keeps its number");
    journal.arrange("passage", &[]).unwrap();
    journal.arrange("passage", &[a]).unwrap();
    let second = passage()[0].clone();
    assert!(second.id > first.id);
    journal.renew_space(second.id).unwrap();
    let third = passage()[0].clone();
    assert!(third.id > second.id && third.name == "a");
    assert_eq!(journal.spaces().unwrap().len(), 2, "joint is untouched");
}

#[test]
fn a_space_answers_only_when_no_file_with_rows_lacks_it() {
    let (_dir, journal, folder) = journal();
    journal
        .arrange(
            "passage",
            &[
                space("passage", "a", Stage::Active),
                space("passage", "b", Stage::Building),
            ],
        )
        .unwrap();
    let ids: Vec<u64> = journal.spaces().unwrap().iter().map(|s| s.id).collect();
    let (a, b) = (ids[0], ids[1]);
    let one = settled(&journal, folder, "/w/one", 1, 4);
    let two = settled(&journal, folder, "/w/two", 2, 5);
    settled(&journal, folder, "/w/failed", 3, 0);
    let gone = settled(&journal, folder, "/w/gone", 4, 6);
    let lacking = || journal.incomplete(&[b], &HashSet::new(), 9, 99).unwrap();
    assert_eq!(
        lacking().iter().map(|f| f.id).collect::<Vec<_>>(),
        [one, two, gone]
    );
    let few = journal
        .incomplete(&[b], &HashSet::from([one]), 9, 3)
        .unwrap();
    assert_eq!(few.iter().map(|f| f.id).collect::<Vec<_>>(), [two]);

    journal
        .complete(&[completion(one, 4, 7, &[a, b], "/w/one")])
        .unwrap();
    assert!(!journal.switch("passage", b).unwrap(), "two lacks it");
    // A file that waits to be read has rows that lack it too, and gets its own in time.
    let changed = Change::Changed {
        id: two,
        disk: fact("/w/two", 2, 11),
    };
    let gone = Change::Gone { id: gone };
    journal.apply(folder, &[changed, gone], 8, true).unwrap();
    assert!(lacking().is_empty());
    assert!(!journal.switch("passage", b).unwrap());
    journal
        .complete(&[completion(two, 5, 8, &[b], "/w/two")])
        .unwrap();
    assert!(!journal.switch("joint", b).unwrap(), "another role's");
    assert!(journal.switch("passage", b).unwrap());
    let stages: Vec<_> = journal
        .spaces()
        .unwrap()
        .into_iter()
        .map(|s| (s.id, s.stage))
        .collect();
    assert_eq!(stages, [(b, Stage::Active), (a, Stage::Kept)]);
    assert!(!journal.switch("passage", b).unwrap(), "once");
    assert!(journal.is_used(b).unwrap() && !journal.is_used(b + 1).unwrap());
}

#[test]
fn completed_rows_and_those_that_they_replace_both_answer_until_the_file_changes() {
    let (_dir, journal, folder) = journal();
    let id = settled(&journal, folder, "/w/a", 1, 4);
    let span = || {
        let live = journal.live(&[id]).unwrap();
        (live[&id].since, live[&id].revision)
    };
    assert_eq!(span(), (4, 4));
    journal
        .complete(&[completion(id, 4, 6, &[1], "/w/a")])
        .unwrap();
    assert_eq!(span(), (4, 6));
    journal
        .complete(&[completion(id, 4, 7, &[1], "/w/a")])
        .unwrap();
    assert_eq!(
        span(),
        (4, 6),
        "made from rows that are not the committed ones"
    );
    journal
        .complete(&[completion(id, 6, 8, &[1, 2], "/w/z")])
        .unwrap();
    assert_eq!(span(), (4, 8));
    assert_eq!(journal.behind(9).unwrap().len(), 1, "it moved meanwhile");
    let changed = Change::Changed {
        id,
        disk: fact("/w/a", 1, 11),
    };
    journal.apply(folder, &[changed], 8, true).unwrap();
    let claim = journal.claim(&[id]).unwrap().remove(0);
    let ack = ack(&claim, fact("/w/a", 1, 11), 9, Verdict::Done);
    journal.acknowledge(&[ack], 9).unwrap();
    assert_eq!(span(), (9, 9));
}

#[test]
fn a_journal_of_format_1_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.sqlite");
    let old = Connection::open(&path).unwrap();
    schema::prepare_format(&old, 1);
    let put = |name: &str, state: i64, revision: i64, generation: Option<&str>| {
        old.execute(
            "INSERT INTO file (key, folder, fsid, ino, size, mtime_ns, ctime_ns, state, changed_at,
                 revision, segments, generation) VALUES (?1, 1, 1, 1, 1, 1, 1, ?2, 1, ?3, 2, ?4)",
            (key_of(Path::new(name)), state, revision, generation),
        )
        .unwrap();
    };
    put("/w/a", 4, 1, Some("x1+mini+lm-0123456789ab"));
    put("/w/b", 4, 2, Some("x1+mini+lm-0123456789ab"));
    put("/w/c", 4, 3, Some("x1+older-000000000000"));
    put("/w/d", 4, 4, Some("x1+"));
    put("/w/e", 6, 0, Some("x1+mini+lm-0123456789ab"));
    put("/w/f", 0, 0, None);
    put("/w/g", 7, 5, Some("x1+mini+lm-0123456789ab"));
    drop(old);
    let journal = Journal::open(&path).unwrap();
    let spaces = journal.spaces().unwrap();
    assert_eq!(spaces.len(), 1);
    assert_eq!(
        (spaces[0].model.as_str(), spaces[0].name.as_str()),
        ("mini+lm", "mini+lm-0123456789ab")
    );
    assert_eq!(spaces[0].stage, Stage::Active);
    let id = spaces[0].id;
    let made: Vec<_> = journal
        .made()
        .unwrap()
        .into_iter()
        .map(|m| (m.generation.to_string(), m.files, m.segments))
        .collect();
    assert_eq!(made, [("x1+".into(), 2, 4), (format!("x1+{id}"), 2, 4)]);
    let of = |name: &str| journal.record(Path::new(name)).unwrap().unwrap().generation;
    assert_eq!(of("/w/e"), Some(Generation::new("x1", [id])));
    assert_eq!(of("/w/f"), None);
    drop(journal);
    // And once is enough.
    assert_eq!(Journal::open(&path).unwrap().spaces().unwrap(), spaces);
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
        let (_dir, journal, folder) = journal();
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
            let counted = |sql: &str| -> Vec<(String, i64, i64)> {
                let reader = lock(&journal.reader);
                let mut statement = reader.prepare(sql).unwrap();
                let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)));
                rows.unwrap().map(|row| row.unwrap()).collect()
            };
            prop_assert_eq!(
                counted("SELECT generation, files, segments FROM made WHERE files > 0"),
                counted(
                    "SELECT coalesce(generation, ''), count(*), sum(segments) FROM file
                     WHERE revision > 0 AND state <> 7 GROUP BY 1 ORDER BY 1"
                )
            );
            let counts = journal.counts().unwrap();
            let present: u64 = counts.folders.values().map(|f| f.files).sum();
            prop_assert_eq!(present as usize, model.len());
        }
    }
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
