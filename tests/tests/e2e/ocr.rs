//! What is written in pixels, end to end: drawn by the worker, read by a real PP-OCR, found by
//! words that stand in no text.

use std::fs;
use std::path::{Path, PathBuf};

use hippo_tests::client::hits;
use hippo_tests::{Client, Daemon, TempHome, skip};

const MANIFEST: &str = "\
name = \"reader\"
role = \"ocr\"
licence = \"Apache-2.0\"
ocr = { detector = \"det.onnx\", recogniser = \"rec.onnx\", dictionary = \"dict.txt\" }
files = [{ name = \"det.onnx\" }, { name = \"rec.onnx\" }, { name = \"dict.txt\" }]
";

pub(crate) const INVOICE: &str = "docs/markitdown/packages/markitdown-ocr/tests/ocr_test_data";

pub(crate) fn shared() -> PathBuf {
    std::env::var_os("HIPPO_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    )
}

/// A home with a scanned invoice and a street sign, which is to be read by `reader`; none
/// where the corpus, the models or the libraries are not here.
fn scene(test: &str) -> Option<TempHome> {
    let shared = shared();
    let corpus = shared.join("corpus");
    let (pdf, sign) = (
        corpus.join(INVOICE).join("pdf_scanned_invoice.pdf"),
        corpus.join("docs/easyocr-examples/examples/chinese.jpg"),
    );
    let mut home = TempHome::new();
    let doctor = home.hippo(&["doctor", "--json"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    let model = shared.join("models/ppocr-mobile");
    if !pdf.exists() || !sign.exists() || !model.exists() {
        skip(test, "no corpus or no model in HIPPO_SHARED");
        return None;
    }
    if !doctor.contains("libonnxruntime") || !doctor.contains("libpdfium") {
        skip(test, "no libraries (`make setup` fetches them)");
        return None;
    }
    home.write("bills/scan.pdf", fs::read(pdf).unwrap());
    home.write("sign.jpg", fs::read(sign).unwrap());
    home.set_text("models.ocr", "reader");
    Some(home)
}

/// Puts the real PP-OCR among the models, under this name.
pub(crate) fn install(home: &TempHome, name: &str) {
    let shared = shared();
    let dir = home.data().join("models").join(name);
    fs::create_dir_all(&dir).unwrap();
    for file in ["det.onnx", "rec.onnx", "dict.txt"] {
        fs::copy(
            shared.join("models/ppocr-mobile").join(file),
            dir.join(file),
        )
        .unwrap();
    }
    let manifest = MANIFEST.replace("\"reader\"", &format!("\"{name}\""));
    fs::write(dir.join("manifest.toml"), manifest).unwrap();
}

/// The first hit's name, page and source.
fn first(client: &Client, question: &str) -> (String, Option<u64>, String) {
    let hits = hits(&client.search(question, 5));
    let hit = hits
        .first()
        .unwrap_or_else(|| panic!("nothing for {question}"));
    let path = hit["path"].as_str().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let source = hit["source"].as_str().unwrap_or_default().to_owned();
    (name, hit["page"].as_u64(), source)
}

fn is_read(daemon: &Daemon, home: &TempHome) {
    let client = daemon.client();
    let scan = ("scan.pdf".to_owned(), Some(1), "ocr".to_owned());
    assert_eq!(first(client, "Professional Consulting"), scan);
    let sign = ("sign.jpg".to_owned(), None, "ocr".to_owned());
    assert_eq!(first(client, "愚园路"), sign);
    for file in ["bills/scan.pdf", "sign.jpg"] {
        let why = client.why(&home.file(file)).to_string();
        assert!(why.contains("OCR: ") && why.contains("reader"), "{why}");
    }
}

#[test]
fn ocr_finds_scanned_pages_and_signs() {
    let Some(home) = scene("ocr") else {
        return;
    };
    install(&home, "reader");
    let daemon = Daemon::start(&home);
    daemon.wait();
    is_read(&daemon, &home);
    let status = daemon.client().status();
    assert_eq!(status["models"]["ocr"]["state"], "ready", "{status:#}");
    assert_eq!(status["fresh"]["failed"], 0, "{status:#}");
}

#[test]
fn ocr_that_comes_late_reads_what_waited_for_it() {
    let Some(home) = scene("ocr that comes late") else {
        return;
    };
    let daemon = Daemon::start(&home);
    daemon.wait();
    let client = daemon.client();
    assert_eq!(client.state_of(&home.file("bills/scan.pdf")), "skipped");
    let why = client.why(&home.file("bills/scan.pdf")).to_string();
    assert!(why.contains("hippo models pull pp-ocrv6-small"), "{why}");
    assert_eq!(client.state_of(&home.file("sign.jpg")), "done");
    assert_eq!(client.status()["models"]["ocr"]["state"], "absent");
    install(&home, "reader");
    client.request("POST", "/v1/models/look", None).unwrap();
    daemon.wait();
    is_read(&daemon, &home);
}
