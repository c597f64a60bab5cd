//! What pictures look like: their pixels from the worker, for the joint models in use.
//!
//! Pictures are the one thing that the table does not hold. A fresh file's pixels come with its
//! text; when another joint model is built, or came late, the file is decoded once more, if its
//! bytes are still those that its rows were made of.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use hippo_config::{PictureSpec, PictureTower};
use hippo_extractors::{Kind, Picture, Wants};
use hippo_index::{Embedding, Row, SpaceRole, Span};

use super::bytes::{hash, open_for_reading};
use super::generations;
use super::lineup::{InUse, is_picture};
use super::shared::{Shared, blocking};
use crate::worker::{Extraction, Outcome, Shown};

/// The pixels of a file's pictures.
#[derive(Default)]
pub(super) struct Looks {
    /// What was asked for.
    specs: Vec<PictureSpec>,
    /// What came.
    pub(super) pictures: Vec<Shown>,
}

/// The pixels that a space's model takes; none where it sees no pictures.
fn spec_of(space: &InUse) -> Option<PictureSpec> {
    let embedder = space.embedder.as_ref().ok()?;
    embedder.picture().map(PictureTower::spec)
}

impl Looks {
    /// What the joint models in use want to see, each sort of pixels once.
    pub(super) fn wanted(shared: &Shared) -> Looks {
        let lineup = shared.models.lineup();
        let mut looks = Looks::default();
        for spec in generations::to_fill(&lineup, &shared.store).filter_map(spec_of) {
            if !looks.specs.contains(&spec) {
                looks.specs.push(spec);
            }
        }
        looks
    }

    /// As the worker is asked for it.
    pub(super) fn wants(&self) -> Wants {
        Wants {
            pictures: self.specs.clone(),
            sound: false,
            cover: false,
            scans: None,
        }
    }

    /// The rows that are pictures, and their pixels for this space's model; `None` where those
    /// of some row are not here.
    pub(super) fn of_rows(
        &self,
        space: &InUse,
        rows: &[Row],
    ) -> Option<(Vec<usize>, Vec<Picture>)> {
        if !generations::needs_pictures(space, rows) {
            return Some((Vec::new(), Vec::new()));
        }
        let wanted = spec_of(space)?;
        let spec = self.specs.iter().position(|spec| *spec == wanted)?;
        let pixels = |ordinal: u32| {
            let mut shown = self.pictures.iter();
            shown
                .find(|shown| (shown.ordinal, shown.spec) == (ordinal, spec))
                .map(|shown| shown.picture.clone())
        };
        let pictures = rows.iter().enumerate().filter(|(_, row)| is_picture(row));
        pictures
            .map(|(at, row)| pixels(row.ordinal).map(|picture| (at, picture)))
            .collect::<Option<Vec<_>>>()
            .map(|found| found.into_iter().unzip())
    }
}

/// Decodes the pictures of a file once more and gives their rows vectors of a joint space.
pub(super) async fn again(
    shared: &Arc<Shared>,
    space: &InUse,
    file: u64,
    rows: &mut [Row],
) -> Result<(), String> {
    let embedder = space.embedder.as_ref().map_err(Clone::clone)?;
    let mut looks = Looks {
        specs: spec_of(space).into_iter().collect(),
        pictures: Vec::new(),
    };
    looks.pictures = decode(shared, file, looks.wants()).await?;
    let (at, pictures) = looks
        .of_rows(space, rows)
        .ok_or("the reader gave no pixels")?;
    let vectors = embedder.pictures_in_background(pictures).await?;
    space.give(rows, at, vectors);
    Ok(())
}

async fn decode(shared: &Arc<Shared>, file: u64, wants: Wants) -> Result<Vec<Shown>, String> {
    let looking = Arc::clone(shared);
    let opened = blocking(move || {
        let Some((path, _)) = looking.journal.place_of(file)? else {
            return Ok(None);
        };
        let content = looking.journal.record(&path)?.and_then(|r| r.content);
        Ok(open_for_reading(&path)
            .ok()
            .map(|opened| (path, content, opened)))
    });
    let opened = opened.await.map_err(|error| error.to_string())?;
    let (path, content, (opened, _)) = opened.ok_or("it is not there to be looked at")?;
    let (opened, hash) = hash(opened).await.map_err(|error| error.to_string())?;
    if content != Some(hash) {
        return Err("it has changed since it was read".to_owned());
    }
    pixels(shared, opened, &path, wants).await
}

/// Has the worker decode an open file.
pub(super) async fn pixels(
    shared: &Shared,
    opened: File,
    path: &Path,
    wants: Wants,
) -> Result<Vec<Shown>, String> {
    Ok(read(shared, opened, path, wants).await?.pictures)
}

/// Has the worker read an open file.
async fn read(
    shared: &Shared,
    opened: File,
    path: &Path,
    wants: Wants,
) -> Result<Extraction, String> {
    let size = opened.metadata().map_err(|error| error.to_string())?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let reading = shared
        .pool
        .extract(opened, name.into_owned(), size, wants, |_| {});
    match reading.await {
        Outcome::Done(read) => Ok(*read),
        Outcome::Refused(refusal) => Err(refusal.reason),
        Outcome::Died { reason, .. } | Outcome::Unavailable { reason } => Err(reason),
    }
}

/// What a file that is a question is.
pub enum Liked {
    /// A picture, in the active joint space; none where there is none.
    Picture(Option<Embedding>),
    /// What its first segments say.
    Text(String),
}

/// What of a text is asked with: what a passage model sees of it at most.
const LIKED_CHARS: usize = 2_000;
/// The segments that have as much, whatever they are.
const LIKED_SEGMENTS: u32 = 16;

/// A file that is a question: it may lie anywhere, and nothing of it is kept. What is in the table
/// already is not read again: a recording's words took hours to hear.
pub(super) async fn question(shared: &Arc<Shared>, path: &Path) -> Result<Liked, String> {
    if let Some(text) = known(shared, path).await? {
        return Ok(Liked::Text(text));
    }
    let lineup = shared.models.lineup();
    let active = lineup.of(SpaceRole::Joint).active.as_ref();
    let looks = Looks {
        specs: active.and_then(spec_of).into_iter().collect(),
        pictures: Vec::new(),
    };
    let (opened, _) = open_for_reading(path).map_err(|error| error.to_string())?;
    let mut read = read(shared, opened, path, looks.wants()).await?;
    if read.metadata.kind != Kind::Image {
        let texts = read.segments.iter().map(|segment| segment.text.as_str());
        return Ok(Liked::Text(said(texts)?));
    }
    let Some(active) = active else {
        return Ok(Liked::Picture(None));
    };
    let embedder = active.embedder.as_ref().map_err(Clone::clone)?;
    let picture = (!read.pictures.is_empty()).then(|| read.pictures.swap_remove(0));
    let picture = picture.ok_or("nothing of it can be seen")?;
    let vector = embedder.like(picture.picture).await?;
    Ok(Liked::Picture(Some(Embedding {
        space: active.space.name.clone(),
        vector,
    })))
}

/// What the table's rows of a file say; none of a picture, and of what is not there.
async fn known(shared: &Arc<Shared>, path: &Path) -> Result<Option<String>, String> {
    let (looking, asked) = (Arc::clone(shared), path.to_owned());
    let record = blocking(move || Ok(looking.journal.record(&asked)?)).await;
    let Some(record) = record.map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let span = Span {
        file: record.id,
        first: 0,
        last: LIKED_SEGMENTS,
    };
    let rows = shared.store.segments(&[span]).await;
    let rows = rows.map_err(|error| error.to_string())?;
    let newest = rows.iter().map(|row| row.revision).max();
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| Some(row.revision) == newest && row.kind != Kind::Image.as_str())
        .collect();
    Ok(said(rows.iter().map(|row| row.text.as_str())).ok())
}

/// The beginning of these texts together.
fn said<'a>(texts: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let texts: Vec<&str> = texts.collect();
    let said: String = texts.join("\n").chars().take(LIKED_CHARS).collect();
    if said.trim().is_empty() {
        return Err("there is no text in it".to_owned());
    }
    Ok(said)
}
