"""Alerts: rows of an outbox beside the ledger, sent at least once and shown once. See docs/alerts.md.

``raise_alert`` is the only door: call it from any process, then ``deliver_due`` where there is a way to people.
"""

from nightloop.alerts.alert import Alert, StoredAlert
from nightloop.alerts.delivery import Sent, deliver_due
from nightloop.alerts.outbox import end_trouble, listed, raise_alert
from nightloop.alerts.rows import Delivery

__all__ = ["Alert", "Delivery", "Sent", "StoredAlert", "deliver_due", "end_trouble", "listed", "raise_alert"]
