//! `hippo context`: evidence for a language model, as Markdown.
//!
//! Standard output has the spans and nothing else, so that it can go into a prompt as it is;
//! what the evidence lacks is said on standard error.

use super::Exit;
use super::args::Context as Args;
use super::client::{Client, to_json};
use super::search::{NO_MATCH, here, lacking, picture, taken_for};
use super::style::{Style, plain};
use crate::query::evidence::markdown;
use crate::service::wire::{Context, ContextRequest};

pub(super) async fn context(client: &Client, args: Args) -> anyhow::Result<Exit> {
    let request = ContextRequest {
        q: args.question.text(),
        like: picture(args.question.like.as_deref())?,
        tokens: Some(args.tokens),
        kind: args.question.kind,
        within: args.question.within,
        before: args.question.before,
        after: args.question.after,
        lang: args.question.lang,
        camera: args.question.camera,
        place: args.question.place,
        show: args.question.show,
        speaker: args.question.speaker,
        legs: args.question.legs,
        min_quality: args.question.min_quality,
        cwd: here(),
    };
    if args.json {
        let body = Some(to_json(&request)?);
        println!("{}", client.raw("POST", "/v1/context", body).await?);
        return Ok(Exit::Done);
    }
    let found: Context = client.post("/v1/context", &request).await?;
    let text: String = found.spans.iter().map(markdown).collect();
    if Style::stdout().is_terminal() {
        print!("{}", plain(&text.replace('\t', "    ")));
    } else {
        print!("{text}");
    }
    let style = Style::stderr();
    eprint!("{}", taken_for(&found.corrected, style));
    eprint!("{}", lacking(found.fresh, &found.missing, style));
    if found.spans.is_empty() {
        let why = if found.no_match {
            NO_MATCH
        } else {
            "nothing found"
        };
        eprintln!("{why}");
        return Ok(Exit::NothingFound);
    }
    Ok(Exit::Done)
}
