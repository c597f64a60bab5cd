"""What people call the concepts, in English and in Chinese, and what they put around it.

`Lexicon` holds CLDR's names and keywords (Unicode licence) and, for English, the synonyms
and kinds that WordNet knows ("poodle" for the dog). `Sampler` makes training texts of them:
bare words, sentences, lists, and texts about something else, each with the concepts that
it should find.
"""

import json
import re
from collections import defaultdict

LANGUAGES = ["en", "zh", "zh-Hant"]
# A keyword that this many concepts share says nothing about any of them.
COMMON = 150

TEMPLATES = {
    "en": [
        "a photo of a {}", "a photo of {}", "a picture of a {}", "a picture of the {}",
        "a drawing of a {}", "an image of {}", "{} photo", "{} picture", "photos of {}",
        "my {}", "the {}", "a {}", "one {}", "two {}s", "some {}", "{}s", "a small {}",
        "a big {}", "a cartoon {}", "{} icon", "{} emoji", "clipart of a {}", "show me the {}",
        "where is the picture with the {}", "i am looking for a {}", "find the {}",
        "there is a {} here", "this is a {}", "a {} on a white background",
        "a {} on a dark background", "a blurry photo of a {}", "a black and white {}",
        "a close-up of a {}", "a nice {} in the evening", "the {} we saw on holiday",
        "what does a {} look like", "do i have a picture of a {}?", "a {}, drawn in colour",
    ],
    "zh": [
        "{}的照片", "一张{}的照片", "{}的图片", "一张{}的图片", "一只{}", "一个{}", "一辆{}",
        "一朵{}", "一把{}", "一座{}", "一条{}", "一杯{}", "一块{}", "一位{}", "一面{}", "一架{}",
        "一只{}的照片", "一个{}的照片", "一辆{}的照片", "一只{}的图片", "有{}的图片", "带{}的照片",
        "画着{}的画", "{}图标", "{}表情", "这是{}", "这是一只{}", "我的{}", "找{}", "找一下{}的照片",
        "{}在哪里", "卡通{}", "白色背景上的{}", "黑白的{}", "两只{}", "小{}", "大{}", "可爱的{}",
        "我们看到的{}", "{}长什么样", "有没有{}的图片?", "一幅{}的画", "模糊的{}照片",
    ],
    "zh-Hant": [
        "{}的照片", "一張{}的照片", "{}的圖片", "一隻{}", "一個{}", "一輛{}", "一隻{}的照片",
        "有{}的圖片", "{}圖示", "這是{}", "我的{}", "找{}", "{}在哪裡", "可愛的{}", "一幅{}的畫",
    ],
}
BOTH = {
    "en": ["{} and {}", "a {} and a {}", "a {} with a {}", "{}, {}", "a photo of a {} next to a {}"],
    "zh": ["{}和{}", "一个{}和一个{}", "{}与{}", "{}、{}", "{}和{}的照片", "{}旁边的{}"],
    "zh-Hant": ["{}和{}", "{}與{}", "{}、{}", "{}和{}的照片"],
}


def tidy(phrase):
    return re.sub(r"\s+", " ", phrase.replace("’", "'").replace("⊛", "")).strip().lower()


def annotations(work, language):
    """{emoji characters: {"tts": [name], "default": keywords}} of CLDR, derived ones too."""
    found = {}
    for package, key in (("full", "annotations"), ("derived-full", "annotationsDerived")):
        path = work / f"npm/cldr-annotations-{package}/{key}/{language}/annotations.json"
        found.update(json.loads(path.read_text())[key]["annotations"])
    return found


def flag_words(name, language):
    """"flag: China" is also asked for as "China" or "flag of China"."""
    where = re.split(r"[:：]\s*", name, maxsplit=1)[1]
    if language == "en":
        return [where, f"flag of {where}", f"{where} flag", f"the flag of {where}"]
    flag = "国旗" if language == "zh" else "國旗"
    return [where, f"{where}{flag}", f"{where}的{flag}", f"{where}旗"]


class WordNet:
    """Nouns of WordNet's database files: senses, what they are kinds of, and their kinds."""

    def __init__(self, folder="/usr/share/wordnet"):
        self.synsets, self.senses = {}, defaultdict(list)
        for line in open(f"{folder}/data.noun"):
            if line.startswith("  "):
                continue
            data, _, gloss = line.partition("|")
            parts = data.split()
            words = [w.replace("_", " ").lower() for w in parts[4 : 4 + 2 * int(parts[3], 16) : 2]]
            links = parts[5 + 2 * int(parts[3], 16) :]
            ups = [links[i + 1] for i in range(0, len(links) - 3, 4) if links[i] in ("@", "@i")]
            downs = [links[i + 1] for i in range(0, len(links) - 3, 4) if links[i] == "~"]
            self.synsets[parts[0]] = (words, ups, downs, gloss)
        for line in open(f"{folder}/index.noun"):
            if not line.startswith("  "):
                parts = line.split()
                self.senses[parts[0].replace("_", " ")] = parts[-int(parts[2]) :]

    def lemmas(self):
        return sorted(self.senses)

    def above(self, synset):
        """The words of all that a sense is a kind of."""
        words, todo = set(), [synset]
        while todo:
            here = todo.pop()
            words.update(self.synsets[here][0])
            todo.extend(self.synsets[here][1])
        return words

    def kinds(self, name, keywords, most=30):
        """Synonyms and kinds of `name` in the first sense that one of `keywords` confirms."""
        for synset in self.senses.get(name, []):
            words, _, _, gloss = self.synsets[synset]
            around = self.above(synset) | set(re.findall(r"[a-z]+", gloss.lower()))
            if not (set(keywords) - {name}) & (around - {name}):
                continue
            found, layer = list(words), [synset]
            for _ in range(2):
                layer = [below for s in layer for below in self.synsets[s][2]]
                found += [word for s in layer for word in self.synsets[s][0]]
            return [w for w in dict.fromkeys(found) if len(w) < 25 and w != name][:most]
        return []


class Lexicon:
    """The concepts that have a name, and for each phrase the concepts that it fits."""

    def __init__(self, work, codes):
        held = {language: annotations(work, language) for language in LANGUAGES}
        plain = {
            language: {"-".join(f"{ord(c):x}" for c in key if c != "\ufe0f"): value
                       for key, value in table.items()}
            for language, table in held.items()
        }
        self.codes = sorted(c for c in set(codes) if all(
            c in plain[language] and plain[language][c].get("tts") for language in ("en", "zh")))
        self.index = {code: i for i, code in enumerate(self.codes)}
        # names[language][i]: what evaluation asks with; keywords and kinds as lists.
        self.names = {language: [] for language in LANGUAGES}
        self.keywords = {language: [] for language in LANGUAGES}
        for language in LANGUAGES:
            for code in self.codes:
                entry = plain[language].get(code) or {"tts": [], "default": []}
                names = [tidy(n) for n in entry.get("tts", [])]
                words = [tidy(w) for w in entry.get("default", [])]
                if names and re.match(r"(flag|旗)[:：]", names[0]):
                    words = [tidy(w) for w in flag_words(names[0], language)]
                self.names[language].append(names[0] if names else None)
                self.keywords[language].append([w for w in words if w and w not in names])
        wordnet = WordNet()
        self.kinds = [
            wordnet.kinds(name, words)
            for name, words in zip(self.names["en"], self.keywords["en"])
        ]
        self._weigh()
        self.elsewhere = {
            "en": [w for w in wordnet.lemmas()
                   if w not in self.weights and len(w) > 3 and re.fullmatch(r"[a-z ]+", w)],
            "zh": [w for w in other_chinese() if w not in self.weights],
        }
        self.elsewhere["zh-Hant"] = self.elsewhere["zh"]

    def _weigh(self):
        """Phrase -> {concept: weight}: a name counts in full, a keyword a fifth of that."""
        self.weights = defaultdict(dict)
        for table, weight in ((self.keywords, 0.2), (self.names, 1.0)):
            for language in LANGUAGES:
                for i, words in enumerate(table[language]):
                    for word in [words] if isinstance(words, str) else words or []:
                        self.weights[word][i] = max(weight, self.weights[word].get(i, 0))
        for i, words in enumerate(self.kinds):
            for word in words:
                if word not in self.weights or i in self.weights[word]:
                    self.weights[word].setdefault(i, 1.0)
        self.weights = {w: held for w, held in self.weights.items() if len(held) <= COMMON}
        for language in LANGUAGES:
            self.keywords[language] = [
                [w for w in words if w in self.weights] for words in self.keywords[language]]
        self.kinds = [
            [w for w in words if i in self.weights.get(w, {})] for i, words in enumerate(self.kinds)]

    def phrases(self):
        """Everything that the tokenizer must be able to spell."""
        shells = [t.replace("{}", " ") for table in (TEMPLATES, BOTH)
                  for group in table.values() for t in group]
        return list(self.weights) * 3 + shells * 5


def other_chinese(path="/usr/share/unicode/cldr/common/main/zh.xml"):
    """Chinese words for what no concept shows: languages, currencies, units, scripts."""
    try:
        text = open(path).read()
    except FileNotFoundError:
        return []
    text = re.sub(r"<territories>.*?</territories>", "", text, flags=re.S)
    return sorted(set(re.findall(r">([\u4e00-\u9fff]{2,8})<", text)))


class Sampler:
    """Training texts. Each comes as (text, {concept: weight}); {} says that nothing fits."""

    def __init__(self, lexicon, random):
        self.lexicon, self.random = lexicon, random

    def phrase(self, i, language):
        """A name (half of the time), a keyword or a kind of concept `i`."""
        lexicon, roll = self.lexicon, self.random.random()
        name, words = lexicon.names[language][i], lexicon.keywords[language][i]
        if name is None:
            return self.phrase(i, "zh")
        if language == "en" and lexicon.kinds[i] and roll < 0.12:
            return self.random.choice(lexicon.kinds[i])
        if words and roll < 0.45:
            return self.random.choice(words)
        return name

    def language(self):
        return self.random.choices(LANGUAGES, (0.45, 0.45, 0.1))[0]

    def about(self, i):
        """A text about concept `i`."""
        language, random = self.language(), self.random
        phrase = self.phrase(i, language)
        fits = dict(self.lexicon.weights.get(phrase) or {i: 1.0})
        roll = random.random()
        if roll < 0.45:
            return self.shell(phrase, language), fits
        if roll < 0.53:
            second = self.phrase(i, language)
            both = {c: 1.0 for c in fits if c in self.lexicon.weights.get(second, {i: 1.0})}
            space = " " if language == "en" else random.choice(["", " "])
            return phrase + space + second, both or {i: 1.0}
        if roll < 0.60:
            other = random.choice(self.lexicon.elsewhere[language] or [""])
            parts = [phrase, other]
            random.shuffle(parts)
            return " ".join(parts), fits
        return phrase, fits

    def shell(self, phrase, language):
        text = self.random.choice(TEMPLATES[language]).format(phrase)
        return re.sub(r"\ba (?=[aeiou])", "an ", text) if self.random.random() < 0.7 else text

    def pair(self, i, j):
        """A text about two concepts."""
        language = self.language()
        names = [self.lexicon.names[language][c] or self.lexicon.names["zh"][c] for c in (i, j)]
        return self.random.choice(BOTH[language]).format(*names), {i: 1.0, j: 1.0}

    def unrelated(self):
        """A text about something that no concept shows."""
        language = self.language()
        some = self.lexicon.elsewhere[language] or self.lexicon.elsewhere["en"]
        words = [self.random.choice(some) for _ in range(self.random.randint(1, 4))]
        text = (" " if language == "en" else "").join(words)
        return (self.shell(text, language) if self.random.random() < 0.4 else text), {}
