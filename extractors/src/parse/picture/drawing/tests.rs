//! Drawings: what is drawn, what is said, and what is refused.

use super::*;
use crate::format::tests::limits;

fn svg(inside: &str) -> String {
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' \
         width='20' height='10'>{inside}</svg>"
    )
}

fn drawn(document: &str) -> Result<Drawn, Refusal> {
    draw(document.as_bytes().to_vec(), &limits())
}

fn reason(document: &str) -> String {
    match drawn(document) {
        Ok(_) => "drawn".to_owned(),
        Err(refusal) => refusal.reason,
    }
}

fn pixel(picture: &Picture, x: u32, y: u32) -> [u8; 3] {
    let at = (y * picture.width + x) as usize * 3;
    [picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]
}

#[test]
fn a_drawing_is_drawn_on_white_at_its_own_shape() {
    let red = svg("<rect width='10' height='10' fill='red'/>\
                   <rect x='10' width='5' height='10' fill='blue' opacity='0.5'/>");
    let picture = drawn(&red).unwrap().picture;
    assert_eq!((picture.width, picture.height), (1024, 512));
    assert_eq!(pixel(&picture, 100, 100), [255, 0, 0]);
    let [r, g, b] = pixel(&picture, 600, 100);
    assert!(r.abs_diff(128) <= 1 && g.abs_diff(128) <= 1 && b == 255);
    assert_eq!(pixel(&picture, 900, 100), [255; 3]);
    let small = Limits {
        picture_max_pixels: 10_000,
        ..limits()
    };
    let picture = draw(red.into_bytes(), &small).unwrap().picture;
    assert_eq!((picture.width, picture.height), (100, 50));
}

#[test]
fn what_is_written_is_found() {
    let about = drawn(&svg(
        "<title>Water cycle 水循环</title><desc>How rain\n comes about</desc>\
         <metadata><rdf:RDF xmlns:rdf='r' xmlns:dc='d'><Work><dc:creator><Agent>\
         <dc:title>Li Lei</dc:title></Agent></dc:creator><dc:subject><rdf:Bag>\
         <rdf:li>weather</rdf:li></rdf:Bag></dc:subject></Work></rdf:RDF></metadata>\
         <style>text{fill:red}</style><g><title>A cloud</title><text x='1'>Evapo<tspan \
         font-weight='bold'>ration</tspan><tspan x='1' dy='2'>of &lt;sea&gt;</tspan></text></g>\
         <text>A cloud</text><foreignObject><div xmlns='h'><p>Ground</p><p>water</p></div>\
         </foreignObject>",
    ))
    .unwrap()
    .about;
    assert_eq!(about.title.as_deref(), Some("Water cycle 水循环"));
    assert_eq!(about.author.as_deref(), Some("Li Lei"));
    assert_eq!(
        about.text(),
        "Water cycle 水循环\nHow rain comes about\nweather\nA cloud\nEvaporation of <sea>\n\
         Ground water"
    );
    assert_eq!(drawn(&svg("<rect/>")).unwrap().about.text(), "");
}

#[test]
fn drawings_are_known_by_their_first_element() {
    for head in [
        "<svg>",
        "\u{FEFF} <?xml version='1.0'?>\n<!-- <html> --><svg width='1'/>",
        "<?xml version='1.0'?><!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"x\" [ <!ENTITY",
        "<s:svg xmlns:s='http://www.w3.org/2000/svg'>",
    ] {
        assert!(is_drawing(head.as_bytes()), "{head}");
    }
    let wide: Vec<u8> = "\u{FEFF}<svg>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(is_drawing(&wide));
    for head in [
        "<html><svg>",
        "<svgx>",
        "svg",
        "<?xml",
        "<!-- <svg>",
        "",
        "<!DOCTYPE html><svg>x",
    ] {
        let is = is_drawing(head.as_bytes());
        assert_eq!(is, head.ends_with('x'), "{head}");
    }
}

#[test]
fn nothing_outside_is_opened_and_what_is_inside_is_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("red.png");
    let red = image::RgbImage::from_pixel(4, 4, image::Rgb([255, 0, 0]));
    red.save(&file).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let outside = format!("<image width='20' height='10' href='{}'/>", file.display());
    let picture = drawn(&svg(&outside)).unwrap().picture;
    assert!(picture.rgb.iter().all(|value| *value == 255));
    // Each byte as %XX: the simplest of what data: may hold.
    let written = bytes.iter().map(|byte| format!("%{byte:02X}"));
    let written = written.collect::<Vec<_>>().concat();
    let inside = format!("<image width='10' height='10' href='data:image/png,{written}'/>");
    let picture = drawn(&svg(&inside)).unwrap().picture;
    assert_eq!(pixel(&picture, 200, 200), [255, 0, 0]);
    let entity = format!(
        "<!DOCTYPE svg [<!ENTITY x SYSTEM '{}'>]>{}",
        file.display(),
        svg("<text>&x;</text>")
    );
    assert_ne!(reason(&entity), "drawn");
}

#[test]
fn sizes_that_cannot_be_are_refused_and_odd_ones_are_drawn() {
    let sized = |size: &str| {
        format!("<svg xmlns='http://www.w3.org/2000/svg' {size}><rect width='9' height='9'/></svg>")
    };
    for size in [
        "width='0' height='0'",
        "width='-1' height='3'",
        "viewBox='0 0 0 0' width='0'",
    ] {
        assert_eq!(
            reason(&sized(size)),
            "it has no size that could be drawn",
            "{size}"
        );
    }
    for (size, sides) in [
        ("width='1e9' height='1e9'", (1024, 1024)),
        ("width='1e9' height='1'", (1024, 1)),
        ("viewBox='0 0 3 6'", (512, 1024)),
    ] {
        let picture = drawn(&sized(size)).unwrap().picture;
        assert_eq!((picture.width, picture.height), sides, "{size}");
    }
    for size in [
        "width='NaN' height='NaN'",
        "width='1e39' height='1e300'",
        "",
    ] {
        let _ = drawn(&sized(size));
    }
}

#[test]
fn what_is_used_without_end_is_refused() {
    let laugh = |nth| {
        let twice = format!("<use href='#p{}'/>", nth - 1).repeat(2);
        format!("<g id='p{nth}'>{twice}</g>")
    };
    let laughs = (1..40).map(laugh).collect::<Vec<_>>().concat();
    let laughs = format!("<g id='p0'><rect/></g>{laughs}");
    assert!(reason(&svg(&laughs)).contains("more parts"));
    let line = "1 1 ".repeat(20_000);
    let marked = format!(
        "<marker id='m'>{}</marker><g style='marker-mid:url(#m)'><polyline points='{line}'/></g>",
        "<rect/>".repeat(100)
    );
    assert!(reason(&svg(&marked)).contains("more parts"));
    for circle in [
        "<g id='a'><use href='#b'/></g><g id='b'><use href='#c'/></g><g id='c'><use href='#a'/></g>",
        "<mask id='a'><rect fill='url(#b)'/></mask><pattern id='b'><rect mask='url(#a)'/></pattern>",
        "<style>.x{clip-path:url(\"#a\")}</style><clipPath id='a'><g class='y x'/></clipPath>",
    ] {
        assert_eq!(
            reason(&svg(circle)),
            "a part of it is made of itself",
            "{circle}"
        );
    }
}

#[test]
fn what_is_nested_too_deeply_is_refused() {
    for levels in [1_000, 200_000] {
        let deep = format!("{}{}", "<g>".repeat(levels), "</g>".repeat(levels));
        assert_eq!(reason(&svg(&deep)), "nested too deeply");
    }
    let chain = |tag: &str, by: &str| -> String {
        let one = |nth: usize| {
            let next = nth + 1;
            format!("<{tag} id='c{nth}'><rect width='5' height='5' {by}='url(#c{next})'/></{tag}>")
        };
        svg(&(0..5_000).map(one).collect::<String>())
    };
    for (tag, by) in [
        ("clipPath", "clip-path"),
        ("mask", "mask"),
        ("pattern", "fill"),
    ] {
        let root = format!("<rect width='5' height='5' {by}='url(#c0)'/></svg>");
        let document = chain(tag, by).replace("</svg>", &root);
        assert_eq!(reason(&document), "nested too deeply", "{tag}");
    }
}

/// What may be as deep as anything may fits the stack of a thread.
#[test]
fn the_deepest_that_is_drawn_fits_the_stack() {
    for group in [
        "<g>",
        "<g opacity='.9' transform='scale(.99)'>",
        "<svg width='9' height='9'>",
    ] {
        let close = if group.starts_with("<svg") {
            "</svg>"
        } else {
            "</g>"
        };
        let deep = |levels: usize| {
            let inside = "<rect width='3' height='3'/>";
            svg(&format!(
                "{}{inside}{}",
                group.repeat(levels),
                close.repeat(levels)
            ))
        };
        let how = reason(&deep(155));
        assert!(
            how == "drawn" || how.contains("painting it"),
            "{group}: {how}"
        );
        assert_eq!(reason(&deep(165)), "nested too deeply");
    }
    let link = |nth: usize| {
        let next = nth + 1;
        format!("<g id='c{nth}' opacity='.9'><use href='#c{next}'/></g>")
    };
    let chain: String = (0..75).map(link).collect();
    let how = reason(&svg(&format!(
        "{chain}<rect id='c75' width='1' height='1'/>"
    )));
    assert!(how == "drawn" || how.contains("painting it"), "{how}");
}

#[test]
fn paint_without_end_is_refused() {
    for (filter, times) in [
        ("<feMorphology radius='400'/>", 20),
        (
            "<feTurbulence baseFrequency='.1' numOctaves='4000000000'/>",
            1,
        ),
        ("<feGaussianBlur stdDeviation='9'/>", 20_000),
    ] {
        let all = filter.repeat(times);
        let one =
            format!("<filter id='f'>{all}</filter><rect width='20' height='10' filter='url(#f)'/>");
        assert!(reason(&svg(&one)).contains("painting it"), "{filter}");
    }
    let tile = "<pattern id='p' width='90000' height='90000' patternUnits='userSpaceOnUse'>\
                <rect width='9' height='9'/></pattern><rect width='20' height='10' fill='url(#p)'/>";
    assert!(reason(&svg(tile)).contains("painting it"));
    let layers = "<rect width='20' height='10' opacity='.5'/>".repeat(200_000);
    assert!(reason(&svg(&layers)).contains("painting it"));
}

#[test]
fn what_takes_time_with_its_square_is_refused() {
    let attributes = (0..30_000).map(|nth| format!(" a{nth}='1'"));
    let many = format!("<rect{}/>", attributes.collect::<Vec<_>>().concat());
    assert_eq!(reason(&svg(&many)), "a part of it has too many attributes");
    let rules = "a g rect{fill:red}".repeat(3_000);
    let styled = format!("<style>{rules}</style>{}", "<rect/>".repeat(30_000));
    assert!(reason(&svg(&styled)).contains("more parts"));
    let dashed = "<path d='M0 1H20' stroke='red' stroke-dasharray='.001'/>".repeat(200);
    assert!(reason(&svg(&dashed)).contains("painting it"));
    let merged = format!(
        "<filter id='f'><feMerge>{}</feMerge></filter><rect width='20' height='10' filter='url(#f)'/>",
        "<feMergeNode/>".repeat(100_000)
    );
    assert!(reason(&svg(&merged)).contains("painting it"));
}

#[test]
fn what_takes_much_paint_is_painted_smaller() {
    let layers = "<rect width='20' height='10' opacity='.5'/>".repeat(3_000);
    let picture = drawn(&svg(&layers)).unwrap().picture;
    assert_eq!((picture.width, picture.height), (512, 256));
}

#[test]
fn entities_that_swell_are_refused() {
    let entity = |value: &str, inside: &str| {
        format!("<!DOCTYPE svg [<!ENTITY a '{value}'>]>{}", svg(inside))
    };
    assert_eq!(reason(&entity("red", "<rect fill='&a;'/>")), "drawn");
    let swollen = entity(&"x".repeat(100_000), &"<text>&a;</text>".repeat(1_000));
    assert_eq!(
        reason(&swollen),
        "its entities would become too long a text"
    );
    let laugh = |nth| {
        let ten = format!("&l{};", nth - 1).repeat(10);
        format!("<!ENTITY l{nth} '{ten}'>")
    };
    let laughs = (1..12).map(laugh).collect::<Vec<_>>().concat();
    let laughs = format!(
        "<!DOCTYPE svg [<!ENTITY l0 'ha'>{laughs}]>{}",
        svg("<text>&l11;</text>")
    );
    assert_eq!(reason(&laughs), "its entities name each other without end");
}

#[test]
fn compressed_drawings_are_drawn_within_their_limit() {
    use std::io::Write;
    let packed = |bytes: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    };
    let good = packed(svg("<rect width='20' height='10' fill='lime'/>").as_bytes());
    assert!(is_drawing(&good));
    assert!(!is_drawing(&packed(b"a letter")));
    let picture = draw(good.clone(), &limits()).unwrap().picture;
    assert_eq!(pixel(&picture, 5, 5), [0, 255, 0]);
    let cut = draw(good[..good.len() - 9].to_vec(), &limits())
        .err()
        .unwrap();
    assert_eq!(cut.reason, "its compressed data is damaged");
    let bomb = packed(svg(&" ".repeat(40 << 20)).as_bytes());
    let refused = draw(bomb, &limits()).err().unwrap();
    assert!(
        refused.reason.starts_with("too large: 32.0 MiB"),
        "{}",
        refused.reason
    );
}
