"""Writes the vocabulary of tags that comes from CLDR: names in English and Chinese of what emoji
show. Run it where npm has put cldr-annotations-full and unicode-emoji-json:

    npm install cldr-annotations-full@48.2.0 unicode-emoji-json@0.9.0
    python3 scripts/make-vocabulary.py node_modules > extractors/src/infer/tags/cldr.tsv

Left out are symbols, flags and faces, which are no things that a picture shows, skin tones, and
what everyday.tsv has already.
"""

import json
import sys
from pathlib import Path

LEFT_OUT = {"Symbols", "Flags", "Smileys & Emotion"}
HEAD = """\
# Names of what emoji show: English, tab, Chinese. From Unicode CLDR 48 (cldr-annotations-full
# 48.2.0), licence Unicode-3.0: see LICENSE-UNICODE beside this file. Made by
# scripts/make-vocabulary.py.
"""


def names(packages: Path, language: str) -> dict[str, str]:
    """The name of each emoji."""
    path = packages / f"cldr-annotations-full/annotations/{language}/annotations.json"
    entries = json.loads(path.read_text())["annotations"]["annotations"]
    return {emoji: entry["tts"][0] for emoji, entry in entries.items() if "tts" in entry}


def main() -> None:
    packages = Path(sys.argv[1])
    english, chinese = names(packages, "en"), names(packages, "zh")
    emoji = json.loads((packages / "unicode-emoji-json/data-by-emoji.json").read_text())
    own = Path(__file__).parent.parent / "extractors/src/infer/tags/everyday.tsv"
    known = {line.split("\t")[0].lower() for line in own.read_text().splitlines()}
    print(HEAD, end="")
    for sign, facts in emoji.items():
        # CLDR writes without the sign for "as a picture".
        plain = sign.replace("\ufe0f", "")
        name = english.get(plain) or english.get(sign)
        said = chinese.get(plain) or chinese.get(sign)
        if facts["group"] in LEFT_OUT or not name or not said or name.lower() in known:
            continue
        known.add(name.lower())
        print(f"{name}\t{said}")


main()
