//! `hippo search`: grouped by file, the match in colour, scores dim.

use std::path::Path;

use anyhow::Context as _;

use super::Exit;
use super::args::Search;
use super::client::{Client, to_json};
use super::files::whole;
use super::style::{Put as _, Style, clock, count, plain, short_path, wrap};
use crate::query::snippet::{CLOSE, OPEN};
use crate::service::wire::{
    Answer, Correction, Fresh, Group, Hit, MissingLeg, Neighbour, SearchRequest,
};
use crate::transcript::By;

/// Hits shown of one file; the rest is counted.
const SHOWN_OF_A_FILE: usize = 3;
/// Said instead of showing junk.
pub(super) const NO_MATCH: &str = "no good match; the nearest are shown with --min-quality 0";
/// Before snippets.
const INDENT: usize = 2;

pub(super) async fn search(client: &Client, args: Search) -> anyhow::Result<Exit> {
    let request = SearchRequest {
        q: args.question.text(),
        like: picture(args.question.like.as_deref())?,
        limit: args.limit,
        offset: args.offset,
        kind: args.question.kind,
        within: args.question.within,
        before: args.question.before,
        after: args.question.after,
        lang: args.question.lang,
        camera: args.question.camera,
        place: args.question.place,
        show: args.question.show,
        speaker: args.question.speaker,
        sort: args.sort,
        legs: args.question.legs,
        min_quality: args.question.min_quality,
        cwd: here(),
        all: args.all,
        as_you_type: args.as_you_type,
        context: args.context,
    };
    if args.json {
        println!(
            "{}",
            client
                .raw("POST", "/v1/search", Some(to_json(&request)?))
                .await?
        );
        return Ok(Exit::Done);
    }
    let answer: Answer = client.post("/v1/search", &request).await?;
    print!("{}", render(&answer, request.offset, Style::stdout()));
    Ok(if answer.hits.is_empty() {
        Exit::NothingFound
    } else {
        Exit::Done
    })
}

/// The picture that is the question, as the service is told of it.
pub(super) fn picture(path: Option<&Path>) -> anyhow::Result<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    let whole = whole(path)?;
    let text = whole
        .to_str()
        .with_context(|| format!("{} is no UTF-8, and cannot be asked with", whole.display()))?;
    Ok(Some(text.to_owned()))
}

/// Where the asker stands.
pub(super) fn here() -> Option<String> {
    let dir = std::env::current_dir().ok()?;
    dir.to_str().map(str::to_owned)
}

fn render(answer: &Answer, offset: usize, style: Style) -> String {
    let mut out = taken_for(&answer.corrected, style);
    for group in &answer.groups {
        out.push_str(&heading(group, answer, style));
        let hits = group.hits.iter().filter_map(|i| answer.hits.get(*i));
        for hit in hits.take(SHOWN_OF_A_FILE) {
            out.push_str(&beside(&hit.before, style));
            out.push_str(&one_hit(hit, style));
            out.push_str(&beside(&hit.after, style));
        }
        let more = group.hits.len().saturating_sub(SHOWN_OF_A_FILE);
        if more > 0 {
            let line = format!("{}{} more in this file\n", " ".repeat(INDENT), more);
            out.push_str(&style.dim(&line));
        }
        out.push('\n');
    }
    out.push_str(&footer(answer, offset, style));
    out
}

/// Words that were taken for others: said before what they found.
pub(super) fn taken_for(corrected: &[Correction], style: Style) -> String {
    let mut out = String::new();
    for Correction { typed, meant } in corrected {
        let line = format!("nothing says “{}”: searched for “{meant}”\n", plain(typed));
        out.push_str(&style.yellow(&line));
    }
    out
}

fn heading(group: &Group, answer: &Answer, style: Style) -> String {
    let mut line = style.cyan(&short_path(&group.path));
    if let Some(title) = &group.title {
        line.put(format_args!("  {}", style.bold(&plain(title))));
    }
    let first = group.hits.first().and_then(|i| answer.hits.get(*i));
    let Some(first) = first else {
        return line + "\n";
    };
    let day = first.dated_at.as_deref().and_then(|at| at.get(..10));
    let words_by = first.transcript.as_deref().and_then(By::in_words);
    // Of a photograph the place is often all that there is to read.
    let said = |place: &&str| first.text.contains(place);
    let facts = [
        first.show.as_deref(),
        day,
        first.place.as_deref().filter(|place| !said(place)),
        first.camera.as_deref(),
        words_by,
    ];
    let facts: Vec<String> = facts.into_iter().flatten().map(plain).collect();
    if !facts.is_empty() {
        line.push_str(&style.dim(&format!("  {}", facts.join(" · "))));
    }
    if !first.alike.is_empty() {
        let many = count(first.alike.len() as u64, "picture");
        let verb = if first.alike.len() == 1 { "s" } else { "" };
        line.push_str(&style.dim(&format!("  ({many} look{verb} alike: --all)")));
    }
    let also = first.also_at.len();
    if also > 0 {
        line.push_str(&style.dim(&format!(
            "  (also at {})",
            count(also as u64, "other place")
        )));
    }
    line.push('\n');
    line
}

fn one_hit(hit: &Hit, style: Style) -> String {
    let place = match (hit.page, hit.t0_ms) {
        (_, Some(t0)) => format!("{}  ", clock(t0)),
        (Some(page), None) => format!("page {page}  "),
        (None, None) if hit.kind == "image" => "picture  ".to_owned(),
        (None, None) => String::new(),
    };
    let mut text: Vec<(char, bool)> = marked(&hit.snippet);
    let name = unsaid(hit.speaker.as_deref(), &text);
    let prefix = place.chars().chain(name.chars()).map(|c| (c, false));
    text.splice(0..0, prefix);
    let score = format!("{:.2}", hit.score);
    let lines = match style.width {
        Some(width) => wrap(&text, width - INDENT - 6),
        None => vec![text],
    };
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        let skip = if i == 0 { place.chars().count() } else { 0 };
        out.push_str(&" ".repeat(INDENT));
        out.push_str(
            &style.green(
                place
                    .get(..if i == 0 { place.len() } else { 0 })
                    .unwrap_or_default(),
            ),
        );
        out.push_str(&painted(&line[skip.min(line.len())..], style));
        if i + 1 == lines.len() {
            out.push_str(&style.dim(&format!("  {score}")));
        }
        out.push('\n');
    }
    out
}

/// The speaker's name as it begins a text, where the snippet does not begin there.
fn unsaid(speaker: Option<&str>, snippet: &[(char, bool)]) -> String {
    let Some(name) = speaker.map(plain) else {
        return String::new();
    };
    let name = format!("{name}: ");
    let shown: String = snippet.iter().map(|(c, _)| *c).collect();
    if shown.starts_with(&name) {
        return String::new();
    }
    name
}

/// What stands before or after a hit, dimmed.
fn beside(neighbours: &[Neighbour], style: Style) -> String {
    let mut out = String::new();
    for neighbour in neighbours {
        let text = neighbour.text.split_whitespace().collect::<Vec<_>>();
        let text: Vec<(char, bool)> = plain(&text.join(" ")).chars().map(|c| (c, false)).collect();
        let lines = match style.width {
            Some(width) => wrap(&text, width - INDENT),
            None => vec![text],
        };
        for line in lines {
            let line: String = line.into_iter().map(|(c, _)| c).collect();
            out.put(format_args!("{}{}\n", " ".repeat(INDENT), style.dim(&line)));
        }
    }
    out
}

/// The snippet's characters, and whether each is marked.
fn marked(snippet: &str) -> Vec<(char, bool)> {
    let mut out = Vec::with_capacity(snippet.len());
    let mut rest = snippet;
    let mut inside = false;
    while let Some(c) = rest.chars().next() {
        let marker = if inside { CLOSE } else { OPEN };
        if let Some(after) = rest.strip_prefix(marker) {
            inside = !inside;
            rest = after;
            continue;
        }
        out.extend(plain(&c.to_string()).chars().map(|c| (c, inside)));
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn painted(line: &[(char, bool)], style: Style) -> String {
    let runs = line.chunk_by(|a, b| a.1 == b.1);
    runs.map(|run| {
        let text: String = run.iter().map(|(c, _)| *c).collect();
        if run[0].1 { style.mark(&text) } else { text }
    })
    .collect()
}

fn footer(answer: &Answer, offset: usize, style: Style) -> String {
    let mut parts = Vec::new();
    let hits = answer.hits.len();
    if answer.no_match {
        parts.push(NO_MATCH.to_owned());
    } else if hits == 0 && offset == 0 {
        parts.push("nothing found".to_owned());
    } else {
        let hits = count(hits as u64, "hit");
        parts.push(format!(
            "{hits} in {}",
            count(answer.groups.len() as u64, "file")
        ));
    }
    parts.push(format!("{:.0} ms", answer.took_ms.max(1.0)));
    if answer.more {
        parts.push(format!("more with --offset {}", offset + hits));
    }
    let mut out = format!("{}\n", style.dim(&parts.join(" · ")));
    out.push_str(&lacking(answer.fresh, &answer.missing_legs, style));
    out
}

/// What an answer could not take into account.
pub(super) fn lacking(fresh: Fresh, missing: &[MissingLeg], style: Style) -> String {
    let mut out = String::new();
    if fresh.pending > 0 {
        let pending = count(fresh.pending, "file");
        let verb = if fresh.pending == 1 { "is" } else { "are" };
        let line = format!("{pending} {verb} not searchable yet: `hippo wait` waits for them\n");
        out.push_str(&style.yellow(&line));
    }
    for missing in missing {
        let line = format!(
            "without the {} leg: {}\n",
            missing.leg,
            plain(&missing.reason)
        );
        out.push_str(&style.yellow(&line));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speaker_is_named_once() {
        for (speaker, snippet, expect) in [
            (Some("厚明"), "厚明: 训练<mark>成本</mark>", ""),
            (Some("Ada"), "<mark>Ada</mark>: cost", ""),
            (Some("Ada"), "Adaptive <mark>cost</mark>", "Ada: "),
            (Some("厚明"), "…每年<mark>下降</mark>", "厚明: "),
            (None, "…the cost", ""),
        ] {
            assert_eq!(unsaid(speaker, &marked(snippet)), expect, "{snippet}");
        }
    }
}
