"""What people hear of approvals, of a champion that was changed by hand, and of a moved alias."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightloop.alerts.alert import Alert
from nightloop.errors import command
from nightloop.promotion.words import reversal_lines

if TYPE_CHECKING:
    from nightloop.promotion.alias import AliasState
    from nightloop.promotion.approval import Question
    from nightloop.promotion.reversal import Reversal


def approval_asked(question: Question, *, link: str, run: str) -> Alert:
    """Return the alert to a candidate that waits for a person.

    Args:
        question: what is asked.
        link: the page on which it is answered.
        run: tells one asking from another.
    """
    stays = f"version {question.champion_version} stays champion" if question.champion else "there is no champion"
    return Alert(
        kind="approval_asked",
        use_case_name=question.use_case,
        night=None,
        subject="train.approval",
        title=f"version {question.version}, trained as of {question.candidate.as_of}, waits for approval",
        what="\n".join(question.in_lines()),
        do=f"Approve or reject it by {question.until}, on the page that is linked. {question.who_may}",
        urgency="today",
        means=f"Until then {stays}. No answer by then is a rejection.",
        link=link,
        run=run,
    )


def champion_changed(name: str, reversal: Reversal) -> Alert:
    """Return the alert to a roll-back or a retirement."""
    change = reversal.change
    lines = [line.strip() for line in reversal_lines(name, reversal)]
    retired = change.champion is None
    later = "No night is scored from then on." if retired else "Later nights are scored by it, in batch and by the service."
    return Alert(
        kind="champion_changed",
        use_case_name=name,
        night=None,
        subject=f"champion.{change.kind}",
        title=lines[0].removeprefix(f"{name}: "),
        what="\n".join([*lines, f"By {change.by}: {change.reason}"]),
        do="Build and score again what is named above." if reversal.to_build or reversal.unpinned else "Nothing.",
        urgency="today" if reversal.to_build or reversal.unpinned or retired else "info",
        means=later if reversal.unpinned else f"{later} Nights that are scored stay as they are.",
        command=command("champion", "show", name),
        run=str(change.seq),
    )


def alias_moved(name: str, state: AliasState, run: str) -> Alert:
    """Return the alert to an alias that somebody moved by hand.

    Args:
        name: of the use case.
        state: what was found.
        run: tells one move from another.
    """
    adopt, reset = command("champion", "adopt", name), command("champion", "reset-alias", name)
    return Alert(
        kind="alias_moved",
        use_case_name=name,
        night=None,
        subject="champion.alias",
        title="the alias 'champion' was moved by hand in the registry",
        what=state.in_words(),
        do=f"Say which is right: {adopt} makes that version champion, if every gate passed it; {reset} sets the alias back.",
        urgency="today",
        means="Scores are not touched. Who loads the model by its alias gets another version than the one that scores.",
        command=reset,
        run=run,
    )
