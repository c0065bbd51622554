"""What Airflow loads: the stage operators, the retry policy, the alerts, and the pages of the reports."""
