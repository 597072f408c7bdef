"""The clusters of an imported set reach every table: what a statistic rests on is their number, not that of the topics."""

import numpy as np
from synthetic import LABELS, add_model, labels_of, topics_of

from emotion_cli import pipeline
from emotion_cli.job.extractions import extractions_in_store
from emotion_cli.job.job import Job
from emotion_cli.prompts.prompt_set import Row, validated
from emotion_cli.settings import Settings
from warehouse.catalog import Catalog
from warehouse.store import Store, table_of

TOPICS, CLUSTERS = 16, 8


def test_clusters_of_a_set_reach_every_statistic(tmp_path):
    store, rng = Store(tmp_path), np.random.default_rng(0)
    for name in ("a", "b"):
        add_model(store, name, [rng.normal(size=(TOPICS * len(LABELS), 6))], TOPICS)
    rows = [
        Row(
            "here",
            {"text": f"{label} about {topic}", "emotion": label, "topic": topic, "cluster": f"c{int(topic[-3:]) % CLUSTERS}"},
        )
        for label, topic in zip(labels_of(TOPICS), topics_of(TOPICS).tolist(), strict=True)
    ]
    prompt_set = validated("synthetic", rows)
    partition = store.partition("prompts", dataset="synthetic", prompts_sha256=prompt_set.sha256)
    # the same version of the set as without clusters: no activation is made again
    assert partition.manifest() is not None
    with partition.hold():
        partition.commit([partition.write([table_of("prompts", prompt_set.columns())])], {"source": "clusters"})
    settings = Settings(store=tmp_path, dataset=("synthetic",), draws=20)
    job = Job(store, settings, extractions_in_store(store, settings))
    pipeline.run(job, pipeline.stages("vectors", "compare"))
    found = Catalog(store).rows(
        """
        select distinct n from vector_quality where measure in ('auroc', 'split_half', 'centroid_accuracy')
        union select distinct n from within_model_statistics where measure in ('cosine', 'cosine_unbiased')
        union select distinct n from cross_model_statistics where measure in ('aligned_cosine', 'transfer_auroc')
        """
    )
    assert found.to_pydict() == {"n": [CLUSTERS]}
