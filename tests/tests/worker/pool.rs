//! How workers are started, reused, replaced and let go.

use super::*;

#[tokio::test]
async fn dropping_the_future_kills_the_worker() {
    let scene = Scene::new();
    let path = scene.write("stall.txt", "bad: stall\n");
    let file = File::open(path).unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let work = scene.pool.extract(
        file,
        "stall.txt".to_owned(),
        1,
        Wants::default(),
        |progress| {
            let _ = tell.send(progress.stage);
        },
    );
    let stage = tokio::select! {
        stage = told.recv() => stage.unwrap(),
        outcome = work => panic!("{outcome:?}"),
    };
    gone(pid_in(&stage));
    scene.neighbour_is_read().await;
}

#[tokio::test]
async fn workers_are_reused_and_then_recycled() {
    let mut config = config(BAD);
    config.files_per_worker = 3;
    let scene = Scene::with(config);
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(scene.answer("pid").await);
    }
    assert_eq!(workers[0], workers[1]);
    assert_eq!(workers[1], workers[2]);
    assert_ne!(workers[2], workers[3]);
    scene.pool.shutdown().await;
    let outcome = scene.read("late").await;
    assert!(matches!(outcome, Outcome::Unavailable { .. }));
    for worker in workers {
        gone(worker.parse().unwrap());
    }
}

#[tokio::test]
async fn a_swollen_worker_is_replaced() {
    let scene = Scene::new();
    let first = scene.answer("pid").await;
    assert_eq!(scene.answer("pid").await, first);
    let most = MEMORY_MIB * 1024 * 1024 / 10 * 6;
    scene.read(&format!("bad: keep {most}\n")).await;
    assert_ne!(scene.answer("pid").await, first);
}

#[tokio::test]
async fn an_idle_worker_is_let_go_and_the_next_file_gets_another() {
    let mut config = config(BAD);
    config.idle = Duration::from_millis(50);
    let scene = Scene::with(config);
    for _ in 0..2 {
        let worker = scene.answer("pid").await;
        let worker = worker.parse().unwrap();
        tokio::task::spawn_blocking(move || gone(worker))
            .await
            .unwrap();
    }
    scene.neighbour_is_read().await;
}

#[tokio::test]
async fn files_are_read_side_by_side() {
    let mut config = config(BAD);
    config.count = 3;
    let scene = Scene::with(config);
    let stalled = scene.write("stall.txt", "bad: stall\n");
    let stall = || {
        let file = File::open(&stalled).unwrap();
        scene
            .pool
            .extract(file, "stall.txt".to_owned(), 1, Wants::default(), |_| {})
    };
    let neighbours = async {
        for _ in 0..20 {
            scene.neighbour_is_read().await;
        }
        Instant::now()
    };
    let (one, two, through) = tokio::join!(stall(), stall(), neighbours);
    assert!(matches!(one, Outcome::Died { .. }) && matches!(two, Outcome::Died { .. }));
    assert!(
        through < Instant::now(),
        "neighbours waited for the stalled"
    );
}

#[tokio::test]
async fn background_work_is_polite() {
    let scene = Scene::new();
    let worker = scene.answer("pid").await;
    let stat = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap();
    let (_, tail) = stat.rsplit_once(')').unwrap();
    // Field 19 of proc(5), the name in brackets being the second.
    assert_eq!(tail.split_whitespace().nth(16), Some("19"), "{stat}");
}

#[test]
fn a_killed_daemon_leaves_no_worker_behind() {
    let folder = tempfile::tempdir().unwrap();
    let subject = folder.path().join("stall.txt");
    fs::write(&subject, "bad: stall\n").unwrap();
    let mut host = Command::new(BAD)
        .arg("host")
        .arg(&subject)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let worker = pid_in(&lines.next().unwrap().unwrap());
    host.kill().unwrap();
    host.wait().unwrap();
    gone(worker);
}

#[tokio::test]
async fn a_descriptor_that_can_write_goes_to_no_worker() {
    let scene = Scene::new();
    let path = scene.write("subject.txt", "honest");
    let file = File::options().read(true).write(true).open(path).unwrap();
    let outcome = scene
        .pool
        .extract(file, "subject.txt".to_owned(), 6, Wants::default(), |_| {});
    assert!(matches!(outcome.await, Outcome::Refused(_)));
}
