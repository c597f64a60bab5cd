//! Promise 22: the socket is its owner's alone.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hippo_tests::client::text;
use hippo_tests::{Daemon, TempHome, corpus, skip, worlds};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn folders_below(dir: &Path) -> Vec<PathBuf> {
    let mut all = vec![dir.to_owned()];
    let mut at = 0;
    while at < all.len() {
        for entry in fs::read_dir(&all[at]).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                all.push(entry.path());
            }
        }
        at += 1;
    }
    all
}

#[test]
fn promise_22_folder_socket_and_index_are_readable_by_their_owner_alone() {
    let home = TempHome::new();
    home.write("note.txt", "a note");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let run = home.socket().parent().unwrap().to_owned();
    assert_eq!(mode(&run), 0o700);
    assert_eq!(mode(&home.socket()), 0o600);
    assert_eq!(mode(&home.data()), 0o700);
    for file in corpus::files_below(&home.data()) {
        assert_eq!(mode(&file) & 0o077, 0, "{}", file.display());
    }
    for folder in folders_below(&home.data()) {
        assert_eq!(mode(&folder) & 0o077, 0, "{}", folder.display());
    }
    for file in corpus::files_below(&home.home().join("log")) {
        assert_eq!(mode(&file) & 0o077, 0, "{}", file.display());
    }
}

#[test]
fn promise_22_a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let home = TempHome::new();
    Daemon::start(&home).kill9();
    assert!(home.socket().exists(), "kill -9 leaves the socket behind");
    let daemon = Daemon::start(&home);
    daemon.wait();
    // A second one says that there is one already, and leaves it alone.
    let mut second = Daemon::spawn(&home);
    let status = second.wait_for_end(Duration::from_secs(20));
    assert!(!status.success());
    assert_eq!(daemon.client().status()["pid"], daemon.pid());
}

#[test]
fn promise_22_a_symlink_in_place_of_the_socket_is_refused() {
    let home = TempHome::new();
    home.write_settings();
    let run = home.socket().parent().unwrap().to_owned();
    fs::create_dir_all(&run).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).unwrap();
    let victim = home.root().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, home.socket()).unwrap();
    let mut daemon = Daemon::spawn(&home);
    let status = daemon.wait_for_end(Duration::from_secs(20));
    assert!(!status.success());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(
        daemon.last_words().contains("hippo.sock"),
        "the reason does not name the socket: {}",
        daemon.last_words()
    );
}

#[test]
fn promise_22_a_folder_that_others_may_write_is_refused_or_made_private() {
    let home = TempHome::new();
    let run = home.socket().parent().unwrap().to_owned();
    fs::create_dir_all(&run).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o777)).unwrap();
    home.write_settings();
    let mut daemon = Daemon::spawn(&home);
    // Either is fine; answering from a folder that others may write is not.
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        if home.socket().exists() {
            daemon.until_it_answers();
            assert_eq!(mode(&run), 0o700, "it answers from an open folder");
            break;
        }
        if !hippo_tests::proc::alive(daemon.pid()) {
            assert!(!daemon.wait_for_end(Duration::from_secs(5)).success());
            break;
        }
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn curl(command: &mut Command, socket: &Path) -> std::process::Output {
    command
        .args(["--silent", "--show-error", "--fail", "--max-time", "10"])
        .arg("--unix-socket")
        .arg(socket)
        .arg("http://localhost/v1/status")
        .output()
        .unwrap()
}

fn has_curl(test: &str) -> bool {
    let there = Command::new("curl").arg("--version").output().is_ok();
    if !there {
        skip(test, "curl is not installed");
    }
    there
}

#[test]
fn promise_22_curl_as_ourselves_is_answered() {
    if !has_curl("curl as ourselves") {
        return;
    }
    let home = TempHome::new();
    let daemon = Daemon::start(&home);
    let output = curl(&mut Command::new("curl"), &home.socket());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["pid"], daemon.pid());
}

#[test]
fn promise_22_curl_as_another_user_is_refused_even_with_the_doors_open() {
    let test = "curl as another user";
    if !has_curl(test) || !worlds::root(test) {
        return;
    }
    let home = TempHome::new();
    let daemon = Daemon::start(&home);
    // The way to the folder is open, the folder is not.
    for dir in [home.root().to_owned(), home.home()] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = curl(&mut worlds::as_nobody("curl"), &home.socket());
    assert!(!output.status.success(), "the folder let nobody in");
    // Somebody opens the folder and the socket as well: the peer's uid still counts.
    let run = home.socket().parent().unwrap().to_owned();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(home.socket(), fs::Permissions::from_mode(0o777)).unwrap();
    let output = curl(&mut worlds::as_nobody("curl"), &home.socket());
    assert!(!output.status.success(), "nobody was answered");
    assert!(
        !String::from_utf8_lossy(&output.stdout).contains("uptime"),
        "nobody was told: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    // Make sure that it was not the path that stopped it.
    let listener = UnixListener::bind(run.join("probe.sock")).unwrap();
    fs::set_permissions(run.join("probe.sock"), fs::Permissions::from_mode(0o777)).unwrap();
    let probe = curl(
        &mut {
            let mut command = worlds::as_nobody("curl");
            command.args(["--max-time", "1"]);
            command
        },
        &run.join("probe.sock"),
    );
    assert!(!probe.status.success());
    listener.set_nonblocking(true).unwrap();
    assert!(
        listener.accept().is_ok(),
        "nobody does not even reach a socket there: the test shows nothing"
    );
    assert_eq!(daemon.client().status()["pid"], daemon.pid());
}

#[test]
fn unknown_parameters_are_refused_by_name() {
    let home = TempHome::new();
    let daemon = Daemon::start(&home);
    let client = daemon.client();
    for (method, target, body, name) in [
        ("GET", "/v1/search?q=x&colour=red", None, "colour"),
        ("GET", "/v1/status?verbose=1", None, "verbose"),
        ("GET", "/v1/why?path=/x&deep=1", None, "deep"),
        (
            "POST",
            "/v1/search",
            Some(serde_json::json!({"q": "x", "colour": "red"})),
            "colour",
        ),
        (
            "POST",
            "/v1/wait",
            Some(serde_json::json!({"patience": 3})),
            "patience",
        ),
        (
            "POST",
            "/v1/folders",
            Some(serde_json::json!({"path": "/x", "deep": true})),
            "deep",
        ),
    ] {
        let reply = client.request(method, target, body.as_ref()).unwrap();
        assert_eq!(reply.status, 400, "{method} {target}: {}", reply.body);
        let message = text(&reply.body["error"]["message"]);
        assert!(message.contains(name), "{method} {target}: {message}");
    }
}

#[test]
fn odd_requests_are_refused_and_the_daemon_goes_on() {
    let home = TempHome::new();
    let daemon = Daemon::start(&home);
    let client = daemon.client();
    assert_eq!(
        client.request("GET", "/v1/nothing", None).unwrap().status,
        404
    );
    assert_eq!(
        client.request("DELETE", "/v1/search", None).unwrap().status,
        405
    );
    assert_eq!(
        client.request("GET", "/v1/search", None).unwrap().status,
        400
    );
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"POST /v1/search HTTP/1.0\r\nContent-Length: 3\r\nContent-Type: application/json\r\n\r\n{]}",
        b"GET /v1/search?q=%ff%fe%00 HTTP/1.0\r\n\r\n",
        b"POST /v1/wait HTTP/1.0\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n\xff\xff",
    ] {
        if let Ok(answer) = client.raw(bytes) {
            let answer = String::from_utf8_lossy(&answer);
            assert!(!answer.contains(" 200 "), "{answer}");
            assert!(!answer.contains(" 500 "), "{answer}");
        }
    }
    // A body over the limit is refused, not read.
    let large = format!("{{\"q\": \"{}\"}}", "x".repeat(3 << 20));
    let request = format!(
        "POST /v1/search HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{large}",
        large.len()
    );
    if let Ok(answer) = client.raw(request.as_bytes()) {
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains(" 413 "), "{answer:.300}");
    }
    assert_eq!(client.status()["pid"], daemon.pid());
}
