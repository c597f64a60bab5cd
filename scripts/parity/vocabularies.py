"""Tokenizers that are built as the published ones are, from what lies at hand.

CLIP's is the real one where its merges are given, and its first merges otherwise. Gemma's
(SigLIP2) and XLM-R's (e5) cannot be had here: theirs are trained on the test's own texts, with
the same parts (byte fallback, Metaspace, specials), so that the code that runs them is the same.
"""

import gzip
import json

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPTokenizerFast

# OpenAI's vocabulary: 49,152 entries less the bytes (twice) and the two specials.
CLIP_MERGES = 49_152 - 256 - 2


def byte_names():
    """GPT-2's printable names of the 256 bytes, in CLIP's order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + nth) for nth in range(len(extra))]


def clip(merges_gz, folder, merges_max=CLIP_MERGES):
    """CLIP's byte pairs: from OpenAI's list of merges to Hugging Face's tokenizer."""
    lines = gzip.open(merges_gz).read().decode().split("\n")
    merges = [tuple(line.split()) for line in lines[1 : merges_max + 1]]
    symbols = byte_names()
    symbols += [symbol + "</w>" for symbol in symbols]
    symbols += ["".join(pair) for pair in merges]
    symbols += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary, pairs = folder / "vocab.json", folder / "merges.txt"
    vocabulary.write_text(json.dumps({symbol: number for number, symbol in enumerate(symbols)}))
    pairs.write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n")
    fast = CLIPTokenizerFast(vocab_file=str(vocabulary), merges_file=str(pairs))
    vocabulary.unlink()
    pairs.unlink()
    return fast.backend_tokenizer


def gemma(texts):
    """Byte pairs over whole texts, spaces written as U+2581, unknown characters as bytes."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.normalizer = normalizers.Replace(" ", "\u2581")
    trained.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=300, max_token_length=5, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    symbols = ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    symbols += sorted(model["vocab"], key=model["vocab"].get)
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)}
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.add_special_tokens(["<pad>", "<eos>", "<bos>", "<unk>"])
    return tokenizer


def xlm_r(texts):
    """SentencePiece's unigrams with Metaspace, between <s> and </s>."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=300, special_tokens=specials, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer
