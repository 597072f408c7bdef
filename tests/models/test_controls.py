"""Rows of controls against independent recomputations, and what their names say."""

import hashlib
import re

import numpy as np
import pytest
import tiny
import torch
import transformers

from emotion_cli.errors import UsageError
from emotion_cli.models.controls import embedding_rows, token_ids, word_rows
from emotion_cli.models.loading import load, load_tokenizer
from emotion_cli.models.reader import Reader
from emotion_cli.models.sources.controls import CONTROLS, base_of, control_of, kind_of
from emotion_cli.models.sources.finding import find
from emotion_cli.settings import SETTINGS

TEXTS = ["thank you so much .", "I am furious !", "the bus is late today"]


@pytest.fixture(scope="module", params=["gpt2", "gemma3_text", "opt-post-norm"])
def architecture(request):
    return request.param


@pytest.fixture(scope="module")
def folder(architecture, tmp_path_factory):
    # another seed than that of `untrained`, which would be this model
    return tiny.save_model(tmp_path_factory.mktemp("tiny") / "m", architecture, seed=7)


def test_names_say_what_a_control_is_made_of():
    assert [kind_of(name) for name in ("words:0", "embeddings:org/m", "untrained:m", "org/m", "words", "c:\\m")] == [
        "words",
        "embeddings",
        "untrained",
        None,
        None,
        None,
    ]
    assert control_of("untrained:a:b").of == "a:b"
    assert [base_of(name) for name in ("words:0", "embeddings:org/m", "m")] == [None, "org/m", None]
    assert SETTINGS["controls"].default == SETTINGS["controls"].metadata["choices"] == CONTROLS


def test_words_are_means_of_one_gaussian_vector_a_word():
    rows = word_rows([["the", "bus"], ["bus"], []], seed=3)

    def vector(word):
        start = hashlib.sha256(f"3\0{word}".encode()).digest()[:16]
        return np.random.default_rng(int.from_bytes(start, "big")).normal(size=512)

    np.testing.assert_allclose(rows[0], (vector("the") + vector("bus")) / 2, rtol=1e-6)
    np.testing.assert_allclose(rows[1], vector("bus"), rtol=1e-6)
    assert np.isnan(rows[2]).all()
    # words are no nearer to each other than chance allows, and another seed is another draw
    other = word_rows([["bus"]], seed=4)[0]
    assert abs(np.corrcoef(rows[1], other)[0, 1]) < 0.2
    assert abs(np.corrcoef(vector("the"), vector("bus"))[0, 1]) < 0.2


def test_embeddings_are_means_of_rows_of_the_embedding_matrix(folder, tmp_path):
    loaded = load(find(str(folder), cache=tmp_path))
    ids = token_ids(loaded, [*TEXTS, "<bos>"])
    # one word is one token here
    assert ids == [[tiny.VOCABULARY[word] for word in re.findall(r"\w+|[^\w\s]", text)] for text in TEXTS] + [[]]
    rows = embedding_rows(loaded, ids)
    matrix = transformers.AutoModelForCausalLM.from_pretrained(folder).get_input_embeddings().weight.detach().double().numpy()
    for row, tokens in zip(rows[:-1], ids, strict=False):
        np.testing.assert_allclose(row, matrix[tokens].mean(0), rtol=1e-5, atol=1e-7)
    assert np.isnan(rows[-1]).all()


def test_untrained_is_the_model_that_transformers_makes_of_the_config(folder, architecture, tmp_path):
    source = find(f"untrained:{folder}", cache=tmp_path)
    before = torch.random.get_rng_state()
    loaded = load(source)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(0)
    config = transformers.AutoConfig.from_pretrained(folder)
    plain = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    ids = Reader(loaded).tokens(TEXTS).ids
    read = Reader(loaded).read(TEXTS).values["last"]
    trained = load(find(str(folder), cache=tmp_path))
    for place, row in enumerate(ids):
        states = tiny.states_of(plain, plain.get_submodule(tiny.BLOCKS[architecture]), row)
        expected = np.array([state[-1].numpy() for state in states])
        np.testing.assert_allclose(read[:, place], expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert not np.allclose(read, Reader(trained).read(TEXTS).values["last"], atol=1e-3)


def test_a_control_is_known_by_what_defines_it(folder, tmp_path):
    names = (str(folder), f"embeddings:{folder}", f"untrained:{folder}", "words:0", "words:1")
    sources = [find(name, cache=tmp_path) for name in names]
    assert [source.name for source in sources] == ["m", "embeddings:m", "untrained:m", "words:0", "words:1"]
    assert len({source.weights_sha256 for source in sources}) == len(sources)
    other = tiny.save_model(tmp_path / "m", "llama", seed=8)
    assert find(f"untrained:{other}", cache=tmp_path).weights_sha256 != sources[2].weights_sha256
    assert find(f"untrained:{folder}", cache=tmp_path, name="mine").name == "untrained:mine"


@pytest.mark.parametrize(
    "name", ["words:", "words:x", "words:-1", "words:01", "words:²", "embeddings:words:0", "untrained:words:0"]
)
def test_names_that_mean_nothing_are_refused(name, tmp_path):
    with pytest.raises(UsageError):
        find(name, cache=tmp_path)


def test_a_model_cannot_be_called_like_a_control(folder, tmp_path):
    with pytest.raises(UsageError, match="controls"):
        find(str(folder), cache=tmp_path, name="words:0")


def test_what_runs_no_model_is_not_loaded(folder, tmp_path):
    for name in ("words:0", f"embeddings:{folder}"):
        with pytest.raises(UsageError, match="runs no model"):
            load(find(name, cache=tmp_path))
    with pytest.raises(UsageError, match="runs no model"):
        load_tokenizer(find("words:0", cache=tmp_path))
