"""A model loaded as the settings of a run say."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from emotion_cli.settings import ATTENTIONS, Settings

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel
    from emotion_cli.models.sources.finding import ModelSource


def load_model(
    source: "ModelSource",
    settings: Settings,
    notify: Callable[[str], None] = lambda _: None,
    *,
    prove: bool = True,
    head: bool = False,
) -> "LoadedModel":
    """The model on the device, in the number format and with the attention kernel of the settings; errors of `load`."""
    from emotion_cli.models.loading import load

    return load(
        source,
        device=settings.device,
        dtype=settings.dtype,
        attention=ATTENTIONS[settings.attention],
        trust_remote_code=settings.trust_remote_code,
        notify=notify,
        prove=prove,
        head=head,
    )
