//! What pictures look like: their pixels from the worker, for the joint models in use.
//!
//! Pictures are the one thing that the table does not hold. A fresh file's pixels come with its
//! text; when another joint model is built, or came late, the file is decoded once more, if its
//! bytes are still those that its rows were made of.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use hippo_config::{PictureSpec, PictureTower};
use hippo_extractors::{Picture, Wants};
use hippo_index::{Embedding, Row, SpaceRole};

use super::bytes::{hash, open_for_reading};
use super::generations;
use super::models::{InUse, is_picture};
use super::shared::{Shared, blocking};
use crate::worker::{Outcome, Shown};

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
    let size = opened.metadata().map_err(|error| error.to_string())?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let reading = shared
        .pool
        .extract(opened, name.into_owned(), size, wants, |_| {});
    match reading.await {
        Outcome::Done(read) => Ok(read.pictures),
        Outcome::Refused(refusal) => Err(refusal.reason),
        Outcome::Died { reason, .. } | Outcome::Unavailable { reason } => Err(reason),
    }
}

/// A picture that is a question: it may lie anywhere, and nothing of it is kept.
pub(super) async fn question(
    shared: &Arc<Shared>,
    path: &Path,
) -> Option<Result<Embedding, String>> {
    let lineup = shared.models.lineup();
    let active = lineup.of(SpaceRole::Joint).active.as_ref()?;
    let shown = path.display();
    let seen = async {
        let embedder = active.embedder.as_ref().map_err(Clone::clone)?;
        let looks = Looks {
            specs: spec_of(active).into_iter().collect(),
            pictures: Vec::new(),
        };
        let (opened, _) = open_for_reading(path).map_err(|error| error.to_string())?;
        let mut pictures = pixels(shared, opened, path, looks.wants()).await?;
        pictures.truncate(1);
        let picture = pictures
            .pop()
            .ok_or("it is no picture, and only pictures can be liked")?;
        let mut vectors = embedder.pictures(vec![picture.picture]).await?;
        vectors
            .pop()
            .ok_or_else(|| "the model gave no vector".to_owned())
    };
    let vector: Result<Vec<f32>, String> = seen.await;
    Some(match vector {
        Ok(vector) => Ok(Embedding {
            space: active.space.name.clone(),
            vector,
        }),
        Err(reason) => Err(format!("{shown} cannot be looked at: {reason}")),
    })
}
