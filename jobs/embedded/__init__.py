"""The embedded set-up: Airflow, Spark, MLflow and the service as child processes of one command, for one machine."""
