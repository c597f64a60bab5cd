//! `hippo play`: a recording from the moment on, in a player that is installed.
//!
//! What is played is a place as answers give it (`talk.mp3#t=1843`, or a whole `file://` link), a
//! file, or a question, whose best moment is looked up. Nothing is played through a shell.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use reqwest::Url;
use serde_json::{Value, json};

use super::Exit;
use super::client::Client;
use super::files::whole;
use super::style::clock;

/// A player's arguments before the file, to begin at this second.
type Begin = fn(u64) -> Vec<String>;

/// Players that can start in the middle, best first, and how they are told where.
const PLAYERS: [(&str, Begin); 3] = [
    ("mpv", |s| vec![format!("--start={s}"), "--".to_owned()]),
    ("ffplay", |s| {
        vec![
            "-ss".to_owned(),
            s.to_string(),
            "-autoexit".to_owned(),
            "-i".to_owned(),
        ]
    }),
    ("vlc", |s| {
        vec![format!("--start-time={s}"), "--".to_owned()]
    }),
];

/// Where to begin.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    path: PathBuf,
    seconds: u64,
}

/// Plays `what`, from `at` on if that is given; with `print`, says only what it would run.
pub(super) async fn play(
    client: &Client,
    what: &[OsString],
    at: Option<u64>,
    print: bool,
) -> anyhow::Result<Exit> {
    let known = match what {
        [one] => Place::of(one),
        _ => None,
    };
    let place = match known {
        Some(place) => Some(place),
        None => best_moment(client, what).await?,
    };
    let Some(mut place) = place else {
        eprintln!("no moment of a recording answers that");
        return Ok(Exit::NothingFound);
    };
    place.seconds = at.unwrap_or(place.seconds);
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    let (player, arguments) = player(&search_path, place.seconds).with_context(|| {
        let (path, from) = (place.path.display(), clock(place.seconds * 1_000));
        format!("no player was found: install mpv (or ffplay, or vlc), or open {path} at {from}")
    })?;
    let mut command = Command::new(player);
    command.args(arguments).arg(&place.path);
    if print {
        println!("{command:?}");
        return Ok(Exit::Done);
    }
    println!(
        "{} from {}",
        place.path.display(),
        clock(place.seconds * 1_000)
    );
    let ended = command
        .status()
        .with_context(|| format!("{player} could not be started"))?;
    Ok(if ended.success() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

impl Place {
    /// A file, with or without the moment that a link to it ends in; `None` where there is none.
    fn of(text: &OsStr) -> Option<Place> {
        let file = |path: &Path| whole(path).ok().filter(|path| path.is_file());
        if let Some(link) = text.to_str().filter(|text| text.starts_with("file://")) {
            let link = Url::parse(link).ok()?;
            return Some(Place {
                path: file(&link.to_file_path().ok()?)?,
                seconds: link.fragment().map_or(Some(0), seconds)?,
            });
        }
        // A file's own name may have a `#` in it.
        if let Some(path) = file(Path::new(text)) {
            return Some(Place { path, seconds: 0 });
        }
        let bytes = text.as_bytes();
        let hash = bytes.iter().rposition(|b| *b == b'#')?;
        Some(Place {
            path: file(Path::new(OsStr::from_bytes(&bytes[..hash])))?,
            seconds: seconds(std::str::from_utf8(&bytes[hash + 1..]).ok()?)?,
        })
    }
}

/// The seconds of a link's end, `t=1843`.
fn seconds(fragment: &str) -> Option<u64> {
    fragment.strip_prefix("t=")?.parse().ok()
}

/// The best moment that answers a question.
async fn best_moment(client: &Client, what: &[OsString]) -> anyhow::Result<Option<Place>> {
    let words: Vec<_> = what.iter().map(|word| word.to_string_lossy()).collect();
    let asked = json!({ "q": words.join(" "), "kind": ["audio", "video"] });
    let answer: Value = client.post("/v1/search", &asked).await?;
    Ok(moment_of(&answer))
}

/// Where to begin: in the recording that answers best, at its best moment. Its title may answer
/// best, and has no time.
fn moment_of(answer: &Value) -> Option<Place> {
    let hits = answer["hits"].as_array()?;
    let path = hits.first()?["path"].as_str()?;
    let time = |hit: &Value| hit["at_ms"].as_u64().or(hit["t0_ms"].as_u64());
    let mut its = hits.iter().filter(|hit| hit["path"] == path);
    Some(Place {
        path: path.into(),
        seconds: its.find_map(time).unwrap_or(0) / 1_000,
    })
}

/// The first player that is installed, and its arguments before the file.
fn player(search_path: &OsStr, seconds: u64) -> Option<(&'static str, Vec<String>)> {
    let installed =
        |name: &str| std::env::split_paths(search_path).any(|dir| dir.join(name).is_file());
    let (name, arguments) = PLAYERS.iter().find(|(name, _)| installed(name))?;
    Some((name, arguments(seconds)))
}

/// A moment as people write it: `1843`, `30:43` or `1:02:03`.
pub(super) fn moment(text: &str) -> Result<u64, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let wrong = || format!("{text:?} is no moment: write seconds, 30:43 or 1:02:03");
    if parts.len() > 3 {
        return Err(wrong());
    }
    let mut seconds: u64 = 0;
    for (at, part) in parts.iter().enumerate() {
        let number: u32 = part.parse().map_err(|_| wrong())?;
        if at > 0 && number >= 60 {
            return Err(wrong());
        }
        seconds = seconds * 60 + u64::from(number);
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::link::link;

    #[test]
    fn places_are_read_as_answers_write_them() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        for name in ["talk.mp3", "50% #1 播.mp3", "a#t=7"] {
            let path = dir.join(name);
            std::fs::write(&path, "").unwrap();
            let at = |seconds| {
                Some(Place {
                    path: path.clone(),
                    seconds,
                })
            };
            assert_eq!(Place::of(path.as_os_str()), at(0), "{name}");
            let with_moment = format!("{}#t=1843", path.display());
            assert_eq!(Place::of(OsStr::new(&with_moment)), at(1843), "{name}");
            let link = link(&path, None, Some(1_843_999));
            assert_eq!(Place::of(OsStr::new(&link)), at(1843), "{link}");
        }
        assert_eq!(Place::of(OsStr::new("what is a vaccine")), None);
        assert_eq!(Place::of(OsStr::new("talk.mp3#page=3")), None);
    }

    #[test]
    fn the_best_recording_is_played_from_its_best_moment() {
        let hit = |path: &str, t0_ms: Value, at_ms: Value| json!({ "path": path, "t0_ms": t0_ms, "at_ms": at_ms });
        let place =
            |hits: &[Value]| moment_of(&json!({ "hits": hits })).map(|p| (p.path, p.seconds));
        let title = hit("/a.mp3", Value::Null, Value::Null);
        let other = hit("/b.mp3", json!(9_000), Value::Null);
        let line = hit("/a.mp3", json!(20_000), json!(41_900));
        let moment = hit("/a.mp3", json!(70_000), Value::Null);
        let at = |seconds| Some((PathBuf::from("/a.mp3"), seconds));
        assert_eq!(place(&[title.clone(), other, line, moment.clone()]), at(41));
        assert_eq!(place(&[title.clone(), moment]), at(70));
        assert_eq!(place(&[title]), at(0));
        assert_eq!(place(&[]), None);
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        for (text, seconds) in [("0", 0), ("1843", 1843), ("30:43", 1843), ("1:02:03", 3723)] {
            assert_eq!(moment(text), Ok(seconds));
        }
        for text in ["", "x", "1:60", "-1", "1:2:3:4", "1:"] {
            assert!(moment(text).unwrap_err().contains("no moment"), "{text}");
        }
    }

    #[test]
    fn the_best_installed_player_is_told_where_to_begin() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().as_os_str();
        assert_eq!(player(path, 5), None);
        std::fs::write(dir.path().join("vlc"), "").unwrap();
        assert_eq!(player(path, 5).unwrap().0, "vlc");
        std::fs::write(dir.path().join("mpv"), "").unwrap();
        let (name, arguments) = player(path, 5).unwrap();
        assert_eq!((name, arguments[0].as_str()), ("mpv", "--start=5"));
    }
}
