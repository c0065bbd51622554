"""The tasks of <uc>.apply: tell what was made by another definition than today's, and build it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from plugins.operators import PublishingOperator, UseCaseOperator, open_use_case
from plugins.retries import in_words

if TYPE_CHECKING:
    from airflow.sdk import Context

    from jobs.upkeep.plan import Plan


class PlanOperator(UseCaseOperator):
    """Show the plan of a use case, as ``python -m jobs plan`` does, and return it; skipped where nothing must be built."""

    ui_color = "#fdf6e3"

    @in_words
    def execute(self, context: Context) -> dict[str, object]:  # noqa: ARG002 - the signature is Airflow's
        """Log the plan line by line.

        Raises:
            UsageError: something cannot be had back.
            AirflowSkipException: nothing must be built.
        """
        from jobs.upkeep.plan import make_plan

        plan = make_plan(*open_use_case(self.use_case_name))
        for line in plan.lines():
            self.log.info(line)
        plan.must_be_possible()
        if not plan.builds:
            raise AirflowSkipException(f"nothing must be built: every night of {plan.use_case} is of today's definition.")
        return plan_in_brief(plan)


class ApplyOperator(PublishingOperator):
    """Build the nights that the plan names now, as ``python -m jobs apply`` does; at most as many as the form says."""

    @in_words
    def execute(self, context: Context) -> list[dict[str, object]]:
        """Build, and return the totals by table."""
        from jobs.upkeep.apply import apply

        use_case, workspace = open_use_case(self.use_case_name)
        published = apply(use_case, workspace, at_most=context["params"]["at_most"], progress=self._progress)
        return self.report(published, in_full=False)


def plan_in_brief(plan: Plan) -> dict[str, object]:
    """Return the plan as ``--json`` prints it, but of ten years of nights the first, the last, and how many."""
    builds = [
        {
            "table": build.table,
            "nights": len(build.nights),
            "first_night": str(build.nights[0]),
            "last_night": str(build.nights[-1]),
            "rows": build.rows,
            "why": build.why,
        }
        for build in plan.builds
    ]
    return {**plan.as_json(), "builds": builds}
