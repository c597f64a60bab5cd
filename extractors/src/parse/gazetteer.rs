//! Names for the place where a photograph or a film was taken: the town, the city that it is a part of, the
//! region and the country, in English and Chinese, so that people find it by the words they use.
//!
//! Towns are points with so many people, and nobody's border is known here. So a name is given
//! only where it is sure enough: a town within [`NEAR_KM`], a city that many more people live in
//! and that reaches so far, and farther out what the nearest towns have in common. At sea and in
//! a desert that is nothing. Data: see `gazetteer/*.tsv` and `scripts/make-gazetteer.py`.

use std::sync::LazyLock;

const TOWNS: &str = include_str!("gazetteer/towns.tsv");
const REGIONS: &str = include_str!("gazetteer/regions.tsv");

/// So far from a town's middle, its name is where one is.
const NEAR_KM: f32 = 20.0;
/// Within a city, so far from the middle of one of its parts.
const PART_KM: f32 = 2.0;
/// So far away, what the nearest towns agree on is where one is.
const FAR_KM: f32 = 150.0;
/// How many must agree, where there are so many.
const AGREEING: usize = 3;
/// A city reaches as many kilometres as the root of its people through this: 18 of Berlin's 3.4
/// million, 3 of a hundred thousand.
const ROOT_PEOPLE_PER_KM: f32 = 100.0;
/// A town is a part of a city, and no neighbour of it, with so many times its people.
const CITY_TIMES: u32 = 5;
const KM_PER_DEGREE: f32 = 111.2;

struct Town {
    latitude: f32,
    longitude: f32,
    /// In thousands.
    people: u32,
    region: usize,
    names: &'static str,
}

struct Region {
    /// English, Chinese.
    names: [&'static str; 2],
    country: [&'static str; 2],
}

struct Gazetteer {
    towns: Vec<Town>,
    regions: Vec<Region>,
}

/// Read when the first photograph says where it was taken: a few milliseconds, 2 MB.
static GAZETTEER: LazyLock<Gazetteer> = LazyLock::new(|| Gazetteer {
    towns: rows(TOWNS).filter_map(town).collect(),
    regions: rows(REGIONS).filter_map(region).collect(),
});

fn rows(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

fn town(row: &'static str) -> Option<Town> {
    let mut cells = row.split('\t');
    let mut cell = || cells.next();
    Some(Town {
        latitude: cell()?.parse().ok()?,
        longitude: cell()?.parse().ok()?,
        people: cell()?.parse().ok()?,
        region: cell()?.parse().ok()?,
        names: cell()?,
    })
}

fn region(row: &'static str) -> Option<Region> {
    let mut cells = row.split('\t');
    let mut pair = || Some([cells.next()?, cells.next()?]);
    Some(Region {
        names: pair()?,
        country: pair()?,
    })
}

/// The position as [`crate::Shot`] has it.
pub(super) fn position((latitude, longitude): (f64, f64)) -> String {
    format!("{latitude:.5}, {longitude:.5}")
}

/// What a place is called, from the town to the country: `Moabit, Berlin 柏林, Germany 德国`. None
/// where nothing is near enough. In degrees, north and east positive.
pub(super) fn name_of((latitude, longitude): (f64, f64)) -> Option<String> {
    let gazetteer = &*GAZETTEER;
    let near = gazetteer.within(FAR_KM, latitude as f32, longitude as f32);
    let (away, nearest) = near.first()?;
    let region = &gazetteer.regions[nearest.region];
    let mut name = Name::default();
    if *away <= NEAR_KM {
        let city = gazetteer.city_around(nearest, &near);
        if city.is_none() || *away <= PART_KM {
            name.add(nearest.names);
        }
        if let Some(city) = city {
            name.add(city.names);
        }
        name.add_pair(region.names);
        name.add_pair(region.country);
        return name.into();
    }
    let agreeing = |one: &dyn Fn(&Region) -> [&'static str; 2]| {
        near.iter()
            .take(AGREEING)
            .all(|(_, town)| one(&gazetteer.regions[town.region]) == one(region))
    };
    if agreeing(&|of| of.country) {
        if agreeing(&|of| of.names) {
            name.add_pair(region.names);
        }
        name.add_pair(region.country);
    }
    name.into()
}

impl Gazetteer {
    /// The towns that are no farther away, the nearest first.
    fn within(&self, km: f32, latitude: f32, longitude: f32) -> Vec<(f32, &Town)> {
        // A degree of longitude is that much shorter; the earth is flat enough for so short ways.
        let shorter = latitude.to_radians().cos();
        let away = |town: &Town| {
            let east = (town.longitude - longitude + 540.0).rem_euclid(360.0) - 180.0;
            (town.latitude - latitude).hypot(east * shorter) * KM_PER_DEGREE
        };
        let all = self.towns.iter().map(|town| (away(town), town));
        let mut near: Vec<_> = all.filter(|(away, _)| *away <= km).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near
    }

    /// The city that a place near this town belongs to: of those that reach so far, the one that
    /// pulls most.
    fn city_around<'a>(&self, town: &Town, near: &[(f32, &'a Town)]) -> Option<&'a Town> {
        let country = |town: &Town| self.regions[town.region].country;
        let pull = |away: f32, people: u32| people as f32 / away.max(1.0).powi(2);
        let cities = near.iter().filter(|(away, city)| {
            let reach = (city.people as f32 * 1000.0).sqrt() / ROOT_PEOPLE_PER_KM;
            *away <= reach
                && city.people >= town.people.saturating_mul(CITY_TIMES)
                && country(city) == country(town)
        });
        cities
            .max_by(|a, b| pull(a.0, a.1.people).total_cmp(&pull(b.0, b.1.people)))
            .map(|(_, city)| *city)
    }
}

/// Parts with commas between them, each said once.
#[derive(Default)]
struct Name(Vec<String>);

impl Name {
    fn add(&mut self, part: &str) {
        if !part.is_empty() {
            self.0.push(part.to_owned());
        }
    }

    /// Not where it is called like something before: Berlin is a city and a region.
    fn add_pair(&mut self, [english, chinese]: [&str; 2]) {
        let said = |part: &String| part.starts_with(english);
        if !english.is_empty() && !self.0.iter().any(said) {
            self.add(format!("{english} {chinese}").trim_end());
        }
    }
}

impl From<Name> for Option<String> {
    fn from(name: Name) -> Option<String> {
        (!name.0.is_empty()).then(|| name.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read_and_has_its_region() {
        assert_eq!(GAZETTEER.towns.len(), rows(TOWNS).count());
        assert_eq!(GAZETTEER.regions.len(), rows(REGIONS).count());
        let regions = GAZETTEER.regions.len();
        assert!(GAZETTEER.towns.iter().all(|town| town.region < regions));
        assert!(GAZETTEER.towns.len() > 30_000);
    }

    #[test]
    fn places_have_the_names_that_people_use() {
        for (latitude, longitude, name) in [
            // The Brandenburg Gate, the Summer Palace, the Golden Gate Bridge, the Opera House.
            (52.5163, 13.3777, "Mitte, Berlin 柏林, Germany 德国"),
            (39.9998, 116.2754, "Beijing 北京, China 中国"),
            (
                37.8199,
                -122.4783,
                "San Francisco 旧金山, California 加利福尼亚州, United States 美国",
            ),
            (
                -33.8568,
                151.2153,
                "Sydney Central Business District, Sydney 悉尼 雪梨, New South Wales 新南威尔士州, Australia 澳大利亚",
            ),
            // Yokohama is not Tokyo; Basel's Rhine.
            (
                35.4437,
                139.6380,
                "Yokohama 横浜 横滨市, Kanagawa 神奈川县, Japan 日本",
            ),
            (
                47.5596,
                7.5886,
                "Basel 巴塞尔 白才尔, Basel-City, Switzerland 瑞士",
            ),
            // The Grand Canyon; Ürümqi; Fiji, beyond the date line.
            (36.1069, -112.1129, "Arizona 亚利桑那州, United States 美国"),
            (
                43.8256,
                87.6168,
                "Ürümqi Urumqi 迪化 乌鲁木齐, Xinjiang 新疆维吾尔自治区, China 中国",
            ),
            (-18.1416, 178.4419, "Suva 苏瓦, Central 中央大区, Fiji 斐济"),
        ] {
            assert_eq!(name_of((latitude, longitude)).as_deref(), Some(name));
        }
    }

    #[test]
    fn nothing_is_said_of_the_sea_and_of_numbers_that_are_no_place() {
        for (latitude, longitude) in [(-45.0, -130.0), (90.0, 0.0), (-90.0, 180.0)] {
            assert_eq!(
                name_of((latitude, longitude)),
                None,
                "{latitude} {longitude}"
            );
        }
        for odd in [f64::NAN, f64::INFINITY, -1e300] {
            assert_eq!(name_of((odd, odd)), None);
        }
    }
}
