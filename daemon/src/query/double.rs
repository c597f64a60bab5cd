//! A memory for tests, whose legs can be made to fail, hang or be absent.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hippo_config::Settings;
use hippo_index::{Embedding, Filter, Known, Lead, Near, Scored, Span, WordsQuery};

use super::fuse::tests_support::{lead, row};
use super::{Content, JointQuestion, Liked, Live, Memory};
use crate::journal::Facet;
use crate::service::wire::Fresh;

/// A memory of a few rows. The words leg finds what shares a token; the passage leg gives fixed
/// similarities.
#[derive(Clone, Default)]
pub(super) struct Double {
    pub(super) rows: Arc<Vec<hippo_index::Hit>>,
    pub(super) similar: Arc<Vec<(usize, f32)>>,
    pub(super) settings: Arc<Settings>,
    pub(super) words_hang: bool,
    pub(super) words_fail: bool,
    pub(super) model: Option<Result<(), String>>,
    pub(super) pictures: Arc<Vec<(usize, f32)>>,
    pub(super) named: Arc<Vec<(usize, f32)>>,
    pub(super) moved: Arc<HashMap<u64, Live>>,
    pub(super) gone: Arc<Vec<u64>>,
    pub(super) asked: Arc<Mutex<Vec<(WordsQuery, Filter)>>>,
}

impl Double {
    pub(super) fn of(texts: &[&str]) -> Double {
        let rows = texts.iter().enumerate().map(|(i, text)| row(i, text));
        Double {
            rows: Arc::new(rows.collect()),
            ..Double::default()
        }
    }

    fn scored(&self, id: usize, score: f32) -> Scored {
        let row = lead(&self.rows[id], id);
        Scored { row, score }
    }
}

impl Memory for Double {
    fn settings(&self) -> Arc<Settings> {
        self.settings.clone()
    }

    async fn watched(&self) -> Result<Vec<PathBuf>, String> {
        Ok(vec![PathBuf::from("/d")])
    }

    async fn words(
        &self,
        query: WordsQuery,
        filter: Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, String> {
        self.asked.lock().unwrap().push((query.clone(), filter));
        if self.words_hang {
            std::future::pending::<()>().await;
        }
        if self.words_fail {
            return Err("the disk is gone".to_owned());
        }
        let tokens = hippo_index::fold::query_tokens(&query.any);
        let score = |row: &hippo_index::Hit| {
            let text = hippo_index::fold::words(&row.text);
            tokens
                .iter()
                .filter(|t| text.split(' ').any(|w| w == *t))
                .count()
        };
        let mut found: Vec<Scored> = (0..self.rows.len())
            .map(|i| self.scored(i, score(&self.rows[i]) as f32))
            .filter(|s| s.score > 0.0)
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(limit);
        Ok(found)
    }

    async fn vocabulary(&self, word: String, near: Near) -> Result<Vec<Known>, String> {
        let mut known: Vec<Known> = Vec::new();
        for row in self.rows.iter() {
            let text = hippo_index::fold::words(&row.text);
            let all: HashSet<&str> = text.split(' ').collect();
            for other in all {
                let is_near = match near {
                    Near::Beginning => other.starts_with(&word),
                    Near::Edits(edits) => {
                        other.chars().next() == word.chars().next()
                            && strsim::levenshtein(other, &word) <= edits as usize
                    }
                };
                match known.iter_mut().find(|known| known.word == other) {
                    Some(known) => known.segments += 1,
                    None if is_near => known.push(Known {
                        word: other.to_owned(),
                        segments: 1,
                    }),
                    None => {}
                }
            }
        }
        Known::commonest_first(&mut known);
        Ok(known)
    }

    async fn passage(&self, _: Embedding, _: Filter, limit: usize) -> Result<Vec<Scored>, String> {
        let similar = self.similar.iter().take(limit);
        Ok(similar
            .map(|(id, score)| self.scored(*id, *score))
            .collect())
    }

    async fn embed(&self, _: String) -> Option<Result<Embedding, String>> {
        let question = || Embedding {
            space: "p".to_owned(),
            vector: vec![1.0],
        };
        self.model.clone().map(|model| model.map(|()| question()))
    }

    async fn joint(
        &self,
        _: JointQuestion,
        filter: Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, String> {
        assert_eq!(filter.kinds, ["image"]);
        let pictures = self.pictures.iter().take(limit);
        Ok(pictures
            .map(|(id, score)| self.scored(*id, *score))
            .collect())
    }

    async fn embed_joint(&self, _: String) -> Option<Result<JointQuestion, String>> {
        (!self.pictures.is_empty()).then(|| {
            Ok(JointQuestion {
                space: "j".to_owned(),
                vector: vec![1.0],
                picture_scale: [0.2, 0.3],
            })
        })
    }

    async fn liked(&self, file: PathBuf) -> Result<Liked, String> {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("jpg") => {
                let seen = self.embed_joint(String::new()).await;
                Ok(Liked::Picture(seen.transpose()?))
            }
            Some("txt") => Ok(Liked::Text("the question itself".to_owned())),
            _ => Err("there is no text in it".to_owned()),
        }
    }

    async fn names(
        &self,
        _: Vec<String>,
        _: Option<String>,
        _: Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, String> {
        let named = self.named.iter().take(limit);
        Ok(named.map(|(id, share)| self.scored(*id, *share)).collect())
    }

    async fn values_of(&self, facet: Facet) -> Result<Vec<String>, String> {
        let values: &[&str] = match facet {
            Facet::Camera => &["Canon EOS R5", "iPhone 15"],
            Facet::Place => &["Bonn 波恩, Germany 德国", "Lyon 里昂, France 法国"],
            Facet::Show => &[],
            Facet::Speaker => &["Ada Lovelace", "厚明"],
        };
        Ok(values.iter().map(ToString::to_string).collect())
    }

    async fn read(&self, leads: Vec<Lead>) -> Result<Vec<Option<hippo_index::Hit>>, String> {
        let row = |lead: Lead| {
            let there = !self.gone.contains(&lead.address);
            there.then(|| self.rows[lead.address as usize].clone())
        };
        Ok(leads.into_iter().map(row).collect())
    }

    async fn segments(&self, spans: Vec<Span>) -> Result<Vec<hippo_index::Hit>, String> {
        let inside = |row: &&hippo_index::Hit| {
            let held = |s: &Span| s.file == row.file && (s.first..=s.last).contains(&row.ordinal);
            spans.iter().any(held)
        };
        Ok(self.rows.iter().filter(inside).cloned().collect())
    }

    async fn live(&self, files: Vec<u64>) -> Result<HashMap<u64, Live>, String> {
        let known = |file: u64| Live {
            content: Content::Of(file),
            path: PathBuf::from(&self.rows[file as usize].path),
            revision: 1,
            since: 1,
            also_at: Vec::new(),
        };
        let live = files
            .into_iter()
            .map(|f| (f, self.moved.get(&f).cloned().unwrap_or_else(|| known(f))));
        Ok(live.collect())
    }

    fn fresh(&self) -> Fresh {
        Fresh {
            pending: 3,
            failed: 1,
        }
    }
}
