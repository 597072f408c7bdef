"""Which prompt sets a run takes."""

from command import emo, emo_ok

from emotion_cli.job.extractions import Extraction
from emotion_cli.job.known import with_reference
from emotion_cli.settings import Settings
from warehouse.store import Store


def test_a_set_without_the_reference_does_not_stop_a_run_over_everything(workplace, tmp_path):
    model = ("-m", workplace.models[0], "--cache", workplace.cache, "--store", tmp_path)
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "calm", "--reference", "calm", "--store", tmp_path)
    plan = emo_ok("run", *model, "--dry-run", "--format", "csv")
    assert "calm: left out, none of its prompts is labelled 'neutral'; emo run -d calm --reference LABEL" in plan.plain
    assert "calm" not in plan.out and "extended" in plan.out
    # named, it is refused as before; with its reference it runs
    named = emo("run", "-d", "calm", *model, "--dry-run", "--format", "csv", "--reference", "calm", "--neutral", "calm")
    assert named.code == 0 and "calm" in named.out


def test_where_no_set_has_the_reference_none_is_left_out(workplace):
    store = Store(workplace.store)
    extractions = [Extraction("mine", "train", next(iter(store.partitions("prompts"))).keys["prompts_sha256"], "tiny-gpt2", "x")]
    said = []
    assert with_reference(store, Settings(), extractions, said.append) == extractions and not said
