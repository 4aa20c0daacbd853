"""The reference attack: text that a model finds easier than another model does.

Carlini et al. 2021, *Extracting Training Data from Large Language Models*, arXiv:2012.07805; Watson
et al. 2021, *On the Importance of Difficulty Calibration in Membership Inference Attacks*,
arXiv:2111.08440. How hard a text is by itself drops out of the difference. A result means nothing
without its reference, so the reference is part of the attack's name.
"""

from collections.abc import Mapping

from tasks.core.event import Role
from tasks.metrics.exposure import generalised
from tasks.metrics.reading import Reading
from tasks.metrics.statistics import Sides

REFERENCES: dict[Role, str] = {
    "retrained": "reference_retrained",
    "target": "reference_target",
}
"""The models that another is held against, and what the attack is then called.

The retrained model never saw the text: no reference is better, and a model that never saw the text
either is at chance, 0.5. The target is what whoever kept the model from before has. By it the
forgotten documents stand out as those that became harder, an AUC below 0.5, and they do so for the
retrained model as well: its figure is what to hold the unlearned model's against.
"""


def referenced(told: Mapping[Role, Reading], role: Role) -> dict[str, Sides]:
    """The loss of the model it is named by less that of ``role``'s model; nats per token."""
    mine = told[role]
    return {
        name: Sides(
            generalised(mine.forget, told[reference].forget),
            generalised(mine.approximate, told[reference].approximate),
        )
        for reference, name in REFERENCES.items()
        if reference in told and reference != role
    }
