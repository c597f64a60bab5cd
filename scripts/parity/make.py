#!/usr/bin/env python3
"""Makes what hippo's inference is held against: pictures, models, and the reference's answers.

The models have the shapes of SigLIP2 B/16-224, OpenAI CLIP ViT-B/32 and multilingual-e5-small
and random weights of a fixed seed: what is tested is not what they know but whether hippo feeds
and reads them exactly as transformers and Pillow do. `tiny` are the same families with 32
dimensions; they, the pictures and the answers are committed and tested in every run. The full
ones take 2 GB and are tested where HIPPO_PARITY_DIR names their folder.

    python3 -m venv venv && venv/bin/pip install torch==2.6.0 transformers==4.57.6 \\
        tokenizers==0.22.1 pillow==12.1.0 numpy==2.2.6 onnx==1.18.0
    venv/bin/python make.py tiny                  # writes extractors/tests/data/parity
    venv/bin/python make.py full DIR              # writes 2 GB to DIR, in two minutes
    HIPPO_PARITY_DIR=DIR cargo test --release -p hippo-extractors --test parity

CLIP's merges are read from CLIP_BPE (OpenAI's bpe_simple_vocab_16e6.txt.gz), by default where
the shared folder has them.
"""

import json
import os
import pathlib
import sys

import numpy
import torch
from PIL import Image, ImageOps
from transformers import (
    BertConfig, BertModel, CLIPConfig, CLIPImageProcessor, CLIPModel, SiglipConfig, SiglipImageProcessor,
    SiglipModel,
)

import pictures
import vocabularies

SEED = 20261124
HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent.parent / "extractors/tests/data/parity"
CLIP_BPE = pathlib.Path(
    os.environ.get("CLIP_BPE", HERE.parents[2] / "shared/models/clip-bpe/bpe_simple_vocab_16e6.txt.gz")
)

TEXTS = [
    "a photo of a house under a yellow sun",
    "一张照片：黄色太阳下的房子",
    "那张白板照片在哪里？",
    "The Whiteboard PHOTO from Tuesday's meeting, 3:45 p.m.",
    "用 GPT-4 训练的成本 halves every year，每年下降一半",
    "naïve café Ünïcödé ŒUVRE ΑΣ İstanbul",
    "sunset 🌅 over 東京タワー 👩‍👩‍👧 100%",
    " ",
    "...",
    "1234567890 it's we'll they've",
    "tabs\tand\nnew   lines",
    "A house. " * 60,
    "房子和太阳，" * 60,
]
# Not all of them: an unknown character is a case of its own.
TRAINED_ON = TEXTS[:5]


def load(path):
    """What a person sees: turned upright, of eight bits, on white."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if picture.mode.startswith("I"):
        deep = numpy.asarray(picture).astype(numpy.uint32)
        return Image.fromarray(((deep + 128) // 257).astype(numpy.uint8)).convert("RGB")
    if "A" in picture.mode or "transparency" in picture.info:
        pixels = numpy.asarray(picture.convert("RGBA")).astype(numpy.uint32)
        colour, opaque = pixels[..., :3], pixels[..., 3:]
        return Image.fromarray(((colour * opaque + 255 * (255 - opaque) + 127) // 255).astype(numpy.uint8))
    return picture.convert("RGB")


def randomise(model):
    """Weights that let every layer speak: scaled to what goes in, so that nothing fades."""
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                is_table = "embedding" in name and weight.dim() == 2
                fan_in = 1 if is_table else weight[0].numel()
                weight.copy_(torch.randn(weight.shape, generator=generator) * 1.5 / fan_in**0.5)
            elif name.endswith("bias"):
                weight.copy_(torch.randn(weight.shape, generator=generator) * 0.1)
    return model.eval()


class Picked(torch.nn.Module):
    """A function of the model's, as a module that can be exported."""

    def __init__(self, model, pick):
        super().__init__()
        self.model, self.pick = model, pick
        # The export puts the mode back that it found, and with it the dropout.
        self.eval()

    def forward(self, *inputs):
        return self.pick(self.model, *inputs)


def export(module, inputs, names, output, path, axes):
    torch.onnx.export(
        module, tuple(inputs), str(path), input_names=names, output_names=[output], opset_version=17,
        dynamic_axes={name: axes for name in names} | {output: {0: "batch"}}, dynamo=False,
    )


class Siglip:
    fit, filter, mean, std, dims = "squash", "bilinear", [0.5] * 3, [0.5] * 3, {"tiny": 32, "full": 768}
    text = {"pooling": "none", "max_tokens": 64, "pad_to": 64, "pad_id": 0, "lowercase": True, "append": "<eos>"}
    inputs = {"ids": "input_ids"}

    def __init__(self, size, folder):
        self.tokenizer = vocabularies.gemma([text.lower() for text in TRAINED_ON])
        tiny = size == "tiny"
        self.size = 32 if tiny else 224
        shape = dict(
            hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2
        ) if tiny else dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        vocab = self.tokenizer.get_vocab_size() if tiny else 256_000
        config = SiglipConfig(
            text_config=dict(shape, vocab_size=vocab, max_position_embeddings=64, projection_size=shape["hidden_size"]),
            vision_config=dict(shape, image_size=self.size, patch_size=8 if tiny else 16),
        )
        config._attn_implementation = "eager"
        self.model = randomise(SiglipModel(config))
        self.processor = SiglipImageProcessor(size={"height": self.size, "width": self.size}, resample=2)

    def ids(self, text, _query):
        known = self.tokenizer.encode(text.lower()).ids[:63] + [1]
        return known, known + [0] * (64 - len(known))

    def text_vectors(self, model, ids):
        return model.text_model(ids).pooler_output

    def picture_vectors(self, model, pixels):
        return model.vision_model(pixels).pooler_output


class Clip:
    fit, filter, dims = "crop", "bicubic", {"tiny": 32, "full": 512}
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    text = {"pooling": "none", "max_tokens": 77}
    inputs = {"ids": "input_ids"}

    def __init__(self, size, folder):
        tiny = size == "tiny"
        self.tokenizer = vocabularies.clip(CLIP_BPE, folder, *([200] if tiny else []))
        self.size = 32 if tiny else 224
        end = self.tokenizer.token_to_id("<|endoftext|>")
        shape = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2)
        text = shape if tiny else dict(
            hidden_size=512, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=8)
        vision = shape if tiny else dict(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        specials = dict(bos_token_id=end - 1, eos_token_id=end, pad_token_id=end)
        config = CLIPConfig(
            text_config=dict(text, vocab_size=end + 1, max_position_embeddings=77, **specials),
            vision_config=dict(vision, image_size=self.size, patch_size=8 if tiny else 32),
            projection_dim=self.dims[size],
        )
        config._attn_implementation = "eager"
        self.model = randomise(CLIPModel(config))
        self.processor = CLIPImageProcessor(
            size={"shortest_edge": self.size}, crop_size={"height": self.size, "width": self.size})

    def ids(self, text, _query):
        self.tokenizer.enable_truncation(77)
        known = self.tokenizer.encode(text).ids
        return known, known + [known[-1]] * (77 - len(known))

    def text_vectors(self, model, ids):
        return model.get_text_features(ids)

    def picture_vectors(self, model, pixels):
        return model.get_image_features(pixels)


class E5:
    dims = {"tiny": 32, "full": 384}
    text = {"pooling": "mean", "max_tokens": 512, "query_prefix": "query: ", "passage_prefix": "passage: "}
    inputs = {"ids": "input_ids", "mask": "attention_mask", "types": "token_type_ids"}

    def __init__(self, size, folder):
        self.tokenizer = vocabularies.xlm_r(TRAINED_ON)
        self.most = 64 if size == "tiny" else 512
        self.text = dict(self.text, max_tokens=self.most)
        shape = dict(
            hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2,
            vocab_size=self.tokenizer.get_vocab_size(),
        ) if size == "tiny" else dict(
            hidden_size=384, intermediate_size=1536, num_hidden_layers=12, num_attention_heads=12, vocab_size=250_037)
        config = BertConfig(**shape, max_position_embeddings=self.most)
        config._attn_implementation = "eager"
        self.model = randomise(BertModel(config, add_pooling_layer=False))

    def ids(self, text, query):
        self.tokenizer.enable_truncation(self.most)
        known = self.tokenizer.encode(self.text["query_prefix" if query else "passage_prefix"] + text).ids
        return known, known

    def text_vectors(self, model, ids):
        return model(ids, torch.ones_like(ids), torch.zeros_like(ids)).last_hidden_state.mean(dim=1)


def toml(family, name, size):
    """The model's manifest."""
    lines = [f'name = "{name}"', f'role = "{"joint" if hasattr(family, "fit") else "passage"}"']
    lines += ['licence = "MIT OR Apache-2.0"', f"dim = {family.dims[size]}", "", "[text]", 'tokenizer = "tokenizer.json"']
    lines += [f"{key} = {json.dumps(value)}" for key, value in family.text.items()]
    inputs = ", ".join(f'{key} = "{value}"' for key, value in family.inputs.items())
    lines += ["", "[text.graph]", 'file = "text.onnx"', f"inputs = {{ {inputs} }}", 'output = "output"']
    files = ["text.onnx", "tokenizer.json"]
    if hasattr(family, "fit"):
        files.append("picture.onnx")
        lines += ["", "[picture]", f"size = {family.size}", f'fit = "{family.fit}"', f'filter = "{family.filter}"']
        lines += [f"mean = {family.mean}", f"std = {family.std}", "", "[picture.graph]"]
        lines += ['file = "picture.onnx"', 'input = "pixel_values"', 'output = "output"']
    for file in files:
        lines += ["", "[[files]]", f'name = "{file}"']
    return "\n".join(lines) + "\n"


def unit(vector):
    vector = vector.double().squeeze(0)
    return [round(value, 7) for value in (vector / vector.norm()).tolist()]


def answer_texts(family, folder):
    """Exports the text tower, and asks the reference for each text by itself."""
    tower = Picked(family.model, family.text_vectors)
    names = list(family.inputs.values())
    sample = torch.tensor([family.ids("a sample", True)[1]] * 2)
    inputs = [sample, torch.ones_like(sample), torch.zeros_like(sample)][: len(names)]
    module = tower
    if len(names) > 1:
        module = Picked(family.model, lambda model, *given: model(*given).last_hidden_state)
    export(module, inputs, names, "output", folder / "text.onnx", {0: "batch", 1: "tokens"})
    answers = []
    for text in TEXTS:
        for query in [True, False] if "query_prefix" in family.text else [True]:
            known, padded = family.ids(text, query)
            vector = unit(tower(torch.tensor([padded])))
            answers.append({"text": text, "query": query, "ids": known, "vector": vector})
    return answers


def answer_pictures(family, folder, paths):
    """Exports the picture tower, and asks the reference for pixels and vectors."""
    tower = Picked(family.model, family.picture_vectors)
    sample = torch.zeros(2, 3, family.size, family.size)
    export(tower, [sample], ["pixel_values"], "output", folder / "picture.onnx", {0: "batch"})
    answers, strip = [], []
    for path in paths:
        picture = load(path)
        raw = family.processor(picture, do_rescale=False, do_normalize=False, input_data_format="channels_last")
        strip.append(numpy.asarray(raw["pixel_values"][0]).transpose(1, 2, 0).astype(numpy.uint8))
        pixels = family.processor(picture, return_tensors="pt", input_data_format="channels_last")["pixel_values"]
        answers.append({"name": path.name, "vector": unit(tower(pixels))})
    Image.fromarray(numpy.concatenate(strip)).save(folder / "pixels.png", optimize=True)
    return answers


FAMILIES = {"siglip": Siglip, "clip": Clip, "e5": E5}


def make(size, root):
    """All families of one size, each in a folder of its own."""
    torch.backends.mha.set_fastpath_enabled(False)
    paths = sorted((DATA / "pictures").iterdir())
    for name, maker in FAMILIES.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        family = maker(size, folder)
        with torch.no_grad():
            answers = {"texts": answer_texts(family, folder)}
            if hasattr(family, "fit"):
                answers["pictures"] = answer_pictures(family, folder, paths)
        family.tokenizer.no_truncation()
        family.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        (folder / "manifest.toml").write_text(toml(family, f"{size}-{name}", size))
        (folder / "expected.json").write_text(json.dumps(answers, ensure_ascii=False, separators=(",", ":")) + "\n")
        print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir()) // 1024} KiB")


if __name__ == "__main__":
    if sys.argv[1:] == ["tiny"]:
        pictures.write(DATA / "pictures")
        make("tiny", DATA)
    elif len(sys.argv) == 3 and sys.argv[1] == "full":
        make("full", pathlib.Path(sys.argv[2]))
    else:
        sys.exit(__doc__)
