"""Sentences over the closed vocabulary: templates filled from its classes.

One pair of neighbouring content words in twelve never occurs in training (`held_out`); sentences that contain
such a pair show whether the model hears words or recites pairs. One sentence in seven is words in any order, so
that the decoder trusts its ears more than the grammar; half of those, and a fifth of the others, say words twice, so
that it tells the second time from the first by its place: a model that never met repetition falls into loops at it.
"""

import dataclasses
import functools
import random
import re
import zlib

import first
from vocabulary import DETERMINER, FUNCTION, classes, token, words

TEMPLATES = """
{subject} {past} {np} {when}.
{subject} {past} {np}.
{subject} {adverb} {past} {np} {preposition} {np}.
{when} {subject} {past} {number} {adjective} {plural}.
{name} and {name} {past} {np} in {country} {when}.
{name} works as {a person} in {country}.
{name} said that {topic} is {adjective} and {adjective}.
{name} must {base} {np} before {day}.
{number} {adjective} {plural} {past} {np}.
{number} {plural} and {number} {plural} live {preposition} the {place}.
welcome back to the {topic} podcast with {name} and {name}.
thank you for listening and see you {later}.
today we talk about {topic} and {topic} in {country}.
in this episode {subject} will {base} {np}.
it took {number} {unit} to {base} {np}.
it was {a adjective} {season} in {country}.
how can {subject} {base} {np}?
why did {subject} {base} {np} {when}?
what happens if {subject} and {subject} {base} {np}?
where did {subject} {base} the {plural}?
when will {subject} {base} {np}?
who {past} {np} {preposition} the {place}?
I think {np} is more {compared} than {np}.
I would {base} {a food} with {food} and {food}.
there are {number} {unit} between {country} and {country}.
there was {a adjective} {animal} {preposition} the {place}.
we should {adverb} {base} {np} before we {base} {np}.
we had {food} and {food} with {np} in the {place}.
they {past} the {adjective} {plural} and {past} the {thing}.
she {past} {a thing} from {country} and {a thing} from {country}.
he {past} the {adjective} {abstract} about {topic}.
you can {base} the {thing} with {a thing}.
please {base} the {adjective} {thing} and {base} the {place}.
do not {base} the {animal} in the {place}.
let us {base} the {abstract} about {topic} and {topic}.
{np} and {np} live {preposition} {np}.
the {person} from {country} did not {base} {np}.
the {person} and the {animal} {past} {np} because {subject} {past} it.
the {adjective} {thing} is {adjective} but the {adjective} {thing} is {adjective}.
the {place} was {adjective} and the {abstract} was very {adjective}.
artificial intelligence can {base} {np} in {number} {unit}.
my favorite {thing} is about {topic} and {adjective} {topic}.
my {adjective} {abstract} is about {topic} and {adjective} {topic}.
nobody knows why {subject} {past} {np}.
everybody must {base} {food} without {food}.
somebody has {past} the {adjective} {plural} {preposition} the {place}.
all {adjective} {plural} {base} the {adjective} {abstract}.
in {month} {subject} {past} {np} {preposition} the {place}.
on {day} they {base} {adjective} {food} until {season}.
{adjective} {topic} and {adjective} {topic} are {adjective}.
""".strip().splitlines()

WHEN = """last year;this morning;on {day};in the {season};in {month};after dinner;before {food};yesterday;tonight;
next week;every {season};last {season};today;during the {abstract};every day;before sunrise""".replace("\n", "").split(";")
LATER = "next week;tomorrow;on {day};soon;next month;tonight".split(";")
SUBJECT = "{np};{np};{name};the {person};{name} and the {person};the {plural};he;she;they;we;you;somebody".split(";")
NOUN = "thing thing thing place animal person person abstract food".split()
ANY_ORDER = 0.15  # the share of sentences that are words in any order
REPEATING = 0.2  # the share of the filled templates whose slots like to repeat words
AGAIN = 0.6  # how often such a slot does, if its class has been there before
_SLOT = re.compile(r"\{(a )?(\w+)\}")
_FUNCTION = {*FUNCTION, *DETERMINER, "an"}


def _article(phrase: str) -> str:
    vowel = phrase[0] in "aeiouAEIOU" and not phrase.startswith(("use", "uni", "Eu", "one"))
    return f"{'an' if vowel or phrase.startswith(('hon', 'hour')) else 'a'} {phrase}"


@dataclasses.dataclass(frozen=True)
class Grammar:
    """Templates, the words that fill their slots, and the phrases that do."""
    templates: list[str]
    classes: dict[str, list[str]]
    phrases: dict[str, list[str]]  # when, later, subject
    nouns: list[str]
    determiners: list[str]
    any_order: float
    repeating: float

    def _word(self, kind: str, r: random.Random, said: dict | None) -> str:
        """A word of a class; one that the sentence has said before where `said` holds those."""
        if said is not None and kind in said and r.random() < AGAIN:
            return r.choice(said[kind])
        word = r.choice(self.classes[kind])
        if said is not None:
            said.setdefault(kind, []).append(word)
        return word

    def _noun_phrase(self, r: random.Random, said: dict | None) -> str:
        phrase = self._word(r.choice(self.nouns), r, said)
        if r.random() < 0.5:
            phrase = f"{self._word('adjective', r, said)} {phrase}"
        determiner = r.choice(self.determiners)
        return _article(phrase) if determiner == "a" else f"{determiner} {phrase}"

    def _fill(self, template: str, r: random.Random, said: dict | None) -> str:
        def slot(match: re.Match) -> str:
            kind = match[2]
            if kind == "np":
                text = self._noun_phrase(r, said)
            elif kind in self.phrases:
                text = self._fill(r.choice(self.phrases[kind]), r, said)
            else:
                text = self._word(kind, r, said)
            return _article(text) if match[1] else text

        return _SLOT.sub(slot, template)

    def sentence(self, r: random.Random) -> str:
        """One sentence, with a capital and a full stop or question mark."""
        if self.any_order and r.random() < self.any_order:
            count = r.randint(3, 8)
            few = r.choices(words(), k=count if r.random() < 0.5 else 1 + count // 2)
            text = " ".join(["The", *(few if len(few) == count else r.choices(few, k=count))]) + "."
        else:
            said = {} if self.repeating and r.random() < self.repeating else None
            text = self._fill(r.choice(self.templates), r, said)
        return text[0].upper() + text[1:]


@functools.cache
def full() -> Grammar:
    """The trainer's own grammar; it needs GPT-2's vocabulary, to leave out what is more than one token."""
    return Grammar(TEMPLATES, classes(), {"when": WHEN, "later": LATER, "subject": SUBJECT}, NOUN, DETERMINER, ANY_ORDER, REPEATING)


FIRST = Grammar(first.TEMPLATES, first.CLASSES, {"when": first.WHEN, "later": first.LATER, "subject": first.SUBJECT}, first.NOUN, first.DETERMINER, 0, 0)


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(words())


def spoken(sentence: str) -> list[str]:
    """The words of a sentence as the vocabulary writes them (the first one as within a sentence)."""
    parts = sentence[:-1].split()
    lower = parts[0][0].lower() + parts[0][1:]
    return [lower if lower in _known() else parts[0], *parts[1:]]


def held_out(sentence: str) -> bool:
    """Whether a sentence has a pair of content words that training never shows."""
    w = spoken(sentence)
    pairs = [(a, b) for a, b in zip(w, w[1:]) if a not in _FUNCTION and b not in _FUNCTION]
    return any(zlib.crc32(f"{a} {b}".encode()) % 12 == 0 for a, b in pairs)


def sentences(count: int, seed: int, held: bool = False, besides: frozenset = frozenset(), grammar: Grammar | None = None) -> list[str]:
    """`count` different sentences, none of `besides`; with `held`, only those that have a held-out pair.

    Another grammar than the full one may say held-out pairs too.
    """
    r, out = random.Random(seed), {}
    while len(out) < count:
        text = (grammar or full()).sentence(r)
        first_word = text.split()[0].rstrip(".?")
        if text not in besides and (grammar is not None or (held_out(text) == held and token(first_word) is not None)):
            out[text] = None
    return list(out)


if __name__ == "__main__":
    sample = sentences(20000, 1)
    used = {w for s in sample for w in spoken(s)}
    print("\n".join(sample[:30]), "\n", len(used), "words used of", len(words()), set(words()) - used)
    print(len({s.split()[0] for s in sample}), "first words;", sum(len(s.split()) for s in sample) / len(sample), "words a sentence")
