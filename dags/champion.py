"""<uc>.champion: asked for by a person, show who is champion, roll back, retire, or mend an alias that was moved by hand."""

from airflow.sdk import DAG, Param

from plugins.champions import ACTIONS, ChampionOperator
from plugins.dag_defaults import dag_settings, midnight, use_cases

WHY = """
*rollback* makes an earlier champion champion again, from the first night that is not scored yet, or from the night of the form.
**A scored night keeps its champion**, for its scores were published; *also scored nights* takes their pins back, each recorded,
and they are then to be scored again. *retire*: nobody scores from a night on. *adopt* and *reset-alias* are for an alias that
somebody moved in MLflow, which by itself changes no night.

What is done stands in the ledger with the user who triggered this run and the reason, and people are alerted
(docs/registry.md). The log tells what is to be built or scored again.
"""

for use_case in use_cases():
    with DAG(
        **{**dag_settings(use_case, "champion", weight=60), "max_active_runs": 1},
        description="Show who is champion, go back to an earlier one, retire it, or mend a moved alias.",
        doc_md=f"### {use_case.description}\n{WHY}",
        schedule=None,
        start_date=midnight(use_case, use_case.first_night),
        params={
            "action": Param(
                default="show", enum=list(ACTIONS), title="Action", description="What to do; show changes nothing."
            ),
            "version": Param(
                default=None,
                type=["null", "integer"],
                minimum=1,
                title="Version",
                description="Of rollback: the version that is to be champion again; empty: the one before the champion of now.",
            ),
            "from_night": Param(
                default=None,
                type=["null", "string"],
                format="date",
                title="From night",
                description="Of rollback and retire: the first night; empty: the first that is not scored yet.",
            ),
            "unpin": Param(
                default=False,
                type="boolean",
                title="Also scored nights",
                description="Of rollback: take back the pins of scored nights from that night on. Score them again afterwards.",
            ),
            "reason": Param(
                default=None,
                type=["null", "string"],
                minLength=10,
                maxLength=500,
                title="Reason",
                description="Why, in a sentence of 10 to 500 characters, of what changes something. Kept in the ledger.",
            ),
        },
    ):
        ChampionOperator(
            task_id="champion",
            use_case_name=use_case.use_case,
            doc_md="Do what the form asks. Red: it was refused, and nothing has changed; the log says why.",
        )
