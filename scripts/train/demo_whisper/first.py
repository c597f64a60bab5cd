"""The 430 words and 22 templates of the first demo model, which the next one knows too.

One training sentence in five is of these templates (`synth.py`). Sentences are filled as `grammar.py` fills its own.
"""

CLASSES = {name: text.split() for name, text in {
    "adjective": """new old small large quiet strange famous hidden digital modern ancient careful simple open golden green
        blue red bright dark deep warm cold fast slow early late local global public private human wild rare young strong weak
        perfect broken heavy light clever curious friendly serious honest popular useful secret free long short""",
    "animal": """bear wolf fox horse dog cat eagle owl whale dolphin shark turtle spider bee butterfly elephant tiger lion
        monkey rabbit mouse frog penguin crow sheep""",
    "thing": """model network computer robot camera telescope microscope engine battery rocket satellite phone library museum
        garden bridge island mountain river forest desert ocean city village farm kitchen school hospital market station castle
        tower book letter song story picture map clock window door table bottle machine planet star galaxy moon comet storm
        volcano cell protein virus vaccine brain memory language question answer theory experiment podcast episode interview
        microphone newsletter archive document index search engine algorithm database password server keyboard chip sensor
        signal dream""",
    "person": """scientist teacher doctor engineer artist musician writer farmer student pilot sailor historian chef reporter
        lawyer painter actor driver nurse programmer listener host guest producer""",
    "name": "Alice Maria David Thomas Anna Peter Laura Daniel Emma Robert Sarah Michael Julia Victor Helen Oscar",
    "country": """London Paris Berlin Tokyo China India Africa Canada Brazil Norway Egypt Mexico Boston Chicago Australia Italy
        Spain Japan Iceland Kenya""",
    "past": """built found studied described discovered recorded explained repaired followed watched carried opened painted
        designed measured tested visited forgot remembered collected compared bought lost saved changed protected""",
    "base": """build find study describe discover record explain repair follow watch carry open paint design measure test visit
        forget remember collect compare buy lose save change protect""",
    "topic": """science history music medicine climate energy education privacy mathematics physics biology chemistry astronomy
        philosophy economics politics religion travel cooking football sleep money health water space""",
    "adverb": "quickly slowly carefully quietly suddenly finally usually often never always sometimes recently",
    "number": """two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty ninety""",
    "unit": "minutes hours days weeks months years miles meters dollars people words pages",
    "preposition": "near behind under above beside inside across around",
    "compared": "useful popular careful honest serious curious",
    "plural": "birds stars trees houses ships songs cities letters fish rocks",
}.items()}
NOUN = "animal thing thing person".split()
DETERMINER = "the a every this that our your his her their".split()
WHEN = """last year;this morning;on Monday;on Friday;in the summer;in the winter;after dinner;before sunrise;yesterday;
tonight;next week;every day""".replace("\n", "").split(";")
LATER = "next week;tomorrow;on Friday;on Monday;soon".split(";")
SUBJECT = "{np};{np};{name};the {person}".split(";")
TEMPLATES = """
{subject} {past} {np} {when}.
welcome back to the {topic} podcast with {name} and {name}.
today we talk about {topic} and {topic} in {country}.
{subject} {adverb} {past} {np} {preposition} {np}.
it took {number} {unit} to {base} {np}.
how can {subject} {base} {np}?
I think {np} is more {compared} than {np}.
there are {number} {unit} between {country} and {country}.
{name} works as a {person} in {country}.
in this episode {subject} will {base} {np}.
artificial intelligence can {base} {np} in {number} {unit}.
we should {adverb} {base} {np} before we {base} {np}.
{np} and {np} live {preposition} {np}.
thank you for listening and see you {later}.
the {person} from {country} did not {base} {np}.
what happens if {subject} and {subject} {base} {np}?
{when} {subject} {past} {number} {adjective} {plural}.
my favorite {thing} is about {topic} and {adjective} {topic}.
nobody knows why {subject} {past} {np}.
the {adjective} {thing} is {adjective} but the {adjective} {thing} is {adjective}.
{name} said that {topic} is {adjective} and {adjective}.
{name} and {name} {past} {np} in {country} {when}.
""".strip().splitlines()
# What it was trained on: espeak-ng 1.51 knows no voice "en-gb", and the first trainer did not notice the refusal.
VOICES = ["en-us", "en-us+f3"]
