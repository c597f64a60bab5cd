//! A line of a cue: its words without markup, and who says them.
//!
//! WebVTT names a voice in a tag (`<v Somebody>`), and may name several in one cue. Promises: all
//! words come out, in order; a name is one short line of text, and what is no name is words.

/// Tags of styling are shorter; what opens and does not close within this is text.
const TAG_MAX_BYTES: usize = 200;
/// Names are shorter; whoever writes more there has something to say.
const NAME_MAX_CHARS: usize = 200;

/// What one voice says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) speaker: Option<String>,
    /// The words, line by line.
    pub(crate) said: Vec<String>,
}

/// The lines of a cue, cut where another voice begins. Only the first may have no name.
pub(crate) fn parts(lines: &[&str]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut open = Part::default();
    for line in lines {
        for (speaker, words) in pieces(line) {
            if speaker.is_some() && speaker != open.speaker {
                if !open.said.is_empty() {
                    parts.push(std::mem::take(&mut open));
                }
                open.speaker = speaker;
            }
            open.said.extend(Some(words).filter(|it| !it.is_empty()));
        }
    }
    parts.push(open);
    parts
}

/// The words of a line, whoever says them.
pub(crate) fn words(line: &str) -> String {
    let all = pieces(line).into_iter().map(|(_, words)| words);
    let all: Vec<_> = all.filter(|words| !words.is_empty()).collect();
    all.join(" ")
}

/// The text without `<i>`, `{\an8}` and entities, cut where a voice (`<v Somebody>`) begins.
fn pieces(line: &str) -> Vec<(Option<String>, String)> {
    let mut pieces = Vec::new();
    let (mut voice, mut out) = (None, String::with_capacity(line.len()));
    let mut rest = line;
    while let Some(at) = rest.find(['<', '{']) {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let close = if tag.starts_with('<') { b'>' } else { b'}' };
        let opens =
            tag[1..].starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '\\'));
        let end = tag.bytes().take(TAG_MAX_BYTES).position(|b| b == close);
        let Some(end) = end.filter(|_| opens) else {
            out.push_str(&tag[..1]);
            rest = &tag[1..];
            continue;
        };
        let named = voice_in(&tag[1..end]);
        if named.is_some() && named != voice {
            pieces.push((voice, std::mem::take(&mut out)));
            voice = named;
        }
        rest = &tag[end + 1..];
    }
    out.push_str(rest);
    pieces.push((voice, out));
    let shown = |(voice, text): (Option<String>, String)| (voice, decoded(&text).trim().to_owned());
    pieces.into_iter().map(shown).collect()
}

/// The name in a tag of a voice, such as `v.loud Bob`.
fn voice_in(tag: &str) -> Option<String> {
    let name = tag.strip_prefix("v ").or_else(|| {
        let (_, name) = tag.strip_prefix("v.")?.split_once(' ')?;
        Some(name)
    })?;
    name_of(&decoded(name))
}

/// The text without the entities that cues are written with.
fn decoded(text: &str) -> String {
    text.replace("&nbsp;", " ")
        .replace("&lrm;", "")
        .replace("&rlm;", "")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// A name as it stands in answers and filters: on one line, without what no screen shows. `None`:
/// it is empty, or no name.
pub(crate) fn name_of(written: &str) -> Option<String> {
    let unseen = |c: char| c.is_control() || c == '\u{FEFF}';
    let name = written.replace(unseen, " ");
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let short = name.chars().nth(NAME_MAX_CHARS).is_none();
    (short && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[&str]) -> Vec<(String, String)> {
        let name = |part: &Part| part.speaker.clone().unwrap_or_default();
        let parts = parts(lines).into_iter();
        parts
            .map(|part| (name(&part), part.said.join("|")))
            .collect()
    }

    fn said(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn several_voices_of_one_cue_are_told_apart() {
        for (lines, expect) in [
            (&["<v Ada>Hi", "there</v>"][..], &[("Ada", "Hi|there")][..]),
            (
                &["<v Ada>Hi</v> <v Bob>Hello", "<v.loud Ada>Bye"],
                &[("Ada", "Hi"), ("Bob", "Hello"), ("Ada", "Bye")],
            ),
            (&["so <v 厚明>你好"], &[("", "so"), ("厚明", "你好")]),
            (&["<v Ada>", "Hi"], &[("Ada", "Hi")]),
            (&["<v Ada><v Bob>Hi"], &[("Bob", "Hi")]),
            (&["1 < 2 {a}", "<v >x"], &[("", "1 < 2|x")]),
            (&["<v R&amp;D>a &lt;v Bob&gt; b"], &[("R&D", "a <v Bob> b")]),
        ] {
            assert_eq!(shown(lines), said(expect), "{lines:?}");
        }
        assert_eq!(words("<v Ada>Hi</v> <v Bob>&amp; bye"), "Hi & bye");
    }

    #[test]
    fn names_are_short_and_on_one_line() {
        for (written, expect) in [
            (" Ada \n Lovelace\u{0}", Some("Ada Lovelace")),
            ("厚明", Some("厚明")),
            (" \t", None),
        ] {
            assert_eq!(name_of(written).as_deref(), expect, "{written:?}");
        }
        assert!(name_of(&"明".repeat(NAME_MAX_CHARS)).is_some());
        assert_eq!(name_of(&"明".repeat(NAME_MAX_CHARS + 1)), None);
    }
}
