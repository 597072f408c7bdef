"""A set of the size of GoEmotions with a planted truth, through the whole of `emo run`: 58,000 texts, 28 labels, some under several.

Some labels have words of their own, two labels have the same ones, and some labels have none.
"""

import itertools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tiny
from command import Ran, emo_ok

from emotion_cli import workers
from emotion_cli.measures.streamed import beside_words, qualities
from emotion_cli.measures.streamed.samples import Size
from emotion_cli.stages import audit
from warehouse.catalog import Catalog

pytestmark = pytest.mark.slow

N_TEXTS, N_SEVERAL = 58_000, 400
N_SAMPLED = 400
"""Prompts of a sample on which words are measured: fewer than a run takes, as that costs more than all else together."""

ALIKE = ("delight", "joy")
"""Two labels with the same words."""
BARE = ("confusion", "relief", "remorse")
"""Labels without words of their own, as neutral has none."""
PLANTED = [f"emotion {i:02d}" for i in range(22)]
EMOTIONS = sorted([*PLANTED, *ALIKE, *BARE])
BACKGROUND = [f"word{i:03d}" for i in range(150)]
SHARE = 0.7
"""Of the texts of a label with words that hold one of them."""


def _own_words(emotion: str) -> list[str]:
    stem = "bliss" if emotion in ALIKE else emotion.replace(" ", "")
    return [] if emotion in (*BARE, "neutral") else [f"{stem}{i}" for i in range(3)]


def _sizes() -> dict[str, int]:
    """Texts of each label, as unequal as those of GoEmotions: neutral has a quarter, the smallest label a hundredth of that."""
    order = np.random.default_rng(1).permutation(EMOTIONS)
    shares = np.geomspace(6_000, 140, len(order))
    sizes = dict(zip(order.tolist(), shares.astype(int).tolist(), strict=True))
    return sizes | {"neutral": N_TEXTS - sum(sizes.values())}


def _write(path: Path) -> None:
    rng = np.random.default_rng(2)
    seen: set[str] = set()
    rows = []

    def text_of(emotion: str) -> str:
        while True:
            words = rng.choice(BACKGROUND, rng.integers(6, 13)).tolist()
            own = _own_words(emotion)
            if own and rng.random() < SHARE:
                words[int(rng.integers(len(words)))] = str(rng.choice(own))
            text = " ".join(words)
            if text not in seen:
                seen.add(text)
                return text

    for emotion, size in _sizes().items():
        rows += [(text_of(emotion), emotion) for _ in range(size)]
    for _ in range(N_SEVERAL):
        first, second = rng.choice(EMOTIONS, 2, replace=False).tolist()
        text = text_of(first)
        rows += [(text, first), (text, second)]
    with path.open("w", encoding="utf-8") as sink:
        for i in rng.permutation(len(rows)).tolist():
            sink.write(json.dumps(dict(zip(("text", "emotion"), rows[i], strict=True))) + "\n")


class Done(NamedTuple):
    store: Path
    options: tuple[object, ...]
    imported: Ran
    catalog: Catalog


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Done:
    root = tmp_path_factory.mktemp("many")
    words = [*BACKGROUND, *sorted({word for emotion in EMOTIONS for word in _own_words(emotion)})]
    model = tiny.save_model(root / "tiny", "llama", vocab_size=5 + len(words), num_hidden_layers=1)
    tiny.save_tokenizer(model, words=words)
    _write(root / "many.jsonl")
    store = root / "store"
    imported = emo_ok("datasets", "import", root / "many.jsonl", "-d", "many", "--several-labels", "drop", "--store", store)
    options = ("-d", "many", "-m", model, "--pooling", "mean", "--store", store)
    with pytest.MonkeyPatch.context() as patch:
        for module in (qualities, beside_words):
            patch.setattr(module, "OF_WORDS", Size(N_SAMPLED, 10))
        patch.setattr(audit, "MOST_SAMPLED", N_SAMPLED)
        # other processes would not know of it
        patch.setattr(workers, "cores", lambda: 1)
        emo_ok("run", *options, EMO_CACHE=str(root / "cache"))
    from warehouse.store import Store

    return Done(store, options, imported, Catalog(Store(store)))


def _rows(done: Done, statement: str) -> list[dict]:
    return done.catalog.rows(statement).to_pylist()


def test_every_text_under_one_label_is_there(done):
    assert f"left out: {N_SEVERAL} texts under several labels ({2 * N_SEVERAL} rows)" in done.imported.err
    counts = {row["emotion"]: row["n"] for row in _rows(done, "select emotion, count(*) n from prompts group by all")}
    assert counts == _sizes() and len(counts) == 28 and sum(counts.values()) == N_TEXTS


def test_labels_with_words_have_a_direction_and_others_have_none(done):
    rows = _rows(
        done,
        "select emotion, value, p_value, null_kind, n_sampled from vector_quality "
        "where measure = 'auroc' and method = 'mean_difference' and layer is null and control is null",
    )
    assert {row["emotion"] for row in rows} == {*EMOTIONS}
    assert {(row["null_kind"], row["n_sampled"]) for row in rows} == {("permuted_sample", None)}
    of_emotion = {row["emotion"]: row for row in rows}
    for emotion in (*PLANTED, *ALIKE):
        assert of_emotion[emotion]["value"] > 0.58 and of_emotion[emotion]["p_value"] < 0.02, emotion
    for emotion in BARE:
        assert abs(of_emotion[emotion]["value"] - 0.5) < 0.05 and of_emotion[emotion]["p_value"] > 0.02, emotion


def test_labels_with_the_same_words_are_alike_and_no_others_are(done):
    rows = _rows(
        done,
        "select emotion_a, emotion_b, mean_unbiased_cosine as cosine, ci_low, verdict from within_model_similarity_by_model "
        "where method = 'mean_difference' and control is null",
    )
    of_pair = {(row["emotion_a"], row["emotion_b"]): row for row in rows}
    assert of_pair.keys() == {*itertools.combinations(EMOTIONS, 2)}
    alike = of_pair.pop(ALIKE)
    assert alike["cosine"] > 0.95 and alike["ci_low"] > 0.9 and alike["verdict"].startswith("more similar")
    for pair, row in of_pair.items():
        if {*pair} & {*BARE}:
            assert row["verdict"] == "no direction shown", pair
        else:
            assert row["cosine"] < 0.8, pair
    kinds = _rows(done, "select distinct null_kind from within_model_statistics where measure = 'cosine' and control is null")
    assert [row["null_kind"] for row in kinds] == ["permuted_normal"]


def test_words_tell_as_much_as_directions_on_a_sample_that_rows_name(done):
    rows = _rows(
        done,
        "select emotion, value, n_sampled from vector_quality where measure = 'auroc_words' and method = 'mean_difference'",
    )
    assert all(row["n_sampled"] is not None and row["n_sampled"] <= N_SAMPLED for row in rows)
    of_emotion = {row["emotion"]: row["value"] for row in rows}
    assert all(of_emotion[emotion] > 0.65 for emotion in (*PLANTED, *ALIKE))
    assert all(abs(of_emotion[emotion] - 0.5) < 0.15 for emotion in BARE)
    audited = _rows(done, "select * from prompt_audits where measure = 'words_auroc'")
    # each label is told from neutral only
    assert len(audited) == 27 and all(row["n_sampled"] is not None for row in audited)


def test_the_report_shows_both_ends_of_all_pairs(done):
    page = (done.store / "reports/pooling=mean.md").read_text(encoding="utf-8")
    assert "delight and joy" in page and "351" in page
    # the report stays readable: no table has a row for each pair
    assert (
        max(len([*group]) for is_row, group in itertools.groupby(page.splitlines(), lambda line: line.startswith("|")) if is_row)
        < 80
    )
    assert (done.store / "reports/pooling=mean.html").stat().st_size < 8_000_000


def test_nothing_is_left_to_do_and_all_is_sound(done):
    ran = emo_ok("run", *done.options)
    assert ran.err.startswith("0 tasks done")
    emo_ok("verify", "--store", done.store)
