"""Every value of an enumerated column has a sentence, and every sentence a value."""

import re
from pathlib import Path

import pytest

from emotion_cli.cli.steer import POSITIONS
from emotion_cli.job import extractions, patching, steering
from emotion_cli.job.known import POOLINGS
from emotion_cli.measures import directions
from emotion_cli.measures.between import alignment, dissimilarity, gains, geometry, result, subspaces, trials
from emotion_cli.measures.causal.patching import TOPIC_SIGNS
from emotion_cli.measures.inference import statistic
from emotion_cli.measures.labels import OTHERS
from emotion_cli.measures.scoring import places
from emotion_cli.measures.streamed import limits
from emotion_cli.measures.within import dataset_shift, lens, likeness, quality
from emotion_cli.models.packing.trees import STRATEGIES
from emotion_cli.models.sources.controls import CONTROLS
from emotion_cli.settings import BOS_RULES, DTYPES
from emotion_cli.stages import audit, consensus
from warehouse.catalog import Catalog
from warehouse.schema import COLUMNS, JOINS, TABLES
from warehouse.store import Store
from warehouse.values import MEASURES, OPEN, VALUES, values_of

CODE = Path(__file__).parents[2] / "emotion_cli"


def names(*measures):
    return {measure.name for measure in measures}


@pytest.mark.parametrize(
    ("table", "listed"),
    [
        ("prompt_audits", {*audit.COUNTS, audit.SURFACE, audit.WORDS, audit.NEAR_DUPLICATES}),
        (
            "vector_quality",
            names(
                *quality.MEASURES,
                *quality.MEASURES_ON_TEST_SETS,
                *quality.MEASURES_OF_ALL_LABELS,
                quality.GAIN,
                quality.GAIN_ON_TEST_SETS,
            ),
        ),
        (
            "within_model_statistics",
            {
                *names(*likeness.MEASURES),
                likeness.UNBIASED_BY_CLASS,
                likeness.SQUARED_DISTANCE,
                likeness.DISTANCE_RATIO,
                likeness.GAIN,
            },
        ),
        ("cross_dataset_statistics", names(*dataset_shift.MEASURES)),
        (
            "cross_model_statistics",
            {
                *names(*geometry.MEASURES, *subspaces.MEASURES),
                *(alignment.COSINE, alignment.OTHERS_COSINE, alignment.SPECIFICITY, alignment.TRANSFER, alignment.CELL),
                *(geometry.BEST_DEPTH, gains.GAIN, dissimilarity.SIMILARITY, dissimilarity.CEILING),
            },
        ),
        ("consensus_statistics", {consensus.SHARE, *consensus.AXES}),
        ("score_statistics", {places.AUROC, *(f"{places.FLAGGED}_{kind}" for kind in ("own", "neutral", "others"))}),
        ("lens_statistics", {lens.OWN_WORDS}),
    ],
)
def test_the_measures_of_the_code_are_described(table, listed):
    assert listed <= MEASURES[table].keys(), listed - MEASURES[table].keys()


@pytest.mark.parametrize(
    ("column", "listed"),
    [
        ("pooling", POOLINGS),
        ("method", directions.METHODS),
        ("reference", (OTHERS,)),
        ("mapping", result.MAPPINGS),
        ("fit", [fit.name for fit in trials.fits_of(["neutral", "anger"], "neutral")]),
        ("strategy", STRATEGIES),
        ("bos", BOS_RULES),
        ("dtype", DTYPES[1:]),
        ("control", CONTROLS),
        ("status", (extractions.COMPLETE, extractions.VECTORS_ONLY)),
        ("positions", (*POSITIONS, patching.WHOLE_SUFFIX, patching.TEXT, "-1")),
        ("site", patching.SITES),
        ("operation", (steering.ADD,)),
        ("unit", (steering.NORM, steering.VECTOR)),
        (
            "null_kind",
            (
                *(statistic.PERMUTED, statistic.PAIRED, statistic.GAUSSIAN, statistic.FIXED, statistic.EXACT, statistic.UNEQUAL),
                *(statistic.SIGN_FLIPS, statistic.TOO_FEW, limits.PERMUTED_NORMAL, limits.PERMUTED_SAMPLE, limits.PAIRED_SAMPLE),
                *(TOPIC_SIGNS, statistic.PERMUTED_RESIDUALS),
            ),
        ),
    ],
)
def test_the_lists_of_the_code_are_exactly_what_is_described(column, listed):
    assert set(listed) == VALUES[column].keys()


def test_no_value_is_described_that_the_code_does_not_spell():
    spelled = "".join(path.read_text(encoding="utf-8") for path in CODE.rglob("*.py"))
    composed = re.compile("_auroc$|_ceiling$|^flagged_|^effect_|^response_|^attribution_|^t1$|^-1$")
    named = {name for table in (*MEASURES.values(), *VALUES.values()) for name in table}
    assert not [name for name in named if f'"{name}"' not in spelled and not composed.search(name)]


def test_each_is_one_sentence_of_a_column_that_there_is():
    assert MEASURES.keys() == {table.name for table in TABLES.values() if "measure" in table.column_names}
    assert VALUES.keys() | OPEN <= COLUMNS.keys() and VALUES.keys() >= OPEN
    for docs in (*MEASURES.values(), *VALUES.values()):
        for doc in docs.values():
            assert doc.endswith(".") and ". " not in doc and len(doc.split()) <= 30, doc


def test_every_stored_value_is_described(workplace):
    catalog, seen = Catalog(Store(workplace.store)), 0
    for table in TABLES.values():
        for column in table.column_names:
            if (described := values_of(table.name, column)) and column not in OPEN:
                stored = catalog.rows(f'select distinct "{column}" as value from "{table.name}"')["value"].to_pylist()
                unknown = {value for value in stored if value is not None} - described.keys()
                assert not unknown, (table.name, column, unknown)
                seen += len(stored)
    assert seen > 60


def test_joins_find_at_most_one_row(workplace):
    catalog = Catalog(Store(workplace.store))
    for join in JOINS:
        assert {b for _, b in join.on} >= set(TABLES[join.other].grain), join
        (plain,) = catalog.rows(f"select count(*) n from {join.table}")["n"].to_pylist()
        (joined,) = catalog.rows(f"select count(*) n from {join.table} {join.sql}")["n"].to_pylist()
        assert joined <= plain, join
    activations = next(join for join in JOINS if join.other == "prompts")
    (n,) = catalog.rows(f"select count(*) n from activations {activations.sql}")["n"].to_pylist()
    assert n == Store(workplace.store).n_rows("activations") > 0
