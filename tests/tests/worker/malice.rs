//! Code that has taken over a worker against the sandbox: promises 20 and 21.

use super::*;

/// What the bad extractor attacks.
struct Victims {
    home: TempDir,
    victim: Child,
    tcp: std::net::TcpListener,
    unix: UnixListener,
}

impl Victims {
    fn new() -> Victims {
        let home = tempfile::tempdir().unwrap();
        for name in ["secret", "indexed.txt", "doomed"] {
            fs::write(home.path().join(name), name).unwrap();
        }
        fs::create_dir(home.path().join(".ssh")).unwrap();
        fs::write(home.path().join(".ssh/id"), "key").unwrap();
        let unix = UnixListener::bind(home.path().join("hippo.sock")).unwrap();
        unix.set_nonblocking(true).unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        tcp.set_nonblocking(true).unwrap();
        // It ends with its stdin, which is ours.
        let victim = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        Victims {
            home,
            victim,
            tcp,
            unix,
        }
    }

    fn command(&self) -> String {
        let home = self.home.path().display();
        let port = self.tcp.local_addr().unwrap().port();
        let victim = self.victim.id();
        format!("malice home={home} socket={home}/hippo.sock port={port} victim={victim}")
    }

    /// Nothing was touched, nobody called.
    fn unharmed(&self) {
        let mut names: Vec<_> = fs::read_dir(self.home.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = [".ssh", "doomed", "hippo.sock", "indexed.txt", "secret"];
        assert_eq!(names, expected);
        for name in ["secret", "indexed.txt", "doomed"] {
            let path = self.home.path().join(name);
            assert_eq!(fs::read_to_string(path).unwrap(), name);
        }
        assert!(
            self.unix.accept().is_err(),
            "the daemon's socket was reached"
        );
        assert!(self.tcp.accept().is_err(), "a TCP port was reached");
    }
}

impl Drop for Victims {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}

fn came_through(report: &str) -> Vec<&str> {
    report
        .lines()
        .filter(|line| line.contains("came through"))
        .collect()
}

/// Each attempt can succeed where there is no sandbox: without this the suite could not fail.
#[test]
fn promise_20_control_malice_succeeds_without_a_sandbox() {
    let victims = Victims::new();
    let folder = tempfile::tempdir().unwrap();
    let subject = folder.path().join("subject.txt");
    fs::write(&subject, format!("bad: {}\n", victims.command())).unwrap();
    let output = Command::new(BAD)
        .arg("attempt")
        .arg(&subject)
        .output()
        .unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    let walls: Vec<_> = report
        .lines()
        .filter(|line| line.contains(": wall") && !line.contains("(maybe)"))
        .collect();
    assert!(walls.is_empty(), "the control met walls: {walls:#?}");
    assert!(came_through(&report).len() > 50, "{report}");
    assert!(victims.unix.accept().is_ok() && victims.tcp.accept().is_ok());
}

#[tokio::test]
async fn promise_20_malice_is_blocked_in_every_thread() {
    let victims = Victims::new();
    let scene = Scene::new();
    let subject = format!("bad: {}\n", victims.command());
    let report = scene.answer(&victims.command()).await;
    let through = came_through(&report);
    assert!(through.is_empty(), "came through: {through:#?}");
    for who in ["main", "second"] {
        let walls = report.lines().filter(|line| line.starts_with(who)).count();
        assert!(walls > 50, "{who}: {walls} attempts only: {report}");
        // No child: what it would try cannot be tried.
        for way in ["fork", "clone a process", "clone3 a process"] {
            assert!(report.contains(&format!("{who} {way}: wall")), "{report}");
        }
    }
    victims.unharmed();
    let after = fs::read_to_string(scene.folder.path().join("subject.txt")).unwrap();
    assert_eq!(after, subject);
    let sandbox = scene.pool.sandbox();
    assert_eq!(sandbox.seccomp, Level::Full);
    scene.neighbour_is_read().await;
}

/// The filter alone is as good: no attempt depends on Landlock.
#[tokio::test]
async fn promise_20_malice_is_blocked_without_landlock() {
    let victims = Victims::new();
    let scene = Scene::lacking("-no-landlock");
    let report = scene.answer(&victims.command()).await;
    let through = came_through(&report);
    assert!(through.is_empty(), "came through: {through:#?}");
    victims.unharmed();
}

/// Landlock alone keeps all files closed and TCP and signals in.
#[tokio::test]
async fn promise_20_files_stay_closed_without_seccomp() {
    let victims = Victims::new();
    let scene = Scene::lacking("-no-seccomp");
    let report = scene.answer(&victims.command()).await;
    if scene.pool.sandbox().landlock != Level::Full {
        eprintln!("this kernel has no full Landlock: nothing to show");
        return;
    }
    for what in [
        "read a user's file",
        "read .ssh",
        "read another indexed file",
        "read the user list",
        "read its own file again through /proc",
        "write its own file again through /proc",
        "create a file",
        "write a user's file",
        "connect over TCP",
        "signal the victim",
        "signal the daemon",
        "trace the daemon (maybe)",
    ] {
        let wall = format!("main {what}: wall");
        assert!(report.contains(&wall), "{what}: {report}");
    }
}

#[tokio::test]
async fn promise_21_what_the_system_lacks_is_reported() {
    for (suffix, landlock, seccomp, words) in [
        (
            "-no-landlock",
            false,
            true,
            "Landlock: this system has none",
        ),
        ("-no-seccomp", true, false, "seccomp: this system cannot"),
        ("-no-sandbox", false, false, "seccomp: this system cannot"),
    ] {
        let scene = Scene::lacking(suffix);
        assert_eq!(scene.pool.sandbox().landlock, Level::Unknown);
        scene.neighbour_is_read().await;
        let report = scene.pool.sandbox();
        assert_eq!(report.landlock == Level::None, !landlock, "{report:?}");
        assert_eq!(report.seccomp == Level::None, !seccomp, "{report:?}");
        assert!(report.rlimits);
        assert!(
            report.missing.iter().any(|gap| gap.contains(words)),
            "{report:?}"
        );
    }
}

#[tokio::test]
async fn promise_21_a_sandbox_that_does_not_close_serves_nothing() {
    let scene = Scene::lacking("-unfit");
    match scene.read("honest").await {
        Outcome::Unavailable { reason } => assert!(
            reason.contains("Landlock could not be applied: it was promised"),
            "{reason}"
        ),
        other => panic!("it served: {other:?}"),
    }
}
