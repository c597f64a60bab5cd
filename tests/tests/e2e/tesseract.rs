//! Tesseract in the place of a model for OCR, and what holds it.

use std::fs;
use std::path::Path;
use std::process::Output;

use hippo_tests::client::hits;
use hippo_tests::{Daemon, TempHome, skip};

use crate::ocr::{INVOICE, install, shared};

#[test]
fn tesseract_reads_pixels_until_a_model_is_here() {
    const TEST: &str = "tesseract";
    let mut home = TempHome::new();
    home.unset("models.ocr");
    let doctor = home.hippo(&["doctor", "--json"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    if !doctor.contains("tesseract-") {
        skip(
            TEST,
            "no tesseract with English (Debian: apt install tesseract-ocr)",
        );
        return;
    }
    let scan = shared()
        .join("corpus")
        .join(INVOICE)
        .join("pdf_scanned_invoice.pdf");
    if !scan.exists() || !doctor.contains("libpdfium") {
        skip(TEST, "no corpus in HIPPO_SHARED, or no PDFium");
        return;
    }
    let scan = home.write("scan.pdf", fs::read(scan).unwrap());
    let daemon = Daemon::start(&home);
    daemon.wait();
    let client = daemon.client();
    let status = client.status();
    assert_eq!(status["models"]["ocr"]["name"], "tesseract", "{status:#}");
    assert_eq!(status["models"]["ocr"]["state"], "ready", "{status:#}");
    let found = hits(&client.search("Professional Consulting", 5));
    assert_eq!(found[0]["source"], "ocr", "{found:?}");
    let why = client.why(&scan).to_string();
    assert!(why.contains("by tesseract"), "{why}");

    if !shared().join("models/ppocr-mobile").exists() || !doctor.contains("libonnxruntime") {
        skip(TEST, "no model of PP-OCR in HIPPO_SHARED to come after it");
        return;
    }
    // Named as the model that hippo looks for by itself, it takes over at once.
    install(&home, "pp-ocrv6-small");
    client.request("POST", "/v1/models/look", None).unwrap();
    daemon.wait();
    let why = client.why(&scan).to_string();
    assert!(why.contains("by pp-ocrv6-small"), "{why}");
}

fn jailed(home: &TempHome, script: &str) -> Output {
    home.hippo(&["jail", "/bin/bash", "-c", script])
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// With full Landlock and filter, as `doctor` sees them, a program in the jail runs, and reaches
/// neither files nor the network.
#[test]
#[cfg(target_os = "linux")]
fn promise_20_a_jailed_program_reads_no_file_of_the_users_and_makes_no_socket() {
    let home = TempHome::new();
    let secret = home.write("secret.txt", "the key is under the mat");
    let made = home.file("made.txt");
    let doctor = home.hippo(&["doctor", "--json"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(said(&jailed(&home, "echo here")), "here");
    if !Path::new("/proc/self/attr").exists() || doctor.contains("Landlock none") {
        skip("jail", "this kernel has no Landlock");
        return;
    }
    let read = jailed(
        &home,
        &format!("cat '{}' || echo refused", secret.display()),
    );
    assert_eq!(said(&read), "refused");
    let written = jailed(
        &home,
        &format!("echo x > '{}' || echo refused", made.display()),
    );
    assert_eq!(said(&written), "refused");
    assert!(!made.exists());
    let dialled = jailed(&home, "exec 3<>/dev/tcp/127.0.0.1/9 && echo connected");
    assert_eq!(said(&dialled), "");
    let complaint = String::from_utf8_lossy(&dialled.stderr);
    assert!(complaint.contains("not permitted"), "{complaint}");
}
