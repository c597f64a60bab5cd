"""Measures what hippo finds: the questions beside this file, asked of the real program.

Starts a daemon with a home of its own on the corpus, waits until all is searchable, asks every
question over the socket, leg by leg and fused, and writes docs/evaluation.md. Nothing but
Python's standard library; nothing is fetched.

    python3 tests/eval/run.py HIPPO [--shared DIR] [--print | --check | --sweep KEY=V1,V2,...]

With --check nothing is written or timed: it ends with 1 where less is found than the page says.
With --sweep the tuning half is asked once for each value of a setting, to choose one by.
"""

import argparse
import http.client
import json
import math
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DEPTH = 10
# A moment counts as found when the hit covers it, give or take this.
MOMENT_S = 5
ROUNDS = 5
# Figures of the model differ by 0.01 from run to run; less than this below the page's is no loss.
SPREAD = 0.02
PAGE = ROOT / "docs" / "evaluation.md"
LANGS = ["zh", "en", "mixed"]
MINILM = "all-minilm-l6-v2"
DEMO_CLIP = "demo-clip"
# Questions for what a picture shows, asked where a model can tell.
PICTURE = "picture"


class Socket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("hippo", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


class Daemon:
    """A daemon in a fresh home, watching the corpus."""

    def __init__(self, hippo, folders, model, role):
        self.hippo = hippo
        self.role = role
        # Short: a socket's path has at most 100 bytes.
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="hippo-eval"))
        self.env = dict(os.environ, HIPPO_HOME=str(self.home))
        # Only what is named here takes part.
        self.env["HIPPO_MODELS_DIR"] = str(self.home / "no-models")
        settings = [
            f'[[folders]]\npath = {json.dumps(str(path))}\nexclude = {json.dumps(exclude)}\n'
            for path, exclude in folders
        ]
        # Whether a machine has Tesseract is not for the page to say.
        settings.append('[models]\nocr = "none"\n')
        self.config = self.home / "config.toml"
        self.config.write_text("\n".join(settings))
        self.run("up", "--detach")
        if model:
            self.run("models", "import", str(model))
            self.run("models", "use", model.name)
        self.run("wait", "--timeout", "20m")
        while model and not self.whole():
            time.sleep(0.5)

    def restart(self, settings):
        self.run("down")
        self.config.write_text(settings)
        self.run("up", "--detach")
        self.run("wait", "--timeout", "20m")

    def run(self, *args):
        done = subprocess.run([self.hippo, *args], env=self.env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"hippo {' '.join(args)}: {done.stdout}{done.stderr}")

    def whole(self):
        model = self.ask("GET", "/v1/status")["models"][self.role]
        # What similarities of pictures mean is measured at rest.
        measured = self.role != "joint" or model["active"]["picture_scale"]
        return model["state"] == "ready" and model["covered"] == model["total"] and measured

    def ask(self, method, path, body=None):
        connection = Socket(self.home / "run" / "hippo.sock")
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if answer.get("error", {}).get("code") == "no_leg":
            # A model that does not know the language of the question: nothing is found.
            return {"hits": []}
        if "hits" not in answer and "version" not in answer:
            sys.exit(f"{path} {body}: {answer}")
        return answer

    def search(self, question, legs):
        body = {"q": question, "legs": legs, "limit": DEPTH}
        began = time.perf_counter()
        answer = self.ask("POST", "/v1/search", body)
        return answer["hits"], (time.perf_counter() - began) * 1000

    def stop(self):
        self.run("down")
        shutil.rmtree(self.home)


def squeezed(text):
    return "".join(text.split()).lower()


def answers(hit, answer):
    """Whether this hit is this answer: the file, and what is named of page, moment and words."""
    if pathlib.Path(hit["path"]).name != answer["file"]:
        # The same content may lie elsewhere under another name.
        if all(pathlib.Path(path).name != answer["file"] for path in hit["also_at"]):
            return False
    if "page" in answer and hit["page"] != answer["page"]:
        return False
    if "t" in answer:
        begin, end = hit["t0_ms"] / 1000 - MOMENT_S, hit["t1_ms"] / 1000 + MOMENT_S
        if not begin <= answer["t"] <= end:
            return False
    return "has" not in answer or squeezed(answer["has"]) in squeezed(hit["text"])


def judge(hits, question):
    """nDCG, recall, reciprocal rank: each answer counts once, where it is first found."""
    left = list(question["answers"])
    gain, first, found = 0.0, 0.0, 0
    for rank, hit in enumerate(hits, 1):
        its = [answer for answer in left if answers(hit, answer)]
        if its:
            left = [answer for answer in left if answer not in its]
            # Two answers in one segment are one gain: nothing could be ranked better.
            gain += 1 / math.log2(rank + 1)
            first = first or 1 / rank
            found += len(its)
    wanted = len(question["answers"])
    # Answers that share a segment leave fewer ranks to fill.
    ranks = max(wanted - (found - sum(1 for _ in ranks_of(hits, question))), 1)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, ranks + 1))
    return {
        "ndcg": gain / ideal,
        "recall": found / wanted,
        "mrr": first,
        "empty": 0.0 if hits else 1.0,
    }


def ranks_of(hits, question):
    left = list(question["answers"])
    for rank, hit in enumerate(hits, 1):
        its = [answer for answer in left if answers(hit, answer)]
        if its:
            left = [answer for answer in left if answer not in its]
            yield rank


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def check(daemon, questions):
    """Every judged answer is in some segment: else the judgement is wrong, not the search."""
    lost = []
    for question in questions:
        for answer in question["answers"]:
            text = answer.get("has") or pathlib.Path(answer["file"]).stem
            body = {"q": text, "limit": 100}
            hits = daemon.ask("POST", "/v1/search", body)["hits"]
            if not any(answers(hit, answer) for hit in hits):
                lost.append(f"{question['id']}: no segment holds {answer}")
    if lost:
        sys.exit("\n".join(lost))


def measure(daemon, questions, legs, rounds):
    rows, times = [], []
    for question in questions:
        hits, _ = daemon.search(question["q"], legs)
        rows.append(dict(question, **judge(hits, question)))
    for _ in range(rounds):
        times += [daemon.search(question["q"], legs)[1] for question in questions]
    return rows, times or None


def line(name, rows, times=None):
    columns = [mean(row[key] for row in rows) for key in ("ndcg", "recall", "mrr")]
    cells = [f"{value:.3f}" for value in columns]
    cells.append(str(sum(1 for row in rows if row["empty"])))
    if times is not None:
        cells += [f"{percentile(times, 0.5):.1f}", f"{percentile(times, 0.99):.1f}"]
    return f"| {name} | " + " | ".join(cells) + " |"


def tables(title, runs):
    out = [f"## {title}", ""]
    head = "| legs | nDCG@10 | recall@10 | MRR | empty | p50 ms | p99 ms |"
    for split in ("tune", "test"):
        out += [f"**{split.capitalize()} half**", "", head, "|---|---|---|---|---|---|---|"]
        for name, (rows, times) in runs.items():
            out.append(line(name, [row for row in rows if row["split"] == split], times))
        out.append("")
    out += ["**nDCG@10 by language and by kind, both halves (test half in brackets)**", ""]
    groups = [("lang", lang) for lang in LANGS]
    kinds = sorted({row["kind"] for rows, _ in runs.values() for row in rows})
    groups += [("kind", kind) for kind in kinds]
    out += ["| | questions | " + " | ".join(runs) + " |", "|---|---|" + "---|" * len(runs)]
    for key, value in groups:
        cells, number = [], 0
        for rows, _ in runs.values():
            both = [row for row in rows if row[key] == value]
            test = [row for row in both if row["split"] == "test"]
            number = len(both)
            figures = (mean(row["ndcg"] for row in both), mean(row["ndcg"] for row in test))
            cells.append("{:.3f} ({:.3f})".format(*figures))
        out.append(f"| {value} | {number} | " + " | ".join(cells) + " |")
    return out + [""]


def verdict(runs):
    """Where fused is worse than the best leg alone, on the test half."""
    test = {name: [r for r in rows if r["split"] == "test"] for name, (rows, _) in runs.items()}
    kinds = sorted({row["kind"] for row in test["fused"]})
    groups = [("all", None)] + [("lang", lang) for lang in LANGS] + [("kind", k) for k in kinds]
    worse = []
    for key, value in groups:
        chosen = {
            name: [row["ndcg"] for row in rows if key == "all" or row[key] == value]
            for name, rows in test.items()
        }
        figures = {name: mean(values) for name, values in chosen.items()}
        fused, number = figures.pop("fused"), len(chosen["fused"])
        best = max(figures, key=figures.get)
        if fused < figures[best] - 1e-9:
            what = f"{value or 'all'} ({number} question{'s' * (number != 1)})"
            worse.append(f"- {what}: fused {fused:.3f}, {best} {figures[best]:.3f}")
    head = "On the test half, fused is "
    if not worse:
        return [head + "at least as good as the best leg alone in every language and kind.", ""]
    return [head + "worse than the best leg alone here:", "", *worse, ""]


def fused_figures(page):
    """nDCG@10 of all legs together, by section and half, as a page's tables have it."""
    found, section, half = {}, "", ""
    for entry in page:
        if entry.startswith("## "):
            section = entry[3:]
        elif entry.endswith(" half**"):
            half = entry.strip("*")
        elif entry.startswith("| fused | "):
            found[section, half] = float(entry.split("|")[2])
    return found


def losses(before, now):
    """Where less is found than was."""
    return [
        f"{section}, {half}: nDCG@10 {now[section, half]:.3f}, and docs/evaluation.md has {was:.3f}"
        for (section, half), was in before.items()
        if (section, half) in now and now[section, half] < was - SPREAD
    ]


def sweep(daemon, questions, setting):
    """What fused finds of the tuning half, for each value of a setting."""
    key, values = setting.split("=")
    section, name = key.split(".")
    settings = daemon.config.read_text()
    tune = [question for question in questions if question["split"] == "tune"]
    out = [f"| {key} | all | " + " | ".join(LANGS) + " |", "|---" * (len(LANGS) + 2) + "|"]
    for value in values.split(","):
        daemon.restart(f"{settings}\n[{section}]\n{name} = {value}\n")
        rows, _ = measure(daemon, tune, [], 0)
        groups = [rows] + [[row for row in rows if row["lang"] == lang] for lang in LANGS]
        cells = [f"{mean(row['ndcg'] for row in group):.3f}" for group in groups]
        out.append(f"| {value} | " + " | ".join(cells) + " |")
    return out


def misses(runs, most=12):
    """The questions that fused answers worst, for whoever wants to make it better."""
    rows = sorted(runs["fused"][0], key=lambda row: (row["ndcg"], row["id"]))
    rows = [row for row in rows if row["ndcg"] < 0.5][:most]
    return [f"- {row['id']} ({row['ndcg']:.2f}) {row['q']}" for row in rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("hippo")
    parser.add_argument("--shared", type=pathlib.Path, default=ROOT.parent / "shared")
    parser.add_argument("--print", action="store_true", help="do not write docs/evaluation.md")
    parser.add_argument("--check", action="store_true", help="only compare with docs/evaluation.md")
    parser.add_argument("--sweep", metavar="KEY=V1,V2,...", help="compare values of a setting")
    args = parser.parse_args()
    text = (HERE / "questions.jsonl").read_text(encoding="utf-8")
    questions = [json.loads(entry) for entry in text.splitlines()]
    shared = args.shared.resolve()  # settings take no path with ".."
    corpus = shared / "corpus"
    if not corpus.is_dir():
        sys.exit(f"there is no corpus at {corpus}: name its folder with --shared")
    sounds = [f"*.{ending}" for ending in ("wav", "mp3", "flac", "raw", "m4a")]
    folders = [(ROOT / "samples", []), (HERE / "files", [])]
    folders += [(corpus / name, sounds) for name in ("podcast", "docs", "speech")]

    out = [(HERE / "head.md").read_text(encoding="utf-8").rstrip(), ""]
    plans = [("Words alone, no model", None, "", ["words", "names"])]
    minilm, demo_clip = shared / "models" / MINILM, ROOT / "models" / DEMO_CLIP
    if minilm.is_dir():
        legs = ["words", "passage", "names"]
        plans.append((f"With {MINILM} as passage model", minilm, "passage", legs))
    legs = ["words", "joint", "names"]
    plans.append((f"With {DEMO_CLIP} as joint model", demo_clip, "joint", legs))
    everything = questions
    for title, model, role, legs in plans:
        questions = [q for q in everything if role == "joint" or q["kind"] != PICTURE]
        daemon = Daemon(args.hippo, folders, model, role)
        try:
            check(daemon, questions)
            if args.sweep:
                print("\n".join([f"## {title}", "", *sweep(daemon, questions, args.sweep), ""]), flush=True)
                continue
            rounds = 0 if args.check else ROUNDS
            legs = [] if args.check else legs
            runs = {leg: measure(daemon, questions, [leg], rounds) for leg in legs}
            runs["fused"] = measure(daemon, questions, [], rounds)
        finally:
            daemon.stop()
        part = tables(title, runs)
        part += [] if args.check else verdict(runs)
        out += part
        print("\n".join(part + ["Answered worst:", "", *misses(runs), ""]), flush=True)
    if args.sweep:
        return
    if args.check:
        lost = losses(fused_figures(PAGE.read_text(encoding="utf-8").splitlines()), fused_figures(out))
        if lost:
            sys.exit("Less is found than was:\n" + "\n".join(lost))
    elif not args.print:
        PAGE.write_text("\n".join(out).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
