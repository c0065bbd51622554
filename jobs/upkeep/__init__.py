"""What keeps the lake as it is to be: missing nights, changed definitions, quarantined records, files that nobody needs."""
