//! A podcast's feed gives the recordings around it their titles, their show and their days.

use std::fs;

use hippo_tests::client::hits;
use hippo_tests::{Daemon, TempHome};
use serde_json::json;

use crate::lyrics::tagged;

/// A feed that names two files, one of them by an encoded address.
fn feed(title: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?><rss version='2.0'><channel><title>River Radio</title>
         <item><title>{title}</title><pubDate>Tue, 05 Mar 2024 12:00:00 +0000</pubDate>
         <description>&lt;p&gt;About weirs and &lt;b&gt;sluices&lt;/b&gt;.&lt;/p&gt;</description>
         <enclosure url='https://cdn.example/x/episode%20%E4%B8%80.mp3?k=1' type='audio/mpeg'/></item>
         <item><title>Fish ladders</title><enclosure url='https://cdn.example/two.mp3'/></item>
         </channel></rss>"
    )
}

#[test]
fn recordings_take_title_show_and_day_from_the_feed_around_them() {
    let home = TempHome::new();
    let one = home.write("river/2024/episode 一.mp3", tagged(&[]));
    let title = (b"TIT2", b"\x03Its own title".to_vec());
    let two = home.write("river/two.mp3", tagged(&[title]));
    let elsewhere = home.write("two.mp3", tagged(&[(b"TALB", b"\x03A show".to_vec())]));
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert_eq!(daemon.client().why(&one)["title"], json!(null));

    let xml = home.write("river/feed.xml", feed("Otters at dusk"));
    daemon.wait();
    let why = daemon.client().why(&one);
    assert_eq!(
        (&why["title"], &why["show"]),
        (&json!("Otters at dusk"), &json!("River Radio"))
    );
    assert!(
        why["dated_at"].as_str().unwrap().starts_with("2024-03-05"),
        "{why:#}"
    );
    let said = why["explanation"].as_str().unwrap();
    assert!(
        said.contains("title, show, date by the feed feed.xml"),
        "{said}"
    );
    let why = daemon.client().why(&two);
    assert_eq!(
        (&why["title"], &why["show"]),
        (&json!("Its own title"), &json!("River Radio"))
    );
    assert_eq!(daemon.client().why(&elsewhere)["show"], json!("A show"));

    // They are found by it, and the feed by what it says of its episodes.
    assert!(daemon.client().finds("otters at dusk", &one));
    assert!(daemon.client().finds("sluices", &xml));
    let asked = json!({"q": "river show:\"river radio\"", "kind": ["audio"]});
    let answer = daemon.client().post("/v1/search", &asked);
    let paths: Vec<_> = hits(&answer)
        .iter()
        .map(|hit| hit["path"].clone())
        .collect();
    assert!(
        paths.contains(&json!(one)) && !paths.contains(&json!(elsewhere)),
        "{answer:#}"
    );

    // It goes with the feed: where that says something else, and where it is gone.
    fs::write(&xml, feed("Otters at dawn")).unwrap();
    daemon.wait();
    assert_eq!(daemon.client().why(&one)["title"], json!("Otters at dawn"));
    fs::remove_file(&xml).unwrap();
    daemon.wait();
    assert_eq!(daemon.client().why(&one)["title"], json!(null));
    assert_eq!(daemon.client().why(&two)["show"], json!(null));
    assert!(!daemon.client().finds("otters at dawn", &one));
}

#[test]
fn a_list_of_podcasts_is_found_by_their_names() {
    let home = TempHome::new();
    let list = home.write(
        "podcasts.opml",
        "<opml version='2.0'><head><title>Mine</title></head><body>
         <outline type='rss' text='Lighthouse Weekly' xmlUrl='https://example.org/feed'/></body></opml>",
    );
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert!(daemon.client().finds("lighthouse weekly", &list));
}
