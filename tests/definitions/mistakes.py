"""A right use case of every kind of feature with its contract, and the mistakes that people make in such files.

Each mistake: a text of the right file, what stands there instead, a text on the line that must be named, what must be said of
it, and what must be said of how to mend it.
"""

from __future__ import annotations

from typing import NamedTuple

RIGHT = """\
use_case: rides
description: Will the ride be cancelled?
owner: city-rides
time_zone: Europe/Berlin
first_night: 2024-01-01
last_night: 2024-06-30
schedule: "0 2 * * *"
risk: low
engine: local

sources:
  rides:
    description: One row per ride that was ordered on the night.
    connector: {kind: files, pattern: "data/{night}/rides.csv"}
    columns:
      ride_id: {type: string, expression: ride_id, description: Number of the ride.}
      rider_id: {type: integer, expression: "rider::bigint", personal: true, description: Who ordered it.}
      zone: {type: string, expression: zone, description: Where it begins.}
      ordered_on: {type: date, expression: "ordered_at::date", description: Day of the order.}
      distance: {type: number, expression: "distance::double", unit: km, description: Planned distance.}
      shared: {type: boolean, expression: "shared::boolean", description: Whether others ride along.}
    key: [ride_id]
    event_at: ordered_at::timestamp
    known_at: ordered_at::timestamp
  outcomes:
    description: One row per ride whose outcome is known.
    connector: {kind: sql, connection: rides, table: outcomes}
    columns:
      ride_id: {type: string, expression: ride_id, description: Number of the ride.}
      rider_id: {type: integer, expression: "rider::bigint", personal: true, description: Who ordered it.}
      zone: {type: string, expression: zone, description: Where it began.}
      driver: {type: string, expression: driver, description: Who drove.}
      fare: {type: number, expression: "fare::double", unit: EUR, description: What was paid.}
      cancelled: {type: boolean, expression: "cancelled::boolean", description: Whether it was cancelled.}
      ended_at: {type: timestamp, expression: "ended_at::timestamp", description: When it ended.}
    key: [ride_id]
    event_at: ended_at::timestamp
    known_at: landed_at::timestamp
    revised_within: 3
    withdrawn: deleted = 'yes'
  weather:
    description: One row per zone and hour.
    connector: {kind: files, pattern: data/weather.csv}
    columns:
      zone: {type: string, expression: zone, description: Zone.}
      hour: {type: integer, expression: "hour::int", description: Hour of the day.}
      rain: {type: number, expression: "rain::double", unit: mm, description: Rain in the hour.}
    key: [zone, hour]
    known_at: seen_at::timestamp
  zones:
    description: One row per zone; all of them every night.
    connector: {kind: files, pattern: data/zones.csv}
    columns:
      zone: {type: string, expression: zone, description: Zone.}
      area: {type: number, expression: "area::double", unit: km2, description: Size.}
    key: [zone]

entity: {source: rides, key: [ride_id]}

label:
  description: The ride is cancelled.
  source: outcomes
  join: {ride_id: ride_id}
  expression: cancelled
  matures_after: 2

features:
  distance: {kind: expression, expression: distance, unit: km, range: [0, 300], default: 5, description: Distance.}
  weekday: {kind: expression, expression: weekday(ordered_on), range: [1, 7], calendar: true, description: Day of the week.}
  zone_shared: {kind: cross, columns: [zone, shared], buckets: 32, description: Zone and sharing together.}
  zone_rides: {kind: peers, by: [zone], description: Rides out of the zone on the night.}
  distance_before: {kind: lag, expression: distance, nights: 7, description: Distance a week ago.}
  evening_rain: {kind: lookup, source: weather, by: {zone: zone}, expression: rain, latest_by: hour, description: Rain.}
  zone_area: {kind: lookup, source: zones, by: {zone: zone}, expression: area, description: Size of the zone.}
  zone_rate: {kind: rate, source: outcomes, of: cancelled, by: [zone], nights: 28, smoothing: 20, description: Cancelled share.}
  rider_count: {kind: window, function: count, source: outcomes, by: [rider_id], nights: 28, description: Rides.}
  rider_mean: {kind: window, function: mean, source: outcomes, of: fare, by: [rider_id], nights: 28, description: Mean fare.}
  rider_sum: {kind: window, function: sum, source: outcomes, of: fare, by: [rider_id], nights: 28, scale: 2, description: Paid.}
  rider_drivers: {kind: window, function: distinct, source: outcomes, of: driver, by: [rider_id], nights: 28, description: Drivers.}
  rider_last: {kind: window, function: last, source: outcomes, of: fare, by: [rider_id], nights: 90, description: Last fare.}
  rider_since: {kind: window, function: time_since, source: outcomes, by: [rider_id], nights: 90, description: Hours since.}
  rider_ratio: {kind: ratio, function: sum, source: outcomes, of: fare, by: [rider_id], nights: 7, to_nights: 28, description: Share.}

model:
  task: binary
  decision_threshold: 0.3

gates:
  performance: {metric: auc, minimum_rows: 500}
  fairness: {group: zone, metric: selection_rate_difference, maximum: 0.2}
"""

SUITE = """\
name: zones
meta: {description: What must hold of the zones., quarantined_share_limit: 0.1, rows_against_recent_nights: [0.3, 3]}
expectations:
  - type: expect_column_values_to_not_be_null
    kwargs: {column: zone}
    meta: {on_breach: quarantine, description: Each zone has a name.}
  - type: expect_column_values_to_be_between
    kwargs: {column: area, min_value: 0.1, max_value: 900}
    meta: {on_breach: warn, description: 0.1 <= area <= 900.}
  - type: expect_table_row_count_to_be_between
    kwargs: {min_value: {$PARAMETER: rows_low}}
    meta: {on_breach: fail, description: The rows are as many as usual.}
"""

SUITES = {
    "zones": SUITE,
    **{
        name: f"name: {name}\nexpectations:\n  - type: expect_column_values_to_not_be_null\n    kwargs: {{column: {column}}}\n"
        "    meta: {on_breach: fail, description: It is there.}\n"
        for name, column in {"rides": "ride_id", "outcomes": "ride_id", "weather": "zone"}.items()
    },
}


class Mistake(NamedTuple):
    """One mistake; without ``mark`` no line is asked for."""

    right: str
    wrong: str
    mark: str
    said: str
    do: str


M = Mistake
DEFINITION: dict[str, Mistake] = {
    # what the file is written in
    "a bracket that stays open": M("key: [ride_id]\n    event_at: o", "key: [ride_id\n    event_at: o", "event_at: o", "not YAML", "quotes"),
    "a tab": M("schedule:", "\tschedule:", "\tschedule", "not YAML", "Look at this line"),
    "a colon in a text": M("Will the ride be cancelled?", "Cancelled: or not?", "Cancelled: or", "not YAML", "needs quotes"),
    "a value that runs code": M("risk: low", "risk: !!python/object/apply:os.getcwd []", "risk:", "not YAML", "Look at"),
    "a key twice": M("risk: low", "risk: low\nrisk: high", "risk: high", "written twice (first on line 8)", "Keep one"),
    "a feature twice": M("  zone_rides: {", "  weekday: {", "weekday: {kind: peers", "written twice", "Keep one"),
    "an alias of nothing": M("risk: low", "risk: *level", "risk: *level", "not YAML", "Look at"),
    # its shape
    "an unknown key": M("risk: low", "risks: low", "risks: low", "unknown key 'risks'", "Did you mean 'risk'?"),
    "a key of another kind": M("buckets: 32", "nights: 32, buckets: 32", "zone_shared", "unknown key 'nights'", "Allowed keys"),
    "a key that is missing": M("  matures_after: 2\n", "", "label:", "'matures_after' is missing in 'label'", "Add it"),
    "a kind that is missing": M("{kind: peers, ", "{", "zone_rides", "'kind' is missing", "cross, expression, lag"),
    "an unknown kind": M("kind: peers", "kind: pears", "kind: pears", "unknown kind 'pears'", "Did you mean 'peers'?"),
    "an unknown kind of connector": M("kind: sql", "kind: sqlite", "kind: sqlite", "unknown kind 'sqlite'", "Did you mean 'sql'?"),
    "an unknown task": M("task: binary", "task: ternary", "task: ternary", "unknown task 'ternary'", "Did you mean 'binary'?"),
    "an unknown choice": M("risk: low", "risk: lo", "risk: lo\n", "reads 'lo'", "Did you mean 'low'?"),
    "an unknown function": M("function: mean", "function: average", "average", "reads 'average'", "count, sum, mean"),
    "a text for a number": M("nights: 7, desc", 'nights: "7d", desc', '"7d"', "reads '7d'", "Write a whole number"),
    "a number for a text": M("owner: city-rides", "owner: 7", "owner: 7", "reads 7", "Write a text"),
    "a yes for a boolean": M("calendar: true", 'calendar: "yes"', "calendar:", "reads 'yes'", "Write true or false"),
    "a single name for a list": M("by: [zone], desc", "by: zone, desc", "zone_rides", "reads 'zone'", "Write a list"),
    "an empty list": M("entity: {source: rides, key: [ride_id]}", "entity: {source: rides, key: []}", "entity:", "reads []", "at least 1"),
    "a list for a mapping": M("join: {ride_id: ride_id}", "join: [ride_id]", "join: [", "reads ['ride_id']", "Write a mapping"),
    "a range of one end": M("range: [0, 300]", "range: [0]", "distance: {kind", "range", "[low, high]"),
    "a number too small": M("nights: 28, smoothing", "nights: 0, smoothing", "nights: 0", "reads 0", "greater than or equal to 1"),
    "a share above one": M("decision_threshold: 0.3", "decision_threshold: 30", "threshold: 30", "reads 30", "less than 1"),
    "a whole number with decimals": M("buckets: 32", "buckets: 3.5", "buckets: 3.5", "reads 3.5", "Write a whole number"),
    "a name in capitals": M("  zone_rides:", "  Zone_Rides:", "  Zone_Rides", "'Zone_Rides'", "begin with a small letter"),
    "a name of another file": M("use_case: rides", "use_case: ride", "use_case: ride\n", "is named 'ride'", "rides.yaml"),
    # its calendar
    "a day that is none": M("2024-06-30", "2024-06-31", "2024-06-31", "no day of the calendar", "YYYY-MM-DD"),
    "a zone that is none": M("Europe/Berlin", "Europe/Berln", "Europe/Berln", "no time zone", "Did you mean 'Europe/Berlin'"),
    "nights in reverse": M("last_night: 2024", "last_night: 2023", "last_night: 2023", "before first_night", "later night last"),
    "a cron line of four fields": M('"0 2 * * *"', '"0 2 * *"', "0 2 * *", "is not once a day", "minute and hour"),
    "an hour of 25": M('"0 2 * * *"', '"0 25 * * *"', "0 25", "is not once a day", "minute and hour"),
    # its sources
    "SQL that is none": M("expression: zone, description: Where it begins", "expression: (zone, description: Where it begins", "(zone", "cannot be read as SQL", "DuckDB"),
    "a key that is no column": M("key: [zone, hour]", "key: [zone, hours]", "key: [zone, hours]", "unknown column 'hours'", "Did you mean 'hour'?"),
    "a column that the table has": M("      shared: {", "      known_at: {", "known_at: {", "is taken by the table", "another name"),
    "a pattern that climbs": M("data/{night}/rides", "../{night}/rides", "../", "climbs out", "without '..'"),
    "a pattern with another brace": M("data/{night}/rides", "data/{day}/rides", "{day}", "holds '{day}'", "{night}"),
    "an absolute pattern": M("pattern: data/zones.csv", "pattern: /data/zones.csv", "/data/zones", "leads out", "absolute: true"),
    "revised without an event": M("    key: [zone, hour]\n", "    key: [zone, hour]\n    revised_within: 2\n", "revised_within: 2", "does not say when they happen", "event_at"),
    "withdrawn but never revised": M("    revised_within: 3\n", "", "withdrawn:", "revised_within is 0", "revised_within"),
    "a time of withdrawal out of bounds": M("revised_within: 3", "revised_within: 400", "400", "reads 400", "less than or equal to 366"),
    # entity and label
    "an entity that is revised": M("    known_at: ordered_at::timestamp\n", "    known_at: ordered_at::timestamp\n    revised_within: 2\n", "revised_within: 2", "'rides' holds the entities", "as another source"),
    "an entity of no source": M("entity: {source: rides", "entity: {source: ride", "entity:", "unknown source 'ride'", "Did you mean 'rides'?"),
    "an entity key that is no column": M("rides, key: [ride_id]", "rides, key: [rideid]", "[rideid]", "unknown column 'rideid'", "'ride_id'"),
    "a label of numbers": M("  expression: cancelled\n", "  expression: fare\n", "expression: fare\n", "yields a number", "boolean"),
    "a label never known": M("  source: outcomes\n  join: {ride_id", "  source: zones\n  join: {zone", "source: zones\n  join", "does not say when its records are known", "known_at"),
    "a label join of two types": M("join: {ride_id: ride_id}", "join: {rider_id: ride_id}", "join: {rider", "of type integer in the source", "same type"),
    # features
    "an unknown column": M("expression: distance, unit", "expression: distnce, unit", "distnce", "unknown column 'distnce'", "Did you mean 'distance'?"),
    "an expression that stops": M("weekday(ordered_on)", "weekday(ordered_on", "weekday(ordered_on,", "cannot be read", "Allowed"),
    "a function outside the subset": M("weekday(ordered_on)", "dayofweek(ordered_on)", "dayofweek(", "outside the subset", "weekday"),
    "a function of the wrong type": M("weekday(ordered_on)", "weekday(zone)", "weekday(zone)", "applied to a string", "takes a date"),
    "two types compared": M("expression: weekday(ordered_on)", 'expression: "zone = 7"', "zone = 7", "mixes a number and a string", "one type"),
    "null compared": M("expression: weekday(ordered_on)", "expression: distance = null", "= null", "never holds", "is null"),
    "a feature that is a text": M("expression: distance, unit", "expression: zone, unit", "expression: zone, unit", "yields a string", "number or a boolean"),
    "a range in reverse": M("range: [1, 7]", "range: [7, 1]", "range: [7, 1]", "ends before it begins", "[low, high]"),
    "a default out of range": M("default: 5", "default: 500", "default: 500", "outside the range", "Widen the range"),
    "a feature named as the key": M("  zone_rides:", "  ride_id:", "  ride_id: {kind: peers", "is taken by a column", "another name"),
    "an unknown source of a feature": M("source: weather, by", "source: wether, by", "wether", "unknown source 'wether'", "Did you mean 'weather'?"),
    "a cross of numbers": M("columns: [zone, shared]", "columns: [zone, distance]", "zone, distance", "'distance' is a number", "string, integer"),
    "a cross of one bucket": M("buckets: 32", "buckets: 1", "buckets: 1,", "reads 1", "greater than or equal to 2"),
    "peers by no column": M("by: [zone], desc", "by: [zones], desc", "by: [zones]", "unknown column 'zones'", "Did you mean 'zone'?"),
    "a lag of no nights": M("nights: 7, description: Distance", "nights: 0, description: Distance", "distance_before", "reads 0", "greater than or equal to 1"),
    "a lag by a key": M("distance, nights: 7", "distance, by: [zone], nights: 7", "distance_before", "unknown key 'by'", "Allowed keys"),
    "a look-up that finds several": M(", latest_by: hour", "", "evening_rain", "can have several records", "latest_by"),
    "a look-up by a number": M("by: {zone: zone}, expression: rain", "by: {rain: zone}, expression: rain", "{rain: zone}", "'rain' is a number", "A key is"),
    "a look-up that joins two types": M("by: {zone: zone}, expression: rain", "by: {hour: zone}, expression: rain", "{hour: zone}", "'hour' is of type integer", "same type"),
    "a look-up ordered by nothing": M("latest_by: hour", "latest_by: hours", "latest_by: hours", "unknown column 'hours'", "'hour'"),
    "a rate of a number": M("of: cancelled, by", "of: fare, by", "of: fare, by: [zone]", "yields a number", "boolean"),
    "a rate without smoothing": M(" smoothing: 20,", "", "zone_rate", "'smoothing' is missing", "Add it"),
    "a filter that is no condition": M("of: cancelled, by", "of: cancelled, where: fare, by", "where: fare", "yields a number", "boolean"),
    "a key that the entity lacks": M("of: cancelled, by: [zone]", "of: cancelled, by: [driver]", "by: [driver]", "unknown column 'driver'", "Columns of the entity"),
    "a key that the source lacks": M("of: cancelled, by: [zone]", "of: cancelled, by: [shared]", "by: [shared]", "unknown column 'shared'", "Columns of outcomes"),
    "a window without what": M("function: mean, source: outcomes, of: fare", "function: mean, source: outcomes", "rider_mean", "'mean' needs 'of'", "Name the number"),
    "a count of something": M("function: count, source: outcomes", "function: count, source: outcomes, of: fare", "rider_count", "'count' looks at records", "Leave it out"),
    "a mean of texts": M("function: mean, source: outcomes, of: fare", "function: mean, source: outcomes, of: driver", "of: driver, by: [rider_id], nights: 28, description: Mean", "yields a string", "must yield a number"),
    "distinct values of an expression": M("of: driver", "of: fare + 1", "fare + 1", "unknown column 'fare + 1'", "Columns of outcomes"),
    "distinct values of a number": M("of: driver", "of: fare", "rider_drivers", "'fare' is a number", "A key is"),
    "a last without a time": M("function: last, source: outcomes, of: fare, by: [rider_id]", "function: last, source: zones, of: area, by: [zone]", "rider_last", "does not say when things happen", "event_at"),
    "a time since without a time": M("function: time_since, source: outcomes, by: [rider_id]", "function: time_since, source: zones, by: [zone]", "rider_since", "does not say when things happen", "event_at"),
    "a ratio that is upside down": M("nights: 7, to_nights: 28", "nights: 28, to_nights: 7", "to_nights: 7", "not shorter than to_nights", "divided by the long one"),
    "a ratio of maxima": M("kind: ratio, function: sum", "kind: ratio, function: max", "rider_ratio", "reads 'max'", "count, sum, mean"),
    "a ratio without the long window": M(", to_nights: 28", "", "rider_ratio", "'to_nights' is missing", "Add it"),
    "a scale where nothing is summed": M("function: count, source: outcomes", "function: count, scale: 2, source: outcomes", "rider_count", "'count' sums nothing", "Leave out 'scale'"),
    "a scale of too many decimals": M("scale: 2", "scale: 9", "scale: 9", "reads 9", "less than or equal to 6"),
    # model and gates
    "fairness of no column": M("group: zone", "group: zones", "group: zones", "unknown column 'zones'", "Did you mean 'zone'?"),
    "a metric of another task": M("metric: auc", "metric: mae", "metric: mae", "not judged by mae", "metric: auc"),
    "a limit of another task": M("gates:\n", "monitoring: {error_ceiling: 3}\n\ngates:\n", "error_ceiling", "no error_ceiling", "auc_floor"),
    "a difference above one": M("maximum: 0.2", "maximum: 20", "maximum: 20", "at most 1", "Write a share"),
    "a column apart that is none": M("task: binary", "task: binary\n  split: {entities_apart: [drivr]}", "entities_apart", "unknown column 'drivr'", "Columns of the entity"),
    "a column needed that is none": M("task: binary", "task: binary\n  fit_where_known: [drivr]", "fit_where_known", "unknown column 'drivr'", "Columns of the entity"),
}  # fmt: skip

CONTRACT: dict[str, Mistake] = {
    "a suite of another name": M("name: zones", "name: zone", "name: zone\n", "is named 'zone'", "Name it 'zones'"),
    "an unknown key of a suite": M("expectations:", "expectation:", "expectation:", "unknown key 'expectation'", "'expectations'"),
    "an unknown key of its meta": M("quarantined_share_limit", "quarantine_share", "quarantine_share", "unknown key", "Did you mean"),
    "a limit above one": M("share_limit: 0.1", "share_limit: 10", "share_limit: 10", "reads 10", "between 0 and 1"),
    "limits in reverse": M("[0.3, 3]", "[3, 0.3]", "[3, 0.3]", "read [3, 0.3]", "two factors"),
    "limits of texts": M("[0.3, 3]", "[low, high]", "[low, high]", "read ['low', 'high']", "two factors"),
    "a rule without a type": M("- type: expect_column_values_to_not_be_null\n    kwargs", "- kwargs", "- kwargs", "needs a 'type'", "type:"),
    "an unknown key of a rule": M("    kwargs: {column: zone}", "    kwarg: {column: zone}", "kwarg:", "unknown key 'kwarg'", "'kwargs'"),
    "an unknown column": M("{column: zone}", "{column: zne}", "{column: zne}", "unknown column 'zne'", "Did you mean 'zone'?"),
    "an unknown expectation": M("expect_column_values_to_be_between", "expect_column_values_to_be_betwixt", "- type: expect_column_values_to_be_bet", "no expectation", "Did you mean 'expect_column_values_to_be_between'"),
    "an argument it does not take": M("min_value: 0.1", "minimum: 0.1", "- type: expect_column_values_to_be_between", "minimum", "gallery"),
    "an unknown consequence": M("on_breach: warn", "on_breach: warns", "on_breach: warns", "reads 'warns'", "quarantine, fail, warn"),
    "no consequence": M("{on_breach: warn, ", "{", "meta: {description: 0.1", "reads None", "quarantine, fail, warn"),
    "no description": M(", description: 0.1 <= area <= 900.", "", "meta: {on_breach: warn}", "no description", "Say in words"),
    "no meta": M("    meta: {on_breach: warn, description: 0.1 <= area <= 900.}\n", "", "- type: expect_column_values_to_be_between", "no description", "Say in words"),
    "an unknown parameter": M("$PARAMETER: rows_low", "$PARAMETER: row_low", "row_low", "unknown parameter 'row_low'", "Did you mean 'rows_low'"),
    "an argument twice": M("min_value: 0.1, ", "min_value: 0.1, min_value: 1, ", "min_value: 1", "written twice", "Keep one"),
    "a suite of nothing": M(SUITE[SUITE.index("expectations:"):], "expectations: []\n", "expectations:", "expects nothing", "at least one"),
}  # fmt: skip
