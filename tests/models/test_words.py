"""Which tokens a word of a text is: whatever stands around it, whatever is put first, and however it is split."""

import pytest
import tiny
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from emotion_cli.errors import UsageError
from emotion_cli.models import tokens as tokenizing
from emotion_cli.models.loading import load
from emotion_cli.models.sources.finding import find
from emotion_cli.models.tokens import tokenize
from emotion_cli.prompts.words import WordList, last_word

TEXT = "I am furious, so FURIOUS!"
SPANS = [(5, 12), (17, 24)]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A model whose tokenizer splits bytes as GPT-2's does: a space belongs to the token behind it."""
    folder = tiny.save_model(tmp_path_factory.mktemp("words"), "llama", vocab_size=300)
    vocabulary = {"<bos>": 0, "<eos>": 1}
    vocabulary |= {letter: i + 2 for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = [("Ġ", "f"), ("u", "r"), ("Ġf", "ur")]
    vocabulary |= {"".join(pair): len(vocabulary) + i for i, pair in enumerate(merges)}
    inner = Tokenizer(models.BPE(vocabulary, merges))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<bos>", eos_token="<eos>").save_pretrained(folder)
    return load(find(str(folder), cache=folder))


def words_of(loaded, tokens):
    return [loaded.tokenizer.decode([tokens.ids[0][position] for position in tokens.words[0]])]


@pytest.mark.parametrize("bos", ["auto", "never"])
def test_words_are_found_at_their_tokens(loaded, bos):
    tokens = tokenize(loaded, [TEXT], spans=[SPANS], bos=bos)
    assert words_of(loaded, tokens) == [" furiousFURIOUS"]
    (first, *_) = tokens.words[0]
    assert loaded.tokenizer.decode(tokens.ids[0][:first]) == ("<bos>" if bos == "auto" else "") + "I am"
    # split into several tokens, all of which count
    assert len(tokens.words[0]) > 2


def test_many_texts_are_tokenised_a_few_at_a_time(loaded, monkeypatch):
    texts = [TEXT, f"so {TEXT}", "I am", f"{TEXT} {TEXT}", f"am {TEXT}"]
    spans = [[(text.find(TEXT) + a, text.find(TEXT) + b) for a, b in SPANS] if TEXT in text else [] for text in texts]
    whole = tokenize(loaded, texts, spans=spans)
    monkeypatch.setattr(tokenizing, "TEXTS_AT_ONCE", 2)
    assert tokenize(loaded, texts, spans=spans) == whole
    assert [bool(of) for of in whole.words] == [True, True, False, True, True]


def test_what_was_cut_has_no_position(loaded):
    whole = tokenize(loaded, [TEXT], spans=[SPANS])
    cut = tokenize(loaded, [TEXT], spans=[SPANS], max_length=whole.words[0][0] + 2, truncate=True)
    assert cut.words[0] == whole.words[0][:2]
    assert tokenize(loaded, [TEXT], spans=[[]]).words == [[]] == tokenize(loaded, [TEXT]).words


def test_a_chat_template_moves_words_and_has_none_of_its_own(loaded):
    loaded.tokenizer.chat_template = "be furious. {% for m in messages %}<{{ m['content'].strip() }}>{% endfor %}"
    try:
        wrapped = tokenize(loaded, [f"  {TEXT} "], spans=[[(a + 2, b + 2) for a, b in SPANS]], chat_template=True)
        assert words_of(loaded, wrapped) == [" furiousFURIOUS"]
        loaded.tokenizer.chat_template = "{% for m in messages %}{{ m['content'].upper() }}{% endfor %}"
        with pytest.raises(UsageError, match="chat template changes or leaves out 1 prompt"):
            tokenize(loaded, [TEXT], spans=[SPANS], chat_template=True)
    finally:
        loaded.tokenizer.chat_template = None


def test_words_of_scripts_without_spaces_are_read_at_their_tokens(loaded):
    words = WordList({"joy": ("嬉しい",), "高": ("高兴",)})
    for text, label, word in (("とても嬉しいです。", "joy", "嬉しい"), ("我很高兴！", "高", "高兴")):
        tokens = tokenize(loaded, [text], spans=[words.spans(text, label)])
        assert words_of(loaded, tokens) == [word]


@pytest.mark.parametrize("bos", ["auto", "never"])
def test_the_last_word_is_read_without_the_full_stop_after_it(loaded, bos):
    texts = ["I am furious.", "It is 7 (so)!", "...", "I am"]
    tokens = tokenize(loaded, texts, content=list(map(last_word, texts)), bos=bos)
    read = [
        loaded.tokenizer.decode([ids[position] for position in positions])
        for ids, positions in zip(tokens.ids, tokens.content, strict=True)
    ]
    assert read == [" furious", "so", "", "am"]
    assert tokens.words == [[], [], [], []]


def test_both_kinds_of_words_are_found_in_one_call(loaded):
    both = tokenize(loaded, [TEXT], spans=[SPANS[:1]], content=[last_word(TEXT)])
    assert both.words == tokenize(loaded, [TEXT], spans=[SPANS[:1]]).words
    assert both.content == tokenize(loaded, [TEXT], spans=[SPANS[1:]]).words
    (marks,) = both.marks([0])
    assert (marks.word, marks.content) == (both.words[0], both.content[0])
