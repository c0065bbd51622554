"""What a person's answer to the question of an approval counts for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightloop.promotion.verdicts import GRANTED, REFUSED

if TYPE_CHECKING:
    from nightloop.definitions.gates import Approval

NOBODY, UNKNOWN = "nobody", "unknown"


@dataclass(frozen=True)
class Answer:
    """What an answer counts for.

    Attributes:
        kind: of the ledger's event, ``approval_granted`` or ``approval_refused``.
        payload: of that event.
        refusal: why it is none, and what to do; ("", "") where it is one.
    """

    kind: str
    payload: dict[str, Any]
    refusal: tuple[str, str] = ("", "")


def answer(
    rule: Approval, *, approved: bool, by: str, asked_by: str, why: str, only_user: bool, version: int, stays: str
) -> Answer:
    """Return what a person's answer counts for.

    Args:
        rule: of the use case.
        approved: what was answered.
        by: who answered; ``NOBODY`` where the deadline passed, ``UNKNOWN`` where Airflow does not say.
        asked_by: the user who asked for the training; "" where none did.
        why: what the answering person wrote.
        only_user: whether Airflow has no other user who could.
        version: the candidate's.
        stays: who scores where it is not promoted, in a sentence.
    """
    same = bool(asked_by) and by in (asked_by, UNKNOWN)  # who is not known is nobody else
    payload: dict[str, Any] = {"by": by, "version": version, "asked_by": asked_by, "by_another_person": not same, "why": why}
    payload |= {"answer": "Approve" if approved else "Reject", "only_user": only_user}
    if by == NOBODY:
        hours = f"{rule.deadline_hours:g} hours"
        refusal = f"nobody answered within {hours}, which is a rejection.", f"{stays} To ask again: clear the task `approval`."
        return Answer(REFUSED, {**payload, "answer": f"none within {hours}"}, refusal)
    if not approved:
        reason = why or "no reason was given"
        refusal = (
            f"{by} rejected version {version}: {reason}",
            f"{stays} Ask for a new training when the objection is answered.",
        )
        return Answer(REFUSED, {**payload, "why": reason}, refusal)
    if same and rule.by_another_person and not only_user:
        refusal = f"{by} asked for this training and may not approve its candidate.", f"{stays} {_ANOTHER}"
        return Answer(REFUSED, payload, refusal)
    return Answer(GRANTED, payload)


_ANOTHER = "Clear the task `approval`, and let another person answer."
