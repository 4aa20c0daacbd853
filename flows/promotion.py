"""From candidate to champion, with a person in between."""

from prefect import flow
from pydantic import Field

from flows.certifying import CertifyConfig, certifying
from flows.decisions import decided
from tasks.core.variants import Section
from tasks.promote import Ruling, carry_out, propose


class PromotionConfig(Section):
    """Which version may become champion, and how long a person may take to say so."""

    version: str = Field(
        default="lethe-demo@candidate", description="lethe-name@alias or lethe-name/number"
    )
    wait_hours: float = Field(
        default=168, gt=0, le=24 * 90, description="for an answer; the run fails after that"
    )


@flow(flow_run_name="{config.version}")
def promotion(config: PromotionConfig) -> Ruling:
    """Check a version, ask a person, do what the person says, and certify what is promoted.

    Args:
        config: Which version may become champion, and how long a person may take to say so.
    """
    proposal = propose(config.version)
    said = decided(proposal.shown, config.wait_hours, proposal.version.replace("/", "-"))
    ruling = carry_out(proposal.version, said.decision, said.by, said.why)
    certifying(CertifyConfig())
    return ruling
