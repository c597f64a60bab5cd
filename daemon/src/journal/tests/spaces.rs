//! Spaces of vectors, and rows that are completed with them.

use super::*;

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
