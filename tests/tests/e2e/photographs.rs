//! Photographs end to end: what they say of themselves, bursts, thumbnails. No model is needed.

use std::fs;
use std::path::Path;

use hippo_tests::client::hits;
use hippo_tests::{Daemon, TempHome};
use serde_json::{Value, json};

/// A field of a photograph's EXIF.
fn field(tag: exif::Tag, value: exif::Value) -> exif::Field {
    exif::Field {
        tag,
        ifd_num: exif::In::PRIMARY,
        value,
    }
}

fn text(tag: exif::Tag, text: &str) -> exif::Field {
    field(tag, exif::Value::Ascii(vec![text.as_bytes().to_vec()]))
}

/// A photograph of the harbour as a camera leaves it; `turn` makes it another view.
fn photograph(width: u32, turn: f32, taken: &str, camera: Option<&str>) -> Vec<u8> {
    let mut fields = vec![text(exif::Tag::DateTimeOriginal, taken)];
    fields.extend(camera.map(|camera| text(exif::Tag::Model, camera)));
    view(width, turn, &fields)
}

/// Such a photograph, taken at so many hundredths of a degree north and east.
fn photograph_at(turn: f32, north: u32, east: u32) -> Vec<u8> {
    use exif::{Rational, Tag, Value};
    let degrees = |hundredths| {
        let part = |num, denom| Rational { num, denom };
        Value::Rational(vec![part(hundredths, 100), part(0, 1), part(0, 1)])
    };
    let fields = [
        field(Tag::GPSLatitude, degrees(north)),
        text(Tag::GPSLatitudeRef, "N"),
        field(Tag::GPSLongitude, degrees(east)),
        text(Tag::GPSLongitudeRef, "E"),
    ];
    view(600, turn, &fields)
}

fn view(width: u32, turn: f32, fields: &[exif::Field]) -> Vec<u8> {
    use exif::experimental::Writer;
    let height = width * 2 / 3;
    let wave = |x: u32, y: u32| {
        let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
        let (a, b) = (
            x * turn.cos() + y * turn.sin(),
            y * turn.cos() - x * turn.sin(),
        );
        ((a * 9.0).sin() * 60.0 + (b * 17.0 + a * 4.0).cos() * 50.0 + 128.0) as u8
    };
    let picture = image::GrayImage::from_fn(width, height, |x, y| image::Luma([wave(x, y)]));
    let mut jpeg = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut jpeg, image::ImageFormat::Jpeg)
        .unwrap();
    let jpeg = jpeg.into_inner();
    let mut writer = Writer::new();
    for field in fields {
        writer.push_field(field);
    }
    let mut tiff = std::io::Cursor::new(Vec::new());
    writer.write(&mut tiff, false).unwrap();
    let exif = [b"Exif\0\0".to_vec(), tiff.into_inner()].concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn photographs_are_found_by_their_day_and_camera_and_a_burst_is_one_hit() {
    let home = TempHome::new();
    let canon = Some("Canon EOS R5");
    let may = "2024:05:17 14:03:22";
    let first = photograph(900, 0.0, may, canon);
    let first = home.write("harbour 1.jpg", first);
    home.write("harbour 2.jpg", photograph(300, 0.0, may, canon));
    home.write("harbour 3.jpg", photograph(900, 1.2, may, canon));
    home.write(
        "harbour 4.jpg",
        photograph(900, 2.1, "2019:01:02 03:04:05", None),
    );
    let daemon = Daemon::start(&home);
    daemon.wait();
    let found = |question: &str| {
        let answer = daemon.client().post("/v1/search", &json!({"q": question}));
        let name = |hit: &Value| {
            let path = hit["path"].as_str().unwrap();
            path.rsplit_once(' ').unwrap().1[..1].to_owned()
        };
        let mut names: Vec<String> = hits(&answer).iter().map(name).collect();
        names.sort();
        names.concat()
    };
    assert_eq!(
        found("harbour"),
        "134",
        "a copy of another size is no other hit"
    );
    assert_eq!(found("harbour camera:canon"), "13");
    assert_eq!(found("harbour camera:\"r5 canon\" after:2024-05"), "13");
    // Files of today, photographs of then.
    assert_eq!(found("harbour before:2019-02"), "4");
    assert_eq!(found("harbour after:2025"), "");
    let option = ["search", "--json", "--all", "harbour", "--camera", "canon"];
    let all = home.hippo_json(&option);
    assert_eq!(hits(&all).len(), 3, "{all:#}");
    let answer = daemon
        .client()
        .post("/v1/search", &json!({"q": "harbour sort:newest"}));
    let shown = &hits(&answer)[0];
    assert_eq!(shown["camera"], "Canon EOS R5");
    assert!(
        shown["dated_at"]
            .as_str()
            .unwrap()
            .starts_with("2024-05-17T14:03:22")
    );
    assert_eq!(shown["alike"].as_array().unwrap().len(), 1, "{shown:#}");
    let output = home.hippo(&["search", "harbour", "camera:nikon"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("there are Canon EOS R5"), "{said}");
    let why = daemon.client().why(&first);
    assert_eq!(why["camera"], "Canon EOS R5", "{why:#}");
}

#[test]
fn photographs_are_found_by_where_they_were_taken() {
    let home = TempHome::new();
    let bonn = home.write("1.jpg", photograph_at(0.0, 5_073, 710));
    home.write("2.jpg", photograph_at(1.2, 4_886, 229));
    home.write("3.jpg", photograph_at(2.1, 3_999, 11_628));
    home.write("4.txt", "Berlin and Bonn are in Germany, and Paris is not");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let found = |question: &str| {
        let answer = daemon.client().post("/v1/search", &json!({"q": question}));
        let mut names: Vec<String> = hits(&answer)
            .iter()
            .map(|hit| hit["path"].as_str().unwrap().rsplit_once('/').unwrap().1)
            .map(|name| name[..1].to_owned())
            .collect();
        names.sort();
        names.concat()
    };
    assert_eq!(found("Bonn kind:image"), "1");
    assert_eq!(found("巴黎"), "2");
    assert_eq!(found("北京"), "3");
    assert_eq!(found("Germany Paris place:germany"), "1");
    assert_eq!(found("德国 巴黎 place:法国"), "2");
    let question = ["search", "--json", "Germany France China"];
    let option = [&question[..], &["--place", "Bonn", "--place", "Beijing"]].concat();
    let either = home.hippo_json(&option);
    assert_eq!(hits(&either).len(), 2, "{either:#}");
    let output = home.hippo(&["search", "Bonn place:atlantis"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("no file has a place like `atlantis`"),
        "{said}"
    );
    let why = daemon.client().why(&bonn);
    assert_eq!(why["position"], "50.73000, 7.10000", "{why:#}");
    let place = "Bonn 波恩, North Rhine-Westphalia 北莱茵－威斯特法伦, Germany 德国";
    assert_eq!(why["place"], place);
}

/// What the socket answers to a GET, head and body.
fn get(home: &TempHome, target: &str) -> (String, Vec<u8>) {
    use std::io::{Read as _, Write as _};
    let mut socket = std::os::unix::net::UnixStream::connect(home.socket()).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: hippo\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap(), body)
}

#[test]
fn a_picture_has_a_thumbnail_which_goes_with_it() {
    let home = TempHome::new();
    let photo = photograph(900, 0.3, "2024:05:17 14:03:22", None);
    let photo = home.write("photo.jpg", photo);
    home.write("note.txt", "no picture");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let ask = |path: &Path| get(&home, &format!("/v1/thumbnail?path={}", path.display()));
    let kept = || {
        let dir = home.home().join("cache/thumbnails").read_dir();
        dir.map_or(0, Iterator::count)
    };
    for _ in 0..2 {
        let (head, body) = ask(&photo);
        assert!(
            head.contains("200 OK") && head.contains("image/jpeg"),
            "{head}"
        );
        let shown = image::load_from_memory(&body).unwrap();
        assert_eq!((shown.width(), shown.height()), (256, 170));
        assert_eq!(kept(), 1);
    }
    // Nobody else can look in, and it is not read as an album of its own.
    let mode = fs::metadata(home.home().join("cache"))
        .unwrap()
        .permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o700
    );
    let added = home.hippo(&["add", home.home().join("cache").to_str().unwrap()]);
    assert!(!added.status.success());
    // A copy is the same picture.
    let copy = home.write("copy.jpg", fs::read(&photo).unwrap());
    daemon.wait();
    assert_eq!(ask(&copy).1, ask(&photo).1);
    assert_eq!(kept(), 1);
    let (head, body) = ask(&home.file("note.txt"));
    let said = String::from_utf8(body).unwrap();
    assert!(
        !head.contains("200 OK") && said.contains("not among the pictures"),
        "{said}"
    );
    // A recording shows its cover, where it has one.
    let sounds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../extractors/tests/sound");
    let [album, bare] = ["cover.mp3", "tones.ogg"]
        .map(|name| home.write(name, fs::read(sounds.join(name)).unwrap()));
    daemon.wait();
    let shown = image::load_from_memory(&ask(&album).1).unwrap();
    assert_eq!((shown.width(), shown.height()), (64, 48));
    let said = String::from_utf8(ask(&bare).1).unwrap();
    assert!(said.contains("it has no cover"), "{said}");
    for path in [photo, copy, album] {
        fs::remove_file(path).unwrap();
    }
    daemon.until("the thumbnails have gone", |_| kept() == 0);
}
