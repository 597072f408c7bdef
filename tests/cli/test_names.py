"""Two folders of one name are two models in every command, and what `-m PATH` names is what is used."""

import json
import shutil

import numpy as np
import pytest
import tiny
from command import emo, emo_ok
from safetensors.numpy import load_file
from workplaces import write_prompts

EXTRACT = ("--pooling", "last", "--layer", "1")


@pytest.fixture
def place(tmp_path):
    """A store with prompts, and two folders called `final` with other weights."""
    for run, seed in (("run1", 0), ("run2", 1)):
        tiny.save_model(tmp_path / run / "final", "llama", seed=seed)
    emo_ok("datasets", "import", write_prompts(tmp_path / "mine.jsonl"), "-d", "mine", cwd=tmp_path)
    return tmp_path


def ids(place) -> dict[str, str]:
    rows = json.loads(emo_ok("sql", "select model, extraction_id from extractions", "--format", "json", cwd=place).out)
    return {row["model"]: row["extraction_id"] for row in rows}


def test_a_name_that_is_taken_by_other_weights_is_refused_with_the_way_out(place):
    emo_ok("extract", "-d", "mine", "-m", "run1/final", *EXTRACT, cwd=place)
    ran = emo("extract", "-d", "mine", "-m", "run2/final", *EXTRACT, cwd=place)
    assert ran.code == 2 and "the store holds a model called final with other weights" in ran.err
    assert "-m run2/final --name OTHER-NAME" in ran.err
    # unchanged weights under the same name are the same model, wherever they are
    shutil.move(place / "run1", place / "elsewhere")
    assert "1 up to date" in emo_ok("extract", "-d", "mine", "-m", "elsewhere/final", *EXTRACT, cwd=place).err


def test_two_folders_of_one_name_in_one_command_are_refused(place):
    ran = emo("extract", "-d", "mine", "-m", "run1/final", "-m", "run2/final", *EXTRACT, cwd=place)
    assert ran.code == 2 and "two models are called final: run1/final and run2/final" in ran.err
    ran = emo("extract", "-d", "mine", "-m", "run1/final", "-m", "run2/final", "--name", "first", *EXTRACT, cwd=place)
    assert ran.code == 2 and "--name: names one model, and 2 are given" in ran.err


def test_a_folder_that_the_store_knows_keeps_the_name_that_it_has_there(place):
    emo_ok("extract", "-d", "mine", "-m", "run1/final", *EXTRACT, cwd=place)
    emo_ok("extract", "-d", "mine", "-m", "run2/final", "--name", "second", *EXTRACT, cwd=place)
    ran = emo_ok("extract", "-d", "mine", "-m", "run1/final", "-m", "run2/final", *EXTRACT, cwd=place)
    assert "run2/final: called second, as in the store" in ran.err and "2 up to date" in ran.err
    # the name alone does not say where the weights are, and is no id on the Hub
    ran = emo("run", "-d", "mine", "-m", "second", *EXTRACT, cwd=place)
    assert ran.code == 3 and "its name does not say where they are" in ran.err and "-m FOLDER" in ran.err


def test_a_check_of_other_weights_says_nothing_of_a_namesake(place):
    emo_ok("extract", "-d", "mine", "-m", "run1/final", *EXTRACT, cwd=place)
    emo_ok("models", "check", "run2/final", cwd=place)
    (row,) = [row for row in json.loads(emo_ok("models", "list", "--format", "json", cwd=place).out) if row["model"] == "final"]
    assert row["check"] == "not checked"
    emo_ok("models", "check", "run1/final", cwd=place)
    (row,) = [row for row in json.loads(emo_ok("models", "list", "--format", "json", cwd=place).out) if row["model"] == "final"]
    assert row["check"] == "float32: passed"


def test_a_path_stands_for_its_weights_in_every_command_that_reads(place):
    emo_ok("extract", "-d", "mine", "-m", "run1/final", *EXTRACT, cwd=place)
    emo_ok("extract", "-d", "mine", "-m", "run2/final", "--name", "second", *EXTRACT, cwd=place)
    assert set(ids(place)) == {"final", "second"}
    emo_ok("vectors", "--reference", "calm", "--neutral", "calm", cwd=place)
    vectors = {}
    for given in ("run1/final", "run2/final", "second", "final"):
        target = place / given.replace("/", "-")
        emo_ok("export", "-d", "mine", "-m", given, "--reference", "calm", "-e", "rage", "-o", target, cwd=place)
        vectors[given] = np.concatenate(
            [value.ravel() for file in sorted(target.rglob("*.safetensors")) for value in load_file(file).values()]
        )
    assert np.array_equal(vectors["run2/final"], vectors["second"])
    assert np.array_equal(vectors["run1/final"], vectors["final"])
    assert not np.array_equal(vectors["run1/final"], vectors["run2/final"])
    ran = emo_ok(
        "compare",
        "-d",
        "mine",
        "-m",
        "run1/final",
        "-m",
        "run2/final",
        "--reference",
        "calm",
        "--neutral",
        "calm",
        "--format",
        "json",
        cwd=place,
    )
    assert '"second"' in ran.out and '"final"' in ran.out
    emo_ok("rm", "-m", "run2/final", "--yes", cwd=place)
    assert set(ids(place)) == {"final"}


def test_a_path_whose_weights_are_not_in_the_store_is_not_its_namesake(place):
    emo_ok("extract", "-d", "mine", "-m", "run1/final", *EXTRACT, cwd=place)
    ran = emo("vectors", "-m", "run2/final", "--reference", "calm", "--neutral", "calm", cwd=place)
    assert ran.code == 3 and "no activations of run2/final are there" in ran.err and "emo extract -m run2/final" in ran.plain
    ran = emo("rm", "-m", "run2/final", "--yes", cwd=place)
    assert ran.code == 3 and "run2/final has no data in this store" in ran.err and set(ids(place)) == {"final"}


def test_a_changed_tokenizer_file_of_any_name_is_another_extraction(place):
    emo_ok("extract", "-d", "mine", "-m", "run1/final", *EXTRACT, cwd=place)
    before = ids(place)["final"]
    (place / "run1/final/vocab.txt").write_text("thank\nyou\n")
    ran = emo_ok("extract", "-d", "mine", "-m", "run1/final", *EXTRACT, cwd=place)
    assert "1 extraction done" in ran.err
    emo_ok("rm", "--extraction", before, "--yes", cwd=place)
    assert ids(place)["final"] != before


CLOCK = "{% for m in messages %}{{ strftime_now('%Y-%m-%d %H:%M:%S.%f') }} {{ m['content'] }}{% endfor %}"
DATED = "{% for m in messages %}{{ DAY }} {{ m['content'] }}{% endfor %}"


def with_template(folder, template):
    (folder / "chat_template.jinja").write_text(template)


def test_what_a_template_renders_is_part_of_the_identity(place, monkeypatch):
    from emotion_cli.models import tokens

    folder = place / "run1/final"
    with_template(folder, "{% for m in messages %}{{ strftime_now('%Y') }} {{ m['content'] }}{% endfor %}")
    emo_ok("extract", "-d", "mine", "-m", folder, "--chat-template", *EXTRACT, cwd=place)
    before = ids(place)["final"]
    assert "1 up to date" in emo_ok("extract", "-d", "mine", "-m", folder, "--chat-template", *EXTRACT, cwd=place).err
    # another year: the same files, another text
    wrapped = tokens.wrapped
    monkeypatch.setattr(tokens, "wrapped", lambda *given: [text.replace("20", "30") for text in wrapped(*given)])
    assert "1 extraction done" in emo_ok("extract", "-d", "mine", "-m", folder, "--chat-template", *EXTRACT, cwd=place).err
    emo_ok("rm", "--extraction", before, "--yes", cwd=place)
    assert ids(place)["final"] != before


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (CLOCK, "the chat template gives another text now than when this run was planned"),
        ("{{ raise_exception('no system turn') }}", "the chat template fails: TemplateError: no system turn"),
        (
            "{% for m in messages %}{{ m['content'] | upper }}{% endfor %}",
            "the chat template changes or leaves out the text that it was tried on: 'The kettle is on.'",
        ),
        ("{{ messages[0", "the chat template fails: TemplateSyntaxError"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_in_a_sentence(place, template, words):
    with_template(place / "run1/final", template)
    ran = emo("extract", "-d", "mine", "-m", "run1/final", "--chat-template", *EXTRACT, cwd=place)
    assert ran.code == 2 and words in ran.err and "without --chat-template" in ran.err
    assert "Traceback" not in ran.err and "bug" not in ran.err


def test_several_templates_without_a_default_are_refused_by_name(place):
    folder = place / "run1/final"
    (folder / "additional_chat_templates").mkdir()
    for name in ("tools", "rag"):
        (folder / f"additional_chat_templates/{name}.jinja").write_text("{{ messages[0]['content'] }}")
    ran = emo("extract", "-d", "mine", "-m", folder, "--chat-template", *EXTRACT, cwd=place)
    assert ran.code == 2 and "several chat templates (" in ran.err and "tools" in ran.err and "none is called default" in ran.err


CODE = """
from transformers import LlamaConfig, LlamaForCausalLM


class MineConfig(LlamaConfig):
    model_type = "mine"


class Mine(LlamaForCausalLM):
    config_class = MineConfig

    def __init__(self, config):
        super().__init__(config)
        self.model.layers[0].register_forward_hook(lambda module, args, output: output * SCALE)
"""


def test_code_that_comes_with_a_model_is_part_of_the_identity(place, monkeypatch):
    monkeypatch.setenv("HF_MODULES_CACHE", str(place / "modules"))
    folder = place / "run1/final"
    config = json.loads((folder / "config.json").read_text())
    names = {"AutoConfig": "modeling_mine.MineConfig", "AutoModelForCausalLM": "modeling_mine.Mine"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "mine", "auto_map": names}))
    rows = {}
    for scale in ("1.0", "2.0"):
        (folder / "modeling_mine.py").write_text(CODE.replace("SCALE", scale))
        emo_ok("extract", "-d", "mine", "-m", folder, "--name", f"times-{scale[0]}", "--trust-remote-code", *EXTRACT, cwd=place)
        query = f"select activation from activations where model = 'times-{scale[0]}' order by prompt_id"
        found = json.loads(emo_ok("sql", query, "--format", "json", cwd=place).out)
        rows[scale] = np.array([row["activation"] for row in found])
    assert np.allclose(2 * rows["1.0"], rows["2.0"]) and np.abs(rows["1.0"]).max() > 0
    ran = emo("extract", "-d", "mine", "-m", folder, "--name", "times-1", "--trust-remote-code", *EXTRACT, cwd=place)
    assert ran.code == 2 and "with other weights" in ran.err
