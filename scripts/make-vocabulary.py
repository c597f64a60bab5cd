"""Writes what the vocabulary of tags has from CLDR, names in English and Chinese of what emoji
show, and checks the whole vocabulary. Run it where npm has put cldr-annotations-full:

    npm install cldr-annotations-full@48.2.0
    python3 scripts/make-vocabulary.py node_modules > extractors/src/infer/tags/cldr.tsv
    python3 scripts/make-vocabulary.py --check

Of some 2,000 names those are taken that tell what a photograph shows, in words that people say;
what everyday.tsv has already is left out.
"""

import json
import sys
import unicodedata
from pathlib import Path

TAGS = Path(__file__).parent.parent / "extractors/src/infer/tags"
TAKEN = """
waving hand, clapping hands, folded hands, leg, ear, nose, tooth, bone, eye, tongue, mouth, boy,
girl, judge, factory worker, office worker, scientist, singer, pilot, astronaut, guard, ninja,
princess, superhero, Santa Claus, person lifting weights, fingerprint, footprints, orangutan,
paw prints, hatching chick, bird, wing, tropical fish, wilted flower, chestnut, fondue,
fork and knife, bottle with popping cork, world map, compass, rock, wood, office building,
post office, hospital, bank, hotel, convenience store, school, Japanese castle, Tokyo tower,
Statue of Liberty, synagogue, ferris wheel, roller coaster, auto rickshaw, kick scooter, wheel,
ship, alarm clock, stopwatch, shooting star, snowflake, wind chime, carp streamer, military medal,
softball, field hockey, boxing glove, diving mask, crystal ball, slot machine, nesting dolls,
lab coat, sari, bikini, folding hand fan, hiking boot, ballet shoes, crown, top hat,
military helmet, megaphone, bell, musical note, radio, banjo, fax machine, electric plug,
floppy disk, abacus, film projector, clapper board, video camera, videocassette, light bulb,
scroll, bookmark, label, treasure chest, dollar banknote, euro banknote, yen banknote,
pound banknote, postbox, paintbrush, briefcase, file folder, spiral notepad, axe, dagger, bomb,
boomerang, shield, balance scale, white cane, hook, toolbox, magnet, petri dish, shower, bathtub,
razor, safety pin, sponge, toothbrush, fire extinguisher, cigarette, coffin, headstone
"""
HEAD = """\
# Names of what emoji show: English, tab, Chinese. From Unicode CLDR 48 (cldr-annotations-full
# 48.2.0), licence Unicode-3.0: see LICENSE-UNICODE beside this file. Made by
# scripts/make-vocabulary.py.
"""


def names(packages: Path, language: str) -> dict[str, str]:
    """The name of each emoji."""
    path = packages / f"cldr-annotations-full/annotations/{language}/annotations.json"
    entries = json.loads(path.read_text("utf-8"))["annotations"]["annotations"]
    return {emoji: entry["tts"][0] for emoji, entry in entries.items() if "tts" in entry}


def make(packages: Path) -> None:
    """Prints cldr.tsv, in the order of what is taken."""
    english, chinese = names(packages, "en"), names(packages, "zh")
    emoji = {name: sign for sign, name in english.items()}
    own = (TAGS / "everyday.tsv").read_text("utf-8").splitlines()
    known = {word.casefold() for line in own for word in line.split("\t")}
    print(HEAD, end="")
    for name in " ".join(TAKEN.split()).split(", "):
        said = chinese[emoji[name]]
        if known.isdisjoint({name.casefold(), said.casefold()}):
            known |= {name.casefold(), said.casefold()}
            print(f"{name}\t{said}")


def han(text: str) -> bool:
    """Whether there are Chinese characters in a text."""
    return any("\u4e00" <= sign <= "\u9fff" for sign in text)


def faults(english: str, chinese: str) -> list[str]:
    """What is wrong with the two names of one thing, apart from others."""
    found = []
    for name in (english, chinese):
        if name != " ".join(name.split()) or name != unicodedata.normalize("NFC", name):
            found.append("stray blanks or signs not composed")
    if han(english) or not any(sign.isalpha() for sign in english):
        found.append("the first name is not English")
    if not han(chinese) or " " in chinese:
        found.append("the second name is not Chinese")
    return found


def check() -> int:
    """Tells each fault of the two lists; how many there are."""
    seen: dict[str, str] = {}
    count = wrong = 0
    for path in (TAGS / "everyday.tsv", TAGS / "cldr.tsv"):
        lines = path.read_text("utf-8").removesuffix("\n").split("\n")
        for number, line in enumerate(lines, 1):
            if line.startswith("#"):
                continue
            place = f"{path.name}:{number}"
            columns = line.split("\t")
            if len(columns) != 2 or not all(columns):
                found = ["not two names"]
            else:
                found = faults(*columns)
                # "Head band" and "headband" are one name.
                folded = [name.casefold().replace(" ", "").replace("-", "") for name in columns]
                found += [f"also at {seen[name]}" for name in folded if name in seen]
                seen |= dict.fromkeys(folded, place)
            for fault in found:
                print(f"{place}: {line!r}: {fault}")
            wrong += len(found)
            count += 1
    print(f"{count} things, {wrong} faults")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check() > 0)
    make(Path(sys.argv[1]))
