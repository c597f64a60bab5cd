//! The clock is made up, so none of these waits.

use super::*;

const MS: Duration = Duration::from_millis(1);

struct Bench {
    dirty: Dirty,
    start: Instant,
    now: Instant,
    /// Whether somebody copies whatever is asked about.
    copying: bool,
    asked: u32,
}

impl Bench {
    fn new(hint_capacity: usize) -> Bench {
        let settings = WatchSettings {
            settle_ms: 150,
            max_wait_ms: 5_000,
            rescan_minutes: 60,
            poll_seconds: 30,
            max_watches: None,
            hint_capacity,
        };
        let now = Instant::now();
        Bench {
            dirty: Dirty::new(&settings),
            start: now,
            now,
            copying: false,
            asked: 0,
        }
    }

    fn touch(&mut self, path: &str, touch: Touch) {
        self.dirty.touch(Path::new(path), touch, self.now);
    }

    /// Lets the clock run to `at_ms` as the task does, and returns what was told and when.
    fn until(&mut self, at_ms: u32) -> Vec<(u128, Hint)> {
        let end = self.start + MS * at_ms;
        let mut told = Vec::new();
        loop {
            let due = self.dirty.due(self.now);
            let mut hints = due.hints;
            for path in due.writing {
                self.asked += 1;
                hints.extend(self.dirty.judged(&path, self.copying, self.now));
            }
            hints.extend(due.cookies);
            let at = (self.now - self.start).as_millis();
            told.extend(hints.into_iter().map(|hint| (at, hint)));
            match self.dirty.deadline() {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => break,
            }
        }
        self.now = end;
        told
    }
}

fn path(at: u128, path: &str) -> (u128, Hint) {
    (at, Hint::Path(path.into()))
}

#[test]
fn a_closed_file_is_told_of_at_once_and_once() {
    let mut bench = Bench::new(9);
    bench.touch("/a", Touch::Writing);
    bench.touch("/a", Touch::Writing);
    bench.touch("/a", Touch::Closed);
    assert_eq!(bench.until(10_000), [path(20, "/a")]);
    assert_eq!(
        bench.asked, 0,
        "nobody looks through /proc for an ordinary save"
    );
    assert_eq!(
        bench.dirty.deadline(),
        None,
        "and nothing wakes the task afterwards"
    );
}

#[test]
fn an_editors_write_and_rename_is_one_turn() {
    let mut bench = Bench::new(9);
    bench.touch("/a.tmp", Touch::Closed);
    bench.touch("/a.tmp", Touch::Gone);
    bench.touch("/a.tmp", Touch::Now);
    bench.touch("/a", Touch::Now);
    assert_eq!(bench.until(1_000), [path(0, "/a.tmp"), path(0, "/a")]);
}

#[test]
fn what_nobody_closes_is_told_of_when_it_rests() {
    let mut bench = Bench::new(9);
    for at in [0, 100, 200] {
        bench.until(at);
        bench.touch("/a", Touch::Writing);
    }
    assert_eq!(bench.until(10_000), [path(350, "/a")]);
    assert_eq!(bench.asked, 1);
}

#[test]
fn promise_06_a_log_that_grows_for_ever_is_told_of_within_the_cap() {
    let mut bench = Bench::new(9);
    let mut told = Vec::new();
    for at in (0..30_000).step_by(50) {
        told.extend(bench.until(at));
        bench.touch("/log", Touch::Writing);
    }
    let times: Vec<u128> = told.iter().map(|(at, _)| *at).collect();
    assert!(times[0] <= 5_000, "{times:?}");
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] <= 5_100),
        "{times:?}"
    );
    assert!(times.len() <= 6, "and not all the time: {times:?}");
}

#[test]
fn promise_06_a_slow_copy_is_told_of_once_when_it_is_closed() {
    let mut bench = Bench::new(9);
    bench.copying = true;
    let mut told = Vec::new();
    // Five minutes with a block every two seconds: far longer than it takes to settle.
    for second in (0..300).step_by(2) {
        told.extend(bench.until(second * 1_000));
        bench.touch("/film", Touch::Writing);
    }
    bench.touch("/film", Touch::Closed);
    told.extend(bench.until(400_000));
    assert_eq!(told, [path(298_020, "/film")]);
    assert_eq!(bench.asked, 1, "one look at who writes it is enough");
}

#[test]
fn promise_06_a_copy_that_stalls_or_never_ends_is_told_of_all_the_same() {
    let mut bench = Bench::new(9);
    bench.copying = true;
    bench.touch("/stalled", Touch::Writing);
    assert_eq!(bench.until(20_000), [path(5_000, "/stalled")]);
    let mut told = Vec::new();
    for second in 20..700 {
        told.extend(bench.until(second * 1_000));
        bench.touch("/recording", Touch::Writing);
    }
    assert_eq!(told, [path(620_000, "/recording")]);
}

#[test]
fn a_path_that_is_saved_again_and_again_waits_longer_each_time() {
    let mut bench = Bench::new(9);
    let mut told = Vec::new();
    for at in (0..60_000).step_by(10) {
        told.extend(bench.until(at));
        bench.touch("/a", Touch::Closed);
    }
    assert!(told.len() < 20, "{}", told.len());
    assert_eq!(told[0].0, 20, "the first is not held up");
    // Left alone for a while, it is told of at once again.
    told = bench.until(75_000);
    assert_eq!(told.len(), 1);
    bench.touch("/a", Touch::Closed);
    assert_eq!(bench.until(80_000), [path(75_020, "/a")]);
}

#[test]
fn promise_13_a_file_that_was_saved_often_is_not_long_in_going() {
    let mut bench = Bench::new(9);
    for at in (0..20_000).step_by(10) {
        bench.until(at);
        bench.touch("/a", Touch::Closed);
    }
    bench.touch("/a", Touch::Gone);
    let told = bench.until(40_000);
    assert!(told.len() == 1 && told[0].0 <= 20_150, "{told:?}");
}

#[test]
fn a_person_who_saves_once_a_second_is_not_held_up() {
    let mut bench = Bench::new(9);
    for second in 1..50_u32 {
        bench.until(second * 1_000);
        bench.touch("/a", Touch::Closed);
        let at = u128::from(second) * 1_000 + 20;
        assert_eq!(bench.until(second * 1_000 + 500), [path(at, "/a")]);
    }
}

#[test]
fn promise_01_a_full_set_becomes_one_rescan_and_starts_over() {
    let mut bench = Bench::new(100);
    for n in 0..1_000 {
        bench.touch(&format!("/{n}"), Touch::Closed);
    }
    let told = bench.until(10_000);
    assert_eq!(told.len(), 1);
    let Hint::Rescan { folder: None, why } = &told[0].1 else {
        panic!("{told:?}")
    };
    assert!(why.contains("100"), "{why}");
    bench.touch("/later", Touch::Closed);
    assert_eq!(bench.until(20_000), [path(10_020, "/later")]);
}

#[test]
fn rescans_that_were_not_told_of_yet_are_one() {
    let mut bench = Bench::new(9);
    let folder = Path::new("/d");
    bench.dirty.ask(Some(folder), "first");
    bench.dirty.ask(Some(folder), "second");
    bench.dirty.ask(None, "third");
    bench
        .dirty
        .ask(Some(Path::new("/e")), "all are walked anyway");
    bench.touch("/a", Touch::Now);
    let told: Vec<Hint> = bench.until(0).into_iter().map(|(_, hint)| hint).collect();
    let rescan = |folder: Option<&str>, why: &str| Hint::Rescan {
        folder: folder.map(Into::into),
        why: why.into(),
    };
    let expected = [
        rescan(Some("/d"), "first"),
        rescan(None, "third"),
        Hint::Path("/a".into()),
    ];
    assert_eq!(told, expected);
}

#[test]
fn promise_23_a_cookie_comes_after_all_that_was_dirty() {
    let mut bench = Bench::new(9);
    for _ in 0..5 {
        bench.touch("/often", Touch::Closed);
        bench.until(((bench.now - bench.start).as_millis() + 200) as u32);
    }
    bench.touch("/often", Touch::Closed);
    bench.touch("/deleted", Touch::Gone);
    bench.touch("/written", Touch::Writing);
    bench.dirty.cookie(Path::new("/run/1"), bench.now);
    let at = (bench.now - bench.start).as_millis();
    let mut told = bench.until(at as u32);
    assert_eq!(told.pop(), Some(path(at, "/run/1")));
    told.sort_by_key(|(_, hint)| format!("{hint:?}"));
    assert_eq!(
        told,
        ["/deleted", "/often", "/written"].map(|p| path(at, p))
    );
    // What is half copied is not finished, and what is lost is not told of twice.
    bench.copying = true;
    bench.touch("/film", Touch::Writing);
    bench.dirty.cookie(Path::new("/run/2"), bench.now);
    assert_eq!(bench.until(at as u32), [path(at, "/run/2")]);
    bench.dirty.lost("test");
    bench.dirty.cookie(Path::new("/run/3"), bench.now);
    let told = bench.until(at as u32);
    assert!(matches!(told[0].1, Hint::Rescan { folder: None, .. }));
    assert_eq!(told[1..], [path(at, "/run/3")]);
}

#[test]
fn forgetting_a_folder_forgets_what_is_dirty_in_it() {
    let mut bench = Bench::new(9);
    for file in ["/d", "/d/a", "/dd", "/e"] {
        bench.touch(file, Touch::Closed);
    }
    bench.dirty.forget_under(Path::new("/d"));
    assert_eq!(bench.until(1_000), [path(20, "/dd"), path(20, "/e")]);
}
