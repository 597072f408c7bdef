"""Next commands that notes and errors name: they keep the filters and the store, and they run."""

import json
import re
import shlex
import shutil

import pytest
from command import emo, emo_ok

from emotion_cli.settings import as_options, resolve

FILTERS = ("-d", "mine", "-m", "MODEL", "-e", "rage")


@pytest.fixture(scope="module")
def place(workplace, tmp_path_factory):
    """A store of its own with a test set: these commands write."""
    root = tmp_path_factory.mktemp("next")
    store = shutil.copytree(workplace.store, root / "a store")
    texts = {"thanks": "{} , thank you so much .", "rage": "{} , I am furious today !", "calm": "{} , the bus is of a ."}
    rows = [
        {"text": text.format(topic), "emotion": emotion, "topic": topic}
        for topic in ["so", "you", "the bus", "today", "much of", "and a"]
        for emotion, text in texts.items()
    ]
    (root / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    emo_ok("datasets", "import", root / "new.jsonl", "--dataset", "new", "--role", "test", "--store", store)
    return workplace._replace(store=store)


def commands_in(text):
    """The command lines that notes name, without the first word."""
    return [shlex.split(line)[1:] for line in re.findall(r"\bemo [a-z][^;,\n]*", text)]


def with_model(words, place):
    """A command line with the folder of a model, which is given where its weights are needed."""
    return [str(place.models[0]) if word == "MODEL" else word for word in words]


@pytest.mark.parametrize(
    "words",
    [
        ("vectors", *FILTERS, "--reference", "calm"),
        ("compare", *FILTERS, "--reference", "calm", "--format", "json"),
        ("heads", *FILTERS, "--neutral", "calm", "--on", "new", "--layer", "2"),
        ("score", *FILTERS, "--neutral", "calm", "--on", "new", "--layer", "2"),
        ("show", "tiny-gpt2", "-d", "mine", "-e", "rage", "--reference", "calm"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_names_a_query_of_what_it_did(place, words):
    model = "tiny-gpt2" if words[0] == "show" else str(place.models[0])
    ran = emo_ok(*with_model(words, place), "--store", place.store, EMO_CACHE=str(place.cache))
    named = [command for command in commands_in(ran.err) if command[0] == "sql"]
    assert named
    for command in named:
        assert command[command.index("--store") + 1] == str(place.store)
        assert sorted(command[i + 1] for i, word in enumerate(command) if word in ("-d", "-m", "-e")) == sorted(
            ["mine", model, "rage"]
        )
        rows = json.loads(emo_ok(*command, *([] if "--format" in command else ["--format", "json"])).out)
        assert rows and {row["emotion"] for row in rows} == {"rage"}
        assert all("tiny-gpt2" in (row.get("model"), row.get("model_a"), row.get("model_b")) for row in rows)
        assert "--layer" not in words or {row["layer"] for row in rows} == {2}


def test_the_next_step_of_steer_keeps_set_and_model(place):
    options = ("-d", "mine", "-m", place.models[0], "--neutral", "calm", "--store", place.store, "--cache", place.cache)
    ran = emo_ok("steer", *options, "--on", "new", "--screen")
    (command,) = [command for command in commands_in(ran.err) if command[0] == "sql"]
    assert command[3:] == ["steering_effects_by_alpha", "-d", "mine", "-m", str(place.models[0])]
    emo_ok(*command)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("score", *FILTERS, "--neutral", "calm", "--reference", "others", "hello"), "--reference others --neutral calm"),
        (("score", "-d", "mine", "-e", "rage"), 'emo score -d mine -e rage "Thank you so much!"'),
        (("score",), 'emo score -m smollm2-135m "Thank you so much!"'),
        (("sql", "vector_norms_by_layer", "-d", "mine", "-m", "gemma3-270m"), "emo run -d mine -m gemma3-270m"),
        (("sql", "vector_norms_by_layer", "-d", "mine", "-e", "gratitude"), "emo run -d mine"),
    ],
    ids=str,
)
def test_an_error_names_the_command_that_makes_what_was_asked_for(place, words, expected):
    ran = emo(*with_model(words, place), "--store", place.store, EMO_CACHE=str(place.cache))
    assert ran.code in (2, 3) and expected in ran.plain
    assert f"--store '{place.store}'" in ran.err.split("next: ")[1]


def test_settings_as_options_are_read_back(tmp_path):
    given = {"dataset": ["a set", "b"], "layer": ["0-2,7"], "neutral": "it's", "draws": "200", "lang": None}
    settings = resolve(given, environment={}, folder=tmp_path)
    words = shlex.split(as_options(settings, ("dataset", "layer", "neutral", "draws", "lang", "seed", "controls")))
    assert words == ["-d", "a set", "-d", "b", "--layer", "0,1,2,7", "--neutral", "it's", "--draws", "200"]
