//! The one seam between a question and the rest of the daemon.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use hippo_config::Settings;
use hippo_index::{Embedding, Filter, Known, Lead, Near, Scored, Span, WordsQuery};

use crate::journal::Facet;
use crate::service::wire::Fresh;

/// What a question needs of the rest of the daemon; a double of it stands in the tests.
pub trait Memory: Clone + Send + Sync + 'static {
    /// The settings in force.
    fn settings(&self) -> Arc<Settings>;
    /// The watched folders' paths.
    fn watched(&self) -> impl Future<Output = Result<Vec<PathBuf>, String>> + Send;
    /// The words leg.
    fn words(
        &self,
        query: WordsQuery,
        filter: Filter,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Scored>, String>> + Send;
    /// The words of texts and of names near a folded one, the commonest first.
    fn vocabulary(
        &self,
        word: String,
        near: Near,
    ) -> impl Future<Output = Result<Vec<Known>, String>> + Send;
    /// The passage leg.
    fn passage(
        &self,
        question: Embedding,
        filter: Filter,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Scored>, String>> + Send;
    /// The question in the passage space; None where there is no passage model.
    fn embed(&self, text: String)
    -> impl Future<Output = Option<Result<Embedding, String>>> + Send;
    /// The joint leg.
    fn joint(
        &self,
        question: JointQuestion,
        filter: Filter,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Scored>, String>> + Send;
    /// The question in the joint space; None where there is no joint model.
    fn embed_joint(
        &self,
        text: String,
    ) -> impl Future<Output = Option<Result<JointQuestion, String>>> + Send;
    /// What a file that is the question is.
    fn liked(&self, file: PathBuf) -> impl Future<Output = Result<Liked, String>> + Send;
    /// The names leg: the first segments of files whose names have these words, and one that
    /// begins so.
    fn names(
        &self,
        tokens: Vec<String>,
        beginning: Option<String>,
        filter: Filter,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Scored>, String>> + Send;
    /// The cameras, places, shows or speakers that files have.
    fn values_of(&self, facet: Facet) -> impl Future<Output = Result<Vec<String>, String>> + Send;
    /// The whole of these segments, in their order; none for one that is gone.
    fn read(
        &self,
        leads: Vec<Lead>,
    ) -> impl Future<Output = Result<Vec<Option<hippo_index::Hit>>, String>> + Send;
    /// The segments at these places, of whatever revision.
    fn segments(
        &self,
        spans: Vec<Span>,
    ) -> impl Future<Output = Result<Vec<hippo_index::Hit>, String>> + Send;
    /// Where these files are now and which of their revisions counts.
    fn live(
        &self,
        files: Vec<u64>,
    ) -> impl Future<Output = Result<HashMap<u64, Live>, String>> + Send;
    /// How fresh an answer is.
    fn fresh(&self) -> Fresh;
}

/// A question as the joint model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct JointQuestion {
    /// The joint space.
    pub space: String,
    /// Its vector.
    pub vector: Vec<f32>,
    /// The similarities at which a picture begins to answer, and surely does.
    pub picture_scale: [f32; 2],
}

/// A file that is the question.
#[derive(Debug, Clone, PartialEq)]
pub enum Liked {
    /// A picture, in the joint space; none where there is no joint model.
    Picture(Option<JointQuestion>),
    /// What its first segments say.
    Text(String),
}

/// What a file holds, as far as it can be told from what others hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Content {
    /// The same as all files with this hash.
    Hash([u8; 32]),
    /// Nobody knows: this file's own.
    Of(u64),
}

/// What the catalog knows of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// What it holds.
    pub content: Content,
    /// Where it is.
    pub path: PathBuf,
    /// The revision that counts.
    pub revision: u64,
    /// The oldest one whose rows say the same.
    pub since: u64,
    /// Other places of the same content.
    pub also_at: Vec<PathBuf>,
}
