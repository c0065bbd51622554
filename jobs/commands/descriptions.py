"""What the help of a command says beyond a line, broken as it is shown."""

COMPLETION = """\
For this shell alone:    eval "$(nightloop completion bash)"
For every new one:       nightloop completion bash >> ~/.bashrc
                         nightloop completion zsh >> ~/.zshrc
                         nightloop completion fish > ~/.config/fish/completions/nightloop.fish
Commands, options and the use cases of this installation are completed."""

RELEASE = """\
Judges the quarantined records of a night again, by today's declaration of the
source and today's contract, and publishes those that pass into the night's raw
table. With --accept a person lets them in although they break a rule; the
ledger keeps who and why. Taking the night in again keeps what was released."""

VERIFY = """\
Compares every file of the use case's tables with the checksum that its commit
recorded, recomputes the chain of the ledger, and downloads the bundle of each
version that was champion, to hold it to what its promotion recorded. Goes on
after each damage, and tells it with a way out. Changes nothing. Ends with 10
where something is damaged, else with 78 where a store does not answer."""

VERIFY_LEDGER = """\
Recomputes the digest of every event and follows the chain from the first to the
last; then looks for every digest that this HOME copied when it recorded an
event, so that a tail that was cut off is noticed too. Ends with exit code 10
where an event is missing or is not what was recorded."""

TRY = """\
Drafts a use case and its contracts from the data, takes its nights in, builds
features, trains, judges by all gates, scores the last month, watches it and
writes its weekly pages: all in one process, without Airflow and without Spark,
in a folder of its own. A candidate that a gate refuses scores nothing: the page
then tells why, and the exit code is that of the refusal."""

PLAN = """\
Compares today's definition with what the lake was made by: what changed in
meaning, in the rules that judge, or only in words; which nights of which tables
must be built again; whether the champion goes on; what cannot be had back.
Touches nothing. Ends with 0 (nothing changes), 10 (words or rules only), 20
(something must be built) or 30 (something cannot be had back)."""

APPLY = """\
Builds again what was made by another definition than today's: raw tables,
tiles, aggregates, features, labels, the newest nights first. Stop it at any
time: the next call goes on with what is left."""

COMPARE = """\
Builds the nights by today's definition and by another one, both in a scratch
home below HOME that goes when the command ends: nothing that is published
changes. Shows by column what differs, and what a model trained on each is worth
on later nights, with intervals over nights."""

KEEP_UP = """\
Compares the calendar of a use case with what is published, and does what is
missing, oldest first: nights that were never taken in, or before they were
over; features whose inputs were published anew, while the night is not scored;
scores and verdicts. In Airflow the DAG nightloop.keep_up does the same every 15
minutes. Ends with 0 when nothing is owed any more, else with the exit code of
the first error."""

WATCH = """\
A process of its own beside the scheduler: looks at Airflow's parts, Spark, the
service, the disk, the ledger, alerts that wait, and nights after their
deadline (ready_by). What is wrong at two looks in a row is an alert, sent from
here by NIGHTLOOP_SMTP_URL and NIGHTLOOP_SLACK_URL; so is the end of it. Asks
for NIGHTLOOP_PING_URL after each look: who misses that knows that the watch is
dead. With --metrics-port it answers Prometheus: nights late and owed, failures,
verdicts, alerts not delivered, parts that are down."""

SKIP = """\
Publishes what a night lacks as empty, so that the nights after it go on, and
records who gave it up and why. It is not scored. Where its data comes after
all, take it in as any night."""

SWEEP = """\
Removes files of commits that never happened (older than a day) and of versions
that were replaced more than NIGHTLOOP_RETENTION_DAYS ago. What the lineage of
a night that stands, or of a training, still names stays. Run it at any time,
beside stages at work, as often as you like."""

COMPACT = """\
Writes the many small files of a night as few of about 256 MB, in one commit a
night: the same rows, the same digest, nothing to build again. Readers of the
versions before still find their files, until they are swept. Stop it at any
time; run beside a stage that publishes the same night, it gives way (79)."""

ALERTS = """\
Alerts are stored beside the ledger before they are sent, and tried again for
three days. E-mail goes by NIGHTLOOP_SMTP_URL to alerts.email of the use case,
Slack by NIGHTLOOP_SLACK_URL; Airflow's tasks prefer Airflow's connections."""

CHAMPION = (
    (
        "show",
        "tell who is champion, since when, by whose word, and how good",
        "Version, since when, what it was trained on, the gates' figures, its age, who\npromoted it, and what comes next.",
    ),
    (
        "history",
        "list every promotion, roll-back and retirement",
        "One line a change, oldest first: version, from which night, by whom and why.",
    ),
    (
        "rollback",
        "make an earlier champion champion again",
        "Takes effect from the first night that is not scored yet, or from NIGHT on.\n"
        "Nights that are scored keep their champion, for they are what was published;\n"
        "with --unpin those from NIGHT on are to be scored again, which is recorded.\n"
        "Refused where the version can no longer be given what it was trained on.",
    ),
    (
        "retire",
        "let nobody score from a night on",
        "Scoring then ends with exit code 6 and names the retirement, and the service\n"
        "answers no more, until a version is promoted or rolled back to. Scored nights\nstay as they are.",
    ),
    (
        "adopt",
        "make the version champion that the alias was moved to by hand",
        "Through the checks of a promotion: a version that a gate never passed is\n"
        "refused. One that was champion before comes back as by rollback.",
    ),
    (
        "reset-alias",
        "set an alias that was moved by hand back to the champion",
        "The ledger decides who scores; moving the alias changes no night.",
    ),
)

REPRODUCE = """\
Takes the definition and the rows of then (by DVC's digest), trains again, and
compares every file of the bundle with the registered one. Registers nothing.
Exit code 0: the model has the same bytes. 1: it has not; what differs is named."""

EXPLAIN = """\
Shows a published answer, the exact contribution of every feature to it, the
largest first and in the words that the use case declares for it, and whether
they add up to what the model says. --method lime asks LIME beside it, with five
seeds, and says how far they agree: a package that has to be installed first."""
