"""The modules whose promises are held by tests, room by room, with the share of faults that must be noticed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nightloop.settings import REPOSITORY


@dataclass(frozen=True)
class Room:
    """Modules, the tests that speak for them, and the least share of faults they must notice."""

    name: str
    modules: tuple[str, ...]  # patterns under the repository
    tests: tuple[str, ...]
    least: float = 0.9
    without: tuple[str, ...] = ()
    warm: tuple[str, ...] = ()  # libraries of these tests alone, imported once before the children fork

    def paths(self) -> list[Path]:
        """Return the files of the modules."""
        found = {path for pattern in self.modules for path in REPOSITORY.glob(pattern)}
        return sorted(path for path in found if path.name not in ("__init__.py", *self.without))

    def module_names(self) -> list[str]:
        """Return the paths of the modules in the repository."""
        return [str(path.relative_to(REPOSITORY)) for path in self.paths()]


FEATURES = tuple(
    f"tests/features/test_{name}.py"
    for name in (
        "aggregate_sql",
        "feature_sql",
        "keys",
        "lookup_sql",
        "online",
        "small_histories",
        "sql_fragments",
        "tables",
        "tile_sql",
        "tiles",
        "window_sql",
        "window_value_sql",
    )
)
"""Those over tables in memory; the others build whole nights, on Spark too."""

SERVING = (
    "keys",
    "loaded_models",
    "model_snapshot",
    "rows",
    "status",
    "metrics",
    "routes",
    "token_check",
    "start",
    "application",
)
"""The tests of the service without a server."""

AIRFLOW = ("airflow.sdk", "airflow.api_fastapi.core_api.security", "airflow.providers.smtp.hooks.smtp")

ROOMS = (
    Room("evidence", ("nightloop/evidence/*.py",), ("tests/evidence",)),
    Room("gates", ("jobs/training/gates.py",), ("tests/jobs/test_train_gates.py",)),
    Room("decisions", ("nightloop/monitoring/*.py",), ("tests/monitoring", "tests/jobs/test_monitor.py")),
    Room(
        "expressions",
        ("nightloop/expressions/*.py",),
        # Without test_spark.py: it holds Spark to the same examples, but takes a minute.
        tuple(
            f"tests/expressions/test_{name}.py"
            for name in ("expression", "parsing", "type_rules", "to_sql", "to_numpy", "examples", "random_expressions")
        ),
    ),
    Room(
        "definitions",
        ("nightloop/definitions/*.py",),
        # Without test_forty_mistakes.py: it asks the command, which takes the seconds of Great Expectations' import.
        (
            *(f"tests/definitions/test_check_{name}.py" for name in ("features", "task", "use_case")),
            *(
                f"tests/definitions/test_{name}.py"
                for name in ("patterns", "problems", "structure", "yaml_lines", "simulation")
            ),
            *(f"tests/definitions/test_{name}.py" for name in ("fields", "digests", "mistakes", "loading")),
        ),
        0.8,
    ),
    Room("features", ("nightloop/features/*.py",), FEATURES),
    Room("meaning", ("nightloop/meaning/*.py",), ("tests/meaning",)),
    Room(
        "stage features",
        ("jobs/features.py", "jobs/feature_checks.py", "jobs/chunks.py"),
        ("tests/jobs/test_features.py", "tests/jobs/test_feature_checks.py", "tests/jobs/test_chunks.py"),
    ),
    Room(
        "training set",
        ("nightloop/model/training/training_set.py", "nightloop/model/training/slices.py"),
        ("tests/model/test_training_set.py",),
    ),
    Room(
        "model",
        (
            "nightloop/model/calibration.py",
            "nightloop/model/conformal.py",
            "nightloop/model/training/calibrating/*.py",
            "nightloop/model/tasks.py",
            "nightloop/model/predictor.py",
        ),
        tuple(
            f"tests/model/test_{name}.py"
            for name in ("calibration", "calibration_curves", "conformal", "tasks", "predictor", "candidate")
        ),
        0.8,
    ),
    Room(
        "champions",
        ("nightloop/model/champions.py", "nightloop/promotion/reversal.py", "nightloop/promotion/answers.py"),
        ("tests/model/test_champions.py", "tests/promotion/test_reversal.py", "tests/promotion/test_approval.py"),
    ),
    Room("ledger", ("nightloop/ledger/*.py",), ("tests/ledger",)),
    Room("lake", ("nightloop/lake/*.py",), ("tests/lake",)),
    Room(
        "engine",
        ("nightloop/engine/*.py",),
        ("tests/engine/test_without_spark.py", "tests/engine/test_auto.py", "tests/engine/test_processes.py"),
        0.8,
        ("spark.py", "spark_server.py", "spark_session.py"),
    ),
    Room(
        "contracts",
        ("nightloop/contracts/*.py",),
        (
            "tests/contracts/test_fast_path.py",
            "tests/contracts/test_fast_path_columns.py",
            "tests/contracts/test_history_limits.py",
            "tests/contracts/test_parameters.py",
            "tests/contracts/test_judging.py",
            "tests/contracts/test_quarantine.py",
            "tests/contracts/test_suite.py",
            "tests/contracts/test_great_expectations_engine.py",
            "tests/contracts/test_mistakes.py",
            "tests/contracts/test_data_docs.py",
            "tests/jobs/test_rules_of_then.py",
        ),
        0.8,
        warm=("great_expectations",),
    ),
    Room(
        "sources",
        ("nightloop/sources/*.py",),
        (
            "tests/sources/test_waiting.py",
            "tests/sources/test_unpacking.py",
            "tests/sources/test_json_lines.py",
            "tests/sources/test_formats.py",
            "tests/sources/test_text_table.py",
            "tests/sources/test_sql_night.py",
            "tests/sources/test_evaluation.py",
            "tests/sources/test_reading_nights.py",
            "tests/sources/test_table_source.py",
            "tests/sources/test_arrivals.py",
            "tests/sources/test_package.py",
            "tests/sources/test_sql_session.py",
            "tests/sources/test_sql_table.py",
        ),
        0.8,
    ),
    Room(
        "serving",
        ("serving/*.py", "serving/access/*.py"),
        tuple(f"tests/serving/test_{name}.py" for name in SERVING),
        0.8,
        warm=("fastapi", "fastapi_offline", "uvicorn", "httpx", "prometheus_client", "orjson"),
    ),
    # Not the tables: what a column forbids is the database's.
    Room(
        "alerts",
        ("nightloop/alerts/*.py",),
        ("tests/alerts",),
        0.8,
        without=("rows.py",),
        warm=("aiosmtpd.controller", "jinja2", "sqlalchemy"),
    ),
    # Its conftest first: Airflow makes its home when it is imported.
    Room("plugins", ("plugins/*.py",), ("tests/plugins",), 0.8, warm=("tests.plugins.conftest", *AIRFLOW)),
)
EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "nightloop/lake/columns.py",
        "for field, column in zip(schema, table.columns, strict=True):",
        "True -> False",
    ): "the schema is made of the table's columns, one of each",
    (
        "nightloop/lake/commits.py",
        "answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603",
        "5 -> 6",
    ): "how long git may take is a matter of patience",
    (
        "nightloop/lake/digest.py",
        "padded = np.concatenate([np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8), np.zeros(8, np.uint8)])",
        "8 -> 9",
    ): "a byte more of padding is read by no text",
    (
        "nightloop/evidence/metrics.py",
        "return (first * bins // max(len(probability), 1)).astype(np.int64)",
        "1 -> 2",
    ): "the first of one row is row 0, in bin 0 whatever divides it",
    (
        "nightloop/features/aggregate_sql.py",
        'merged = ", ".join(f"max({identifier(name)}) as {identifier(name)}" for name in features)',
        "SQL:max(->min(",
    ): "a feature of a key comes from one query, and is null in those of the others",
    (
        "nightloop/features/online.py",
        "return float(int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:CROSS_DIGITS], 16) % buckets)",
        "False -> True",
    ): "only a machine that forbids MD5 for security asks what it is for",
    (
        "nightloop/features/label_sql.py",
        "first, last = days_before(nights.first, outcome_nights(use_case) - 1), night_literal(as_known_at or nights.last)",
        "- -> +",
    ): "reads two nights more, which the join leaves out again",
    (
        "nightloop/expressions/to_numpy.py",
        '_FILL: dict[str, Any] = {"string": "", "boolean": False, "date": date(1970, 1, 1), "timestamp": datetime(1970, 1, 1)}  # noqa: DTZ001',
        "False -> True",
    ): "what stands at an absent place means nothing",
    (
        "nightloop/expressions/to_numpy.py",
        '_FILL: dict[str, Any] = {"string": "", "boolean": False, "date": date(1970, 1, 1), "timestamp": datetime(1970, 1, 1)}  # noqa: DTZ001',
        "1 -> 2",
    ): "what stands at an absent place means nothing",
    (
        "nightloop/expressions/to_numpy.py",
        '_FILL: dict[str, Any] = {"string": "", "boolean": False, "date": date(1970, 1, 1), "timestamp": datetime(1970, 1, 1)}  # noqa: DTZ001',
        "1970 -> 1971",
    ): "what stands at an absent place means nothing",
    (
        "nightloop/expressions/to_numpy.py",
        "fill = _FILL.get(kind, 0.0)",
        "0.0 -> 1.0",
    ): "what stands at an absent place means nothing",
    (
        "nightloop/expressions/to_numpy.py",
        "filled = np.full(n, _FILL.get(kind, 0.0) if value is None else value, dtype=_DTYPES[kind])",
        "0.0 -> 1.0",
    ): "what stands at an absent place means nothing",
    (
        "nightloop/expressions/to_numpy.py",
        "if column.present.any() or column.values.dtype == np.dtype(_DTYPES[kind]):",
        "or -> and",
    ): "a column of another type is all null, and so is what it is replaced by",
    (
        "nightloop/expressions/to_numpy.py",
        "for test, value in reversed(list(zip(pairs[::2], pairs[1::2], strict=True))):",
        "True -> False",
    ): "parsing builds a case of pairs",
    (
        "nightloop/expressions/to_sql.py",
        'branches = " ".join(f"when {test} then {value}" for test, value in zip(pairs[::2], pairs[1::2], strict=True))',
        "True -> False",
    ): "parsing builds a case of pairs",
    (
        "nightloop/expressions/type_rules.py",
        "_SMALL = 24.0  # binary digits enough for a part of a date",
        "24.0 -> 25.0",
    ): "any bound between 14 and some hundreds needs no check",
    (
        "nightloop/features/lookup_sql.py",
        'span = f"night between {days_before(nights.first, feature.within - 1)} and {night_literal(last)}"',
        "- -> +",
    ): "reads two nights more, which the comparison with the event leaves out",
    (
        "nightloop/features/window_sql.py",
        'groups = ", ".join(column for column in (night, tile, "key") if column in ("night", "tile", "key"))',
        "filter taken away",
    ): "grouping by what is the same in every row changes no group",
    (
        "nightloop/features/window_value_sql.py",
        'inside = f"back < {total.nights}" if total.nights < longest else "true"',
        "< -> <=",
    ): "every tile that is read is inside the longest window",
    (
        "nightloop/features/window_value_sql.py",
        "scale = feature.scale if isinstance(feature, WindowFeature | RatioFeature) else 0",
        "0 -> 1",
    ): "a rate has no scale, and asks for none",
    (
        "nightloop/model/training/training_set.py",
        "return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()",
        "True -> False",
    ): "the parts are written in one order already",
    (
        "nightloop/model/training/calibrating/shift.py",
        "step = float(np.clip((target - float(np.mean(probability))) / steepness, -2.0, 2.0))",
        "2.0 -> 3.0",
    ): "how far one step goes decides no root",
    (
        "nightloop/ledger/ledger.py",
        "last = connection.execute(sa.select(table.c.seq, table.c.digest).order_by(table.c.seq.desc()).limit(1)).first()",
        "1 -> 2",
    ): "only the first is taken",
    (
        "nightloop/lake/digest.py",
        "if encoded.indices.null_count:",
        "condition negated",
    ): "what stands where a null is gives way to the hash of nulls",
    (
        "nightloop/lake/restatement.py",
        "names = [name for name in later.column_names if name not in key]",
        "filter taken away",
    ): "records are paired by their key, which therefore never differs",
    (
        "nightloop/engine/local.py",
        "with ThreadPoolExecutor(max_workers=max(1, min(self._threads, len(jobs)))) as threads:",
        "min -> max",
    ): "how many threads wait changes no answer",
    (
        "nightloop/engine/ports.py",
        "probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)",
        "1 -> 2",
    ): "a switch: any number but 0 turns it on",
    (
        "nightloop/engine/processes.py",
        "GRACE_SECONDS = 15.0",
        "15.0 -> 16.0",
    ): "how long a server may take to end is a matter of patience",
    (
        "nightloop/engine/processes.py",
        "time.sleep(0.2)",
        "statement taken away",
    ): "how often a server is asked is a matter of patience",
    (
        "nightloop/lake/history.py",
        "EVERY = 64",
        "64 -> 65",
    ): "how often the copy is written changes nothing that is read",
    (
        "nightloop/contracts/fast_path_columns.py",
        "return close or lowest <= value <= highest",
        "<= -> <",
    ): "a value at a limit is close to it",
    (
        "serving/problems.py",
        "raise error",
        "statement taken away",
    ): "the application hands each handler errors of its kind only; this tells the type checker",
    (
        "nightloop/model/training/training_set.py",
        "nights = Nights(rows.table[SCORED][0].as_py(), rows.table[SCORED][-1].as_py())",
        "1 -> 2",
    ): "the last two rows are of one night",
    (
        "nightloop/ledger/store.py",
        'if time.monotonic() > give_up or "locked" not in str(error):',
        "> -> >=",
    ): "the very instant of giving up is no matter",
    (
        "nightloop/ledger/store.py",
        "time.sleep(0.05)",
        "statement taken away",
    ): "how often a lock is asked for is a matter of patience",
    (
        "serving/answers.py",
        "answered = zip(rows, zip(*values, strict=True), reasons, strict=True)",
        "True -> False",
    ): "each has one item a row",
    (
        "serving/answers.py",
        '{"key": {name: row[name] for name in key}, **dict(zip(columns, answer, strict=True)), "reasons": of_row, **shared}',
        "True -> False",
    ): "an answer is one value of each column",
    (
        "serving/model_snapshot.py",
        "rows = zip(predictions.reason.tolist(), values, predictions.effect.tolist(), strict=True)",
        "True -> False",
    ): "values are taken at the reasons' places, and effects have their shape",
    (
        "serving/model_snapshot.py",
        "return [[spec.reason(*of) for of in zip(*row, strict=True) if of[0] != NO_FEATURE] for row in rows]",
        "True -> False",
    ): "values are taken at the reasons' places, and effects have their shape",
    (
        "serving/status.py",
        "for name, text in zip(spec.features, spec.descriptions, strict=True)",
        "True -> False",
    ): "a bundle has a description of each feature",
    (
        "serving/__main__.py",
        "listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)",
        "1 -> 2",
    ): "a switch: any number but 0 turns it on",
    (
        "serving/__main__.py",
        "listener.listen(128)",
        "128 -> 129",
    ): "how many may wait to be accepted; the system rounds it anyway",
}
"""(module, line without spaces around it, fault) -> why no test could notice: the program does the same with it."""
