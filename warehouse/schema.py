"""THE declaration of every stored table and column; Arrow schemas, paths, views, comments, checks and docs derive from it.

A column is declared once in `COLUMNS` (a name means the same thing in every table); a table is a list of column names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import pyarrow as pa

SCHEMA_VERSION = 3
"""Written into every file's footer, and part of every extraction's id."""


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type, one sentence, and unit where it has one."""

    name: str
    type: pa.DataType
    doc: str
    unit: str | None = None


VECTOR = pa.list_(pa.float32())
"""Stored as a fixed-size list of the model's width; the width is known only where a file is written."""


def _columns(*columns: Column) -> dict[str, Column]:
    return {column.name: column for column in columns}


_TEXT, _COUNT, _REAL, _FLAG, _TIME = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us", tz="UTC")

COLUMNS = _columns(
    # what was said
    Column("dataset", _TEXT, "Name of the prompt set."),
    Column("prompts_sha256", _TEXT, "Content hash of the set's texts and labels; a version of the dataset."),
    Column("prompt_id", _TEXT, "Content hash of the prompt's label and text."),
    Column("topic", _TEXT, "What the prompt is about; one prompt per topic and emotion makes a complete set."),
    Column("cluster", _TEXT, "Topics that belong together, such as one writer's; resampled and held out as a whole."),
    Column("emotion", _TEXT, "The label of a prompt, or the label whose direction a row describes."),
    Column("text", _TEXT, "The prompt itself."),
    Column("lang", _TEXT, "Language of the text, as a BCP 47 tag."),
    Column("role", _TEXT, "`train`, or `test`: a test set never makes a vector."),
    Column("n_copies", _COUNT, "How often the row stood in the imported file; never weights a mean.", "rows"),
    Column("n_words", _COUNT, "Words of the text, split at white space; in scripts without spaces each letter is one.", "words"),
    Column("final_char", _TEXT, "The last character of the text."),
    Column("finding", _TEXT, "What the number means for a direction, in one sentence; NULL where there is nothing to say."),
    # what was run
    Column("extraction_id", _TEXT, "Content hash of all that changes the activations' numbers, and of both names."),
    Column("model", _TEXT, "The Hub id as given, the alias, or the name of the folder or file."),
    Column("revision", _TEXT, "The Hub commit that was loaded; NULL for local weights."),
    Column("weights_sha256", _TEXT, "Content hash of the weights and the config."),
    Column("tokenizer_sha256", _TEXT, "Content hash of the tokenizer's files."),
    Column("architecture", _TEXT, "The model type, as transformers names it."),
    Column("n_layers", _COUNT, "Decoder blocks of the model; NULL for imported activations of unknown depth.", "blocks"),
    Column("d_model", _COUNT, "Width of the residual stream.", "dimensions"),
    Column("ignores_mean", _FLAG, "Whether a constant added to layer 0 leaves the model's output as it is: as LayerNorm does."),
    Column("dtype", _TEXT, "Number format of the forward pass."),
    Column("device", _TEXT, "Where the forward pass ran."),
    Column("bos", _TEXT, "Rule for the beginning-of-sequence token: auto, always or never."),
    Column("chat_template", _FLAG, "Whether each prompt was wrapped as a user turn."),
    Column("template_sha256", _TEXT, "Content hash of a fixed text in the chat template, which may hold a date."),
    Column("max_length", _COUNT, "Longest prompt allowed; NULL is the model's own limit.", "tokens"),
    Column("truncate", _FLAG, "Whether longer prompts were cut instead of refused."),
    Column("poolings", pa.list_(pa.string()), "Poolings present."),
    Column("layers", pa.list_(pa.int64()), "Layers present."),
    Column("words_sha256", _TEXT, "Content hash of the word list of pooling `word`; NULL without it."),
    Column("strategy", _TEXT, "How prompts were packed into forward passes."),
    Column(
        "strategy_error",
        _REAL,
        "Error of packed rows against a float64 pass of one prompt, over the largest token state in the row; measured first.",
    ),
    Column(
        "n_recomputed",
        _COUNT,
        "Prompts of a random sample whose stored rows were computed again, one at a time; NULL where that is not known.",
        "prompts",
    ),
    Column(
        "recomputed_error",
        _REAL,
        "Largest distance of a stored row of that sample from the same row computed again, over the largest token state in it.",
    ),
    Column("n_prompts", _COUNT, "Distinct prompts extracted.", "prompts"),
    Column("n_tokens", _COUNT, "Tokens read by the model, BOS included; NULL for imported activations.", "tokens"),
    Column("n_tokens_computed", _COUNT, "Tokens that went through the model, padding included.", "tokens"),
    Column("n_truncated", _COUNT, "Prompts that were cut at max_length.", "prompts"),
    Column("seconds", _REAL, "Time of the forward passes.", "s"),
    Column(
        "versions",
        _TEXT,
        "Versions of what computes the numbers; of an extraction its kernel of attention, too; as JSON.",
    ),
    Column("created_at", _TIME, "When the row was written."),
    Column("status", _TEXT, "`complete`, or `vectors only`: imported, without activations. Partial ones are not listed."),
    # how a model was checked (`check` alone is a word of SQL)
    Column("check_name", _TEXT, "What was checked of a model."),
    Column("bound", _REAL, "The largest value with which the check passes; `detail` says where another value is asked for."),
    Column("passed", _FLAG, "Whether the check passed."),
    Column("detail", _TEXT, "What was measured, in a sentence."),
    # what was measured
    Column(
        "control",
        _TEXT,
        "What a row is made of instead of a model: words, embeddings or untrained; of a gain, what is subtracted.",
    ),
    Column("pooling", _TEXT, "Which tokens a prompt's activation is taken from: last, mean, word or content."),
    Column("layer", _COUNT, "Decoder blocks applied: 0 is the embeddings, k the residual stream after block k."),
    Column("activation", VECTOR, "Pooled residual stream of one prompt, before the final norm."),
    Column("method", _TEXT, "How a direction was made of activations."),
    Column("reference", _TEXT, "The label that directions are measured against, or `others`."),
    Column("n_emotion", _COUNT, "Prompts of the emotion that made the vector.", "prompts"),
    Column("n_reference", _COUNT, "Prompts of the reference that made the vector.", "prompts"),
    Column("l1_norm", _REAL, "Sum of absolute components of the vector."),
    Column("l2_norm", _REAL, "Euclidean length of the vector."),
    Column(
        "relative_norm",
        _REAL,
        "Length of the vector over the mean length of the reference prompts' activations; NULL where it is read, not added.",
    ),
    Column("averaged", _FLAG, "Whether means over layers cover this layer (the embeddings are left out by default)."),
    Column("vector", VECTOR, "The emotion's direction, not normalised; of method whitened the one that scores are read along."),
    Column("emotion_a", _TEXT, "First emotion of a pair, in alphabetical order."),
    Column("emotion_b", _TEXT, "Second emotion of a pair."),
    Column("extraction_a", _TEXT, "Extraction of the first model of a pair."),
    Column("extraction_b", _TEXT, "Extraction of the second model of a pair."),
    Column("model_a", _TEXT, "First model of a pair, in alphabetical order."),
    Column("model_b", _TEXT, "Second model of a pair."),
    Column("dataset_a", _TEXT, "First dataset of a pair, the one with fewer prompts."),
    Column("dataset_b", _TEXT, "Second dataset of a pair."),
    Column("layer_a", _COUNT, "Layer of the first model."),
    Column("layer_b", _COUNT, "Layer of the second model."),
    Column("measure", _TEXT, "What the value measures."),
    Column("mapping", _TEXT, "Which model is mapped onto the other: `a_to_b`, `b_to_a`, or NULL."),
    Column("target_emotion", _TEXT, "Emotion of the target model whose direction a carried one is compared with."),
    Column("test_set", _TEXT, "Dataset whose prompts are scored; NULL where these are the training set's own, in folds."),
    Column("fit", _TEXT, "How the map between two models was fitted; NULL where there is none."),
    Column("pair", _TEXT, "The two extractions of a pair, joined by a hyphen; a partition key only."),
    Column("consensus_id", _TEXT, "Hash of the extractions (three or more) that a consensus was made of."),
    Column("k", _COUNT, "Dimension of a subspace; NULL where there is none.", "dimensions"),
    Column("value", _REAL, "The measured value; NULL where it is not defined."),
    Column("ci_low", _REAL, "Lower end of the 95 % interval; NULL where there is none that covers."),
    Column("ci_high", _REAL, "Upper end of the 95 % interval."),
    Column(
        "null_kind",
        _TEXT,
        "What the value is compared with, such as permuted labels; fixed: one stated value.",
    ),
    Column("null_mean", _REAL, "Mean of the value under the null."),
    Column("null_low", _REAL, "2.5 % quantile of the value under the null."),
    Column("null_high", _REAL, "97.5 % quantile of the value under the null."),
    Column("p_value", _REAL, "Probability of a value at least this far out under the null."),
    Column("n", _COUNT, "What the value rests on: topics, or dimensions where the null is geometric."),
    Column("n_draws", _COUNT, "Draws from the null; NULL where its distribution is known exactly.", "draws"),
    Column("mc_error", _REAL, "Standard error of the value that random splits leave; NULL where nothing is split at random."),
    Column("n_sampled", _COUNT, "Prompts of the sample that the value rests on; NULL where all of them count.", "prompts"),
    # what happened when a model was changed while it ran
    Column(
        "run_id", _TEXT, "Content hash of what was run: the extraction, the test set, and how the model was changed, if it was."
    ),
    Column("test_dataset", _TEXT, "The test set whose texts the changed model read; NULL where it wrote texts only."),
    Column("test_sha256", _TEXT, "Content hash of the test set's texts and labels."),
    Column("operation", _TEXT, "What was done to the residual stream: add, or ablate."),
    Column("ablate_to", _TEXT, "What ablation leaves of the direction: the mean over neutral training tokens, or zero."),
    Column("positions", _TEXT, "Which tokens were changed: all but the first, or those of the prompt or the continuation."),
    Column("prefix", _TEXT, "What stands before each text; NULL for nothing."),
    Column(
        "unit", _TEXT, "What alpha multiplies: norm, the mean length of a layer's states, or vector, the vector's own length."
    ),
    Column(
        "source_extraction", _TEXT, "Extraction of another model whose directions were carried here; NULL for the model's own."
    ),
    Column("n_texts", _COUNT, "Texts that the model read.", "texts"),
    Column("median", _REAL, "Median length of the states."),
    Column("n_sinks", _COUNT, "Tokens left out of the mean: longer than 5 medians.", "tokens"),
    Column(
        "direction",
        _TEXT,
        "What was added: an emotion's name, its direction; `permuted`: a direction of permuted labels; `unchanged`: nothing.",
    ),
    Column("draw", _COUNT, "Number of the draw; NULL for the direction itself."),
    Column("alpha", _REAL, "How much was added, in multiples of `unit`; NULL for the first-order effect."),
    Column("log_prob", _REAL, "Mean logarithm of the probability of the text's tokens behind the first.", "nats a token"),
    Column("log_prob_base", _REAL, "The same of the unchanged model.", "nats a token"),
    Column("kl", _REAL, "Mean divergence of the changed model's predictions from the unchanged model's.", "nats a token"),
    Column("sample", _COUNT, "Number of the text; texts of one number are drawn with the same random numbers.", "texts"),
    Column("temperature", _REAL, "Divides the logits before a token is drawn; NULL where the likeliest token is taken."),
    Column("nll_base", _REAL, "Minus the mean log-probability of the written tokens under the unchanged model.", "nats a token"),
    Column("distinct_pairs", _REAL, "Different pairs of neighbouring tokens, as a share of all pairs; low where a text repeats."),
    # what happened when states were carried from one text into another
    Column("donor", _TEXT, "Label of the text whose states were carried; of the neutral label a text of another topic."),
    Column("site", _TEXT, "What was carried: residual, direction, head or mlp."),
    Column("suffix", _TEXT, "What stands behind every text; positions are counted from its end."),
    Column(
        "effect", _REAL, "Change of the emotion's log-odds, as the next word; NULL where it is known to first order only.", "nats"
    ),
    Column("clean", _REAL, "Log-odds of the emotion behind the donor's text.", "nats"),
    Column("corrupted", _REAL, "Log-odds of the emotion behind the neutral text of the topic, unchanged.", "nats"),
    Column("attribution", _REAL, "The effect to first order.", "nats"),
    # what activations look like
    Column("top3_variance_share", _REAL, "Share of the variance of the prompts' rows that lies in three dimensions."),
    Column("sink_share", _REAL, "Share of pooled positions with a norm above 5 times the median token's."),
    Column("low_outlier_share", _REAL, "Share of pooled positions with a norm below a fifth of the median token's."),
    Column("norm_bimodality", _REAL, "Ashman's D of two normal distributions fitted to the logarithms of the rows' norms."),
    # what single tokens of a text have
    Column("score_id", _TEXT, "Content hash of what was scored: the extraction, the pooling, the neutral label and the texts."),
    Column("text_id", _TEXT, "Which text the token stands in; of a prompt its prompt_id."),
    Column("position", _COUNT, "Place of the token in what the model read, counted from 0, which a BOS token has."),
    Column("token", _TEXT, "The characters that the token stands for; several tokens can make up one character."),
    Column("start", _COUNT, "First character of the text that the token stands for; NULL outside of the text.", "characters"),
    Column("stop", _COUNT, "One past the last of them.", "characters"),
    Column("norm", _REAL, "Euclidean length of the residual stream at the token."),
    Column("projection", _REAL, "The residual stream at the token along the direction, which has length 1."),
    Column("quantile", _REAL, "Share of the neutral training tokens, each scored out of fold, that lie below; NULL at a sink."),
    Column("z_robust", _REAL, "Distance from their median, over 1.4826 of their median absolute deviation; NULL at a sink."),
    Column("sink", _FLAG, "Whether the norm is above 5 times the median of the neutral training tokens."),
    Column("component", _TEXT, "A part of a state: embedding, head, bias (of an attention), mlp; total: the whole state."),
    Column("block", _COUNT, "Decoder block that writes the part: block k makes layer k."),
    Column("head", _COUNT, "Attention head of the block, counted from 0."),
    Column("rank", _COUNT, "Place among the tokens, the nearest first."),
    Column("z", _REAL, "What the direction adds to the token's score, in standard deviations of all tokens of the vocabulary."),
    Column("place", _TEXT, "Where a text is scored: its k-th token (t1, t2, ..), its last, the mean or the highest of all."),
)

STATISTIC_COLUMNS = (
    "value",
    "ci_low",
    "ci_high",
    "null_kind",
    "null_mean",
    "null_low",
    "null_high",
    "p_value",
    "n",
    "n_draws",
    "mc_error",
    "n_sampled",
)


class About(StrEnum):
    """What one partition of a table is about, in words that a page can say."""

    dataset = "version of a dataset"
    model = "model's weights in one number format"
    extraction = "extraction"
    pair = "pair of extractions"
    group = "group of three or more extractions"
    run = "run over an extraction"


@dataclass(frozen=True)
class Table:
    """One stored table: what its partitions are about, its unique grain, partition keys, other columns, and which may be NULL."""

    name: str
    about: About
    doc: str
    grain: tuple[str, ...]
    partition_by: tuple[str, ...]
    value_columns: tuple[str, ...]
    nullable: frozenset[str] = frozenset()
    all_or_none: bool = False
    """Whether a partition of it means nothing unless all its files are there; else each file stands for itself."""

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Grain first, then the other columns, in the order of the views."""
        return self.grain + self.value_columns

    @cached_property
    def file_column_names(self) -> tuple[str, ...]:
        """The columns that a file holds: all but the partition keys, which are in its path."""
        return tuple(name for name in self.column_names if name not in self.partition_by)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The declared columns, in the order of the views."""
        return tuple(COLUMNS[name] for name in self.column_names)

    def arrow_schema(self, *, d_model: int | None = None) -> pa.Schema:
        """Schema of one file: docs as field metadata; vectors of fixed size where `d_model` (dimensions) is given."""
        fields = [self._field(COLUMNS[name], d_model) for name in self.file_column_names]
        return pa.schema(fields, metadata={"emo.table": self.name, "emo.schema_version": str(SCHEMA_VERSION)})

    def _field(self, column: Column, d_model: int | None) -> pa.Field:
        fixed = column.type == VECTOR and d_model is not None
        type_ = pa.list_(pa.float32(), d_model) if fixed else column.type
        return pa.field(column.name, type_, nullable=column.name in self.nullable, metadata={"doc": column.doc})


def _statistics(
    name: str,
    about: About,
    doc: str,
    grain: Iterable[str],
    partition_by: tuple[str, ...],
    value_columns: tuple[str, ...],
    nullable: Iterable[str],
) -> Table:
    grain = tuple(grain)
    always = {"n"}  # every statistic says what it rests on
    return Table(
        name,
        about,
        doc,
        grain,
        partition_by,
        value_columns + tuple(column for column in STATISTIC_COLUMNS if column not in grain),
        frozenset(nullable) | (frozenset(STATISTIC_COLUMNS) - always),
    )


_BY_EXTRACTION = ("dataset", "model", "extraction_id")
_BY_RUN = ("dataset", "model", "run_id")
_BY_SCORE = ("dataset", "model", "score_id")
_VECTOR_GRAIN = ("extraction_id", "method", "reference", "pooling", "emotion", "layer")

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "prompts",
            About.dataset,
            "The texts of every version of every prompt set.",
            grain=("dataset", "prompts_sha256", "prompt_id"),
            partition_by=("dataset", "prompts_sha256"),
            value_columns=("topic", "cluster", "emotion", "text", "lang", "role", "n_copies", "n_words", "final_char"),
            nullable=frozenset({"topic", "cluster", "lang"}),
            all_or_none=True,
        ),
        _statistics(
            "prompt_audits",
            About.dataset,
            "Surface features of a label's texts, or of two labels' texts, and how well these alone separate the labels.",
            grain=("dataset", "prompts_sha256", "emotion_a", "emotion_b", "measure"),
            partition_by=("dataset", "prompts_sha256"),
            value_columns=("finding",),
            nullable={"emotion_b", "finding"},
        ),
        Table(
            "extractions",
            About.extraction,
            "What was run to get activations, and everything that changed their numbers.",
            grain=("extraction_id",),
            partition_by=_BY_EXTRACTION,
            value_columns=(
                "dataset",
                "prompts_sha256",
                "model",
                "control",
                "revision",
                "weights_sha256",
                "tokenizer_sha256",
                "architecture",
                "n_layers",
                "d_model",
                "ignores_mean",
                "dtype",
                "device",
                "bos",
                "chat_template",
                "template_sha256",
                "max_length",
                "truncate",
                "poolings",
                "layers",
                "words_sha256",
                "strategy",
                "strategy_error",
                "n_recomputed",
                "recomputed_error",
                "n_prompts",
                "n_tokens",
                "n_tokens_computed",
                "n_truncated",
                "seconds",
                "versions",
                "created_at",
                "status",
            ),
            nullable=frozenset(
                {
                    "control",
                    "revision",
                    "weights_sha256",
                    "tokenizer_sha256",
                    "architecture",
                    "ignores_mean",
                    "n_layers",
                    "device",
                    "bos",
                    "chat_template",
                    "template_sha256",
                    "max_length",
                    "truncate",
                    "words_sha256",
                    "strategy",
                    "strategy_error",
                    "n_recomputed",
                    "recomputed_error",
                    "n_tokens",
                    "n_tokens_computed",
                    "n_truncated",
                    "seconds",
                    "dtype",
                }
            ),
            all_or_none=True,
        ),
        Table(
            "model_checks",
            About.model,
            "Whether activations are read correctly, as proven by `emo models check`; extract refuses a model that failed.",
            grain=("model", "weights_sha256", "tokenizer_sha256", "dtype", "check_name"),
            partition_by=("model", "weights_sha256", "tokenizer_sha256", "dtype"),
            value_columns=("value", "bound", "passed", "detail", "versions", "created_at"),
            all_or_none=True,
        ),
        Table(
            "activations",
            About.extraction,
            "The residual stream of each prompt at each layer, pooled over tokens.",
            grain=("extraction_id", "pooling", "layer", "prompt_id"),
            partition_by=_BY_EXTRACTION,
            value_columns=("dataset", "model", "emotion", "n_tokens", "activation"),
            nullable=frozenset({"n_tokens"}),
            all_or_none=True,
        ),
        Table(
            "layer_profiles",
            About.extraction,
            "What a layer's activations look like: whether a few dimensions or a few tokens hold most of their size.",
            grain=("extraction_id", "pooling", "layer"),
            partition_by=_BY_EXTRACTION,
            value_columns=("dataset", "model", "top3_variance_share", "sink_share", "low_outlier_share", "norm_bimodality"),
            nullable=frozenset({"top3_variance_share", "sink_share", "low_outlier_share", "norm_bimodality"}),
            all_or_none=True,
        ),
        Table(
            "vectors",
            About.extraction,
            "Emotion directions at each layer.",
            grain=_VECTOR_GRAIN,
            partition_by=_BY_EXTRACTION,
            value_columns=(
                "dataset",
                "model",
                "d_model",
                "n_emotion",
                "n_reference",
                "l1_norm",
                "l2_norm",
                "relative_norm",
                "averaged",
                "vector",
            ),
            nullable=frozenset({"relative_norm"}),
        ),
        _statistics(
            "vector_quality",
            About.extraction,
            "How reliable and how separating each direction is; a row with layer NULL covers all layers.",
            grain=(*_VECTOR_GRAIN, "measure", "control", "test_set"),
            partition_by=_BY_EXTRACTION,
            value_columns=("dataset", "model"),
            nullable={"layer", "control", "test_set"},
        ),
        _statistics(
            "within_model_statistics",
            About.extraction,
            "How alike two emotions are in one model; a row with layer NULL is the mean over layers.",
            grain=("extraction_id", "method", "reference", "pooling", "layer", "emotion_a", "emotion_b", "measure", "control"),
            partition_by=_BY_EXTRACTION,
            value_columns=("dataset", "model"),
            nullable={"layer", "control"},
        ),
        _statistics(
            "cross_model_statistics",
            About.pair,
            "How alike two models are, over all prompts or for one emotion.",
            grain=(
                "extraction_a",
                "extraction_b",
                "method",
                "reference",
                "pooling",
                "layer_a",
                "layer_b",
                "emotion",
                "target_emotion",
                "measure",
                "control",
                "mapping",
                "fit",
                "k",
            ),
            partition_by=("dataset", "pair"),
            value_columns=("dataset", "model_a", "model_b"),
            nullable={"layer_a", "layer_b", "emotion", "target_emotion", "control", "mapping", "fit", "k"},
        ),
        _statistics(
            "consensus_statistics",
            About.group,
            "What three or more models hold in common, by model; a row with layer NULL is the mean over layers.",
            grain=("consensus_id", "extraction_id", "method", "reference", "pooling", "layer", "emotion", "measure", "control"),
            partition_by=("dataset", "consensus_id"),
            value_columns=("dataset", "model", "k"),
            nullable={"layer", "control", "k"},
        ),
        Table(
            "steering_runs",
            About.run,
            "What was run to change a model along its directions, and on which texts.",
            grain=("run_id",),
            partition_by=_BY_RUN,
            value_columns=(
                "extraction_id",
                "dataset",
                "prompts_sha256",
                "test_dataset",
                "test_sha256",
                "model",
                "weights_sha256",
                "operation",
                "ablate_to",
                "positions",
                "prefix",
                "unit",
                "source_extraction",
                "n_texts",
                "n_tokens",
                "seconds",
                "versions",
                "created_at",
                "status",
            ),
            nullable=frozenset({"test_dataset", "test_sha256", "ablate_to", "prefix", "source_extraction"}),
            all_or_none=True,
        ),
        Table(
            "residual_norms",
            About.run,
            "How long the states of neutral training tokens are at each layer: the unit of alpha.",
            grain=("run_id", "layer"),
            partition_by=_BY_RUN,
            value_columns=("dataset", "model", "value", "median", "n_tokens", "n_sinks"),
            all_or_none=True,
        ),
        Table(
            "steering_effects",
            About.run,
            "What adding a direction does to each text.",
            grain=(
                *("run_id", "method", "reference", "pooling", "layer", "emotion", "direction", "control", "draw", "alpha"),
                "prompt_id",
            ),
            partition_by=_BY_RUN,
            value_columns=("dataset", "model", "log_prob", "log_prob_base", "n_tokens", "kl"),
            nullable=frozenset({"emotion", "control", "draw"}),
        ),
        Table(
            "steered_texts",
            About.run,
            "What a model writes behind the run's prefix while a direction is added; a sample to look at, not a measurement.",
            grain=(*("run_id", "method", "reference", "pooling", "layer", "emotion", "direction", "draw", "alpha"), "sample"),
            partition_by=_BY_RUN,
            value_columns=("dataset", "model", "temperature", "text", "n_tokens", "nll_base", "distinct_pairs"),
            nullable=frozenset({"emotion", "draw", "temperature", "nll_base", "distinct_pairs"}),
        ),
        _statistics(
            "steering_statistics",
            About.run,
            "What adding a direction does to the labels of a test set: to first order, and for each alpha.",
            grain=(
                *("run_id", "method", "reference", "pooling", "layer", "emotion", "target_emotion", "operation", "alpha"),
                *("measure", "control", "null_kind"),
            ),
            partition_by=_BY_RUN,
            value_columns=("dataset", "model"),
            nullable={"layer", "target_emotion", "alpha", "control"},
        ),
        Table(
            "patching_effects",
            About.run,
            "What states of a text that tells an emotion do in the neutral text of its topic, topic by topic.",
            grain=("run_id", "topic", "emotion", "donor", "layer", "site", "positions", "head", "draw"),
            partition_by=_BY_RUN,
            value_columns=(
                *("dataset", "model", "extraction_id", "reference", "pooling", "test_set", "suffix"),
                *("effect", "clean", "corrupted", "attribution"),
            ),
            nullable=frozenset({"head", "draw", "effect"}),
        ),
        _statistics(
            "patching_statistics",
            About.run,
            "What carried states do, over topics, at each place of a model.",
            grain=("run_id", "emotion", "layer", "site", "positions", "head", "measure", "null_kind"),
            partition_by=_BY_RUN,
            value_columns=("dataset", "model", "extraction_id", "reference", "pooling", "test_set", "suffix"),
            nullable={"layer", "positions", "head"},
        ),
        _statistics(
            "cross_dataset_statistics",
            About.pair,
            "How alike an emotion's direction is on two datasets of one model; a row with layer NULL is the mean over layers.",
            grain=("extraction_a", "extraction_b", "method", "reference", "pooling", "emotion", "layer", "measure", "control"),
            partition_by=("model", "pair"),
            value_columns=("model", "dataset_a", "dataset_b"),
            nullable={"layer", "control"},
        ),
        Table(
            "token_scores",
            About.run,
            "How far each token of a set's texts lies along the directions; first of all of the neutral training texts.",
            grain=("score_id", "text_id", "position", "layer", "emotion", "reference"),
            partition_by=_BY_SCORE,
            value_columns=(
                "dataset",
                "model",
                "extraction_id",
                "pooling",
                "test_set",
                "token",
                "start",
                "stop",
                "norm",
                "projection",
                "quantile",
                "z_robust",
                "sink",
            ),
            nullable=frozenset({"test_set", "token", "start", "stop", "projection", "quantile", "z_robust"}),
        ),
        _statistics(
            "score_statistics",
            About.run,
            "How well the scores of a test set's tokens tell its labels apart, by the place in the text.",
            grain=("score_id", "layer", "emotion", "reference", "place", "measure"),
            partition_by=_BY_SCORE,
            value_columns=("dataset", "model", "extraction_id", "pooling", "test_set"),
            nullable=(),
        ),
        _statistics(
            "lens_statistics",
            About.extraction,
            "Whether directions point to their labels' words through the head; a row with layer NULL is the mean over layers.",
            grain=("extraction_id", "reference", "pooling", "layer", "emotion", "measure"),
            partition_by=_BY_EXTRACTION,
            value_columns=("dataset", "model"),
            nullable={"layer"},
        ),
        _statistics(
            "component_statistics",
            About.run,
            "What each head and MLP writes onto a direction, as a difference of a test set's labels: a description, not a cause.",
            grain=("run_id", "emotion", "reference", "layer", "component", "block", "head"),
            partition_by=_BY_RUN,
            value_columns=("dataset", "model", "extraction_id", "pooling", "test_set"),
            nullable={"block", "head"},
        ),
        Table(
            "lens_tokens",
            About.extraction,
            "The tokens to whose scores each direction adds most; permuted labels have such tokens, too.",
            grain=("extraction_id", "method", "reference", "pooling", "layer", "emotion", "rank"),
            partition_by=_BY_EXTRACTION,
            value_columns=("dataset", "model", "token", "z"),
        ),
    )
}


@dataclass(frozen=True)
class Join:
    """How rows of a table find the one row of another: pairs of columns, and the table to join first where one is needed."""

    table: str
    other: str
    on: tuple[tuple[str, str], ...]
    through: str | None = None

    @property
    def sql(self) -> str:
        """The text behind `from TABLE`."""
        pairs = " and ".join(f"{self.table if a in self._own else self.through}.{a} = {self.other}.{b}" for a, b in self.on)
        first = next((join.sql + " " for join in JOINS if (join.table, join.other) == (self.table, self.through)), "")
        return f"{first}join {self.other} on {pairs}"

    @property
    def _own(self) -> tuple[str, ...]:
        return TABLES[self.table].column_names


def _joins() -> Iterable[Join]:
    same_vector = tuple((name, name) for name in _VECTOR_GRAIN)
    for table in TABLES.values():
        for name in ("extraction_id", "extraction_a", "extraction_b"):
            if name in table.column_names and table.name != "extractions":
                yield Join(table.name, "extractions", ((name, "extraction_id"),))
        if table.name != "vectors" and set(_VECTOR_GRAIN) <= set(table.column_names):
            yield Join(table.name, "vectors", same_vector)
        if table.name in ("residual_norms", "steering_effects", "steering_statistics", "steered_texts"):
            yield Join(table.name, "steering_runs", (("run_id", "run_id"),))
    of_prompts = (("dataset", "dataset"), ("prompts_sha256", "prompts_sha256"))
    yield Join("activations", "prompts", (*of_prompts, ("prompt_id", "prompt_id")), through="extractions")


JOINS: tuple[Join, ...] = tuple(_joins())
"""Joins that find at most one row for each; `activations` meets `prompts` through `extractions`, which knows the
version of the set."""
