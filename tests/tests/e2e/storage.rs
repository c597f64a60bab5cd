//! Promise 24: the store stays bounded, and a full disk is a pause.

use std::fs;
use std::time::{Duration, Instant};

use hippo_tests::worlds::Mount;
use hippo_tests::{Daemon, Rng, TempHome, corpus, proc};

/// By when the care of the table has made it small again.
const CARE: Duration = Duration::from_mins(4);

#[test]
fn promise_24_a_thousand_single_file_updates_take_at_most_twice_a_fresh_build() {
    const FILES: usize = 200;
    const UPDATES: usize = 1_000;
    let mut rng = Rng::from_env("promise 24");
    let mut home = TempHome::new();
    home.set("watch.settle_ms", 5);
    for at in 0..FILES {
        home.write(&format!("{at}.txt"), corpus::words(&mut rng, 400, 3_000));
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    let mut events = daemon.client().events().unwrap();
    for update in 0..UPDATES {
        let mark = corpus::mark("up", update);
        home.write(
            &format!("{}.txt", rng.below(FILES)),
            format!("{mark} {}", corpus::words(&mut rng, 400, 3_000)),
        );
        // One at a time: the next is written when this one is searchable.
        while let Some(event) = events.next_within(Duration::from_secs(5)) {
            if event["kind"] == "done" || event["kind"] == "idle" {
                break;
            }
        }
    }
    daemon.wait();

    let mut fresh = TempHome::empty();
    fresh.watch(&home.files());
    let other = Daemon::start(&fresh);
    other.wait();
    other.stop();
    let built = proc::disk_bytes(&fresh.table());
    let at_once = proc::disk_bytes(&home.table());
    // The care of the table comes by itself, when it is calm.
    let begun = Instant::now();
    daemon.until_within(CARE, "the table is at most twice a fresh one", |_| {
        proc::disk_bytes(&home.table()) <= 2 * built
    });
    eprintln!(
        "{UPDATES} updates: {} KiB at once, {} KiB after {:?}; a fresh build: {} KiB; versions kept: {}",
        at_once >> 10,
        proc::disk_bytes(&home.table()) >> 10,
        begun.elapsed(),
        built >> 10,
        daemon.client().status()["index"]["versions"]
    );
}

#[test]
fn promise_24_a_full_disk_is_a_pause_and_work_goes_on_when_there_is_room() {
    let mut home = TempHome::new();
    let disk = home.root().join("disk");
    let Some(mount) = Mount::ext4("a full disk", &home.root().join("disk.img"), 48, &disk) else {
        return;
    };
    // The home moves to the small disk.
    fs::remove_dir(home.home()).unwrap();
    let small = disk.join("home");
    fs::create_dir(&small).unwrap();
    std::os::unix::fs::symlink(&small, home.home()).unwrap();
    home.set("watch.rescan_minutes", 1);
    home.write("before.txt", corpus::mark("before", 24));
    let daemon = Daemon::start(&home);
    daemon.wait();
    // Somebody fills the disk to the last block.
    let filler = disk.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    let block = vec![7u8; 64 << 10];
    while std::io::Write::write_all(&mut file, &block).is_ok() {}
    drop(file);
    let path = home.write("during.txt", corpus::mark("during", 24));
    for at in 0..30 {
        home.write(&format!("many/{at}.txt"), "x ".repeat(20_000));
    }
    daemon.until("it pauses and says so", |client| {
        let status = client.status();
        status["state"] == "paused" && !status["waits"].as_array().unwrap().is_empty()
    });
    assert!(
        daemon
            .client()
            .finds(&corpus::mark("before", 24), &home.file("before.txt")),
        "a full disk keeps it from answering"
    );
    fs::remove_file(&filler).unwrap();
    daemon.until("it goes on by itself", |client| {
        client.finds(&corpus::mark("during", 24), &path)
    });
    daemon.wait();
    assert_eq!(daemon.client().status()["fresh"]["failed"], 0);
    drop(daemon);
    drop(mount);
}
