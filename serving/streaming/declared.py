"""The streams that the command line declares, and librdkafka's properties."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path

from nightloop.errors import SetupError, UsageError
from serving.streaming.kafka import OURS, Stream


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of streams."""
    parser.add_argument(
        "--stream",
        action="append",
        default=[],
        metavar="USE_CASE:REQUESTS:ANSWERS",
        help="answer the messages of the topic REQUESTS into the topic ANSWERS of Kafka, too; may be given again",
    )
    parser.add_argument("--kafka-group", default="nightloop", help="consumers that share the requests (default: %(default)s)")
    parser.add_argument(
        "--kafka-properties",
        type=Path,
        metavar="FILE",
        help="librdkafka's properties, one a line as name=value; bootstrap.servers among them",
    )


def streams_of(
    declared: Sequence[str], *, group: str, properties: Path | None, use_cases: Collection[str]
) -> tuple[Stream, ...]:
    """Return the streams that the command line declares.

    Args:
        declared: of each, ``USE_CASE:REQUESTS:ANSWERS``.
        group: of consumers.
        properties: file of librdkafka's properties.
        use_cases: that are served.

    Raises:
        UsageError: one is not written so, or no such use case is served.
        SetupError: the client is not installed, or the file does not do.
    """
    if not declared:
        return ()
    try:
        import confluent_kafka  # noqa: F401
    except ModuleNotFoundError as error:
        raise SetupError(
            "the client of Kafka is not installed.", do="Install the extra: pip install 'nightloop[kafka]'."
        ) from error
    if properties is None:
        raise SetupError("no broker is named.", where="--kafka-properties", do="Name a file that sets bootstrap.servers.")
    of_both = _properties_of(properties)
    streams = []
    for item in declared:
        use_case, requests, answers = [*item.split(":"), "", "", ""][:3]
        if item.count(":") != 2 or not (requests and answers) or use_case not in use_cases:  # noqa: PLR2004 - its two colons
            served = ", ".join(sorted(use_cases))
            raise UsageError(f"'{item}' is no USE_CASE:REQUESTS:ANSWERS.", where="--stream", do=f"Served are: {served}.")
        streams.append(Stream(use_case, requests, answers, group, of_both))
    return tuple(streams)


def _properties_of(path: Path) -> dict[str, str]:
    """Read librdkafka's properties, one a line as ``name=value``; empty lines and those that begin with # say nothing."""
    where, properties = str(path), {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise SetupError(f"it cannot be read ({error}).", where=where, do="Name a text file.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not name or not equals:  # the line is not repeated: it may hold a secret
            raise SetupError(f"line {number} is no name=value.", where=where, do="Write librdkafka's properties, one a line.")
        if name in OURS:
            raise SetupError(f"line {number} sets {name}, which the service sets itself.", where=where, do="Leave it out.")
        properties[name] = value
    return properties
