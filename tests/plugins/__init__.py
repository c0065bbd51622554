"""Tests of what Airflow loads."""
