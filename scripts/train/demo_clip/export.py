"""Writes models/demo-clip from a trained run: two ONNX graphs, tokenizer, manifest.

Batch normalisation is folded into the convolutions. Weights are stored as int8 with a scale
for each output channel and turned back into float32 by Cast and Mul, which ONNX Runtime
folds away when it loads the graph: a quarter of the size at the full speed of float32. The
graphs are checked against PyTorch before and after that, and the figures printed.
"""

import argparse
import copy
import hashlib
import random
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

import pictures
from model import DIM, MAX_TOKENS, SIZE, PictureTower, TextTower
from train import clean
from words import Lexicon, Sampler

OPSET = 17
# Smaller tensors (biases, norms) stay float32: they weigh nothing and hurt most.
SMALL = 2048
# Set by hand after looking at the cosines that evaluate.py prints.
ANSWERS = [0.25, 0.4]

MANIFEST = """\
# demo-clip: a small dual encoder of our own, so that pictures are found by what they show
# before a bigger model is there. Drawings, in English and Chinese; see MODEL_CARD.md.
name = "demo-clip"
role = "joint"
licence = "MIT OR Apache-2.0"
dim = {dim}
languages = ["en", "zh"]
normalise = true

[text]
tokenizer = "tokenizer.json"
pooling = "none"
max_tokens = {tokens}
# Padding is masked inside the graph, which knows it by this id.
pad_id = 0

[text.graph]
file = "text.onnx"
inputs = {{ ids = "input_ids" }}
output = "vectors"

[picture]
size = {size}
fit = "squash"
filter = "bilinear"
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
# Few unrelated pictures reach the first cosine; about half of the right ones the second.
answers = {answers}

[picture.graph]
file = "picture.onnx"
input = "pixels"
output = "vectors"
"""


def fold(module):
    """Fold each batch normalisation into the layer before it."""
    if isinstance(module, PictureTower):
        module.centre.weight = nn.Parameter(torch.ones(DIM))
        module.centre.bias = nn.Parameter(torch.zeros(DIM))
        module.head = nn.utils.fuse_linear_bn_eval(module.head, module.centre)
        module.centre = nn.Identity()
    for name, child in module.named_children():
        fold(child)
        parts = list(child) if isinstance(child, nn.Sequential) else []
        if len(parts) > 1 and isinstance(parts[1], nn.BatchNorm2d):
            child[0] = nn.utils.fuse_conv_bn_eval(parts[0], parts[1])
            child[1] = nn.Identity()
    return module


def towers(run):
    """(picture, text, tokenizer) of a run, in evaluation mode."""
    seen, read = (
        torch.load(run / f"{kind}.pt", weights_only=True)["average"] for kind in ("picture", "text"))
    picture = PictureTower(width=len(seen["body.0.0.0.weight"]))
    text = TextTower(vocabulary=len(read["tokens.weight"]))
    picture.load_state_dict(seen)
    text.load_state_dict(read)
    return picture.eval(), text.eval(), Tokenizer.from_file(str(run / "tokenizer.json"))


def graph(tower, example, path, name, axes):
    torch.onnx.export(
        tower, (example,), str(path), input_names=[name], output_names=["vectors"],
        dynamic_axes={name: axes, "vectors": {0: "batch"}}, opset_version=OPSET, dynamo=False)
    model = onnx.load(path)
    model.doc_string = ""
    onnx.save(model, path)


def shrink(model):
    """Store each big weight as int8 and a scale for each channel."""
    model = copy.deepcopy(model)
    used = {}
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            used.setdefault(name, (node.op_type, place))
    kept, nodes = [], []
    for tensor in model.graph.initializer:
        weight = numpy_helper.to_array(tensor)
        if weight.dtype != np.float32 or weight.size < SMALL or weight.ndim < 2:
            kept.append(tensor)
            continue
        # MatMul's weights are [in, out]; convolutions' and Gemm's (transposed), and the
        # rows of an embedding, have their channel first.
        axis = weight.ndim - 1 if used[tensor.name][0] == "MatMul" else 0
        others = tuple(i for i in range(weight.ndim) if i != axis)
        scale = np.maximum(np.abs(weight).max(others, keepdims=True) / 127, 1e-12)
        small = np.clip(np.rint(weight / scale), -127, 127).astype(np.int8)
        name = tensor.name
        kept.append(numpy_helper.from_array(small, name + ".int8"))
        kept.append(numpy_helper.from_array(scale.astype(np.float32), name + ".scale"))
        nodes.append(helper.make_node("Cast", [name + ".int8"], [name + ".float"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [name + ".float", name + ".scale"], [name]))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    for at, node in enumerate(nodes):
        model.graph.node.insert(at, node)
    onnx.checker.check_model(model)
    return model


def cosines(path, name, inputs, expected):
    """The least and the mean cosine between a graph's vectors and the expected ones."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = np.concatenate([session.run(None, {name: one})[0] for one in inputs])
    both = F.cosine_similarity(torch.from_numpy(given), expected, dim=1)
    return f"least {both.min():.6f} mean {both.mean():.6f} over {len(both)}"


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--work", type=Path, default=Path("target/demo-clip"))
    args.add_argument("--run", type=Path, default=Path("target/demo-clip/run"))
    args.add_argument("--out", type=Path, default=Path("models/demo-clip"))
    args = args.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    picture, text, tokenizer = towers(args.run)
    fold(picture)

    codes, rgba = pictures.load(args.work, "noto")
    pixels = clean(rgba[::8])
    sampler = Sampler(Lexicon(args.work, codes), random.Random(1))
    texts = [sampler.about(i)[0] for i in range(len(sampler.lexicon.codes))]
    ids = [torch.tensor([e.ids for e in tokenizer.encode_batch(texts[i : i + 16])])
           for i in range(0, len(texts), 16)]
    with torch.no_grad():
        jobs = [
            ("picture", picture, "pixels", [pixels], picture(pixels), {0: "batch"}),
            ("text", text, "input_ids", ids, torch.cat([text(i) for i in ids]),
             {0: "batch", 1: "tokens"}),
        ]
    for kind, tower, name, inputs, expected, axes in jobs:
        path = args.out / f"{kind}.onnx"
        graph(tower, inputs[0][:2], path, name, axes)
        inputs = [i.numpy() for i in inputs]
        print(f"{kind} float32: {path.stat().st_size} bytes, cosine to PyTorch "
              f"{cosines(path, name, inputs, expected)}")
        onnx.save(shrink(onnx.load(path)), path)
        print(f"{kind} int8: {path.stat().st_size} bytes, cosine to PyTorch "
              f"{cosines(path, name, inputs, expected)}")

    # Padding and truncation are the manifest's business, not the tokenizer's.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(args.out / "tokenizer.json"))
    manifest = MANIFEST.format(dim=DIM, tokens=MAX_TOKENS, size=SIZE, answers=ANSWERS)
    for name in ("text.onnx", "picture.onnx", "tokenizer.json"):
        data = (args.out / name).read_bytes()
        manifest += (f'\n[[files]]\nname = "{name}"\nbytes = {len(data)}\n'
                     f'sha256 = "{hashlib.sha256(data).hexdigest()}"\n')
    (args.out / "manifest.toml").write_text(manifest)


if __name__ == "__main__":
    main()
