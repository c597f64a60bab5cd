//! The journal against a model: whatever happens in whatever order, both say the same.

use super::*;

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
