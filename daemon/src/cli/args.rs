//! What can be typed.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::models::Models;
use super::{play, transcript};
use crate::transcript::Format;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed; the message says why
  2  the command line is wrong
  3  a search found nothing (with --json: 0, the answer says so)
  4  hippo does not run: start it with `hippo up --detach`
  5  it took longer than the timeout";

const EXAMPLES: &str = "\
How questions are written:
  training cost             any of the words, best matches first
  '\"training cost\"'         these words, side by side (“ ” and 「 」 work too)
  apple -pie -\"apple tree\"  without these
  kind:pdf                  text, pdf, image, audio or video
  in:~/Papers  in:notes     below this folder: a path, or the end of a watched folder's name
  after:2024-03 before:7d   taken, published or changed since, or before: 2024, 2024-03,
                            2024-03-01, yesterday, 7d, 2w, 3m, 1y, 12h
                            also \"this week\", \"last month\", \"3 weeks ago\", 上周, 去年, 三天前
  lang:zh                   in this language
  camera:canon show:tech    by the name of the camera, or of the podcast
  place:berlin  place:德国  where a photo or film was taken: a town, a region, a country
  speaker:厚明              what this person says, where a transcript names who speaks
  sort:newest               the latest first; sort:oldest, sort:best (the usual order)
Traditional and Simplified Chinese, full and half width, upper and lower case are the same.";

/// A memory for your folders.
#[derive(Debug, Parser)]
#[command(name = "hippo", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start hippo; it watches your folders until it is stopped
    Up {
        /// In the background: return once it answers
        #[arg(long, short)]
        detach: bool,
    },
    /// Stop hippo
    Down,
    /// Watch folders from now on, and read what is in them
    Add {
        /// The folders
        #[arg(required = true, value_name = "DIR")]
        folders: Vec<PathBuf>,
    },
    /// Watch folders no longer, and forget what was in them
    Remove {
        /// The folders
        #[arg(required = true, value_name = "DIR")]
        folders: Vec<PathBuf>,
    },
    /// List the watched folders
    Folders {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Ask a question
    #[command(after_help = EXAMPLES)]
    Search(Search),
    /// Print the best evidence for a language model: cited, without repeats, within a budget
    #[command(after_help = EXAMPLES)]
    Context(Context),
    /// Show how everything stands
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Wait until everything that exists now is searchable
    Wait {
        /// How long at most: 500ms, 60s, 10m
        #[arg(long, default_value = "60s", value_parser = duration)]
        timeout: Duration,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let background work rest; questions are answered meanwhile
    Pause {
        /// How long: 30m, 2h; without it until `hippo resume`
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        time: Option<Duration>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let background work go on
    Resume {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Explain how a file stands: found or not, read or not, and why
    Why {
        /// The file
        path: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try files again that could not be read
    Retry {
        /// Only this file, or what lies below this folder
        path: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what was said in a recording
    Transcript {
        /// The recording, or a transcript
        path: PathBuf,
        /// txt, srt, vtt or json (Podcasting 2.0)
        #[arg(long, default_value = "txt", value_parser = transcript::format)]
        format: Format,
    },
    /// Play a recording from a moment on: a place, a file, or what a question finds
    Play {
        /// `talk.mp3#t=1843`, a link of an answer, a file, or a question
        #[arg(required = true)]
        what: Vec<OsString>,
        /// Begin there: seconds, 30:43 or 1:02:03
        #[arg(long, value_parser = play::moment)]
        at: Option<u64>,
        /// Print the player's command and do not run it
        #[arg(long)]
        print: bool,
    },
    /// Get, check and switch models
    Models {
        #[command(subcommand)]
        what: Models,
    },
    /// Examine this installation and say what could be better
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Run in the foreground, for service managers
    Run {
        /// Leave the terminal's session first (`hippo up --detach` does)
        #[arg(long, hide = true)]
        detached: bool,
    },
}

impl Command {
    pub(super) fn json(&self) -> bool {
        match self {
            Command::Folders { json }
            | Command::Status { json }
            | Command::Wait { json, .. }
            | Command::Pause { json, .. }
            | Command::Resume { json }
            | Command::Why { json, .. }
            | Command::Retry { json, .. }
            | Command::Doctor { json } => *json,
            Command::Search(search) => search.json,
            Command::Context(context) => context.json,
            Command::Models { what } => what.json(),
            _ => false,
        }
    }
}

/// What is asked, of a search or for a language model.
#[derive(Debug, Args)]
pub(super) struct Question {
    /// The question
    #[arg(required_unless_present_any = ["without", "like"], value_name = "QUERY")]
    pub(super) query: Vec<String>,
    /// Find what is like this file: pictures that look like it, or what says the like; words
    /// beside it say what should be different
    #[arg(long, value_name = "PICTURE")]
    pub(super) like: Option<PathBuf>,
    /// Only this kind: text, pdf, image, audio, video (may be repeated)
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(super) kind: Vec<String>,
    /// Only below this folder (may be repeated)
    #[arg(long = "in", value_name = "DIR")]
    pub(super) within: Vec<String>,
    /// Only what was taken, published or changed before this day
    #[arg(long, value_name = "DAY")]
    pub(super) before: Option<String>,
    /// Only what was taken, published or changed on or after this day
    #[arg(long, value_name = "DAY")]
    pub(super) after: Option<String>,
    /// Only in this language (may be repeated)
    #[arg(long, value_name = "LANG", value_delimiter = ',')]
    pub(super) lang: Vec<String>,
    /// Only pictures by this camera; a part of its name is enough (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(super) camera: Vec<String>,
    /// Only pictures and films taken here: a town, a region or a country (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(super) place: Vec<String>,
    /// Only recordings of this podcast, series or album; a part of its name (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(super) show: Vec<String>,
    /// Only what this person says, where a transcript names who speaks; a part of the name (may be
    /// repeated)
    #[arg(long, value_name = "NAME")]
    pub(super) speaker: Vec<String>,
    /// Leave out what contains this; the same as -WORD (may be repeated)
    #[arg(long, value_name = "WORD")]
    pub(super) without: Vec<String>,
    /// Ask only these ways of finding: words, passage, joint, names
    #[arg(long, value_name = "LEG", value_delimiter = ',')]
    pub(super) legs: Vec<String>,
    /// Leave out what answers less of the question than this, 0 to 1; 0 shows all that was found
    #[arg(long, value_name = "SHARE")]
    pub(super) min_quality: Option<f64>,
}

#[derive(Debug, Args)]
pub(super) struct Search {
    #[command(flatten)]
    pub(super) question: Question,
    /// Hits wanted
    #[arg(long, short = 'n', value_name = "N")]
    pub(super) limit: Option<usize>,
    /// Hits to pass over first
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(super) offset: usize,
    /// What comes first: best, newest or oldest
    #[arg(long, value_name = "ORDER")]
    pub(super) sort: Option<String>,
    /// Show pictures that look alike each by itself
    #[arg(long)]
    pub(super) all: bool,
    /// The last word is still being typed: it stands for all that it may become
    #[arg(long)]
    pub(super) as_you_type: bool,
    /// Show this many segments before and after each hit
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(super) context: usize,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Context {
    #[command(flatten)]
    pub(super) question: Question,
    /// Tokens that it may take, by an estimate on the safe side
    #[arg(long, default_value_t = 4_000, value_name = "N")]
    pub(super) tokens: usize,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Question {
    /// The question as the service reads it.
    pub(super) fn text(&self) -> String {
        let mut parts = self.query.clone();
        for word in &self.without {
            let spaced = word.contains(char::is_whitespace);
            let quoted = word.starts_with(['"', '“', '「', '『', '＂']);
            parts.push(if spaced && !quoted {
                format!("-「{word}」")
            } else {
                format!("-{word}")
            });
        }
        parts.join(" ")
    }
}

/// `hippo search apple -pie`: the word that is to be left out looks like an option. After
/// `search` and `context`, one dash and anything but an option's letter becomes `--without=`.
pub(super) fn with_exclusions(args: Vec<OsString>) -> Vec<OsString> {
    const SHORT: [&[u8]; 3] = [b"-n", b"-h", b"-V"];
    if args
        .get(1)
        .is_none_or(|command| command != "search" && command != "context")
    {
        return args;
    }
    let mut options = true;
    let rewrite = |arg: OsString| {
        let bytes = arg.as_bytes();
        options &= bytes != b"--";
        let dashed = bytes.len() > 1 && bytes[0] == b'-' && bytes[1] != b'-';
        let limit = bytes.starts_with(b"-n") && bytes[2..].iter().all(u8::is_ascii_digit);
        if !options || !dashed || limit || SHORT.contains(&bytes) {
            return arg;
        }
        let mut without = b"--without=".to_vec();
        without.extend_from_slice(&bytes[1..]);
        OsString::from_vec(without)
    };
    args.into_iter().map(rewrite).collect()
}

/// `500ms`, `60s`, `10m`, `1h`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("write 500ms, 60s, 10m or 1h".to_owned()),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "write 500ms, 60s, 10m or 1h".to_owned())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn search(line: &[&str]) -> Search {
        let args = ["hippo", "search"]
            .iter()
            .chain(line)
            .map(OsString::from)
            .collect();
        match Cli::try_parse_from(with_exclusions(args)).unwrap().command {
            Command::Search(search) => search,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn words_to_leave_out_are_no_options() {
        for (line, question) in [
            (&["apple", "-pie"][..], "apple -pie"),
            (&["apple", "-apple pie", "--json"], "apple -「apple pie」"),
            (&["apple", "-\"apple pie\""], "apple -\"apple pie\""),
            (&["苹果", "-梨", "-n", "3"], "苹果 -梨"),
            (&["apple", "-n3"], "apple"),
            (&["apple", "-nice"], "apple -nice"),
            (&["--", "-x", "a"], "-x a"),
        ] {
            assert_eq!(search(line).question.text(), question, "{line:?}");
        }
        assert!(search(&["apple", "-apple pie", "--json"]).json);
        assert_eq!(search(&["苹果", "-梨", "-n", "3"]).limit, Some(3));
    }

    #[test]
    fn options_of_a_search_are_read() {
        let search = search(&[
            "a", "b", "--kind", "pdf,text", "--in", "~/a, b", "--limit", "4", "--offset", "2",
        ]);
        assert_eq!(search.question.text(), "a b");
        assert_eq!(search.question.kind, ["pdf", "text"]);
        assert_eq!(search.question.within, ["~/a, b"]);
        assert_eq!((search.limit, search.offset), (Some(4), 2));
    }

    #[test]
    fn durations_are_read() {
        for (text, ms) in [
            ("500ms", 500),
            ("60s", 60_000),
            ("1.5m", 90_000),
            ("2", 2_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(duration(text).unwrap().as_millis(), ms, "{text}");
        }
        for text in ["", "s", "1d", "-1s", "1e400s", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
