"""What a flow asks a person: whether to go on, decided by whom, and why.

The run is suspended meanwhile: its process ends, and the flow begins again from its top once there
is an answer. What comes before the question must therefore bear to be done twice.
"""

from typing import Annotated, Literal

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import deployment
from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from tasks import ledger
from tasks.core.errors import ConfigError
from tasks.requests.deletion import OWN, REFERENCE, Reference


def _person(text: str) -> str:
    if OWN.fullmatch(text):
        raise ValueError("must be the reference of a person, such as officer-7; this one is ours")
    return text


Person = Annotated[
    Reference,
    AfterValidator(_person),
    Field(json_schema_extra={"pattern": f"^{REFERENCE.pattern}$"}),  # the page refuses it at once
]
Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Decision(RunInput):
    """The answer of a person, as the form on the Prefect page asks for it."""

    decision: Literal["approve", "reject"] = Field(description="approve or reject")
    by: Person = Field(description="who decides, by a reference with a number, such as officer-7")
    why: Why = Field(description="kept for ever; nothing of what is to be forgotten")


def decided(description: str, wait_hours: float, key: str) -> Decision:
    """Suspend this run until somebody decides who may; whoever may not is asked again.

    Args:
        description: Markdown, what the decision is about.
        wait_hours: How long to wait for each answer; the run fails after that.
        key: Of the question; another for every question of a flow.

    Raises:
        ConfigError: the run has no deployment, so that there is nothing to suspend.
    """
    if not deployment.id:
        raise ConfigError(
            "only a deployed run can wait for a person: start it from its deployment, or decide "
            "on the command line, where --by and --why are given"
        )
    refused, attempt = "", 0
    while True:
        attempt += 1
        try:
            decision = suspend_flow_run(
                wait_for_input=Decision.with_initial_data(description=f"{refused}{description}"),
                timeout=round(wait_hours * 3600),
                key=f"{key}-{attempt}",
            )
            ledger.authorise(decision.by)
        except (ValidationError, ConfigError) as error:
            refused = f"**Not accepted: {_said(error)}**\n\n"
        else:
            return decision


def _said(error: ValidationError | ConfigError) -> str:
    """Why, in one line that quotes no more than the name of a field."""
    if isinstance(error, ConfigError):
        return str(error)
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    said = fault["msg"].removeprefix("Value error, ")
    return f"{'.'.join(map(str, fault['loc']))}: {said}"
