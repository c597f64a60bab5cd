//! Podcast feeds and lists of them: RSS 2.0 with what podcasts add to it, Atom (RFC 4287), OPML.
//!
//! An episode is a passage of its own: its title, its day, what is said of it. A list of feeds is
//! a line a show. What a feed says of files, by the addresses of its enclosures, goes to whoever
//! has the files ([`Feed`]).

use super::markup::stripped;
use super::prose::{Facts, as_claim, as_title};
use super::writer::{Place, Writer};
use super::xml::{Tag, Token, Tokens};
use crate::extraction::{EPISODES_MAX, Episode, Feed};
use crate::language;
use crate::passage::{Gap, Packer, Shape};

/// Bytes of one element's text that are kept: show notes are text, a whole book is not.
const TEXT_MAX_BYTES: usize = 100_000;
/// Bytes of a file's name that file systems allow.
const NAME_MAX_BYTES: usize = 255;
/// Bytes of a date as it is written: RFC 2822's are 31.
const DATE_MAX_BYTES: usize = 64;
/// A sign of life after so many episodes.
const PROGRESS_EVERY: usize = 256;

/// Reads a feed or a list of feeds; none where a document is neither.
pub(crate) fn read(text: &str, writer: &mut Writer<'_>) -> Option<(Facts, Feed)> {
    let is_root = |token| match token {
        Token::Open(tag) => Some(matches!(
            tag.name.as_str(),
            "rss" | "rdf:RDF" | "feed" | "opml"
        )),
        _ => None,
    };
    if !Tokens::new(text).find_map(is_root)? {
        return None;
    }
    let mut reader = Reader::default();
    for token in Tokens::new(text) {
        match token {
            Token::Open(tag) => reader.open(&tag, writer),
            Token::Close(name) => reader.close(&name, writer),
            Token::Text(text) => reader.add(&text),
        }
    }
    Some(reader.finish(writer))
}

/// What is said of a show, or of one of its episodes.
#[derive(Default)]
struct Entry {
    title: Option<String>,
    author: Option<String>,
    date: Option<String>,
    /// The fullest account: descriptions, summaries and contents repeat each other.
    about: String,
    /// Names of the files that hold it.
    files: Vec<String>,
}

#[derive(Default)]
struct Reader {
    show: Entry,
    lang: Option<String>,
    /// The episode that is being read.
    item: Option<Entry>,
    /// The element whose text is being gathered, and that.
    gathering: Option<(String, String)>,
    /// In the picture of a show, whose title is none of the show's.
    aside: bool,
    feed: Feed,
    episodes: usize,
    begun: bool,
}

impl Reader {
    fn open(&mut self, tag: &Tag<'_>, writer: &mut Writer<'_>) {
        match tag.name.as_str() {
            "item" | "entry" if !tag.empty => {
                self.head(writer);
                self.item = Some(Entry::default());
                self.gathering = None;
                self.aside = false;
            }
            "image" | "textInput" if !tag.empty => self.aside = true,
            "enclosure" => self.enclose(tag.attribute("url").as_deref()),
            "link" if tag.attribute("rel").as_deref() == Some("enclosure") => {
                self.enclose(tag.attribute("href").as_deref());
            }
            "outline" => {
                self.head(writer);
                outline(tag, writer);
            }
            // Markup inside a text is part of it.
            name if self.gathering.is_none() && !tag.empty && !self.aside && is_known(name) => {
                self.gathering = Some((name.to_owned(), String::new()));
            }
            _ => {}
        }
    }

    fn add(&mut self, text: &str) {
        if let Some((_, gathered)) = &mut self.gathering
            && gathered.len() + text.len() <= TEXT_MAX_BYTES
        {
            gathered.push_str(text);
        }
    }

    fn close(&mut self, name: &str, writer: &mut Writer<'_>) {
        match name {
            "item" | "entry" => self.end_item(writer),
            "image" | "textInput" => self.aside = false,
            _ => {
                if let Some((_, text)) = self.gathering.take_if(|(of, _)| of == name) {
                    self.take(name, &text);
                }
            }
        }
    }

    fn take(&mut self, name: &str, text: &str) {
        if name == "language" {
            self.lang = language::normalise(text.trim());
            return;
        }
        let entry = self.item.as_mut().unwrap_or(&mut self.show);
        let first = |field: &mut Option<String>, value| {
            if field.is_none() {
                *field = value;
            }
        };
        match name {
            "title" => first(&mut entry.title, as_title(&plain(text))),
            "itunes:author" | "name" | "dc:creator" => {
                first(&mut entry.author, as_claim(&plain(text)));
            }
            "pubDate" | "published" | "updated" | "dc:date" => {
                let date = Some(text.trim().to_owned()).filter(|d| d.len() <= DATE_MAX_BYTES);
                first(&mut entry.date, date);
            }
            _ => {
                let about = plain(text);
                if about.len() > entry.about.len() {
                    entry.about = about;
                }
            }
        }
    }

    fn enclose(&mut self, url: Option<&str>) {
        if let (Some(item), Some(name)) = (&mut self.item, url.and_then(file_name)) {
            item.files.push(name);
        }
    }

    /// What is said of the whole, before the first of its parts.
    fn head(&mut self, writer: &mut Writer<'_>) {
        if !std::mem::replace(&mut self.begun, true) {
            write(&self.show, writer);
        }
    }

    fn end_item(&mut self, writer: &mut Writer<'_>) {
        let Some(item) = self.item.take() else { return };
        self.gathering = None;
        self.episodes += 1;
        if self.episodes.is_multiple_of(PROGRESS_EVERY) {
            writer.progress(self.episodes as u64, 0, "feed");
        }
        write(&item, writer);
        for file in item.files {
            if self.feed.episodes.len() == EPISODES_MAX {
                return;
            }
            self.feed.episodes.push(Episode {
                file,
                title: item.title.clone(),
                date: item.date.clone(),
            });
        }
    }

    fn finish(mut self, writer: &mut Writer<'_>) -> (Facts, Feed) {
        self.head(writer);
        if self.feed.episodes.len() == EPISODES_MAX {
            writer.note(format!(
                "files are named by its first {EPISODES_MAX} episodes"
            ));
        }
        self.feed.show.clone_from(&self.show.title);
        let facts = Facts {
            title: self.show.title,
            author: self.show.author,
            lang: self.lang,
        };
        (facts, self.feed)
    }
}

/// Elements whose text is read.
fn is_known(name: &str) -> bool {
    matches!(
        name,
        "title"
            | "description"
            | "itunes:summary"
            | "itunes:subtitle"
            | "subtitle"
            | "content:encoded"
            | "content"
            | "summary"
            | "pubDate"
            | "published"
            | "updated"
            | "dc:date"
            | "itunes:author"
            | "dc:creator"
            | "name"
            | "language"
    )
}

/// Text without the markup that feeds put into it.
fn plain(text: &str) -> String {
    if !text.contains('<') {
        return text.trim().to_owned();
    }
    let blocks = stripped(text, true);
    let texts: Vec<_> = blocks.into_iter().map(|block| block.text).collect();
    texts.join("\n")
}

/// A show or an episode as a passage of its own.
fn write(entry: &Entry, writer: &mut Writer<'_>) {
    let mut packer = Packer::new();
    for line in [&entry.title, &entry.author, &entry.date]
        .into_iter()
        .flatten()
    {
        packer.push(Shape::Lines, Gap::Line, line);
    }
    packer.push(Shape::Prose, Gap::Paragraph, &entry.about);
    packer.flush();
    writer.drain(&mut packer, Place::BODY);
}

/// A show in a list: its name, what is said of it, where its feed and its pages are.
fn outline(tag: &Tag<'_>, writer: &mut Writer<'_>) {
    let name = tag.attribute("title").or_else(|| tag.attribute("text"));
    let rest = ["description", "xmlUrl", "htmlUrl"].map(|name| tag.attribute(name));
    let lines: Vec<_> = [name].into_iter().chain(rest).flatten().collect();
    writer.put(&lines.join("\n"), Place::BODY);
}

/// The name of the file that an address leads to.
fn file_name(url: &str) -> Option<String> {
    let path = url.trim().split(['?', '#']).next()?;
    let (_, path) = path.split_once("://").unwrap_or(("", path));
    let (_, last) = path.rsplit_once('/')?;
    let name = percent_decoded(last)?;
    let is_name = !name.is_empty() && !name.contains(['/', '\0']) && name.len() <= NAME_MAX_BYTES;
    is_name.then_some(name)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *byte == b'%');
        let decoded = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(*byte));
        rest = &after[if decoded.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::limits;
    use crate::parse::writer::tests::Kept;

    fn run(text: &str) -> Option<(Facts, Feed, Vec<String>)> {
        let limits = limits();
        let mut kept = Kept::default();
        let (facts, feed) = read(text, &mut Writer::new(&mut kept, &limits))?;
        let texts = kept.segments.into_iter().map(|segment| segment.text);
        Some((facts, feed, texts.collect()))
    }

    const RSS: &str = "<?xml version='1.0'?><rss version='2.0'><channel>
        <image><url>https://x/y.png</url><title>A logo</title></image>
        <title>声动早咖啡 &amp; friends</title><itunes:author>Ada</itunes:author>
        <language>zh-cn</language><description>&lt;p&gt;Every morning.&lt;/p&gt;</description>
        <item><title><![CDATA[Falling training cost]]></title>
        <pubDate>Tue, 05 Mar 2024 06:00:00 +0000</pubDate>
        <description>short</description>
        <content:encoded><![CDATA[<p>We talk about <b>chips</b>.</p><p>And more.</p>]]></content:encoded>
        <enclosure url='https://cdn.x/p/a%20b%E6%92%AD.mp3?auth=1' length='3' type='audio/mpeg'/>
        </item><item><title>No file</title></item></channel></rss>";

    #[test]
    fn episodes_are_passages_and_name_their_files() {
        let (facts, feed, texts) = run(RSS).unwrap();
        assert_eq!(facts.title.as_deref(), Some("声动早咖啡 & friends"));
        assert_eq!(facts.author.as_deref(), Some("Ada"));
        assert_eq!(facts.lang.as_deref(), Some("zh"));
        assert_eq!(
            texts,
            [
                "声动早咖啡 & friends\nAda\n\nEvery morning.",
                "Falling training cost\nTue, 05 Mar 2024 06:00:00 +0000\n\nWe talk about chips.\n\
                 And more.",
                "No file",
            ]
        );
        let episode = Episode {
            file: "a b播.mp3".to_owned(),
            title: Some("Falling training cost".to_owned()),
            date: Some("Tue, 05 Mar 2024 06:00:00 +0000".to_owned()),
        };
        assert_eq!(feed.episodes, [episode]);
        assert_eq!(feed.show, facts.title);
    }

    #[test]
    fn atom_is_read_alike() {
        let atom = "<feed xmlns='http://www.w3.org/2005/Atom'><title>Talks</title><entry>
            <title>One</title><published>2024-05-01T08:00:00Z</published>
            <link rel='enclosure' href='https://x/one.ogg'/><author><name>Bob</name></author>
            <content type='xhtml'><div>Said <i>so</i>.</div></content></entry></feed>";
        let (_, feed, texts) = run(atom).unwrap();
        assert_eq!(texts[1], "One\nBob\n2024-05-01T08:00:00Z\n\nSaid so.");
        assert_eq!(feed.episodes[0].file, "one.ogg");
    }

    #[test]
    fn a_list_of_feeds_is_a_line_a_show() {
        let opml = "<opml version='2.0'><head><title>My podcasts</title></head><body>
            <outline text='Science'><outline type='rss' text='Otters' title='Otters weekly'
            xmlUrl='https://x/otters.xml'/></outline></body></opml>";
        let (facts, feed, texts) = run(opml).unwrap();
        assert_eq!(facts.title.as_deref(), Some("My podcasts"));
        let shows = [
            "My podcasts",
            "Science",
            "Otters weekly\nhttps://x/otters.xml",
        ];
        assert_eq!(texts, shows);
        assert!(feed.episodes.is_empty());
    }

    #[test]
    fn other_documents_are_no_feeds() {
        for text in [
            "<svg><title>x</title></svg>",
            "no tags",
            "",
            "<a><rss/></a>",
        ] {
            assert!(run(text).is_none(), "{text}");
        }
    }

    #[test]
    fn addresses_end_in_names() {
        for (url, name) in [
            ("https://x/a/b.mp3", Some("b.mp3")),
            ("https://x/a/100%25%2.mp3#t", Some("100%%2.mp3")),
            ("https://x/a%2Fb.mp3", None),
            ("https://x/", None),
            ("https://x", None),
            ("b.mp3", None),
        ] {
            assert_eq!(file_name(url).as_deref(), name, "{url}");
        }
    }
}
