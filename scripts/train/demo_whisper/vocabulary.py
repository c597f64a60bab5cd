"""The closed vocabulary of the demo speech model: at least 2,000 English words in classes.

Every word must be one token of GPT-2's vocabulary with its leading space (" word"): then a word costs the
decoder one step, and one row of the embedding is all there is to learn about it. Inflections are made by
rule and kept only where the result is such a token. Of two words that espeak-ng pronounces alike
("meat", "meet") only the first listed is kept (`synth.py` finds them, `HOMOPHONES` below records them), since
no ear could tell them apart.
"""

import base64
import functools
import os
import pathlib

PERSON = """man woman boy girl child baby friend neighbor mother father sister brother daughter son uncle aunt wife
husband teacher student doctor nurse patient engineer scientist artist musician writer author poet farmer driver
pilot sailor soldier officer captain king queen prince princess knight judge lawyer witness thief detective reporter
journalist editor publisher actor actress director producer singer dancer painter photographer designer architect
builder worker manager boss clerk secretary accountant banker merchant trader buyer customer owner tenant landlord
chef cook waiter baker butcher priest bishop monk saint philosopher historian professor researcher expert analyst
programmer developer hacker inventor explorer hunter fisherman guard guide tourist traveler passenger visitor guest
host stranger leader president minister senator mayor governor ambassador diplomat voter citizen immigrant refugee
hero villain champion winner loser player coach athlete runner swimmer climber gardener mechanic carpenter electrician
plumber surgeon dentist therapist psychologist volunteer listener reader speaker presenter narrator critic fan""".split()

ANIMAL = """bear wolf fox horse dog cat eagle owl whale dolphin shark turtle spider bee butterfly elephant tiger
lion monkey rabbit mouse rat frog penguin crow sheep goat cow bull pig chicken duck goose swan pigeon parrot snake
lizard crocodile dragon fish salmon insect ant worm snail camel deer kitten puppy beast monster creature bird
gorilla panda cattle""".split()

THING = """model network computer robot camera telescope microscope engine battery rocket satellite phone radio
television screen keyboard printer machine motor wheel tire brake pedal car truck bus train plane ship boat canoe
bicycle motorcycle tractor helicopter balloon parachute anchor rope chain knife fork spoon plate bowl cup glass
bottle bucket basket box bag suitcase wallet purse coin ticket stamp envelope letter postcard book novel magazine
newspaper notebook diary dictionary map poster painting picture photograph portrait statue mirror clock watch
calendar lamp candle lantern torch flame fire match oven stove kettle refrigerator table chair sofa bed pillow
blanket carpet curtain window door gate fence wall roof ceiling floor stairs ladder elevator hammer nail screw
shovel axe saw drill needle thread button zipper shirt jacket coat dress skirt hat helmet glove sock boot
shoe belt scarf umbrella ring necklace bracelet crown jewel diamond medal trophy flag banner sign symbol piano guitar violin
drum trumpet flute bell whistle ball bat racket puzzle toy doll card dice game song poem story movie film video
document report article essay contract recipe list message email password key lock code program database server
website app signal sensor chip cable wire tube pipe pump valve filter magnet mask shield sword arrow gun cannon
bullet bomb tent backpack algorithm archive index microphone newsletter protein virus vaccine compass brush pencil pen paper ink chalk stone rock brick wood metal gold silver copper iron
steel plastic leather cotton silk wool tree flower rose leaf branch seed root fruit grass bush vine moon star comet
planet cloud storm hurricane tornado rainbow shadow cell brain heart muscle bone skin lung stomach blood tooth
finger thumb elbow shoulder knee ankle wrist tongue beard wing feather tail claw egg nest cage trap net hook""".split()

FOOD = """bread butter cheese milk cream coffee tea juice wine beer water soup salad sandwich pizza pasta rice
bean potato tomato onion garlic carrot pepper salt sugar honey cake cookie chocolate candy apple orange banana lemon
grape strawberry cherry pear peach mango coconut pumpkin corn wheat meat steak bacon sausage ham turkey shrimp
lobster sauce oil vinegar breakfast lunch dinner dessert""".split()

PLACE = """house home room kitchen bedroom bathroom basement garage garden yard farm field barn village town city
capital suburb street road highway bridge tunnel corner square park playground stadium gym pool beach coast shore
harbor port island peninsula lake river stream waterfall pond swamp ocean sea bay desert forest jungle valley hill mountain
volcano canyon cliff cave mine quarry factory warehouse office bank store shop market mall bakery restaurant cafe bar
pub hotel motel hospital clinic pharmacy school college university library museum gallery theater cinema church temple
mosque cathedral monastery castle palace tower fortress prison court station airport terminal platform laboratory
observatory studio workshop cemetery zoo aquarium farmhouse cottage apartment balcony lobby hallway attic border
kingdom empire country nation continent planet universe galaxy""".split()

TOPIC = """science history music medicine climate energy education privacy mathematics physics biology chemistry
astronomy philosophy economics politics religion travel football baseball basketball tennis golf hockey soccer cricket sleep
money health space weather art poetry literature language grammar psychology sociology geography geology
agriculture engineering architecture design fashion photography theater dance comedy tragedy romance adventure
mystery fantasy horror fiction journalism advertising marketing finance insurance trade commerce industry technology
software hardware electricity nuclear gravity magnetism evolution genetics memory intelligence creativity curiosity
happiness sadness anger fear love hate hope faith courage patience honesty loyalty justice freedom democracy peace war
violence crime punishment poverty wealth success failure luck fate magic nature pollution recycling conservation
migration population culture tradition ceremony marriage divorce childhood youth friendship leadership teamwork
competition cooperation innovation research experience knowledge wisdom truth beauty silence noise cooking fishing hunting
swimming cycling gambling shopping farming banking logic ethics statistics algebra geometry""".split()

ABSTRACT = """question answer theory experiment idea plan method problem solution mistake accident disaster
discovery invention decision choice chance risk danger rule law policy treaty agreement argument debate discussion
conversation interview speech lecture lesson exam project task job career business company team club union party
election campaign vote budget tax price cost profit loss debt loan gift prize reward award promise secret lie
joke dream memory thought feeling opinion belief reason purpose goal habit skill talent journey trip tour
voyage expedition mission battle revolution rebellion crisis conflict festival concert wedding funeral birthday holiday
episode podcast chapter page sentence paragraph title headline picture rumor legend myth tale
pattern shape color sound smell taste voice scream song melody rhythm pause signal test survey study
proposal complaint request order warning threat attack defense victory defeat event moment scene view""".split()

MASS_TIME = """morning afternoon evening night week weekend month year decade century summer winter autumn spring
season""".split()

ADJECTIVE = """new old small large big tiny huge quiet loud strange famous favorite hidden digital modern ancient careful simple
complex open golden green blue red yellow purple pink brown black white gray bright dark deep shallow warm cold hot cool
fast slow quick early late local global public private human wild rare common young strong weak perfect broken heavy light
clever stupid curious friendly serious honest popular useful useless secret free long short tall wide narrow thick
thin round flat sharp smooth rough soft hard dry wet clean dirty empty full rich poor cheap expensive
happy sad angry afraid proud lonely brave lazy busy tired sleepy hungry thirsty sick healthy dead alive
safe dangerous easy difficult possible impossible important interesting boring funny beautiful ugly pretty lovely
wonderful terrible horrible excellent awful amazing special ordinary normal weird crazy wise foolish polite rude kind
cruel gentle generous selfish loyal patient nervous calm peaceful violent noisy silent crowded lost
famous unknown familiar foreign native royal holy sacred legal illegal guilty innocent correct wrong true false
natural artificial electric magnetic chemical medical scientific political economic social cultural historical
religious military national international northern southern eastern western central distant nearby final
recent future previous current daily weekly annual temporary permanent sudden gradual constant steady
frozen wooden metallic plastic liquid solid sweet sour bitter salty spicy fresh rotten raw delicious
invisible visible transparent colorful pale elegant fancy plain expensive valuable precious worthless
mysterious magical fantastic incredible unusual typical unique identical similar different separate
creative talented skilled experienced professional amateur ambitious confident shy humble jealous greedy grateful
stubborn reliable responsible independent flexible efficient accurate precise vague obvious subtle dramatic tragic
romantic classic traditional conservative liberal radical moderate extreme enormous massive giant miniature
infinite endless brief ancient fragile delicate robust durable""".split()

ADVERB = """quickly slowly carefully quietly suddenly finally usually often never always sometimes recently secretly
easily barely nearly almost clearly simply rarely gently softly loudly badly happily sadly angrily bravely calmly
eagerly openly privately publicly directly instantly immediately gradually eventually occasionally frequently
accidentally deliberately perfectly politely honestly seriously silently safely successfully properly patiently
proudly nervously automatically independently together alone twice again already still once""".split()

# Verbs with an object: base form, with the past where the rule does not make it.
VERB = """build:built find:found study describe discover record explain repair follow watch carry open close paint
design measure test visit forget:forgot remember collect compare buy:bought sell:sold lose:lost save change protect attack
defend destroy create invent develop improve control move push pull lift drop throw:threw catch:caught hold:held grab
touch kick hit strike:struck hunt chase capture release rescue steal:stole hide:hid seek:sought search guard lock
unlock break:broke fix clean wash dry cut burn cook bake eat:ate drink:drank taste smell hear:heard see:saw notice
recognize ignore teach:taught learn understand:understood know:knew believe doubt trust question answer call
invite welcome greet thank praise blame accuse forgive:forgave punish reward pay:paid lend borrow owe
give:gave send:sent deliver receive accept refuse reject return replace remove add count calculate solve examine inspect
investigate analyze predict imagine draw:drew write:wrote read sing:sang play perform film photograph publish print copy
edit delete download install update connect design organize arrange manage lead:led guide support help
need want prefer enjoy love hate like fear admire respect miss keep:kept leave:left enter cross climb explore
reach approach avoid escape pass win:won choose:chose pick select order share divide join attach combine mix
fill empty pour plant grow:grew feed:fed raise train ride:rode drive:drove fly:flew steer park
wear:wore borrow wrap fold tie cover bury dig:dug shake:shook bend roll spin:spun squeeze press
pack load weigh shape sharpen polish decorate restore preserve store transport import export produce consume
waste recycle reduce increase double finish start begin:began continue stop:stopped cancel delay celebrate mention
discuss debate propose suggest recommend demand request promise announce report reveal deny admit confirm prove
translate review criticize defeat challenge surprise frighten scare amuse please confuse convince persuade encourage
inspire warn threaten hurt injure kill cure treat heal comfort marry kiss hug adopt name marked own rent lease
sign approve ban allow permit prevent require adjust activate detect locate track monitor scan observe photograph
freeze:froze melt boil mend assemble dissolve separate illustrate interview hire fire employ promote""".split()

NAME = """Alice Maria David Thomas Anna Peter Laura Daniel Emma Robert Sarah Michael Julia Victor Helen Oscar James
William Elizabeth George Charles Henry Edward Margaret Catherine Mary Patrick Martin Simon Paul Andrew Matthew
Benjamin Samuel Joseph Jacob Nathan Adam Eric Kevin Brian Steven Frank Albert Arthur Walter Harold Richard
Rachel Rebecca Jessica Jennifer Amanda Nicole Linda Susan Barbara Diana Sophie Olivia Grace Lucy Rose Kate""".split()

COUNTRY = """London Paris Berlin Tokyo China India Africa Canada Brazil Norway Egypt Mexico Boston Chicago Australia
Italy Spain Japan Iceland Kenya Moscow Rome Madrid Dublin Vienna Prague Athens Amsterdam Brussels Toronto Sydney Seattle
Texas Florida California Alaska Hawaii Ireland Scotland England France Germany Poland Russia Turkey Greece Sweden Finland
Denmark Portugal Argentina Chile Peru Cuba Vietnam Thailand Indonesia Korea Israel Nigeria Ethiopia Europe Asia
America Antarctica Singapore Shanghai Delhi Cairo""".split()

NUMBER = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen eighteen
twenty thirty forty fifty sixty seventy eighty ninety""".split()

UNIT = "minutes hours days weeks months years miles meters dollars people words pages kilometers inches pounds degrees".split()
PLURAL = "letters rocks ships songs stars trees".split()  # things; of persons, animals and places all have one
DAY = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTH = "January February April June July August September October November December".split()
PREPOSITION = "near behind under above beside inside outside across around beyond opposite below".split()
DETERMINER = "the the the a a every this that our your his her their another my some".split()
COMPARED = "useful popular careful honest serious curious important interesting dangerous expensive beautiful difficult".split()

# Everything else that a template of `grammar.py` spells out.
FUNCTION = """and in to is we of on for with than more as did not will can you are there about from before after
because while until if when why how what who where it took think between should live lives works worked nobody
everybody somebody everyone something nothing knows back next last today tomorrow yesterday tonight soon see
thank listening welcome I my said that was were has have had been they he she them him us me or but so very
also both never only one first second third whole half many few most all into through without during against
over day sunrise must may might could would do does please let talk happens happened""".split()

# Words that sound like an earlier one in the training voices; found by `synth.py --homophones`.
HOMOPHONES = set("Rose Turkey ate break knew night plain rode sea sell steal tale threw weak wear won wood".split())


SHARED = pathlib.Path(os.environ.get("HIPPO_SHARED", pathlib.Path(__file__).resolve().parents[4] / "shared"))


def assets() -> pathlib.Path:
    """Whisper's public tables (GPT-2 vocabulary, mel filters); WHISPER_ASSETS names the folder."""
    return pathlib.Path(os.environ.get("WHISPER_ASSETS", SHARED / "models" / "whisper-assets"))


@functools.cache
def ranks() -> dict[bytes, int]:
    """GPT-2's tokens and their ids, as Whisper's English-only models number them."""
    lines = (assets() / "gpt2.tiktoken").read_bytes().splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}


def token(word: str) -> int | None:
    """The single token of a word within a sentence, if it has one."""
    return ranks().get(b" " + word.encode())


def _plural(noun: str) -> str:
    irregular = {"man": "men", "woman": "women", "child": "children", "wife": "wives", "knife": "knives", "wolf": "wolves",
                 "leaf": "leaves", "tooth": "teeth", "mouse": "mice", "goose": "geese", "hero": "heroes", "potato": "potatoes",
                 "tomato": "tomatoes", "thief": "thieves", "fish": "fish", "sheep": "sheep", "deer": "deer", "cattle": "cattle",
                 "stairs": "stairs", "crisis": "crises"}
    if noun in irregular:
        return irregular[noun]
    if noun[-1] == "y" and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh", "z")) else "s")


# Verbs that double their last letter before -ed.
DOUBLING = set("stop drop grab ban plan wrap hug admit permit scan".split())


def _past(verb: str) -> str:
    fixed = {"hit": "hit", "cut": "cut", "hurt": "hurt", "read": "read"}
    if verb in fixed:
        return fixed[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb[-1] == "y" and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return (verb + verb[-1] if verb in DOUBLING else verb) + "ed"


def _words(words) -> list[str]:
    """Those words that are one token and sound like no other, in order and once."""
    return [w for w in dict.fromkeys(words) if token(w) is not None and w not in HOMOPHONES]


@functools.cache
def classes() -> dict[str, list[str]]:
    """The vocabulary by class, after the filters: what the grammar draws from."""
    verbs = dict(v.split(":") if ":" in v else (v, _past(v)) for v in VERB)
    nouns = PERSON + ANIMAL + PLACE
    return {
        "person": _words(PERSON), "animal": _words(ANIMAL), "thing": _words(THING), "food": _words(FOOD),
        "place": _words(PLACE), "topic": _words(TOPIC), "abstract": _words(ABSTRACT), "season": _words(MASS_TIME),
        "plural": _words([*map(_plural, nouns), *PLURAL]), "adjective": _words(ADJECTIVE), "adverb": _words(ADVERB),
        "base": _words(verbs), "past": _words(verbs.values()), "name": _words(NAME), "country": _words(COUNTRY),
        "number": _words(NUMBER), "unit": _words(UNIT), "day": _words(DAY), "month": _words(MONTH),
        "preposition": _words(PREPOSITION), "determiner": DETERMINER, "compared": _words(COMPARED),
    }


@functools.cache
def words() -> list[str]:
    """Every word that the grammar can say, as written within a sentence."""
    return list(dict.fromkeys(w for group in [FUNCTION, ["an"], *classes().values()] for w in group))


if __name__ == "__main__":
    for name, group in classes().items():
        print(f"{name:12} {len(group)}")
    missing = [w for w in dict.fromkeys(PERSON + ANIMAL + THING + FOOD + PLACE + TOPIC + ABSTRACT + ADJECTIVE + ADVERB + FUNCTION + NAME + COUNTRY) if token(w) is None]
    print(len(words()), "words; not one token:", " ".join(missing))
