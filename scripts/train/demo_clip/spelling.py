"""The tokenizer: WordPiece over English and Chinese, every Han character a word of its own."""

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from model import MAX_TOKENS, PAD

VOCABULARY = 8000


def train(phrases):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=64))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace("’", "'"),
         normalizers.BertNormalizer(lowercase=True, strip_accents=True)])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(phrases, trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, min_frequency=3, show_progress=False,
        special_tokens=["[PAD]", "[UNK]", "[CLS]"],
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789"),
    ))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    return prepare(tokenizer)


def prepare(tokenizer):
    assert tokenizer.token_to_id("[PAD]") == PAD
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding(pad_id=PAD, pad_token="[PAD]")
    return tokenizer
