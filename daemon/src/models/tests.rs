//! Downloads from a server that cuts, lies, stalls and refuses; imports; and names that
//! would lead out of a model's folder.

mod importing;

use std::fs;
use std::path::{Component, Path};
use std::sync::Arc;
use std::time::Duration;

use hippo_config::{Manifest, ModelSettings, Registry};
use proptest::prelude::*;
use tokio::sync::Barrier;

use super::testing::{Act, Scene, Told, bytes, hash_of, part, published};
use super::*;

const WHOLE: &str = "/m.onnx";

fn why(result: Result<Outcome, ModelsError>) -> Why {
    match result {
        Err(ModelsError::Fetch { error, .. }) => error.why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_model_comes_whole_and_several_files_at_once() {
    let scene = Scene::new().await;
    let names = ["a", "b/c", "b/d", "e 1", "f", "g", "h", "i"];
    let parts = names.map(|name| part(name, bytes(name.len() as u8, 3000)));
    let published = scene.publish(&parts);
    // Nobody is served before four ask: one after the other they would wait for ever.
    let barrier = Arc::new(Barrier::new(4));
    for name in names {
        let path = format!("/{}", name.replace(' ', "%20"));
        scene.server.has(&path, &bytes(name.len() as u8, 3000));
        scene.server.acts(&path, [Act::Together(barrier.clone())]);
    }
    let outcome = scene.pull(&published).await.unwrap();
    assert_eq!(outcome, Outcome::Pulled { bytes: 8 * 3000 });
    scene.holds(&parts);
    assert_eq!(scene.server.most_at_once(), 4, "and no more than four");

    let before = scene.server.asked().len();
    assert_eq!(scene.pull(&published).await.unwrap(), Outcome::AlreadyHere);
    assert_eq!(scene.server.asked().len(), before);
}

#[tokio::test]
async fn what_was_cut_goes_on_where_it_was() {
    let scene = Scene::new().await;
    let parts = [part("m.onnx", bytes(1, 5000))];
    let published = scene.publish(&parts);
    scene.server.acts(WHOLE, [Act::Cut(1000), Act::Cut(500)]);
    scene.pull(&published).await.unwrap();
    scene.holds(&parts);
    let starts: Vec<_> = scene.server.asked().into_iter().map(|a| a.1).collect();
    assert_eq!(starts, [None, Some(1000), Some(1500)]);
    let steps = scene.steps.lock().unwrap();
    let brought: u64 = steps
        .iter()
        .map(|(_, step)| if let Step::Brings(n) = step { *n } else { 0 })
        .sum();
    assert_eq!(brought, 5000, "nothing came twice");
    assert_eq!(steps.last().unwrap().1, Step::Done);
}

#[tokio::test]
async fn servers_without_ranges_begin_again() {
    let scene = Scene::new().await;
    let parts = [part("m.onnx", bytes(1, 5000))];
    let published = scene.publish(&parts);
    scene.server.acts(WHOLE, [Act::Cut(1000), Act::WholeAlways]);
    scene.pull(&published).await.unwrap();
    scene.holds(&parts);
    // One that answers with another part than was asked for is not believed.
    let scene = Scene::new().await;
    let published = scene.publish(&parts);
    scene
        .server
        .acts(WHOLE, [Act::Cut(1000), Act::OtherPart(7)]);
    scene.pull(&published).await.unwrap();
    scene.holds(&parts);
    let starts: Vec<_> = scene.server.asked().into_iter().map(|a| a.1).collect();
    assert_eq!(starts, [None, Some(1000), None]);
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let scene = Scene::new().await;
    let parts = [part("m.onnx", bytes(1, 5000))];
    let published = scene.publish(&parts);
    let busy = [500, 503, 429].map(Act::Status);
    scene.server.acts(WHOLE, busy);
    scene.pull(&published).await.unwrap();
    scene.holds(&parts);
    let waits = |step: &Step| matches!(step, Step::Waits { .. });
    let steps = scene.steps.lock().unwrap();
    assert_eq!(steps.iter().filter(|(_, step)| waits(step)).count(), 3);
}

#[tokio::test]
async fn a_server_that_stays_down_is_given_up_and_what_came_is_kept() {
    let scene = Scene::new().await;
    let parts = [part("m.onnx", bytes(1, 5000))];
    let published = scene.publish(&parts);
    let down = [502; 3].map(Act::Status);
    scene
        .server
        .acts(WHOLE, [Act::Cut(1000)].into_iter().chain(down));
    let why = why(scene.pull(&published).await);
    let Why::Unreachable { reason, tries: 4 } = &why else {
        panic!("{why}");
    };
    assert!(reason.contains("502"), "{reason}");
    assert!(scene.is_absent());
    scene.pull(&published).await.unwrap();
    scene.holds(&parts);
    assert_eq!(scene.server.asked().last().unwrap().1, Some(1000));
}

#[tokio::test]
async fn what_will_not_change_is_not_asked_again() {
    for (status, expected) in [(404, "import"), (403, "browser"), (400, "refuses")] {
        let scene = Scene::new().await;
        let published = scene.publish(&[part("m.onnx", bytes(1, 50))]);
        scene.server.acts(WHOLE, [Act::Status(status)]);
        let error = scene.pull(&published).await.unwrap_err().to_string();
        let named = error.contains("m.onnx") && error.contains(&status.to_string());
        assert!(named && error.contains(expected), "{error}");
        assert!(error.contains(&scene.server.address), "{error}");
        assert_eq!(scene.server.asked().len(), 1, "{status}");
        assert!(!scene.models.join("tiny.new").exists(), "nothing came");
    }
}

#[tokio::test]
async fn other_bytes_are_thrown_away_and_the_old_model_stays() {
    let scene = Scene::new().await;
    let old = [part("m.onnx", bytes(1, 5000)), part("t.json", bytes(2, 50))];
    scene.pull(&scene.publish(&old)).await.unwrap();
    let new = [part("m.onnx", bytes(3, 5000)), part("t.json", bytes(2, 50))];
    let published = scene.publish(&new);
    scene.server.acts(WHOLE, [Act::Wrong]);
    let asked = scene.server.asked().len();
    let why = why(scene.pull(&published).await);
    assert!(matches!(why, Why::WrongHash { .. }), "{why}");
    assert_eq!(
        scene.server.asked().len(),
        asked + 1,
        "asked once, and not for what the old model has"
    );
    let kept = fs::read(scene.models.join("tiny/m.onnx")).unwrap();
    assert!(kept == bytes(1, 5000));
    let part = scene.models.join("tiny.new/m.onnx.part");
    assert!(!part.exists(), "what is wrong is not gone on with");
    scene.pull(&published).await.unwrap();
    scene.holds(&new);
}

#[tokio::test]
async fn a_part_that_was_wrong_gets_one_fresh_start() {
    let scene = Scene::new().await;
    let parts = [part("m.onnx", bytes(1, 5000))];
    let published = scene.publish(&parts);
    let staging = scene.models.join("tiny.new");
    fs::create_dir_all(&staging).unwrap();
    fs::write(staging.join("m.onnx.part"), bytes(9, 700)).unwrap();
    scene.pull(&published).await.unwrap();
    scene.holds(&parts);
    let starts: Vec<_> = scene.server.asked().into_iter().map(|a| a.1).collect();
    assert_eq!(starts, [Some(700), None]);
}

#[tokio::test]
async fn lies_about_the_length_are_seen() {
    // Another length than the manifest's: another file.
    for claim in [4999, 5001] {
        let scene = Scene::new().await;
        let published = scene.publish(&[part("m.onnx", bytes(1, 5000))]);
        scene.server.acts(WHOLE, [Act::Claims(claim)]);
        let why = why(scene.pull(&published).await);
        let Why::WrongSize { has, wanted: 5000 } = why else {
            panic!("{why}");
        };
        assert_eq!(has, claim as u64);
        assert_eq!(scene.server.asked().len(), 1);
    }
    // More than it should be, with no length told.
    let scene = Scene::new().await;
    let published = scene.publish(&[part("m.onnx", bytes(1, 5000))]);
    scene.server.acts(WHOLE, [Act::Longer]);
    let longer = why(scene.pull(&published).await);
    assert!(matches!(longer, Why::WrongSize { .. }), "{longer}");
    assert!(!scene.models.join("tiny.new/m.onnx.part").exists());
    // A length that never comes, where the manifest has none to compare it with.
    let scene = Scene::new().await;
    let published = scene.publish(&[part("m.onnx", bytes(1, 5000)).told(Told::Nothing)]);
    scene
        .server
        .acts(WHOLE, [Act::Claims(6000), Act::Claims(6000)]);
    scene.pull(&published).await.unwrap();
    let starts: Vec<_> = scene.server.asked().into_iter().map(|a| a.1).collect();
    assert_eq!(starts, [None; 3], "without a hash nothing is gone on with");
}

#[tokio::test]
async fn a_file_of_unknown_size_is_gone_on_with_too() {
    let scene = Scene::new().await;
    let parts = [part("m.onnx", bytes(1, 5000)).told(Told::Hash)];
    let published = scene.publish(&parts);
    // All of it is here already, but only its hash can tell.
    let staging = scene.models.join("tiny.new");
    fs::create_dir_all(&staging).unwrap();
    fs::write(staging.join("m.onnx.part"), bytes(1, 5000)).unwrap();
    scene.pull(&published).await.unwrap();
    scene.holds(&parts);
    assert_eq!(scene.server.asked().len(), 1);
}

#[tokio::test]
async fn a_line_that_is_dead_is_left_and_a_new_one_taken() {
    let mut scene = Scene::new().await;
    // Short, since it is waited for; more tries, should a busy machine feign one more.
    scene.patience.stall = Duration::from_millis(300);
    scene.patience.tries = 20;
    let parts = [part("m.onnx", bytes(1, 5000))];
    let published = scene.publish(&parts);
    scene.server.acts(WHOLE, [Act::Stall(2000), Act::Silent]);
    scene.pull(&published).await.unwrap();
    scene.holds(&parts);
    let starts: Vec<_> = scene.server.asked().into_iter().map(|a| a.1).collect();
    assert_eq!(starts[..3], [None, Some(2000), Some(2000)]);
}

#[tokio::test]
async fn redirects_are_followed_with_the_range_and_not_for_ever() {
    let scene = Scene::new().await;
    let parts = [part("m.onnx", bytes(1, 5000))];
    let published = scene.publish(&parts);
    scene.server.has("/cdn", &bytes(1, 5000));
    let there = || Act::Redirect("/cdn");
    scene.server.acts(WHOLE, [there(), there()]);
    scene.server.acts("/cdn", [Act::Cut(100)]);
    scene.pull(&published).await.unwrap();
    scene.holds(&parts);
    assert_eq!(
        scene.server.asked().last().unwrap(),
        &("/cdn".to_owned(), Some(100))
    );

    let scene = Scene::new().await;
    let published = scene.publish(&parts);
    scene.server.acts(WHOLE, vec![Act::Redirect(WHOLE); 50]);
    let round = why(scene.pull(&published).await);
    assert!(matches!(round, Why::Impossible(_)), "{round}");
    assert!(scene.server.asked().len() < 20);
}

#[tokio::test]
async fn a_pull_that_is_killed_is_gone_on_with_by_the_next() {
    let scene = Scene::new().await;
    let parts = [part("m.onnx", bytes(1, 5000)), part("t.json", bytes(2, 50))];
    let published = scene.publish(&parts);
    scene.server.acts(WHOLE, [Act::Stall(2000)]);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let report = move |file: &str, step: Step| {
        let _ = tell.send((file.to_owned(), step));
    };
    let puller = Puller::new(Sources::default(), testing::quick()).unwrap();
    {
        let store = scene.store();
        let pull = puller.pull(&store, &published, None, &report);
        let half = async {
            let (mut come, mut other) = (0, false);
            while come < 2000 || !other {
                match told.recv().await.unwrap() {
                    (file, Step::Brings(n)) if file == "m.onnx" => come += n,
                    (_, Step::Done) => other = true,
                    _ => {}
                }
            }
        };
        tokio::select! {
            done = pull => panic!("{done:?}"),
            () = half => {}
        }
    }
    assert!(scene.is_absent());
    let before = scene.server.asked().len();
    scene.pull(&published).await.unwrap();
    scene.holds(&parts);
    let after = scene.server.asked().split_off(before);
    assert_eq!(
        after,
        [(WHOLE.to_owned(), Some(2000))],
        "only what was missing"
    );
}

#[tokio::test]
async fn a_mirror_stands_in_for_every_address() {
    let scene = Scene::new().await;
    let data = bytes(1, 500);
    let text = format!(
        "name = \"tiny\"\nrole = \"tags\"\nlicence = \"MIT\"\n\
         files = [{{ name = \"a/m.onnx\", sha256 = \"{}\" }}]\n",
        hash_of(&data)
    );
    let published = published(&text);
    let error = scene.pull(&published).await.unwrap_err();
    assert!(matches!(&error, ModelsError::NoAddress { files, .. } if files == &["a/m.onnx"]));
    scene.server.has("/mirror/tiny/a/m.onnx", &data);
    let settings = ModelSettings {
        mirror: Some(format!("{}/mirror", scene.server.address)),
        ..ModelSettings::default()
    };
    scene.pull_with(&published, &settings).await.unwrap();
    scene.holds(&[part("a/m.onnx", data)]);
}

#[tokio::test]
async fn a_full_disk_is_seen_before_the_first_byte() {
    let scene = Scene::new().await;
    let scene_text = scene.publish(&[part("m.onnx", bytes(1, 50))]).text;
    let published = published(&scene_text.replace("bytes = 50", "bytes = 9000000000000000000"));
    let error = scene.pull(&published).await.unwrap_err();
    assert!(matches!(error, ModelsError::NoRoom { .. }), "{error}");
    assert!(scene.server.asked().is_empty());
}
