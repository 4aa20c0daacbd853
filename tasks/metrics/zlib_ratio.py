"""The zlib attack: text that the model finds easier than a compressor does.

Carlini et al. 2021, *Extracting Training Data from Large Language Models*, arXiv:2012.07805.
"""

from typing import Literal

from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.metric import Attack


class Zlib(Attack):
    """Minus log-perplexity over zlib entropy, in nats per token and compressed byte; at most 0.

    As published: the mean nats per token over the size of the whole compressed document. There all
    texts had 256 tokens; where lengths differ, longer documents come nearer to 0 and look more like
    members, so it is read beside a never-seen split of like lengths.
    """

    name: Literal["zlib"] = "zlib"

    def per_document(self, evidence: Evidence) -> Floats:
        return evidence.means(evidence.logp) / evidence.zlib_bytes
