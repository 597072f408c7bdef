"""What each kind of figure is called, what to see in it, whose null its band is, and how it would look if there were nothing."""

from typing import NamedTuple


class Caption(NamedTuple):
    """The words beside a figure; they are its alternative text, too."""

    title: str
    sees: str
    """What is drawn, and what to look at."""
    nothing: str
    """How the figure looks where there is nothing to find."""
    band: str = ""
    """What the grey is, and whose."""
    many: str = ""
    """In the place of `sees` and `band` where there are so many labels that each is a row of a map."""

    def text(self, *, many: bool = False) -> str:
        """The caption as one paragraph."""
        return " ".join(filter(None, (self.many, self.nothing) if many else (self.sees, self.band, self.nothing)))


ROW = "Each row is an emotion and each column a layer; the colour is the value."

CAPTIONS = {
    "more_than_words": Caption(
        title="Do directions tell more than words do?",
        sees=(
            "AUROC of each direction minus that of the hardest of three rivals which know words only, with its 95 % interval. "
            "The layer was chosen on the training topics, so the values there are too large; on test sets they are not."
        ),
        nothing=(
            "A direction of words lies on the line at 0. A point is full where the intervals over all three rivals lie above 0."
        ),
        many=(
            "AUROC of each direction minus that of the hardest of three rivals which know words only; each point is an emotion. "
            "The numbers at the right count the full points. On training topics the layer was chosen, so values are too large."
        ),
    ),
    "direction_quality": Caption(
        title="Is there a direction?",
        sees=(
            "AUROC: how well each emotion's direction separates it from the reference, on topics that did not make the "
            "direction. Below: how well the directions of two halves of the topics agree."
        ),
        band=(
            "Grey is each emotion's own null: where 95 % of the values lie, or the lower 97.5 %, when labels are permuted "
            "within topics."
        ),
        nothing=(
            "Without a direction the points lie in the grey, and a cross marks them. Where the dashed line is as high, words "
            "alone do as well."
        ),
        many=f"{ROW} Left, AUROC on topics that did not make the direction; right, agreement of two halves of the topics.",
    ),
    "test_sets": Caption(
        title="Does the direction work on other texts?",
        sees="How well each emotion's direction separates the prompts of a test set that took no part in making it.",
        band="Grey reaches up to 97.5 % of the values when labels are permuted within the test topics, for that emotion.",
        nothing=(
            "Without a direction the points lie in the grey, near 0.5. The dashed line is what the words of the training "
            "texts alone reach."
        ),
        many=f"{ROW} It says how well the direction separates the prompts of a test set that took no part in making it.",
    ),
    "relative_norm": Caption(
        title="How long are the directions, compared with the activations?",
        sees="Length of each emotion's vector over the mean length of the reference's activations, at each layer.",
        nothing="There is no band: noise alone gives a length above 0, so a length shows no emotion.",
        many=f"{ROW} It is the vector's length over the mean length of the reference's activations.",
    ),
    "l2_norm": Caption(
        title="How long are the directions?",
        sees=(
            "Euclidean length of each emotion's vector at each layer. It grows with the activations, so layers and models do "
            "not compare."
        ),
        nothing="There is no band: noise alone gives a length above 0, so a length shows no emotion.",
        many=f"{ROW} It is the vector's Euclidean length, which grows with the activations.",
    ),
    "emotion_similarity": Caption(
        title="How similar are two emotions?",
        sees=(
            "Cosine of the directions of two emotions. Above it is without the share of noise, with its interval; below it "
            "is plain."
        ),
        band=(
            "Grey is the null of that pair's plain cosine: labels permuted within topics. It says only whether labels "
            "matter, not how alike the two are."
        ),
        nothing="Emotions that are equally far from each other and from the reference lie on the dashed line, not at 0.",
        many=(
            "Each row is a pair of emotions and each column a layer; the colour is the cosine without the share of noise. "
            "White is the cosine of equidistant emotions."
        ),
    ),
    "similarity_heatmap": Caption(
        title="Which emotions are similar?",
        sees=(
            "Mean over layers of the cosine without the share of noise, of every two emotions, with its 95 % interval. White "
            "is the value of emotions that are equally far from each other and from the reference; red is more similar, blue "
            "less."
        ),
        nothing=(
            "A symbol says what may be said of a pair. Without one of the triangles, nothing beyond the shared reference is "
            "shown."
        ),
        many=(
            "Mean over layers of the cosine without the share of noise, of every two emotions. White is the value of "
            "emotions that are equally far from each other and from the reference; red is more similar, blue less."
        ),
    ),
    "dataset_shift": Caption(
        title="Is it the same direction on other topics?",
        sees=(
            "Cosine, without the share of noise, of an emotion's direction on a dataset and on the rest of a larger one that "
            "holds it."
        ),
        band="Grey is each emotion's own null: 95 % of the values when the labels of the rest are permuted within topics.",
        nothing="Unrelated directions lie in the grey, near 0. Only a whole interval above 0.8 is called the same direction.",
        many=(
            f"{ROW} It is the cosine, without the share of noise, of the direction on a dataset and on the rest of a larger one."
        ),
    ),
    "raw_cosine": Caption(
        title="Do models of equal width share directions as they stand?",
        sees="Raw cosine of one emotion's directions in two models at the same layer.",
        band="Grey holds 95 % of the cosines of unrelated directions in a space of that width.",
        nothing="Two models have unrelated bases, so values in the grey are expected and say nothing about what they share.",
    ),
    "relative_norm_by_depth": Caption(
        title="How long are the directions in each model?",
        sees=(
            "Length of an emotion's vector over the mean length of the reference's activations, in each model, by relative depth."
        ),
        nothing="There is no band, and no raw cosine of two of these models, for their widths differ. A length shows no emotion.",
    ),
    "aligned_cosine": Caption(
        title="Do two models share a direction?",
        sees=(
            "Cosine of one model's direction with the other model's own. A map that never saw the emotion carries it there. "
            "The dotted line is the cosine with the nearest other emotion; the dashed line is the ceiling that noise leaves."
        ),
        band=(
            "Grey is each emotion's own null: 95 % of the cosines when the signs of the other direction's coordinates are random."
        ),
        nothing="Where the dotted line is as high as the points, a contrast with the reference is shared, not this emotion.",
        many=(
            "Each row is an emotion and each column a matched depth. The colour is the cosine of the carried direction with "
            "the other model's own."
        ),
    ),
    "transfer_auroc": Caption(
        title="Does a carried direction separate the other model's prompts?",
        sees=(
            "AUROC of each emotion's direction on the other model's prompts of unseen topics. The dotted line is that "
            "model's own direction."
        ),
        band=(
            "Grey is each emotion's own null: up to 97.5 % of the values when the topics of the two models are paired at random."
        ),
        nothing=(
            "A carried direction that means nothing lies in the grey. High values alone do not show that the emotion is shared."
        ),
        many=(
            "Each row is an emotion and each column a matched depth. The colour is the AUROC of the carried direction on the "
            "other model's prompts of unseen topics."
        ),
    ),
    "subspace_overlap": Caption(
        title="Do two models' subspaces overlap?",
        sees=("Mean over matched layers of the overlap of an emotion's subspaces, one of them carried, by number of components."),
        band=("Grey is each emotion's own null: up to the mean over layers of 97.5 % of the overlaps when labels are exchanged."),
        nothing="Prompts about the same topics overlap whatever their labels: values in the grey are expected.",
        many=(
            "Each row is an emotion and each column a number of components; the colour is the mean overlap over matched layers."
        ),
    ),
    "geometry": Caption(
        title="Do two models arrange the prompts alike?",
        sees=(
            "Similarity of the arrangement of prompts at matched layers: whole (CKA, RSA), and CKA after labels, or labels "
            "and topics, are taken out."
        ),
        band="Grey is each measure's own null: up to 97.5 % of the values when prompts or topics are paired at random.",
        nothing=(
            "Values above the grey say only that both models read the same texts. The arrangement is about more than emotions."
        ),
    ),
    "cka_debiased": Caption(
        title="Which layers of two models are alike (debiased CKA)?",
        sees="Debiased CKA of every compared pair of layers. A pair that was not compared, or is not defined, has no colour.",
        nothing="Without likeness all values are near 0.",
    ),
    "rsa": Caption(
        title="Which layers of two models are alike (RSA)?",
        sees=(
            "Correlation of the two models' distances between prompts, for every compared pair of layers. A pair that was "
            "not compared, or is not defined, has no colour."
        ),
        nothing="Without likeness all values are near 0.",
    ),
    "consensus": Caption(
        title="What do three or more models have in common?",
        sees=(
            "Direction of each emotion in each model, in the plane that the models hold in common, at three depths. Arrows "
            "are means over models. Each panel has a plane of its own."
        ),
        nothing=(
            "A direction on the circle lies in the plane wholly. Without anything in common, the models' points of an "
            "emotion lie apart."
        ),
        many=(
            "Direction of each emotion in each model, in the plane that the models hold in common, at the middle depth. The "
            "arrow is the mean over models."
        ),
    ),
    "scores_by_place": Caption(
        title="From which token on do scores tell texts apart?",
        sees=(
            "How well the score of a single token, and of the whole text, separates an emotion's texts: from neutral ones, "
            "and from those of the other emotions."
        ),
        band="Grey is where 95 % of the values lie when labels are permuted within topics, for that emotion.",
        nothing="Where a topic's texts begin alike, the value at t1 must be 0.5. Where scores tell nothing, all lie in the grey.",
        many="Each row is an emotion and each column a place in the text; the colour is the AUROC of its scores.",
    ),
    "heads_by_block": Caption(
        title="Which heads and MLPs write the direction?",
        sees=(
            "What each head (columns) and the MLP (last column) of each block writes onto the direction: the difference between "
            "an emotion's test texts and the reference's."
        ),
        nothing="Without a part that stands out there are no dots. The map describes; it does not say what a part does.",
    ),
    "responses": Caption(
        title="Would adding the direction move its emotion?",
        sees=(
            "First-order change of log-probability for alpha 1, in nats a token: of the emotion's texts minus neutral texts, "
            "or minus the other emotions' texts. Texts are of a test set."
        ),
        band=(
            "Grey is where 95 % of the directions of permuted labels lie. Dotted lines are the same for Gaussian directions, "
            "which are too easy to beat."
        ),
        nothing=(
            "A direction that does nothing of its own lies in the grey. Where the dashed line is below 0, the emotion's own "
            "texts get worse, too."
        ),
        many=f"{ROW} It is the first-order change of log-probability of the emotion's texts minus the reference's texts.",
    ),
    "dose_response": Caption(
        title="What does adding more of the direction do?",
        sees=(
            "By how much is added: the change of log-probability of the emotion's texts minus the reference's texts; both "
            "changes apart; and the KL of predictions on neutral texts. The dashed line is what the first order predicts."
        ),
        band="Grey is where 95 % of the directions of permuted labels lie, at the alpha that decides.",
        nothing="A direction without an effect lies in the grey. One that only harms has both kinds of texts below 0.",
        many=(
            "Each row is an emotion and each column an alpha. The colours are the effect, the change of the emotion's own "
            "texts, and the KL on neutral texts."
        ),
    ),
    "steering_matrix": Caption(
        title="Whose texts does each direction move?",
        sees=(
            "Change of log-probability, in nats a token, of the texts of every label (columns) when an emotion's direction "
            "(rows) is added, with 95 % intervals. Alpha is the largest within the damage budget for all, or the smallest tried."
        ),
        nothing=(
            "Where directions do nothing of their own, a column has one colour. All cells of a row may be below 0, for any "
            "change harms texts."
        ),
        many="Change of log-probability of the texts of every label (columns) when an emotion's direction (rows) is added.",
    ),
    "shares_by_layer": Caption(
        title="Which layers hold what was told?",
        sees=(
            "A state of a text that tells an emotion is put into the neutral text of its topic, layer by layer, at the words "
            "behind both. The value is the change of the emotion's log-odds as the next word, as a share of the whole difference."
        ),
        band=(
            "Grey is where 95 % of the directions of permuted labels lie. The dashed line is what a neutral text of another "
            "topic does."
        ),
        nothing=(
            "At layer 0 both texts have the same words there, so 0 is expected; behind the last layer the whole is 1 by "
            "construction. A direction that carries nothing of its own lies in the grey."
        ),
        many=f"{ROW} It is the share of the whole difference in log-odds that a carried state brings.",
    ),
}
"""By kind of figure. The report prints these words, and each SVG carries them (`figures.described`)."""
