"""What the values of enumerated columns mean: the only copy of these sentences; docs/schema.md and `emo tables` show them.

A measure's name may mean another thing in another table, so measures stand by table. In the other columns a value means the same
everywhere. Columns in `OPEN` hold names that a user chooses, too.
"""

from collections.abc import Mapping
from types import MappingProxyType

MEASURES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "prompt_audits": {
            "n_prompts": "Prompts of the label.",
            "n_repeated": "Rows of the label that repeat an earlier text of the imported file.",
            "mean_words": "Mean number of words of the label's texts.",
            "min_words": "Number of words of its shortest text.",
            "max_words": "Number of words of its longest text.",
            "final_char_share": "Share of its texts that end with the most frequent final character.",
            "first_word_share": "Share of its texts that begin with the most frequent first word.",
            "own_word_share": "Share of its texts that name the label.",
            "complete_topics_share": "Share of the topics that have a prompt of every label.",
            "near_duplicate_topics": "Pairs of topics whose texts of this label are nearly the same.",
            "final_char_auroc": "AUROC with which the final character alone tells the two labels apart.",
            "first_word_auroc": "AUROC with which the first word alone tells the two labels apart.",
            "n_words_auroc": "AUROC with which the number of words alone tells the two labels apart.",
            "surface_auroc": "AUROC with which the three surface features together tell the two labels apart.",
            "words_auroc": "AUROC with which a bag of words tells the two labels apart on topics not seen.",
        },
        "vector_quality": {
            "auroc": "AUROC of the direction on topics that did not make it, the mean over 5 folds.",
            "d_prime": "Distance of the two labels' mean scores, in standard deviations within labels and folds.",
            "squared_distance": "Squared length of the direction without the share of noise; it can be negative.",
            "split_half": "Agreement of the directions of two halves of the topics, brought to the whole set.",
            "auroc_random": "The direction's AUROC once more, with random Gaussian directions as its null.",
            "auroc_best": "Highest AUROC over the averaged layers, against the highest of each draw.",
            "auroc_surface": "AUROC of the final character, the first word and the number of words, on the same folds.",
            "auroc_words": "AUROC of a bag of words, on the same folds.",
            "auroc_heldout": "AUROC of the direction on the test set `test_set`, which made no direction.",
            "auroc_words_heldout": "AUROC of the bag of words on that test set.",
            "auroc_gain": "AUROC of the direction minus that of the control `control`, or of the bag of words where it is NULL.",
            "auroc_gain_heldout": "The same difference on the test set `test_set`.",
            "centroid_accuracy": "Share of the emotion's prompts that lie nearest to the mean of their own label.",
        },
        "within_model_statistics": {
            "cosine": "Cosine of two emotions' directions; their shared reference alone makes it positive.",
            "cosine_others": "Cosine of the two directions, each against all other emotions.",
            "cosine_unbiased": "Cosine of the two directions without noise that they share, from products between topics.",
            "cosine_unbiased_by_class": "The unbiased cosine where topics lack labels: labels are resampled one by one.",
            "squared_distance": "Squared distance of the two emotions' means without the share of noise; it can be negative.",
            "distance_ratio": "Distance of the two emotions over the mean of their distances from the reference.",
            "cosine_gain": "Unbiased cosine of the model minus that of the control `control`.",
        },
        "cross_dataset_statistics": {
            "cosine_unbiased": "Cosine of the emotion's directions on the two sets, without noise that they share.",
        },
        "cross_model_statistics": {
            "cosine": "Cosine of the two models' directions as they stand, where both have the same width.",
            "cka_debiased": "Linear CKA of the two layers over all prompts, without its bias.",
            "cka_debiased_best": "The depth of the other model that is most alike by CKA: one row for a layer.",
            "cka_labels_removed": "Debiased CKA of what the labels do not explain.",
            "cka_labels_topics_removed": "Debiased CKA of what neither labels nor topics explain.",
            "rsa": "Spearman correlation of the two layers' correlation distances between prompts.",
            "aligned_cosine": "Cosine of a direction, carried by a map, with the other model's own direction.",
            "aligned_cosine_others": "Cosine of a carried direction with the other model's direction against the other emotions.",
            "aligned_specificity": "How much more a carried emotion meets itself than emotions meet each other.",
            "carried_cosine": "Cosine of a carried direction with that of `target_emotion`: one cell of the matrix.",
            "aligned_gain": "`aligned_cosine` minus that of the control `control`, with the same splits.",
            "transfer_auroc": "AUROC of a carried direction on the other model's unseen topics.",
            "aligned_cosine_ceiling": "`aligned_cosine` between two thirds of one model's topics, without a map.",
            "aligned_cosine_others_ceiling": "`aligned_cosine_others` between two thirds of one model's topics, without a map.",
            "aligned_specificity_ceiling": "`aligned_specificity` between two thirds of one model's topics, without a map.",
            "transfer_auroc_ceiling": "`transfer_auroc` between two thirds of one model's topics, without a map.",
            "rdm_similarity": "Correlation of the two models' unbiased distances between labels.",
            "rdm_ceiling": "The same correlation of one model with itself, on separate topics.",
            "subspace_overlap": "Mean squared cosine of the principal angles between two subspaces of k dimensions.",
            "principal_angle_first": "Smallest principal angle of the two subspaces, in degrees.",
            "principal_angle_last": "Largest principal angle of the two subspaces, in degrees.",
            "subspace_explained": "Share of an emotion's variance that lies in its first k components.",
            "directions_explained": "Share of all emotions' directions in their first k components about the reference.",
        },
        "consensus_statistics": {
            "consensus_share": "Share of the direction's squared length along the mean of the other models' directions.",
            "consensus_x": "First coordinate of the model's direction in the plane of the consensus.",
            "consensus_y": "Second coordinate of the model's direction in that plane.",
        },
        "steering_statistics": {
            "response_general": "To first order: change of the emotion's texts' log probability minus that of neutral texts.",
            "response_specific": "The same change against the other emotions' texts, of the direction against `others`.",
            "response_own": "To first order: change of the emotion's own texts alone.",
            "response_best": "Largest response over layers, in standard deviations of its null.",
            "effect_general": "With the direction added: the emotion's texts' change minus that of neutral texts.",
            "effect_specific": "With the direction added: the emotion's texts' change minus that of the other emotions' texts.",
            "effect_own": "With the direction added: change of the emotion's own texts alone.",
            "effect_on_label": "With the direction added: change of the texts of `target_emotion`.",
            "linearity": "The effect over alpha times the response to first order; 1 is linear.",
            "damage_kl": "Mean KL of the changed model's predictions on neutral texts.",
            "damage_nll": "By how much neutral texts become less probable.",
        },
        "patching_statistics": {
            "total": "Log-odds of the emotion behind its own texts, minus that behind the neutral texts of their topics.",
            "effect": "Change of the emotion's log-odds behind neutral texts, when a state of its own texts is carried there.",
            "effect_beyond_neutral": "The effect minus that of a neutral text of another topic as the donor.",
            "effect_against_directions": "The effect once more, beside effects along other directions.",
            "attribution_against_directions": "The attribution once more, beside that along other directions.",
            "share": "Mean effect over the mean total; NULL where the interval of the total holds 0.",
            "attribution": "The effect to first order.",
            "attribution_beyond_neutral": "The attribution minus that of a neutral text of another topic as the donor.",
            "attribution_r": "Correlation of effects with those to first order, over the places of a site.",
            "attribution_slope": "Slope of effects on those to first order, over the places of a site.",
        },
        "score_statistics": {
            "auroc": "AUROC of the scores at this place, of the emotion's texts against those that the reference names.",
            "flagged_own": "Share of the emotion's texts that score above 97.5 % of the calibration texts.",
            "flagged_neutral": "Share of neutral texts that score above 97.5 % of the calibration texts.",
            "flagged_others": "Share of the other emotions' texts that score above 97.5 % of the calibration texts.",
        },
        "lens_statistics": {
            "own_words": "What the direction adds to the scores of the label's own words, minus that of other labels' words.",
        },
    }
)
"""The measures of each table that has the column `measure`."""

VALUES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "role": {
            "train": "The set makes directions.",
            "test": "The set is only scored; it never makes a direction.",
        },
        "status": {
            "complete": "All that the row announces is in the store.",
            "vectors only": "The vectors were imported; there are no activations.",
        },
        "control": {
            "words": "Texts as sums of random vectors of their words: no model at all.",
            "embeddings": "The mean of the model's own token embeddings over a text: no layer is applied.",
            "untrained": "A model of the same shape with random weights.",
        },
        "pooling": {
            "last": "The last token of the prompt.",
            "mean": "The mean over all tokens but the first.",
            "word": "The mean over the tokens of the label's words.",
            "content": "The mean over the tokens of the text's last word.",
        },
        "method": {
            "mean_difference": "Mean of the emotion's prompts minus the mean of the reference's.",
            "mean_difference_centred": "The same after each prompt's mean over the width is taken away.",
            "neutral_pcs_removed": "The same without the components in which neutral prompts vary most.",
            "whitened": "The mean difference in the metric of the prompts' covariance, as linear discriminant analysis has it.",
            "logistic": "A logistic classifier on the prompts; it leaves no direction in `vectors`.",
        },
        "reference": {
            "others": "The mean of the other emotions; any other value is the label that directions run from.",
        },
        "null_kind": {
            "permuted": "Labels permuted, or prompts or topics of one side in another order.",
            "exact": "All permutations of the labels that there are; n_draws is their number.",
            "permuted_normal": "The limit of permuted labels with many prompts, where means are normal.",
            "permuted_sample": "Labels permuted in a sample of whole topics, brought to the number of all prompts.",
            "permuted_residuals": "Labels permuted after each label's mean is taken away: what varies within labels is left.",
            "paired": "Topics or prompts of one model paired at random with those of the other.",
            "topic_signs": "The signs of topics' values are flipped at random; p is of the largest of all places of a site.",
            "paired_sample": "Prompts of a sample paired at random, brought to the number of all prompts.",
            "sign_flips": "Random signs of a direction's coordinates.",
            "gaussian": "Random Gaussian directions.",
            "fixed": "One stated value, in `null_mean`; there is no distribution and no p-value of permutations.",
            "unequal_spreads": "Labels differ in number and spread, so no p-value is given.",
            "too_few": "Too few permutations or signs for a p-value of 0.05, so none is given.",
        },
        "mapping": {
            "a_to_b": "Model a's activations are mapped onto model b's.",
            "b_to_a": "Model b's activations are mapped onto model a's.",
        },
        "fit": {
            "ridge": "Ridge regression on all labels but the emotion's; the map that decides.",
            "ridge_neutral": "Ridge regression on neutral prompts only.",
            "procrustes": "A rotation with one scale, on all labels but the emotion's.",
            "procrustes_neutral": "A rotation with one scale, on neutral prompts only.",
        },
        "strategy": {
            "tree": "Prompts with common beginnings share one row, so that each token is computed once.",
            "sorted": "Prompts of like length in one batch, padded.",
            "single": "One prompt at a time.",
        },
        "bos": {
            "auto": "As the tokenizer does it.",
            "always": "A beginning-of-sequence token stands first.",
            "never": "No beginning-of-sequence token.",
        },
        "dtype": {
            "float32": "32 bits.",
            "bfloat16": "16 bits with the range of float32.",
            "float16": "16 bits with a range up to 65,504.",
        },
        "check_name": {
            "layer_count": "The hooks see n_layers + 1 states of the model's width.",
            "top_before_final_norm": "The top layer with the final norm applied is the decoder's output.",
            "causal": "A token's state does not depend on the token after it.",
            "bos": "The beginning-of-sequence token stands where the rule puts it, once.",
            "vocabulary": "Every token id has an embedding.",
            "tokenizer_file": "Token ids are those of tokenizer.json.",
            "padding_invariance": "A padded prompt has the states that it has alone.",
            "batch_invariance": "A prompt in a batch has the states that it has alone.",
            "dtype_safety": "No component comes near to the largest number of the format.",
            "token_norms": "How much longer than the median the longest token is; this check never fails.",
        },
        "operation": {
            "add": "Alpha times the direction is added to the residual stream.",
        },
        "direction": {
            "permuted": "A direction of permuted labels.",
            "unchanged": "Nothing was added; any other value is the emotion whose direction was added.",
        },
        "positions": {
            "all": "All tokens but the first are changed.",
            "prompt": "The tokens of what stands before a text are changed, but for the first.",
            "last": "The last token of what stands before a text is changed.",
            "text": "The tokens of the text, over which a component is averaged; not the first.",
            "suffix": "All tokens of the suffix.",
            "-1": "The last token of the suffix; -2 is the one before it, and so on.",
            "continuation": "The tokens that predict the text behind its prefix are changed.",
        },
        "site": {
            "residual": "The whole state.",
            "direction": "The state's component along the emotion's direction.",
            "head": "What one attention head gives to the attention's projection.",
            "mlp": "What an MLP writes.",
        },
        "unit": {
            "norm": "Alpha multiplies the mean length of the layer's states.",
            "vector": "Alpha multiplies the vector's own length.",
        },
        "component": {
            "embedding": "What the embeddings write.",
            "head": "What one attention head writes.",
            "bias": "What an attention's bias writes.",
            "mlp": "What an MLP writes.",
            "total": "The whole state: the sum of all parts.",
        },
        "place": {
            "last": "The last token of the text.",
            "mean": "The mean over all tokens of the text.",
            "max": "The highest score of the text's tokens.",
            "t1": "The first token of the text; t2 is the second, and so on.",
        },
    }
)
"""The values of each other enumerated column."""

OPEN = frozenset({"pooling", "reference", "direction", "place", "positions"})
"""Columns that hold labels, names of imported poolings, or numbered places, too."""


def values_of(table: str, column: str) -> Mapping[str, str]:
    """What the values of a table's column mean, one sentence each; empty where a column is not enumerated."""
    return MEASURES.get(table, {}) if column == "measure" else VALUES.get(column, {})
