"""A model in memory: its bare decoder, blocks and tokenizer."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from emotion_cli.models.sources.finding import ModelSource
from emotion_cli.models.structure import Structure

if TYPE_CHECKING:
    from torch import nn


@dataclass
class LoadedModel:
    """A bare decoder with its blocks and tokenizer, checked and ready to be read."""

    source: ModelSource
    model: Any
    tokenizer: Any
    structure: Structure
    n_layers: int
    d_model: int
    architecture: str
    dtype: str
    device: str
    max_positions: int | None
    attention: str | None
    causal: Any = None
    """The whole model around the decoder, which gives logits; None where it was loaded without its head."""

    @property
    def blocks(self) -> "list[nn.Module]":
        """The decoder blocks in order."""
        return self.structure.blocks

    @property
    def bos_of_config(self) -> int | None:
        """The token that begins a text, as the model's config says; None where it does not."""
        return getattr(self.model.config.get_text_config(), "bos_token_id", None)

    def said_of_weights(self) -> str:
        """Which weight holds a value that is not a number, as the end of a sentence; empty where all are numbers."""
        import torch

        names = (name for name, value in self.model.named_parameters() if not bool(torch.isfinite(value).all()))
        name = next(names, None)
        return f": the weight {name} holds values that are not numbers" if name else ""

    @cached_property
    def attention_equals(self) -> float:
        """Tokens seen at which a token's attention costs as much as the matrix products of the blocks do."""
        config = self.model.config.get_text_config()
        weights = sum(parameter.numel() for block in self.blocks for parameter in block.parameters())
        # heads may differ from layer to layer, and a config of all layers refuses to say then
        layers = list(getattr(config, "per_layer_config", None) or [config] * self.n_layers)
        heads = ((getattr(part, "head_dim", None) or 0) * (getattr(part, "num_attention_heads", None) or 0) for part in layers)
        width = sum(part or self.d_model for part in heads)
        # attention's products are small: they run at about half the speed (measured on a CPU)
        # two operations a weight; four for each token seen and component: its part in the scores and in the mean
        return 2 * weights / (2 * 4 * width)
