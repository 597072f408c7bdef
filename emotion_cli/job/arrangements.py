"""How the prompts of two models are arranged, over all of them where the models are else compared over a sample."""

from collections.abc import Sequence

import numpy as np

from emotion_cli.job.comparisons import Shared
from emotion_cli.job.extractions import Extraction
from emotion_cli.job.job import Job
from emotion_cli.job.streams import Streamed, layer_rows, streamed
from emotion_cli.job.variants import Variant
from emotion_cli.measures.between.result import Result
from emotion_cli.measures.inference.relabelling import kept_without_groups
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.streamed.arrangement import debiased_cka
from emotion_cli.measures.streamed.limits import PAIRED_SAMPLE


def cka_of_all(
    job: Job,
    extractions: Sequence[Extraction],
    variant: Variant,
    shared: Shared,
    results: Sequence[Result],
    pairs: Sequence[tuple[int, int]],
    sampling: Sampling,
) -> list[Result]:
    """Debiased CKA of all shared prompts, from the results of a sample of them; `pairs` are the layers of each result.

    The null is that of the sample: it narrows as one over the number of prompts, and is brought to all of them. The interval is a
    jackknife over groups of all topics.
    """
    whole = shared.whole
    assert whole is not None
    a, b = (_known(job, extraction, variant) for extraction in extractions)
    place_in_b = {prompt_id: i for i, prompt_id in enumerate(b.prompt_ids)}
    number = {prompt_id: i for i, prompt_id in enumerate(whole.prompt_ids)}
    places = np.array([place_in_b[prompt_id] if prompt_id in number else -1 for prompt_id in a.prompt_ids])
    kept = kept_without_groups(whole.numbers, sampling)
    left_with = kept.argmin(0)
    groups = np.array([left_with[number[prompt_id]] if prompt_id in number else -1 for prompt_id in a.prompt_ids])
    subject = f"{extractions[0].dataset}, {' and '.join(extraction.model for extraction in extractions)}"
    job.listener.note(
        f"{subject}: cka_debiased at matched layers is that of all {len(whole.prompt_ids)} prompts. Its null ({PAIRED_SAMPLE}) "
        "is that of the sample, brought to all"
    )
    made = []
    with job.listener.progress(f"{subject}: CKA of all prompts", parts=len(results)) as advance:
        for result in results:
            i, j = pairs[result.pair]
            with (
                layer_rows(job, extractions[0], variant, a, i) as first,
                layer_rows(job, extractions[1], variant, b, j) as second,
            ):
                measured = debiased_cka(first, second, places, groups)
            drawn = result.sampled.draws
            scaled = None if drawn is None else drawn * (len(shared.prompt_ids) / len(whole.prompt_ids))
            sampled = result.sampled._replace(value=measured.value, draws=scaled, groups=measured.without, kind=PAIRED_SAMPLE)
            made.append(result._replace(sampled=sampled))
            advance(1)
    return made


def _known(job: Job, extraction: Extraction, variant: Variant) -> Streamed:
    known = streamed(job, extraction, variant)
    assert known is not None, "an extraction has at least the prompts that it shares"
    return known
